"""A model's folder -> its parts, for whoever runs, exports or ships it."""

import dataclasses
import pathlib

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
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
    """Returns the folder in which the narrower model that --quality=fast runs in place of another one is expected: FOLDER_fast."""
    folder = pathlib.Path(checkpoint_dir)
    return folder.with_name(f"{folder.name}_fast")


def _folder_of(checkpoint_dir, quality):
    """Returns the folder of what a quality runs.

    Raises:
      LowlightError: where it is fast and there is no narrower model.
    """
    if quality != "fast":
        return str(checkpoint_dir)
    fast = fast_folder(pathlib.Path(checkpoint_dir).resolve())
    if not fast.is_dir():
        raise LowlightError(
            f"--quality=fast runs a narrower model than {checkpoint_dir}, which is expected in {fast.name} beside it, and there is none; "
            f"use another quality, or train one there with --base_width=8"
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
