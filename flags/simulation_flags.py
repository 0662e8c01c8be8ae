"""Simulated light: the short exposures that photographs, or the pairs' own long exposures, are given."""

from absl import flags

from lowlight_tf.datasets import EXPERTS

flags.DEFINE_bool("corrupt_targets", False, "train on simulated short exposures of the long ones, not on the short ones")
flags.DEFINE_enum("noise", "physical", ["physical", "gaussian", "poisson", "any_sensor"], "of simulated short exposures: by the A7S II's "
                  "calibration, or any_sensor: shot and read noise of their own, banding, hot pixels, drift")
flags.DEFINE_float("darkest", 0.1, "of simulated long exposures: the least part of the sensor's range that a photograph's white fills",
                   lower_bound=0.001, upper_bound=1.0)
flags.DEFINE_bool("mix_colors", False, "exchange the photographs' R, G and B at random: few photographs lack many colours")
flags.DEFINE_enum("expert", None, EXPERTS, "whose renderings of FiveK are the targets (tiff16_a to tiff16_e); LibRaw's where not given")
flags.DEFINE_float("simulated_fraction", 0, "of the examples that are simulated, beside the real pairs", lower_bound=0.0, upper_bound=0.99)
flags.DEFINE_string("simulated_data_dir", "", "photographs to simulate those from (the pairs' own long exposures where not given)")
