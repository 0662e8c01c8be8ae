"""Sensors as photographers have them: shot and read noise each for itself, a little different for each colour, and what else raw files
show: banding of rows and columns, hot pixels, unequal greens, a black level that drifts by colour, saturation below white.

`noise.py` has one camera's calibrated model, where all noise follows from the gain. Here nothing follows: a model that is to know any
camera at any ISO must not take one camera's line for a law.
"""

import dataclasses

import numpy as np
import tensorflow as tf

# System gain K, counts (of 14 bits) an electron: from base ISO of a large sensor to ISO 100,000. Who amplifies a frame has not raised the
# ISO as far as well: the highest falls with the exposure ratio to the power of 0.6.
_LEAST_GAIN, _MOST_GAIN, _FALL = 0.02, 40.0, 0.6
# So many frames are at a low ISO, whatever else is drawn: where noise hides the detail, a network learns no demosaicing.
_CALM_PART, _CALM_GAIN = 0.3, 1.5
# Read noise in counts is about 2.6 sqrt(K), within a factor of e^0.7: Wei et al., CVPR 2020, give 3.4 K^0.54 for the A7S II.
_READ, _READ_SCATTER = 2.6, 0.7
_ROW, _COLUMN, _BANDING_SCATTER = 0.17, 0.15, 0.6  # of the read noise
_HEAVIEST_TAIL = 0.04  # of the cubic term that makes read noise's tails heavier than a Gaussian's
# Some makers multiply red and blue in the camera, so that their K is up to e times green's, as published profiles of Nikon and Sony show.
_RED_GAIN, _BLUE_GAIN = (-0.1, 1.0), (-0.1, 0.9)  # natural logarithms
_GREENS = 0.004  # deviation of the ratio of the two greens
# Drift of the black level, counts of 14 bits: of all colours together, and deviation of each. No frame is without: a network trained with
# an absolute error answers with the median, and half of the frames without any drift would make that "none".
_DRIFT, _COLOR_DRIFT = (-1.3, 0.25), 0.25
_HOT, _HOT_LEVEL = 1e-4, 0.2  # part of the photosites, and what they add in the mean, of the range
_LEAST_SATURATION = 0.88  # of the range
# How often a sensor has the trait at all: columns, colours' gains, unequal greens, hot pixels, early saturation.
_COLUMNS_PART, _COLORS_PART, _GREENS_PART, _HOT_PART, _SATURATION_PART = 0.4, 0.6, 0.5, 0.6, 0.2
_MANY = 14.0  # electrons from which on a rounded normal with Poisson's skew stands for them


@dataclasses.dataclass(frozen=True)
class SensorNoise:
    """One frame's noise, float32; counts are of 14 bits. Colours are R, G, B and the second G.

    Attributes:
      gain: system gain K, counts per electron, geometric mean of the four colours.
      read_noise: standard deviation of each photosite in the dark, counts.
      tail: of the cubic term of the read noise; 0 for a Gaussian.
      row_noise, column_noise: standard deviations, counts.
      color_gains: [4], K of each colour / gain.
      response: [4], what each colour collects of its light.
      black_offset: [4], counts.
      hot_part, hot_level: how many photosites glow, and the mean of what they add, of the range.
      saturation: where counts end, of the range.
      step: counts between two values that can be recorded.
    """

    gain: tf.Tensor
    read_noise: tf.Tensor
    tail: tf.Tensor
    row_noise: tf.Tensor
    column_noise: tf.Tensor
    color_gains: tf.Tensor
    response: tf.Tensor
    black_offset: tf.Tensor
    hot_part: tf.Tensor
    hot_level: tf.Tensor
    saturation: tf.Tensor
    step: tf.Tensor | float = 1.0

    @property
    def dark_deviation(self):
        """Standard deviation in the dark of a frame without hot pixels, counts: float32 scalar."""
        return tf.sqrt(self.read_noise**2 + self.row_noise**2 + self.column_noise**2)


