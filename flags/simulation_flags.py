"""Simulated light: the short exposures that photographs, or the pairs' own long exposures, are given."""

from absl import flags

from lowlight_tf.datasets import EXPERTS
from lowlight_tf.isp import NOISES

flags.DEFINE_bool("corrupt_targets", False, "simulate the short exposures from the pairs' long ones; the real short ones are not read")
flags.DEFINE_enum(
    "noise", "physical", NOISES, "noise of simulated shorts: the A7S II's (physical, or its gaussian or poisson part), or any_sensor's"
)
flags.DEFINE_float(
    "darkest",
    0.1,
    "dimmest simulated scene: the part of the sensor's range that its white fills, 0.001 to 1",
    lower_bound=0.001,
    upper_bound=1.0,
)
flags.DEFINE_bool("mix_colors", False, "exchange R, G and B of the photographs at random, so that a few photographs show more colours")
flags.DEFINE_enum(
    "expert", None, EXPERTS, "expert of FiveK whose renderings are the targets (tiff16_a to tiff16_e); where not given: LibRaw's renderings"
)
flags.DEFINE_float(
    "simulated_fraction", 0, "part of the examples that is simulated between the real pairs, 0 to 0.99", lower_bound=0.0, upper_bound=0.99
)
flags.DEFINE_string(
    "simulated_data_dir", "", "folder of photographs for --simulated_fraction; where not given: the pairs' own long exposures"
)
