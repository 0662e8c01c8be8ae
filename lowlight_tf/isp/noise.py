"""What low light does to raw data: shot noise, read noise, row noise, black-level drift, quantisation.

Reference: Wei et al., "A Physics-based Noise Formation Model for Extreme Low-light Raw Denoising", CVPR 2020 (ELD), section 3, with
its calibration of the Sony A7S II (section 4; figures in sensor counts at 14 bits, natural logarithms).
"""

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class NoiseFigures:
    """How a camera's noise follows its system gain K: each scale is exp(slope * log K + bias) with a log-normal scatter.

    Attributes:
      gain_range: K in counts per electron, lowest and highest.
      read, row: (slope, bias, scatter) of the standard deviations, counts.
      black_offset: lowest and highest drift of the black level, counts.
    """

    gain_range: tuple
    read: tuple
    row: tuple
    black_offset: tuple


    def read_noise(self, gain):
        """Returns what is to be expected of a pixel in the dark at system gain K, counts: read and row noise together."""
        log_gain = np.log(gain)
        return float(np.hypot(*(np.exp(slope * log_gain + bias) for slope, bias, _ in (self.read, self.row))))


# K of about 0.1 at ISO 100 and in proportion to ISO; SID's outdoor shorts are ISO 100 to 500, so the range stops there.
SONY_A7S2 = NoiseFigures(gain_range=(0.1, 0.5), read=(0.541, 1.218, 0.268), row=(0.528, -0.592, 0.294), black_offset=(-1.0, 0.5))


@dataclasses.dataclass(frozen=True)
class Noise:
    """One frame's noise: system gain K (counts per electron), read and row standard deviations and black offset (counts)."""

    gain: tf.Tensor
    read_noise: tf.Tensor
    row_noise: tf.Tensor
    black_offset: tf.Tensor


def random_noise(seed, figures=SONY_A7S2):
    """Draws one frame's noise from a camera's figures.

    Args:
      seed: [2] integers; the same seed draws the same noise.
      figures: NoiseFigures.
    Returns:
      Noise of float32 scalars.
    """
    uniform_seed, scatter_seed = tf.unstack(tf.random.split(seed, 2))
    uniform, scatter = tf.random.stateless_uniform([2], uniform_seed), tf.random.stateless_normal([2], scatter_seed)
    low, high = tf.math.log(figures.gain_range[0]), tf.math.log(figures.gain_range[1])
    log_gain = low + uniform[0] * (high - low)

    def scale(line, normal):
        slope, bias, deviation = line
        return tf.exp(slope * log_gain + bias + deviation * normal)

    darkest, brightest = figures.black_offset
    return Noise(gain=tf.exp(log_gain), read_noise=scale(figures.read, scatter[0]), row_noise=scale(figures.row, scatter[1]),
                 black_offset=darkest + uniform[1] * (brightest - darkest))


def add_noise(mosaic, noise, seed, *, exposure_ratio, black_level, white_level):
    """Exposes a clean mosaic `exposure_ratio` times shorter and records it.

    Args:
      mosaic: float32 [H, W], linear light of the long exposure, 0 at black and 1 at white.
      noise: from `random_noise`.
      seed: [2] integers, another pair than `random_noise` was given.
      exposure_ratio: how much shorter.
      black_level, white_level: counts.
    Returns:
      uint16 [H, W], counts in [0, white_level].
    """
    shot_seed, read_seed, row_seed = tf.unstack(tf.random.split(seed, 3))
    counts = mosaic * ((white_level - black_level) / exposure_ratio)
    shot = noise.gain * tf.random.stateless_poisson(tf.shape(counts), shot_seed, counts / noise.gain, tf.float32)
    read = noise.read_noise * tf.random.stateless_normal(tf.shape(counts), read_seed)
    row = noise.row_noise * tf.random.stateless_normal([tf.shape(counts)[0], 1], row_seed)
    recorded = tf.round(shot + read + row + noise.black_offset + black_level)
    return tf.cast(tf.clip_by_value(recorded, 0, white_level), tf.uint16)
