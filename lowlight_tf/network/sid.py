"""The SID network: ten blocks written out, parameters in a flat dict.

Reference: Chen, Chen, Xu and Koltun, "Learning to See in the Dark", CVPR 2018, section 4; the layer sizes, initialisers and the
up-convolution without bias are those of the authors' TF1 slim graph. Imports nothing of ours but the convolution.
"""

import dataclasses
import math
import zlib

import tensorflow as tf

from lowlight_tf.network import DOWNSAMPLES, EXTRA_BLOCKS, HEADS, POOL_WINDOWS
from lowlight_tf.network.convolution import conv, leaky_relu, up_conv


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network, and the variations of it that keep the output at upscale times the input's size.

    Attributes:
      input_channels: 4 for packed Bayer, 9 for packed X-Trans, 2 more with noise planes, 3 for RGB.
      upscale: output pixels along one side of an input pixel: 2, 3, or 1 for RGB.
      base_width: channels of block 1; blocks 2 to 5 double them, blocks 6 to 9 halve them.
      downsample: "pool" for max pooling after blocks 1 to 4, "strided" for a learned convolution of stride 2 in its place.
      pool_window: side of the pooling window or of the strided kernel, 2 or 3; the stride is 2 either way.
      extra_blocks: blocks of two 3x3 convolutions between block 9 and block 10, 0 to 3.
      head: "none", or "fc" for two fully-connected layers at each pixel of block 10's output, for transfer.
      head_units: features between the two layers; 0 without a head.
      mosaic_channels: channels of a correction to the mosaic that block 10 returns beside the picture; 0 for none.
      place_planes: block 1 sees two more planes, -0.5 or 0.5 by row and by column: where in its CFA tile a packed pixel lies. Those of
        X-Trans are of four kinds, and no convolution can tell one from another by itself.
    """

    input_channels: int = 4
    upscale: int = 2
    base_width: int = 32
    downsample: str = "pool"
    pool_window: int = 2
    extra_blocks: int = 0
    head: str = "none"
    head_units: int = 0
    mosaic_channels: int = 0
    place_planes: bool = False

    def __post_init__(self):
        allowed = {"downsample": DOWNSAMPLES, "pool_window": POOL_WINDOWS, "extra_blocks": EXTRA_BLOCKS, "head": HEADS}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(map(str, values))}")
        if min(self.input_channels, self.upscale, self.base_width) < 1:
            raise ValueError("input_channels, upscale and base_width must be at least 1")
        if (self.head_units > 0) != (self.head == "fc"):
            raise ValueError(f"head_units is {self.head_units} with head {self.head!r}; expected 1 or more with fc, 0 without a head")


def _block(number, fan_in, fan_out):
    """The two 3x3 convolutions of a block."""
    return {f"conv{number}_1": (3, fan_in, fan_out), f"conv{number}_2": (3, fan_out, fan_out)}


def parameter_shapes(config):
    """Returns {name: shape} of every parameter.

    Convolutions are [height, width, in, out]; the up-filters of blocks 6 to 9 are [2, 2, out, in], as conv2d_transpose wants them.
    """
    c, w, k = config.input_channels + 2 * config.place_planes, config.base_width, config.pool_window
    out = 3 * config.upscale**2 + config.mosaic_channels
    layers = {  # side of the window, channels in and out
        **_block(1, c, w),
        **_block(2, w, 2 * w),
        **_block(3, 2 * w, 4 * w),
        **_block(4, 4 * w, 8 * w),
        **_block(5, 8 * w, 16 * w),
        "up6": (2, 16 * w, 8 * w),
        **_block(6, 16 * w, 8 * w),
        "up7": (2, 8 * w, 4 * w),
        **_block(7, 8 * w, 4 * w),
        "up8": (2, 4 * w, 2 * w),
        **_block(8, 4 * w, 2 * w),
        "up9": (2, 2 * w, w),
        **_block(9, 2 * w, w),
        "conv10": (1, w, out),
    }
    shapes = {}
    for name, (side, fan_in, fan_out) in layers.items():
        if name.startswith("up"):
            shapes[f"{name}/weights"] = (side, side, fan_out, fan_in)
        else:
            shapes[f"{name}/weights"], shapes[f"{name}/biases"] = (side, side, fan_in, fan_out), (fan_out,)
    if config.downsample == "strided":
        for level in (1, 2, 3, 4):
            width = w * 2 ** (level - 1)
            shapes[f"down{level}/weights"], shapes[f"down{level}/biases"] = (k, k, width, width), (width,)
    for block in range(1, config.extra_blocks + 1):
        for layer in (1, 2):
            shapes[f"extra{block}_{layer}/weights"], shapes[f"extra{block}_{layer}/biases"] = (3, 3, w, w), (w,)
    if config.head == "fc":
        units = config.head_units
        shapes["head1/weights"], shapes["head1/biases"] = (out, units), (units,)
        shapes["head2/weights"], shapes["head2/biases"] = (units, out), (out,)
    return shapes


def initial_value(name, shape, seed):
    """tf_slim's defaults: Xavier uniform convolutions, zero biases, truncated normal (0.02) up-filters; a head that adds nothing yet."""
    key = (seed, zlib.crc32(name.encode()))  # so that a parameter's start does not depend on which others there are
    if name.endswith("/biases") or name == "head2/weights":
        return tf.zeros(shape)
    if name.startswith("up"):
        return tf.random.stateless_truncated_normal(shape, key, stddev=0.02)
    *window, fan_in, fan_out = shape
    limit = (6.0 / (math.prod(window) * (fan_in + fan_out))) ** 0.5
    return tf.random.stateless_uniform(shape, key, -limit, limit)


