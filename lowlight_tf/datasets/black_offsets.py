"""How far the black level of a camera's dark frames lies from the one that their files say, seen on pairs.

At a ratio of 100 one count is 0.6 % of white, and a dark frame alone does not show it. Its long exposure does: that says how many counts
there should be. Feng et al., "Learnability Enhancement for Low-light Raw Denoising", ACM MM 2022, call it the black level error, and
measure it on dark frames.
"""

import numpy as np

from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.isp.color import apply_matrix, bt709_to_linear
from lowlight_tf.isp.unprocess import mosaic
from lowlight_tf.raw import packing

_BRIGHT = 0.9  # of white, coded: brighter parts of a long exposure may be clipped


def pair_offsets(pair, camera):
    """Measures a pair.

    Args:
      pair: a Pair, whose exposures differ by pair.ratio and share a white balance; a ready long exposure must not be stretched.
      camera: a Camera.
    Returns:
      float64 [4]: mean counts that the short's R, G, B and second G have more than the long exposure says; nan where all of it is bright.
    Raises:
      LowlightError: as `read_short` and `read_target`.
    """
    short = read_short(pair.short, camera)
    target = read_target(pair.long, camera, short.visible_size, short.origin, stretch=False).astype(np.float32) / 65535
    light = apply_matrix(bt709_to_linear(target), np.linalg.inv(short.ccm).astype(np.float32)).numpy()
    light /= np.float32(short.wb_gains) / min(short.wb_gains)  # LibRaw takes the smallest gain for 1
    expected = mosaic(light, camera.cfa) * (short.white_level - np.mean(short.black_level)) / pair.ratio
    more = packing.pack(short.mosaic.astype(np.float32) - expected, camera).numpy()
    is_dark = packing.pack(target.max(axis=-1), camera).numpy().max(axis=-1) < _BRIGHT
    means = [np.mean(more[..., channel][is_dark], dtype=np.float64) if is_dark.any() else np.nan for channel in range(camera.channels)]
    colors = np.asarray(camera.channel_colors)
    found = [np.mean(np.asarray(means)[colors == color]) if (colors == color).any() else np.nan for color in range(4)]
    found[3] = found[1] if np.isnan(found[3]) else found[3]  # X-Trans has one green
    return np.asarray(found) - short.black_level
