"""One picture to look at after a test: short exposure, amplified, output and ground truth of a few images."""

import pathlib

import numpy as np
import tensorflow as tf

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import read_picture, to_uint8, write_png
from lowlight_tf.pictures.panels import in_line
from lowlight_tf.raw.rendering import render

OVERVIEW_NAME = "overview.png"
_ROWS, _WIDTH, _GAP = 3, 400, 6


def _shrink(picture, size):
    return tf.image.resize(tf.cast(picture, tf.float32), size, method="area").numpy()


def _as_shot(pair, like):
    """LibRaw's rendering of the short as it is; black where LibRaw cannot make one."""
    try:
        return to_uint8(render(pair.short))
    except LowlightError:
        return np.zeros_like(like)


def _row(pair, result_dir):
    """Joins one image's pictures, read back from result_dir, to float32 [h, 4 * width, 3]; a missing one is black."""
    folder = pathlib.Path(result_dir)
    target = to_uint8(read_picture(folder / f"{pair.name}_gt.png"))
    size = (round(target.shape[0] * _WIDTH / target.shape[1]), _WIDTH)
    pictures = [_as_shot(pair, target)]
    for what in ("scaled-input", "out"):
        path = folder / f"{pair.name}_{what}.png"
        pictures.append(to_uint8(read_picture(path)) if path.is_file() else np.zeros_like(target))
    return in_line([_shrink(picture, size) for picture in [*pictures, target]], _GAP, axis=1)


def write_overview(pairs, result_dir):
    """Writes overview.png: up to three images, spread over `pairs`, each a row of short, scaled input, output, ground truth.

    Args:
      pairs: list of sid.Pair that were scored.
      result_dir: where their pictures are.
    Returns:
      The picture's path.
    """
    chosen = [pairs[i] for i in sorted({round(x) for x in np.linspace(0, len(pairs) - 1, _ROWS)})]
    path = pathlib.Path(result_dir) / OVERVIEW_NAME
    write_png(path, np.round(in_line([_row(pair, result_dir) for pair in chosen], _GAP, axis=0)).astype(np.uint8))
    return path
