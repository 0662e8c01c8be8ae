"""Flips and transpositions of a crop: SID's, which ignore the CFA's phase, and those that keep it."""

import numpy as np
import tensorflow as tf

from lowlight_tf.raw.cameras import cfa_offset


def _turned(image, flip_rows, flip_columns, transpose):
    image = image[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return image.swapaxes(0, 1) if transpose else image


def turned_in_phase(mosaic, target, where, turns, camera):
    """Cuts a square crop out of a pair and turns it so that its mosaic begins in the camera's phase again.

    A turned CFA is the same CFA, begun elsewhere: a tile more is cut out, turned, and cut back to where the phase is right.

    Args:
      mosaic: [H, W] counts, in the camera's phase.
      target: [H, W, 3].
      where: slices of rows and columns, as many whole tiles of each.
      turns: flip_rows, flip_columns and transpose, booleans.
      camera: a Camera.
    Returns:
      mosaic and target of the crop; not turned where the frame has no tile more, or the CFA none of this turn.
    """
    letters = np.reshape(list(camera.cfa), (camera.tile, camera.tile))
    offset = cfa_offset("".join(_turned(letters, *turns).ravel()), camera)
    wider = [
        slice(part.start, part.stop + camera.tile) if part.stop + camera.tile <= size else slice(part.start - camera.tile, part.stop)
        for part, size in zip(where, mosaic.shape, strict=True)
    ]
    if offset is None or min(part.start for part in wider) < 0:
        return mosaic[where], target[where]
    back = tuple(slice(start, start + part.stop - part.start) for start, part in zip(offset, where, strict=True))
    return tuple(_turned(image[tuple(wider)], *turns)[back] for image in (mosaic, target))


def augment(image, draw):
    """Applies a draw's flips and transposition to [H, W, C]; on packed planes the CFA phase is ignored, as in the original.

    A flipped mosaic is one of another phase, so a network cannot tell which way its photosites lie and learns no sharp demosaicing.
    Where sharpness is asked for (config.keeps_phase), pictures are turned before they become mosaics, and mosaics are not turned.
    """
    image = tf.cond(draw["flip_rows"], lambda: tf.reverse(image, [0]), lambda: image)
    image = tf.cond(draw["flip_columns"], lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(draw["transpose"], lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
