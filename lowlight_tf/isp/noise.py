"""What low light does to raw data: shot noise, read noise, row noise, black-level drift, quantisation.

Reference: Wei et al., "A Physics-based Noise Formation Model for Extreme Low-light Raw Denoising", CVPR 2020 (ELD), section 3, with
its calibration of the Sony A7S II (section 4; figures in sensor counts at 14 bits, natural logarithms). Randomness that belongs to a
whole frame is drawn by `random_noise`, that of its photosites by `add_noise`; both are pure functions of their seeds.
"""

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class NoiseFigures:
    """How a camera's noise follows its system gain K: each scale is exp(slope * log K + bias) with a log-normal scatter.

    Attributes:
      gain_range: K in counts per electron, lowest and highest.
      gaussian_read, tukey_read: (slope, bias, scatter) of the read noise's scale, counts: a standard deviation, or Tukey-lambda's scale.
      tukey_shape: lowest and highest lambda of the Tukey-lambda read noise; the lower, the heavier its tails.
      row: (slope, bias, scatter) of the row noise's standard deviation, counts.
      black_offset: lowest and highest drift of the black level, counts.
    """

    gain_range: tuple
    gaussian_read: tuple
    tukey_read: tuple
    tukey_shape: tuple
    row: tuple
    black_offset: tuple

    def read_noise(self, gain):
        """Returns what is to be expected of a pixel in the dark at system gain K, counts: read and row noise together."""
        log_gain = np.log(gain)
        return float(np.hypot(*(np.exp(slope * log_gain + bias) for slope, bias, _ in (self.gaussian_read, self.row))))


# K of about 0.1 at ISO 100 and in proportion to ISO; SID's outdoor shorts are ISO 100 to 500, so the range stops there. Tukey-lambda
# shapes: those calibrated at the low ISOs; at the highest they fall to -0.14. The black offsets contain what SID's shorts show against
# their long exposures (means of -0.9 to -0.4 in the crops of three training scenes); ELD's frames of single ISOs drift by more.
SONY_A7S2 = NoiseFigures(
    gain_range=(0.1, 0.5),
    gaussian_read=(0.541, 1.218, 0.268),
    tukey_read=(0.462, 0.566, 0.263),
    tukey_shape=(0.0, 0.129),
    row=(0.528, -0.592, 0.294),
    black_offset=(-1.2, 0.2),
)
# Of cameras at large: the same lines with more scatter, for sensors better and worse than this one.
ANY_CAMERA = NoiseFigures(
    gain_range=(0.1, 8.0),
    gaussian_read=(0.541, 1.218, 0.5),
    tukey_read=(0.462, 0.566, 0.5),
    tukey_shape=(-0.1, 0.129),
    row=(0.528, -0.592, 0.6),
    black_offset=(-1.2, 0.5),
)


@dataclasses.dataclass(frozen=True)
class Noise:
    """One frame's noise, float32 scalars.

    Attributes:
      gain: system gain K, counts per electron.
      read_noise: scale of the read noise, counts.
      read_shape: Tukey-lambda's lambda, or None for Gaussian read noise.
      row_noise: standard deviation, counts.
      black_offset: counts.
      step: counts between two values that can be recorded; 1 at 14 bits, 16 at 10 bits.
    """

    gain: tf.Tensor
    read_noise: tf.Tensor
    read_shape: tf.Tensor | None
    row_noise: tf.Tensor
    black_offset: tf.Tensor
    step: float | tf.Tensor = 1.0

    @property
    def dark_deviation(self):
        """Standard deviation in the dark, counts: read and row noise together, float32 scalar.

        The variance of Tukey-lambda's distribution of scale 1 is 2 / l^2 (1 / (1 + 2 l) - gamma(l + 1)^2 / gamma(2 l + 2)), or pi^2 / 3
        where l is 0.
        """
        read = self.read_noise
        if self.read_shape is not None:
            shape = tf.cast(self.read_shape, tf.float64)
            away = tf.where(tf.abs(shape) < 1e-4, tf.constant(1e-4, tf.float64), shape)  # continuous there, and 0 / 0 at 0
            gammas = tf.exp(2 * tf.math.lgamma(away + 1) - tf.math.lgamma(2 * away + 2))
            read *= tf.cast(tf.sqrt(2 / away**2 * (1 / (1 + 2 * away) - gammas)), tf.float32)
        return tf.sqrt(read**2 + self.row_noise**2)


def gain_at_iso(iso, figures=SONY_A7S2):
    """Returns K at an ISO: in proportion to it, `figures.gain_range` beginning at ISO 100."""
    return figures.gain_range[0] * iso / 100


