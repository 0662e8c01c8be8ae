"""A model is a camera, a network and its interface: what config.json says of it and how the two sides agree on it."""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf.errors import LowlightError
from lowlight_tf.network import denoise20, sid, validation
from lowlight_tf.network.denoise20 import Denoise20Config
from lowlight_tf.network.sid import NetworkConfig
from lowlight_tf.raw.cameras import Camera
from lowlight_tf.raw.light import SID, Interface, base

# name -> the config that says what it looks like, and the module that runs such a config
BY_NAME = {"sid": (NetworkConfig, sid), "denoise20": (Denoise20Config, denoise20)}
# fields of an Interface that files of version 0.1.0 keep among the network's, and what they are called there
_OLDER_FIELDS = {"white_balance": "white_balance_input", "signed": "signed_input", "target": "target"}


def network_name(config):
    """Returns the name in BY_NAME of a network's config."""
    return next(name for name, (kind, _) in BY_NAME.items() if isinstance(config, kind))


def parameter_shapes(config):
    """Returns {name: shape} of the parameters of whichever network `config` describes."""
    return BY_NAME[network_name(config)][1].parameter_shapes(config)


def initialize_parameters(config: NetworkConfig | Denoise20Config, seed: int = 0) -> dict[str, tf.Variable]:
    """Creates the parameters of whichever network `config` describes: dict from name to tf.Variable."""
    return BY_NAME[network_name(config)][1].initialize_parameters(config, seed)


def blank_parameters(config):
    """Creates the same variables with zeros in them, for values that are on disk: drawing others first would make every start longer."""
    return {name: tf.Variable(np.zeros(shape, np.float32), name=name) for name, shape in parameter_shapes(config).items()}


def forward(
    params: dict[str, tf.Variable | tf.Tensor], inputs: tf.Tensor, config: NetworkConfig | Denoise20Config, mixed_precision: bool = False
) -> tf.Tensor:
    """Runs whichever network `config` describes: float32 [B, h, w, C] -> float32 [B, h * upscale, w * upscale, 3], or what `sid.forward`
    returns with it.

    With mixed_precision it computes in bfloat16. The parameters stay what they are, and so do their gradients: the cast is part of the
    function. bfloat16 has the range of float32, so that a loss needs no scaling, and 8 bits of precision.
    """
    network = BY_NAME[network_name(config)][1]
    if not mixed_precision:
        return network.forward(params, inputs, config)
    narrow = {name: tf.cast(value, tf.bfloat16) for name, value in params.items()}
    output = network.forward(narrow, tf.cast(inputs, tf.bfloat16), config)
    return tf.nest.map_structure(lambda part: tf.cast(part, tf.float32), output)


def run(params, inputs, camera, network, interface, mixed_precision=False):
    """Runs a model: its network, and what its interface adds to the network's output.

    Args:
      params: dict from name to variable or tensor.
      inputs: float32 [B, h, w, C], from `light.network_input`.
      camera, network, interface: the model's.
      mixed_precision: as for `forward`; what is added is always computed in float32.
    Returns:
      float32 [B, h * upscale, w * upscale, 3], interface.target with 1 as white, not clipped.
    """
    output = forward(params, inputs, network, mixed_precision)
    if interface.skip == "none":
        return output
    picture, correction = output if interface.skip == "mosaic" else (output, 0.0)
    return picture + base(inputs, camera, correction)


def network_for(camera, *, network="sid", network_input="packed", interface=SID, **options):
    """Returns a network's config for a camera: its packed channels in, its upscale out, or full-resolution RGB in and out.

    Args:
      camera: a Camera.
      network: one of network.NETWORKS.
      network_input: "packed" or "rgb".
      interface: an Interface, which may add input channels to packed light.
      **options: other fields of NetworkConfig.
    """
    rgb = network_input == "rgb"
    channels = 3 if rgb else camera.channels + interface.more_channels
    sizes = {"input_channels": channels, "upscale": 1 if rgb else camera.upscale}
    if interface.skip == "mosaic":
        sizes["mosaic_channels"] = camera.channels
    if network == "denoise20":
        sizes["channel_colors"] = (0, 1, 2) if rgb else tuple((0, 1, 2, 1)[color] for color in camera.channel_colors)
    return BY_NAME[network][0](**sizes, **options)


