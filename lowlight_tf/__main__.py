"""The rarer tools: python -m lowlight_tf import_slim --help."""

import argparse
import sys

from lowlight_tf.cameras import CAMERAS
from lowlight_tf.console import quiet_stderr, warn
from lowlight_tf.errors import LowlightError, UsageError


def _import_slim(options):
    from lowlight_tf.importing import import_slim
    import_slim(CAMERAS[options.camera], options.slim_checkpoint, options.checkpoint_dir)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m lowlight_tf", description=__doc__)
    tools = parser.add_subparsers(dest="tool", required=True, metavar="TOOL")
    tool = tools.add_parser("import_slim", help="turn an original TF1 slim checkpoint into one of ours")
    tool.add_argument("--camera", required=True, choices=["sony", "fuji"], help="whose network it is")
    tool.add_argument("--slim_checkpoint", required=True, help="prefix of the Saver's files, such as .../model.ckpt")
    tool.add_argument("--checkpoint_dir", required=True, help="new folder for the model")
    tool.set_defaults(run=_import_slim)
    return parser


def main():
    """Runs one tool; returns the exit code."""
    options = _parser().parse_args()
    try:
        with quiet_stderr():  # TensorFlow's loader talks about GPUs it does not find
            import tensorflow as tf
            tf.config.list_physical_devices()
        options.run(options)
        return 0
    except LowlightError as error:
        warn(f"error: {error}")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        warn("Interrupted; nothing half-written is left.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
