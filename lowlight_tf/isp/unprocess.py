"""Picture -> raw: light taken backwards through the camera's pipeline, to the mosaic a noiseless sensor would have recorded.

Reference: Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019, section 3 (without its tone curve: the
targets are LibRaw's renderings, which have none). Each step has a `random_*` function that draws what it takes.
"""

import tensorflow as tf

from lowlight_tf.isp.color import apply_matrix, srgb_to_camera_matrix, srgb_to_linear

# Range of as-shot gains (red, blue) with green at 1: those of the A7S II run from tungsten (1.4, 2.9) to shade (2.6, 1.4); SID's
# scenes lie between 1.9 and 2.3, and 2.2 and 2.8.
_RED_GAIN, _BLUE_GAIN = (1.4, 2.6), (1.4, 3.0)


def random_wb_gains(seed):
    """Draws a light's as-shot gains, uniform in their logarithms.

    Args:
      seed: [2] integers.
    Returns:
      float32 [3], R, G, B with G = 1.
    """
    low, high = (tf.math.log([_RED_GAIN[end], 1.0, _BLUE_GAIN[end]]) for end in (0, 1))
    return tf.exp(low + tf.random.stateless_uniform([3], seed) * (high - low))


def random_brightness(seed, darkest):
    """Draws how much of the sensor's range a scene fills, log-uniform in [darkest, 1]: SID's long exposures are dim."""
    return tf.exp(tf.random.stateless_uniform([], seed) * tf.math.log(tf.cast(darkest, tf.float32)))


def mosaic(rgb, cfa):
    """Keeps of each pixel the colour that the CFA lets through.

    Args:
      rgb: [..., H, W, 3]; H and W of any size.
      cfa: colours of one tile in row-major order, 4 or 36 letters.
    Returns:
      [..., H, W], same dtype.
    """
    side = {4: 2, 36: 6}[len(cfa)]
    height, width = tf.shape(rgb)[-3], tf.shape(rgb)[-2]
    tile = tf.one_hot(tf.reshape(["RGB".index(color) for color in cfa], [side, side]), 3, dtype=rgb.dtype)
    mask = tf.tile(tile, [-(-height // side), -(-width // side), 1])[:height, :width]
    return tf.reduce_sum(rgb * mask, axis=-1)


def to_sensor(rgb_linear, from_srgb, wb_gains):
    """Turns linear sRGB light into what each colour of the sensor collects.

    Args:
      rgb_linear: float32 [..., H, W, 3] in [0, 1].
      from_srgb: [3, 3], linear sRGB -> white-balanced camera colour, from `color.srgb_to_camera_matrix`.
      wb_gains: [3] as-shot gains; the sensor sees each colour divided by its gain.
    Returns:
      float32 [..., H, W, 3], 0 at black and 1 at white, camera colour.
    """
    camera_rgb = apply_matrix(rgb_linear, from_srgb)
    return tf.clip_by_value(camera_rgb / tf.cast(wb_gains, tf.float32), 0.0, 1.0)


def unprocess(srgb, camera, wb_gains):
    """Turns a picture into linear light on the sensor.

    Args:
      srgb: float32 [..., H, W, 3] in [0, 1].
      camera: a Camera with xyz_to_camera.
      wb_gains: [3] as-shot gains.
    Returns:
      float32 [..., H, W], 0 at black and 1 at white.
    """
    return mosaic(to_sensor(srgb_to_linear(srgb), srgb_to_camera_matrix(camera.xyz_to_camera), wb_gains), camera.cfa)


# The first two of four stages that make a bright picture look taken in the dark without knowing any camera; the other two are in noise.py.
# Coarser than the physical model and quicker to explain: `python -m lowlight_tf simulation_figure` shows them.


def random_gamma(seed):
    """Draws the exponent of `gamma_distortion`: float32 scalar, uniform in [2, 3.5]."""
    return tf.random.stateless_uniform([], seed, 2.0, 3.5)


def gamma_distortion(srgb, gamma):
    """Darkens a picture: float32 [..., 3] in [0, 1] to the power `gamma` > 1."""
    return srgb**gamma


def random_imbalance(seed):
    """Draws the weights of `white_imbalance`: float32 [3], uniform in [0.5, 1]."""
    return tf.random.stateless_uniform([3], seed, 0.5, 1.0)


def white_imbalance(rgb, weights):
    """Multiplies R, G and B of float32 [..., 3] by a weight each: a light that nobody has corrected for."""
    return rgb * weights
