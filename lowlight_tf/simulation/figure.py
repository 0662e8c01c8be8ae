"""The figure of the four-stage model: a bright picture, the same after each stage, and so the picture that low light would have left."""

import numpy as np
import tensorflow as tf

from lowlight_tf.isp.noise import black_level, poisson_noise, random_black_bias, random_peak
from lowlight_tf.isp.unprocess import gamma_distortion, random_gamma, random_imbalance, white_imbalance
from lowlight_tf.pictures.image_file import PHOTOGRAPH_SUFFIXES, read_picture, to_uint8, write_png
from lowlight_tf.pictures.panels import in_line, labelled
from lowlight_tf.pictures.provenance import check_replaceable, may_replace
from lowlight_tf.raw.rendering import render

_WIDTH, _GAP, _STRIP = 400, 6, 22


def stages(srgb, seed):
    """Applies the four stages in turn: gamma distortion, white imbalance, Poisson noise, black level.

    Args:
      srgb: float32 [H, W, 3] in [0, 1].
      seed: integer.
    Returns:
      list of (label, float32 [H, W, 3]): the original and the picture after each stage; the last is the simulation.
    """
    gamma_seed, weight_seed, peak_seed, photon_seed, bias_seed = tf.unstack(tf.random.split([seed, 0], 5))
    gamma, weights, peak, bias = (
        random_gamma(gamma_seed),
        random_imbalance(weight_seed),
        random_peak(peak_seed),
        random_black_bias(bias_seed),
    )
    dark = gamma_distortion(srgb, gamma)
    cast = white_imbalance(dark, weights)
    noisy = poisson_noise(cast, peak, photon_seed)
    red, green, blue = weights.numpy()
    return [
        ("original", srgb),
        (f"gamma distortion {gamma:.2f}", dark),
        (f"white imbalance {red:.2f} {green:.2f} {blue:.2f}", cast),
        (f"Poisson noise, {peak:.0f} photons", noisy),
        (f"black level {bias:.3f}: simulation", black_level(noisy, bias)),
    ]


def write_figure(path, output, seed=0):
    """Writes the five panels side by side.

    Args:
      path: a picture (JPEG, PNG, TIFF) or a raw file.
      output: the PNG to write.
      seed: of the draws.
    Raises:
      LowlightError: where the picture cannot be read, or the output is a file that lowlight_tf did not write.
    """
    check_replaceable(output, "name another --output")
    picture = read_picture(path) if path.suffix.lower() in PHOTOGRAPH_SUFFIXES else render(path)
    size = [round(picture.shape[0] * _WIDTH / picture.shape[1]), _WIDTH]
    small = tf.image.resize(picture.astype(np.float32) / 65535, size, method="area")
    panels = [labelled(to_uint8(np.asarray(panel)), label, _STRIP) for label, panel in stages(small, seed)]
    write_png(output, in_line(panels, _GAP, axis=1), may_replace)
