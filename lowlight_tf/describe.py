"""What a network is made of: dimensions, parameters and multiplications of each block, for any size of its input."""

import dataclasses
import math
import re
from collections.abc import Callable

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.errors import UsageError
from lowlight_tf.network import HEAD_UNITS, denoise20, model
from lowlight_tf.network.denoise20 import Denoise20Config
from lowlight_tf.network.sid import NetworkConfig, parameter_shapes
from lowlight_tf.raw.cameras import CAMERAS, Camera
from lowlight_tf.raw.light import SID

# How often the input is halved where a block of the SID network works: down to block 5, and up again. Other blocks work at full size.
_LEVELS = {"2": 1, "3": 2, "4": 3, "5": 4, "6": 3, "7": 2, "8": 1}
_BEFORE_POOLING = ("1", "2", "3", "4")
_HEADS = ("block", "layers", "output (h, w, channels)", "parameters", "multiplications")


@dataclasses.dataclass(frozen=True)
class Block:
    """A row of the table.

    Attributes:
      name: "1" to "10", "extra 1" to "extra 3", "head"; layers' numbers of the 20-layer denoiser.
      layers: in words.
      output: (height, width, channels) of what it hands on, before pooling; of the last one after depth_to_space.
      parameters: how many numbers are learned.
      multiplications: those of its convolutions, one for each weight and output, as if the zeros of padding were multiplied too.
    """

    name: str
    layers: str
    output: tuple[int, int, int]
    parameters: int
    multiplications: int


