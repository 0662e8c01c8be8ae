"""Testing: which model, by which protocol, and where the pictures go."""

import pathlib

from absl import flags

from lowlight_tf.errors import UsageError

FLAGS = flags.FLAGS
PROTOCOLS = ("sid-all", "sid-00", "sid-clean", "sid-clean-00")

flags.DEFINE_string("result_dir", "", "where pictures and metrics go (results/<name of checkpoint_dir>/<protocol> where not given)")
flags.DEFINE_enum("protocol", "sid-00", PROTOCOLS, "sid-all: every short; sid-00: first bursts; -clean: without the misaligned scenes")


def preset_names():
    """Testing has no presets: what it needs comes from the checkpoint.

    Raises:
      UsageError: where no checkpoint is named.
    """
    if not FLAGS.checkpoint_dir:
        raise UsageError("--checkpoint_dir is missing; name the folder of a model that train.py or import_slim wrote")
    return []


def result_dir():
    """Returns where the results go."""
    return FLAGS.result_dir or str(pathlib.Path("results") / pathlib.Path(FLAGS.checkpoint_dir).resolve().name / FLAGS.protocol)
