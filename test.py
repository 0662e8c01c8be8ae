"""Tests a model: python test.py --checkpoint_dir=... Writes pictures, metrics.csv and metrics.json. See --help."""

from absl import flags

from flags import data_flags, entry, test_flags


def main(problems):
    from lowlight_tf.evaluation import evaluate
    FLAGS = flags.FLAGS
    evaluate(FLAGS.checkpoint_dir, data_flags.data_config(), test_flags.result_dir(), FLAGS.protocol, problems,
             camera_name=FLAGS.camera or "")


if __name__ == "__main__":
    entry.run(main, description=__doc__, modules=[data_flags, test_flags], preset_names=test_flags.preset_names)
