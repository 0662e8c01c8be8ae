"""Model and data: which camera, which folder, which pairs of short and long exposures."""

from absl import flags

from lowlight_tf.cameras import CAMERAS
from lowlight_tf.datasets import PAIRED, PHOTOGRAPHS, PREPARED, is_known

FLAGS = flags.FLAGS

flags.DEFINE_enum("camera", None, list(CAMERAS), f"one of {', '.join(CAMERAS)}; bayer and xtrans take the levels from each file")
flags.DEFINE_string("dataset", "auto", f"{', '.join(PAIRED)} (embedded), {', '.join(PHOTOGRAPHS)} (photographs, darkened on the fly), "
                    f"{', '.join(PREPARED)} or tfds:NAME (images that TFDS has prepared), or auto: sid where there is a data folder")
flags.register_validator("dataset", is_known, f"expected one of auto, {', '.join((*PAIRED, *PHOTOGRAPHS, *PREPARED))} or tfds:NAME")
flags.DEFINE_string("data_dir", "", "SID's folder (dataset/ where not given), one with short/ and long/, with photographs, FiveK, or TFDS'")
flags.DEFINE_string("checkpoint_dir", "", "the model's folder; training goes on from what it holds")
flags.DEFINE_string("cache_dir", "cache", "where decoded frames are kept")


def data_config(**choices):
    """Returns the DataConfig that the flags ask for, with `choices` for its other fields."""
    from lowlight_tf.datasets import DataConfig
    return DataConfig(dataset=FLAGS.dataset, data_dir=FLAGS.data_dir, cache_dir=FLAGS.cache_dir, **choices)