def initialize_parameters(config, seed=0):
    """Creates the network's variables, float32.

    Args:
      config: a NetworkConfig.
      seed: the same seed gives the same values.
    Returns:
      dict from name to tf.Variable, in the order of `parameter_shapes`.
    """
    return {name: tf.Variable(initial_value(name, shape, seed), name=name) for name, shape in parameter_shapes(config).items()}


def _down(params, level, x, config):
    if config.downsample == "strided":
        return conv(params, f"down{level}", x, stride=2)
    return tf.nn.max_pool2d(x, ksize=config.pool_window, strides=2, padding="SAME")


def _head(params, x):
    """Two fully-connected layers at each pixel, added to what comes in: while the second one is zero this is the exact identity."""
    features = leaky_relu(tf.linalg.matmul(x, params["head1/weights"]) + params["head1/biases"])
    return x + tf.linalg.matmul(features, params["head2/weights"]) + params["head2/biases"]


def _with_place_planes(packed):
    """Appends where in its CFA tile, two packed pixels a side, each packed pixel lies: [B, h, w, C] -> [B, h, w, C + 2].

    Coordinates as channels, as in Liu et al., "An Intriguing Failing of Convolutional Neural Networks and the CoordConv Solution",
    NeurIPS 2018, but of the tile alone.
    """
    batch, height, width, _ = tf.unstack(tf.shape(packed))
    rows, columns = (tf.cast(tf.range(side) % 2, packed.dtype) - 0.5 for side in (height, width))
    planes = tf.stack(tf.meshgrid(rows, columns, indexing="ij"), axis=-1)
    return tf.concat([packed, tf.broadcast_to(planes, [batch, height, width, 2])], axis=-1)


def forward(params, packed, config):
    """Runs the network.

    Args:
      params: what `initialize_parameters(config)` returns, variables or tensors.
      packed: float32 [B, h, w, config.input_channels], what its Interface makes of the counts: at most 1, and
        negative where that is signed. Any h and w.
      config: the NetworkConfig.
    Returns:
      float32 [B, h * upscale, w * upscale, 3], the interface's target with 1 as white, not clipped; or a correction, see `light.base`.
      With config.mosaic_channels a tuple of that and float32 [B, h, w, config.mosaic_channels].
    """
    seen = _with_place_planes(packed) if config.place_planes else packed
    conv1 = conv(params, "conv1_1", seen)  # [B, h, w, 32] at the original's base width
    conv1 = conv(params, "conv1_2", conv1)
    pool1 = _down(params, 1, conv1, config)  # [B, h/2, w/2, 32], rounded up

    conv2 = conv(params, "conv2_1", pool1)  # [B, h/2, w/2, 64]
    conv2 = conv(params, "conv2_2", conv2)
    pool2 = _down(params, 2, conv2, config)

    conv3 = conv(params, "conv3_1", pool2)  # [B, h/4, w/4, 128]
    conv3 = conv(params, "conv3_2", conv3)
    pool3 = _down(params, 3, conv3, config)

    conv4 = conv(params, "conv4_1", pool3)  # [B, h/8, w/8, 256]
    conv4 = conv(params, "conv4_2", conv4)
    pool4 = _down(params, 4, conv4, config)

    conv5 = conv(params, "conv5_1", pool4)  # [B, h/16, w/16, 512]
    conv5 = conv(params, "conv5_2", conv5)

    up6 = up_conv(params, "up6", conv5, like=conv4)  # [B, h/8, w/8, 256]
    conv6 = conv(params, "conv6_1", up6, conv4)
    conv6 = conv(params, "conv6_2", conv6)

    up7 = up_conv(params, "up7", conv6, like=conv3)  # [B, h/4, w/4, 128]
    conv7 = conv(params, "conv7_1", up7, conv3)
    conv7 = conv(params, "conv7_2", conv7)

    up8 = up_conv(params, "up8", conv7, like=conv2)  # [B, h/2, w/2, 64]
    conv8 = conv(params, "conv8_1", up8, conv2)
    conv8 = conv(params, "conv8_2", conv8)

    up9 = up_conv(params, "up9", conv8, like=conv1)  # [B, h, w, 32]
    conv9 = conv(params, "conv9_1", up9, conv1)
    conv9 = conv(params, "conv9_2", conv9)

    for block in range(1, config.extra_blocks + 1):
        conv9 = conv(params, f"extra{block}_1", conv9)
        conv9 = conv(params, f"extra{block}_2", conv9)

    conv10 = conv(params, "conv10", conv9, activation=None)  # [B, h, w, 3 * upscale^2]
    if config.head == "fc":
        conv10 = _head(params, conv10)
    conv10, correction = tf.split(conv10, [3 * config.upscale**2, config.mosaic_channels], axis=-1)
    picture = conv10 if config.upscale == 1 else tf.nn.depth_to_space(conv10, config.upscale)
    return (picture, correction) if config.mosaic_channels else picture
