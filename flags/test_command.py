"""Tests a model: python test.py --checkpoint_dir=..., or without one: python test.py --model=classic --camera=sony

Writes pictures, metrics.csv and metrics.json. See --help.
"""

from absl import flags

from . import data_flags, entry, test_flags


def _run(problems):
    from lowlight_tf.evaluation.evaluate import evaluate

    evaluate(
        test_flags.subject(), data_flags.data_config(), test_flags.result_dir(), flags.FLAGS.protocol, problems, report=flags.FLAGS.report
    )


def main():
    """Runs test.py, or lowlight-test where the package is installed, and exits."""
    entry.run(_run, description=__doc__, modules=[data_flags, test_flags], preset_names=test_flags.preset_names)
