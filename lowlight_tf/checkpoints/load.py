"""A model's folder -> its parts, for whoever runs, exports or ships it."""

import dataclasses

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.network import model
from lowlight_tf.raw import light
from lowlight_tf.raw.cameras import Camera


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A model's parts: its parameters, what it is, config.json's content, and the step of its checkpoint."""

    params: dict
    camera: Camera
    network: object
    interface: light.Interface
    config: dict
    step: int


def load_network(checkpoint_dir):
    """Loads a trained or imported model's parts.

    Returns:
      A Loaded.
    Raises:
      LowlightError: where there is no whole checkpoint.
    """
    config = checkpoint.read_config(checkpoint_dir)
    camera, network, interface = model.from_description(config, checkpoint_dir)
    checkpoint.check_shapes(checkpoint_dir, model.parameter_shapes(network))
    params = model.blank_parameters(network)
    return Loaded(params, camera, network, interface, config, checkpoint.load_parameters(checkpoint_dir, params))
