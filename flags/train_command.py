"""Trains a model: python train.py --camera=sony. See --help; the presets are in flags/."""

from absl import flags

from . import data_flags, entry, train_flags


def _run(problems):
    from lowlight_tf.devices import limit_threads

    limit_threads(flags.FLAGS.threads_per_op)
    config = train_flags.training_config()
    from lowlight_tf.training.config import is_complete
    from lowlight_tf.training.train import train

    return 0 if is_complete(config, train(config, problems)) else flags.FLAGS.stopped_exit_code


def main():
    """Runs train.py, or lowlight-train where the package is installed, and exits."""
    entry.run(
        _run,
        description=__doc__,
        modules=[data_flags, train_flags, *train_flags.MORE],
        preset_names=train_flags.preset_names,
        check=train_flags.check,
        interrupted=lambda: flags.FLAGS.stopped_exit_code,
    )