def random_sensor_noise(seed, exposure_ratio):
    """Draws one frame's noise of any sensor.

    Args:
      seed: [2] integers.
      exposure_ratio: float32 scalar.
    Returns:
      A SensorNoise.
    """
    uniform_seed, trait_seed, normal_seed = tf.unstack(tf.random.split(seed, 3))
    uniform, traits = tf.random.stateless_uniform([6], uniform_seed), tf.random.stateless_uniform([5], trait_seed)
    normal = tf.random.stateless_normal([8], normal_seed)
    columns, colors, greens, hot, saturation = tf.unstack(
        tf.cast(traits < [_COLUMNS_PART, _COLORS_PART, _GREENS_PART, _HOT_PART, _SATURATION_PART], tf.float32)
    )

    def between(ends, place):
        return ends[0] + uniform[place] * (ends[1] - ends[0])

    highest = tf.math.log(_MOST_GAIN) - _FALL * tf.math.log(tf.cast(exposure_ratio, tf.float32))
    calm = tf.random.stateless_uniform([], tf.random.fold_in(seed, 1)) < _CALM_PART
    highest = tf.where(calm, tf.minimum(highest, tf.math.log(_CALM_GAIN)), highest)
    gain = tf.exp(between((tf.math.log(_LEAST_GAIN), highest), 0))
    read_noise = _READ * tf.sqrt(gain) * tf.exp(_READ_SCATTER * normal[0])
    color_gains = colors * tf.stack([between(_RED_GAIN, 1), 0.0, between(_BLUE_GAIN, 2), 0.0])
    green = greens * _GREENS * normal[3]
    return SensorNoise(
        gain=gain,
        read_noise=read_noise,
        tail=_HEAVIEST_TAIL * uniform[3],
        row_noise=_ROW * read_noise * tf.exp(_BANDING_SCATTER * normal[1]),
        column_noise=columns * _COLUMN * read_noise * tf.exp(_BANDING_SCATTER * normal[2]),
        color_gains=tf.exp(color_gains - tf.reduce_mean(color_gains)),
        response=tf.exp(tf.stack([0.0, green, 0.0, -green])),
        black_offset=between(_DRIFT, 4) + _COLOR_DRIFT * normal[4:],
        hot_part=hot * _HOT,
        hot_level=tf.constant(_HOT_LEVEL),
        saturation=1 - saturation * (1 - _LEAST_SATURATION) * uniform[5],
    )


def _tile(cfa):
    """Index into (R, G, B, second G) of each photosite of a tile; the second green of Bayer stands in blue's row."""
    side = {4: 2, 36: 6}[len(cfa)]
    colors = np.reshape(["RGB".index(color) for color in cfa], (side, side))
    if side == 2:
        colors[(colors == 1) & (colors == 2).any(axis=1, keepdims=True)] = 3
    return colors


def _spread(values, cfa, height, width):
    """Lays [4] values of the colours on a mosaic: [height, width]."""
    tile = tf.gather(values, _tile(cfa))
    return tf.tile(tile, [-(-height // len(tile)), -(-width // len(tile))])[:height, :width]


def shot_electrons(expected, seed):
    """Draws Poisson numbers with the expectations float32 [...]: the same shape.

    From _MANY on by the normal distribution with Poisson's skew (Cornish and Fisher, 1938), rounded: several times as fast, and the same
    mean, variance and third moment to a thousandth.
    """
    few_seed, many_seed = tf.unstack(tf.random.split(seed, 2))
    few = tf.random.stateless_poisson(tf.shape(expected), few_seed, tf.where(expected < _MANY, expected, 0.0), tf.float32)
    normal = tf.random.stateless_normal(tf.shape(expected), many_seed)
    many = tf.maximum(tf.round(expected + tf.sqrt(expected) * normal + (normal**2 - 1) / 6), 0.0)
    return tf.where(expected < _MANY, few, many)


def record(mosaic, noise, seed, *, cfa, exposure_ratio, black_level, white_level):
    """Exposes a clean mosaic `exposure_ratio` times shorter and records it.

    Args:
      mosaic: float32 [H, W], linear light of the long exposure, 0 at black and 1 at white, in the phase of `cfa`.
      noise: a SensorNoise.
      seed: [2] integers.
      cfa: colours of one tile, 4 or 36 letters.
      exposure_ratio: how much shorter.
      black_level, white_level: counts.
    Returns:
      uint16 [H, W], counts in [0, white_level].
    """
    shot_seed, read_seed, row_seed, column_seed, hot_seed = tf.unstack(tf.random.split(seed, 5))
    height, width = tf.unstack(tf.shape(mosaic))
    span = tf.cast(white_level - black_level, tf.float32)

    def spread(values):
        return _spread(values, cfa, height, width)

    gains = noise.gain * spread(noise.color_gains)
    light = mosaic * spread(noise.response) * (span / tf.cast(exposure_ratio, tf.float32))
    normal = tf.random.stateless_normal(tf.shape(mosaic), read_seed)
    # E[(x + t x^3)^2] = 1 + 6 t + 15 t^2 of a standard normal x.
    read = noise.read_noise * normal * (1 + noise.tail * normal**2) / tf.sqrt(1 + 6 * noise.tail + 15 * noise.tail**2)
    bands = noise.row_noise * tf.random.stateless_normal([height, 1], row_seed)
    bands += noise.column_noise * tf.random.stateless_normal([1, width], column_seed)
    glow = tf.random.stateless_uniform([2, height, width], hot_seed)
    hot = tf.where(glow[0] < noise.hot_part, -tf.math.log1p(-glow[1]) * noise.hot_level * span, 0.0)
    counts = gains * shot_electrons(light / gains, shot_seed) + read + bands + hot + spread(noise.black_offset)
    counts = tf.minimum(tf.round((counts + black_level) / noise.step) * noise.step, black_level + noise.saturation * span)
    return tf.cast(tf.clip_by_value(counts, 0, white_level), tf.uint16)