def describe(camera, network, interface=SID):
    """Returns the part of config.json that says what the model is."""
    return {
        "model": network_name(network),
        "camera": dataclasses.asdict(camera),
        "network": dataclasses.asdict(network),
        "interface": dataclasses.asdict(interface),
        "target": interface.target,
    }


def check_interface(camera, network, interface):
    """Refuses an interface that a network cannot have.

    Raises:
      ValueError: saying which.
    """
    packed_sid = isinstance(network, NetworkConfig) and network.upscale == camera.upscale
    if not packed_sid and (interface.noise_planes or interface.skip != "none"):
        raise ValueError("noise planes and a skip are of the SID network with packed input")
    mosaic_channels = camera.channels if interface.skip == "mosaic" else 0
    if getattr(network, "mosaic_channels", 0) != mosaic_channels:
        raise ValueError(f"mosaic_channels is {network.mosaic_channels}; expected {mosaic_channels} with skip {interface.skip!r}")
    if getattr(network, "place_planes", False) and (camera.cells == 1 or not packed_sid):
        raise ValueError("place planes are of packed X-Trans, whose packed pixels are of several kinds")


def _interface(config):
    """Returns config.json's fields of the network, and the Interface, which older files keep among those fields."""
    if "interface" in config:
        return config["network"], Interface(**config["interface"])
    kept = dict(config["network"])
    found = {name: kept.pop(older) for name, older in _OLDER_FIELDS.items() if older in kept}
    return kept, Interface(**found)


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def from_description(config, source):
    """Rebuilds what a model is from config.json.

    Args:
      config: the dict.
      source: its path, for the message.
    Returns:
      Camera, the network's config, Interface.
    Raises:
      LowlightError: where a field is missing, unknown or out of range.
    """
    try:
        camera = Camera(**{name: _tuples(value) for name, value in config["camera"].items()})
        kind, _ = BY_NAME[config.get("model", "sid")]  # the only one there was when the key was not written yet
        fields, interface = _interface(config)
        network = kind(**{name: _tuples(value) for name, value in fields.items()})
        validation.check_model(camera, network, interface)
        check_interface(camera, network, interface)
    except KeyError as error:
        raise LowlightError(f"{source} holds a model {error}; this version knows {', '.join(BY_NAME)}") from error
    except (TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise LowlightError(f"{source} does not describe a model of this version: {error}") from error
    return camera, network, interface


def check_same(config, camera, network, interface, checkpoint_dir):
    """Refuses to go on with a checkpoint of another model.

    Raises:
      LowlightError: naming what differs, with both values.
    """
    found_camera, found_network, found_interface = from_description(config, checkpoint_dir)
    if found_camera.name != camera.name:
        raise LowlightError(
            f"{checkpoint_dir} holds a model of --camera={found_camera.name}, not of {camera.name}; name another --checkpoint_dir"
        )
    if found_camera != camera:
        raise LowlightError(f"{checkpoint_dir} was trained with another definition of camera {camera.name}; name another --checkpoint_dir")
    if type(found_network) is not type(network):
        raise LowlightError(
            f"{checkpoint_dir} holds a model of --network={network_name(found_network)}, not of {network_name(network)}; "
            "name another --checkpoint_dir"
        )
    for there, here in ((found_interface, interface), (found_network, network)):
        for field in dataclasses.fields(here):
            found, wanted = getattr(there, field.name), getattr(here, field.name)
            if found != wanted:
                raise LowlightError(
                    f"{checkpoint_dir} holds a network with {field.name}={found}, not {wanted}; name another --checkpoint_dir"
                )
