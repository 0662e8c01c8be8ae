"""Model and data: which camera, which folder, which pairs of short and long exposures."""

from absl import flags

from lowlight_tf.datasets import PAIRED, PHOTOGRAPHS, PREPARED, is_known
from lowlight_tf.raw.cameras import CAMERAS

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "camera", None, list(CAMERAS), f"which camera took the files: {', '.join(CAMERAS)}; bayer and xtrans take the levels from each file"
)
flags.DEFINE_string(
    "dataset",
    "auto",
    f"what to read: {', '.join(PAIRED)} (pairs; samples are embedded), {', '.join(PHOTOGRAPHS)} (photographs, darkened "
    f"on the fly), {', '.join(PREPARED)} or tfds:NAME (prepared by TFDS), or auto: sid where there is a data folder",
)
flags.register_validator("dataset", is_known, f"expected one of auto, {', '.join((*PAIRED, *PHOTOGRAPHS, *PREPARED))} or tfds:NAME")
flags.DEFINE_string(
    "data_dir", "", "folder of the data: SID's, one with short/ and long/, photographs, FiveK or TFDS'; where not given: dataset/"
)
flags.DEFINE_string("checkpoint_dir", "", "folder of the model; train.py goes on from the last checkpoint in it")
flags.DEFINE_string("cache_dir", "cache", "folder where train.py keeps decoded frames; it may be deleted at any time")


def data_config(**choices):
    """Returns the DataConfig that the flags ask for, with `choices` for its other fields."""
    from lowlight_tf.datasets import DataConfig

    return DataConfig(dataset=FLAGS.dataset, data_dir=FLAGS.data_dir, cache_dir=FLAGS.cache_dir, **choices)
