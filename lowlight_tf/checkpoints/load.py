"""A model's folder -> its parts, for whoever runs, exports or ships it."""

import dataclasses
import os
import pathlib

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import QUALITIES, model
from lowlight_tf.raw import light
from lowlight_tf.raw.cameras import Camera


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A model's parts: its parameters, what it is, config.json's content, the step of its checkpoint, and its folder."""

    params: dict
    camera: Camera
    network: object
    interface: light.Interface
    config: dict
    step: int
    folder: str = ""


def fast_folder(checkpoint_dir):
    """Returns where the narrower model that quality fast runs in place of another one is expected: FOLDER_fast, beside FOLDER."""
    folder = pathlib.Path(os.path.abspath(checkpoint_dir))
    return folder.with_name(f"{folder.name or 'model'}_fast")


def _folder_of(checkpoint_dir, quality):
    """Returns the folder of what a quality runs.

    Raises:
      LowlightError: where it is fast, and there is no model or none that is narrower.
      ValueError: for another quality.
    """
    if quality not in QUALITIES:
        raise ValueError(f"quality is {quality!r}; expected one of {', '.join(QUALITIES)}")
    if quality != "fast":
        return str(checkpoint_dir)
    checkpoint.read_config(checkpoint_dir)  # what is no model at all is said to be none
    fast = fast_folder(checkpoint_dir)
    if not fast.is_dir():
        raise LowlightError(
            f"quality fast runs a narrower model than {checkpoint_dir}, which is expected in {fast.name} beside it, and there is none; "
            "use another quality, or train a narrower one there"
        )
    return str(fast)


def load_network(checkpoint_dir, quality="normal"):
    """Loads a trained or imported model's parts.

    Args:
      checkpoint_dir: its folder.
      quality: one of network.QUALITIES; fast loads the narrower model beside it.
    Returns:
      A Loaded.
    Raises:
      LowlightError: where there is no whole checkpoint.
    """
    checkpoint_dir = _folder_of(checkpoint_dir, quality)
    config = checkpoint.read_config(checkpoint_dir)
    camera, network, interface = model.from_description(config, checkpoint_dir)
    checkpoint.check_shapes(checkpoint_dir, model.parameter_shapes(network))
    params = model.blank_parameters(network)
    step = checkpoint.load_parameters(checkpoint_dir, params)
    return Loaded(params, camera, network, interface, config, step, checkpoint_dir)