def random_noise(seed, kind="physical", figures=SONY_A7S2):
    """Draws one frame's noise from a camera's figures.

    Args:
      seed: [2] integers; the same seed draws the same noise, whatever its kind.
      kind: "poisson" for shot noise alone, "gaussian" for shot and Gaussian read noise (the Poisson-Gaussian model), "physical" for
        shot, Tukey-lambda read and row noise and black-level drift.
      figures: NoiseFigures.
    Returns:
      A Noise.
    """
    uniform_seed, scatter_seed = tf.unstack(tf.random.split(seed, 2))
    uniform, scatter = tf.random.stateless_uniform([3], uniform_seed), tf.random.stateless_normal([2], scatter_seed)

    def between(ends, u):
        return ends[0] + u * (ends[1] - ends[0])

    log_gain = between([tf.math.log(tf.cast(gain, tf.float32)) for gain in figures.gain_range], uniform[0])

    def scale(line, normal):
        slope, bias, deviation = line
        return tf.exp(slope * log_gain + bias + deviation * normal)

    zero, gain = tf.zeros([]), tf.exp(log_gain)
    if kind == "poisson":
        return Noise(gain, zero, None, zero, zero)
    if kind == "gaussian":
        return Noise(gain, scale(figures.gaussian_read, scatter[0]), None, zero, zero)
    return Noise(
        gain,
        scale(figures.tukey_read, scatter[0]),
        between(figures.tukey_shape, uniform[2]),
        scale(figures.row, scatter[1]),
        between(figures.black_offset, uniform[1]),
    )


def tukey_lambda(uniform, shape):
    """Returns the Tukey-lambda quantiles of `uniform`, (u^l - (1 - u)^l) / l, and of the logistic distribution at l = 0.

    Reference: ELD, equation 8; Joiner and Rosenblatt, "Some Properties of the Range in Samples from Tukey's Symmetric Lambda
    Distributions", 1971.
    """
    logit = tf.math.log(uniform) - tf.math.log1p(-uniform)
    # The exponentials of logarithms: a power of 0 and a division by it would spoil l = 0.
    safe = tf.where(tf.abs(shape) < 1e-4, 1.0, shape)
    return tf.where(tf.abs(shape) < 1e-4, logit, (tf.pow(uniform, safe) - tf.pow(1 - uniform, safe)) / safe)


def _read_noise(shape, noise, seed):
    if noise.read_shape is None:
        return noise.read_noise * tf.random.stateless_normal(shape, seed)
    uniform = tf.random.stateless_uniform(shape, seed, 1e-6, 1 - 1e-6)
    return noise.read_noise * tukey_lambda(uniform, noise.read_shape)


def add_noise(mosaic, noise, seed, *, exposure_ratio, black_level, white_level):
    """Exposes a clean mosaic `exposure_ratio` times shorter and records it.

    Args:
      mosaic: float32 [..., H, W], linear light of the long exposure, 0 at black and 1 at white.
      noise: a Noise.
      seed: [2] integers, another pair than `random_noise` was given.
      exposure_ratio: how much shorter.
      black_level, white_level: counts.
    Returns:
      uint16 [..., H, W], counts in [0, white_level].
    """
    shot_seed, read_seed, row_seed = tf.unstack(tf.random.split(seed, 3))
    counts = mosaic * ((white_level - black_level) / tf.cast(exposure_ratio, tf.float32))
    shape = tf.shape(counts)
    shot = noise.gain * tf.random.stateless_poisson(shape, shot_seed, counts / noise.gain, tf.float32)
    read = _read_noise(shape, noise, read_seed)
    row = noise.row_noise * tf.random.stateless_normal(tf.concat([shape[:-1], [1]], 0), row_seed)
    recorded = tf.round((shot + read + row + noise.black_offset + black_level) / noise.step) * noise.step
    return tf.cast(tf.clip_by_value(recorded, 0, white_level), tf.uint16)


def random_peak(seed):
    """Draws for `poisson_noise` how many photons white stands for: float32 scalar, log-uniform in [20, 200]."""
    return tf.exp(tf.random.stateless_uniform([], seed, tf.math.log(20.0), tf.math.log(200.0)))


def poisson_noise(rgb, peak, seed):
    """Counts photons: float32 [...] in [0, 1] -> float32 [...], Poisson with mean and variance `rgb * peak`, divided by `peak` again."""
    return tf.random.stateless_poisson(tf.shape(rgb), seed, rgb * peak, tf.float32) / peak


def random_black_bias(seed):
    """Draws the bias of `black_level`: float32 scalar, uniform in [-0.03, 0]."""
    return tf.random.stateless_uniform([], seed, -0.03, 0.0)


def black_level(rgb, bias):
    """Adds a negative bias to float32 [...] and clips at 0: a black level taken too high, which swallows the deepest shadows."""
    return tf.clip_by_value(rgb + bias, 0.0, 1.0)