def _halved(size: tuple[int, int], times: int) -> tuple[int, int]:
    """Halves (height, width), rounded up: pooling pads."""
    return -(-size[0] // 2**times), -(-size[1] // 2**times)


def _block_of(name: str) -> str:
    """Names the block that a parameter of the SID network belongs to: conv4_1, up4 and down4 are all block 4's."""
    if name.startswith("head"):
        return "head"
    kind, number = re.findall(r"^([a-z]+)(\d+)", name)[0]
    return f"extra {number}" if kind == "extra" else number


def _layer(name: str, shape: tuple[int, ...], size: tuple[int, int]) -> tuple[str, int, int]:
    """Describes a layer by its weights: in words, its output channels, and its multiplications at an output of `size`."""
    if name.startswith("up"):  # [2, 2, out, in] with stride 2: each output sees one of the four positions
        height, width, channels, fan_in = shape
        return f"up {height}x{width} {fan_in}-{channels}", channels, math.prod(size) * fan_in * channels
    *window, fan_in, channels = shape
    words = f"{'x'.join(map(str, window))} " if window else "dense "
    stride = " stride 2" if name.startswith("down") else ""
    return f"{words}{fan_in}-{channels}{stride}", channels, math.prod(size) * math.prod(shape)


def _block(name: str, shapes: dict[str, tuple[int, ...]], size: tuple[int, int], pooling: str = "") -> Block:
    """Describes the parameters of one block, which works at `size`; a strided layer at its end is already of the next size."""
    layers = [
        _layer(parameter, shape, _halved(size, 1) if parameter.startswith("down") else size)
        for parameter, shape in shapes.items()
        if parameter.endswith("/weights")
    ]
    words = [layer for layer, _, _ in layers] + ([pooling] if pooling else [])
    return Block(name, ", ".join(words), (*size, layers[-1][1]), sum(map(math.prod, shapes.values())), sum(count for _, _, count in layers))


def _grouped(shapes: dict[str, tuple[int, ...]], block_of: Callable[[str], str]) -> dict[str, dict[str, tuple[int, ...]]]:
    groups: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        groups.setdefault(block_of(name), {})[name] = shape
    return groups


def _sid_blocks(network: NetworkConfig, size: tuple[int, int]) -> list[Block]:
    groups = _grouped(parameter_shapes(network), _block_of)
    extras = [name for name in groups if name.startswith("extra")]
    names = [*map(str, range(1, 10)), *extras, "10", *(["head"] if "head" in groups else [])]
    pooling = f"pool {network.pool_window}x{network.pool_window}" if network.downsample == "pool" else ""
    return [_block(name, groups[name], _halved(size, _LEVELS.get(name, 0)), pooling if name in _BEFORE_POOLING else "") for name in names]


def _ending(block: Block, network: NetworkConfig | Denoise20Config) -> Block:
    """The last block with depth_to_space, which lays its channels out as pixels; those of a correction to the mosaic stay what they are."""
    upscale = network.upscale
    if upscale == 1:
        return block
    height, width, _ = block.output
    mosaic = getattr(network, "mosaic_channels", 0)
    layers = f"{block.layers}, depth_to_space {upscale}" + (f" and {mosaic} for the mosaic" if mosaic else "")
    return dataclasses.replace(block, layers=layers, output=(height * upscale, width * upscale, 3))


def blocks(network: NetworkConfig | Denoise20Config, size: tuple[int, int]) -> list[Block]:
    """Describes a network block by block.

    Args:
      network: its config.
      size: (height, width) of its input: packed pixels, or pixels of one that takes RGB.
    Returns:
      list of Block, from input to output.
    """
    if isinstance(network, Denoise20Config):
        groups = _grouped(denoise20.parameter_shapes(network), lambda name: name.partition("/")[0].removeprefix("conv"))
        found = [_block(name, group, size) for name, group in groups.items()]
    else:
        found = _sid_blocks(network, size)
    return [*found[:-1], _ending(found[-1], network)]


def table(camera: Camera, network: NetworkConfig | Denoise20Config, size: tuple[int, int]) -> str:
    """Lays out `blocks` as text, with what comes in and the sums.

    Args:
      camera: the Camera.
      network: its config.
      size: (height, width) of the network's input.
    """
    found = blocks(network, size)
    rows = [
        _HEADS,
        *(
            (block.name, block.layers, " x ".join(map(str, block.output)), f"{block.parameters:,}", f"{block.multiplications:,}")
            for block in found
        ),
    ]
    total, work = sum(block.parameters for block in found), sum(block.multiplications for block in found)
    rows.append(("all", "", "", f"{total:,}", f"{work:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = [
        "  ".join(
            cell.rjust(width) if column > 2 else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    ends = [" x ".join(map(str, side)) for side in ((*size, network.input_channels), found[-1].output)]
    lead = (
        f"{model.network_name(network)} of camera {camera.name}: input {ends[0]}, output {ends[1]}; "
        f"{work / math.prod(found[-1].output[:2]):,.0f} multiplications a pixel of the output."
    )
    return "\n".join([lead, "", *lines])


def chosen(checkpoint_dir: str, camera_name: str, options: dict) -> tuple[Camera, NetworkConfig | Denoise20Config]:
    """Returns the Camera and the network's config of a model, or of a camera and a variation of the network.

    Args:
      checkpoint_dir: the model's folder, whose parameters are not loaded; or "".
      camera_name: a key of CAMERAS; or "".
      options: those of `model.network_for`.
    Raises:
      UsageError: where neither or both are named, or the variation does not exist. LowlightError: where there is no model.
    """
    if checkpoint_dir and (camera_name or options):
        raise UsageError("--checkpoint_dir says all of its network; leave --camera and the variations out")
    if checkpoint_dir:
        camera, network, *_ = model.from_description(checkpoint.read_config(checkpoint_dir), checkpoint_dir)
        return camera, network
    if not camera_name:
        raise UsageError(f"name a model by --checkpoint_dir, or a camera: expected one of {', '.join(CAMERAS)}, such as --camera=sony")
    fields = {field.name for field in dataclasses.fields(model.BY_NAME[options.get("network", "sid")][0])} | {"network", "network_input"}
    foreign = [name for name in options if name not in fields]
    if foreign:
        raise UsageError(f"--{foreign[0]} is of the SID network; leave it or --network={options['network']} out")
    units = {"head_units": HEAD_UNITS} if options.get("head") == "fc" else {}
    try:
        camera = CAMERAS[camera_name]
        network = model.network_for(camera, **{**units, **options})
        model.check_interface(camera, network, SID)
    except ValueError as error:
        raise UsageError(f"there is no such network: {error}") from error
    return camera, network
