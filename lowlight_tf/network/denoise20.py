"""The 20-layer denoiser: each layer passes features on and adds a correction to the picture. The second learned baseline.

Reference: Remez, Litany, Giryes and Bronstein, "Deep Convolutional Denoising of Low-Light Images" (DenoiseNet), arXiv 1701.01687,
2017, section 3. There one grey channel goes in and out, and one of each layer's 64 feature maps is its correction; here packed raw
goes in and sRGB at the mosaic's size comes out, so the correction takes 3 maps for each photosite of a packed pixel. Imports
nothing of ours but the convolution.
"""

import dataclasses
import zlib

import tensorflow as tf

from lowlight_tf.network.convolution import conv

LAYERS, FEATURES = 20, 64


@dataclasses.dataclass(frozen=True)
class Denoise20Config:
    """What the layers' sizes follow from.

    Attributes:
      input_channels: 4 for packed Bayer, 9 for packed X-Trans, 3 for RGB.
      upscale: output pixels along one side of an input pixel: 2, 3, or 1 for RGB.
      channel_colors: index into (R, G, B) of each input channel.
    """

    input_channels: int = 4
    upscale: int = 2
    channel_colors: tuple = (0, 1, 2, 1)

    def __post_init__(self):
        if len(self.channel_colors) != self.input_channels or set(self.channel_colors) != {0, 1, 2}:
            raise ValueError(f"channel_colors is {self.channel_colors!r}; expected {self.input_channels} of 0, 1 and 2, each at least once")
        if self.upscale < 1 or self.corrections >= FEATURES:
            raise ValueError(f"upscale is {self.upscale}; expected 1 to 4, so that {FEATURES} feature maps are more than 3 * upscale^2")

    @property
    def corrections(self):
        """Feature maps of each layer that correct the picture: R, G and B of every output pixel in a packed pixel."""
        return 3 * self.upscale**2


def parameter_shapes(config):
    """Returns {name: shape} of every parameter; convolutions are [height, width, in, out]."""
    passed_on = FEATURES - config.corrections
    shapes = {}
    for layer in range(1, LAYERS + 1):
        fan_in = config.input_channels if layer == 1 else passed_on
        fan_out = config.corrections if layer == LAYERS else FEATURES  # nobody is left to pass features on to
        shapes[f"conv{layer}/weights"], shapes[f"conv{layer}/biases"] = (3, 3, fan_in, fan_out), (fan_out,)
    return shapes


def initialize_parameters(config, seed=0):
    """Creates the network's variables, float32: Xavier uniform weights, zero biases.

    Args:
      config: a Denoise20Config.
      seed: the same seed gives the same values.
    Returns:
      dict from name to tf.Variable, in the order of `parameter_shapes`.
    """

    def value(name, shape):
        if name.endswith("/biases"):
            return tf.zeros(shape)
        height, width, fan_in, fan_out = shape
        limit = (6.0 / (height * width * (fan_in + fan_out))) ** 0.5
        return tf.random.stateless_uniform(shape, (seed, zlib.crc32(name.encode())), -limit, limit)

    return {name: tf.Variable(value(name, shape), name=name) for name, shape in parameter_shapes(config).items()}


def _superpixels(packed, config):
    """Averages each colour of a packed pixel: [B, h, w, C] -> [B, h, w, 3]."""
    colors = tf.one_hot(config.channel_colors, 3)
    return tf.linalg.matmul(packed, tf.cast(colors / tf.reduce_sum(colors, axis=0), packed.dtype))


def forward(params, packed, config):
    """Runs the network.

    Args:
      params: what `initialize_parameters(config)` returns, variables or tensors.
      packed: float32 [B, h, w, config.input_channels], amplified linear light in [0, 1]. Any h and w.
      config: the Denoise20Config.
    Returns:
      float32 [B, h * upscale, w * upscale, 3], sRGB with 1 as white, not clipped.
    """
    picture = tf.tile(_superpixels(packed, config), [1, 1, 1, config.upscale**2])  # [B, h, w, 3 * upscale^2]
    features = packed
    for layer in range(1, LAYERS + 1):
        maps = conv(params, f"conv{layer}", features, activation=None)  # [B, h, w, 64]
        picture += maps[..., : config.corrections]
        features = tf.nn.relu(maps[..., config.corrections :])  # none after the last layer
    return picture if config.upscale == 1 else tf.nn.depth_to_space(picture, config.upscale)
