"""A model is a camera, a network and its target: what config.json says of it and how the two sides agree on it."""

import dataclasses

from lowlight_tf.cameras import Camera
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import NetworkConfig

TARGET = "srgb"
NETWORK_INPUTS = ("packed", "rgb")


def network_for(camera, *, network_input="packed", **options):
    """Returns the NetworkConfig of a camera: its packed channels in, its upscale out, or full-resolution RGB in and out.

    Args:
      camera: a Camera.
      network_input: "packed" or "rgb".
      **options: other fields of NetworkConfig.
    """
    if network_input == "rgb":
        return NetworkConfig(input_channels=3, upscale=1, **options)
    return NetworkConfig(input_channels=camera.channels, upscale=camera.upscale, **options)


def describe(camera, network):
    """Returns the part of config.json that says what the model is."""
    return {"camera": dataclasses.asdict(camera), "network": dataclasses.asdict(network), "target": TARGET}


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def from_description(config, source):
    """Rebuilds (Camera, NetworkConfig) from config.json.

    Args:
      config: the dict.
      source: its path, for the message.
    Raises:
      LowlightError: where a field is missing, unknown or out of range, or the target is another program version's.
    """
    try:
        camera = Camera(**{name: _tuples(value) for name, value in config["camera"].items()})
        network = NetworkConfig(**config["network"])
    except (TypeError, ValueError, AttributeError) as error:
        raise LowlightError(f"{source} does not describe a model of this version: {error}") from error
    if config.get("target", TARGET) != TARGET:
        raise LowlightError(f"{source} has target {config['target']!r}; this version runs {TARGET!r}")
    return camera, network


def check_same(config, camera, network, checkpoint_dir):
    """Refuses to go on with a checkpoint of another model.

    Raises:
      LowlightError: naming what differs, with both values.
    """
    found_camera, found_network = from_description(config, checkpoint_dir)
    if found_camera.name != camera.name:
        raise LowlightError(f"{checkpoint_dir} holds a model of --camera={found_camera.name}, not of {camera.name}; "
                            "name another --checkpoint_dir")
    if found_camera != camera:
        raise LowlightError(f"{checkpoint_dir} was trained with another definition of camera {camera.name}; name another --checkpoint_dir")
    for field in dataclasses.fields(NetworkConfig):
        found, wanted = getattr(found_network, field.name), getattr(network, field.name)
        if found != wanted:
            raise LowlightError(f"{checkpoint_dir} holds a network with {field.name}={found}, not {wanted}; name another --checkpoint_dir")
