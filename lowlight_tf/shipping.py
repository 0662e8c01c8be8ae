"""A trained model made small enough to ship: its parameters as float16, and what config.json must say to run them."""

import pathlib

from lowlight_tf import checkpoint, model, weights
from lowlight_tf.console import say
from lowlight_tf.errors import LowlightError

_KEPT = ("model", "camera", "network", "target", "versions")  # nothing of the machine that it was trained on


def ship(checkpoint_dir, output):
    """Writes a model's weights.npz and config.json into a folder that enhance.py, test.py and --init_from take like any model's.

    Args:
      checkpoint_dir: folder of the trained model.
      output: the new folder.
    Raises:
      LowlightError: where there is no model, or the output is a folder that is trained in.
    """
    config = checkpoint.read_config(checkpoint_dir)
    _, network = model.from_description(config, checkpoint_dir)
    if checkpoint.latest(output):
        raise LowlightError(f"{output} holds checkpoints of a training; name another --output")
    params = model.initialize_parameters(network)
    step = checkpoint.load_parameters(checkpoint_dir, params)
    weights.write_weights(output, params, step)
    checkpoint.write_config(output, {name: config[name] for name in _KEPT if name in config})
    size = (pathlib.Path(output) / weights.NAME).stat().st_size
    say(f"Step {step} of {checkpoint_dir} is in {output}, {size / 1e6:.1f} MB.")
