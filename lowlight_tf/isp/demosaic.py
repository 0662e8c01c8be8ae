"""A linear demosaicing as one fixed convolution of packed planes: what a network may correct in place of making a picture from nothing.

Bayer: the nine filters of Malvar, He and Cutler, "High-quality Linear Interpolation for Demosaicing of Bayer-patterned Color Images",
ICASSP 2004, figure 2. X-Trans: normalised convolution (Knutsson and Westin, CVPR 1993), of green and then of the differences to it, as
the classic pipeline's in `evaluation/classic.py`. Both are linear and repeat with the CFA, so a 3x3 window of CFA tiles holds all of them.
"""

import functools

import numpy as np
import tensorflow as tf

_SAME = np.zeros((5, 5))
_SAME[2, 2] = 8
_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]])
_IN_ROW = np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]])
_ACROSS = np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]])
_SMOOTH = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])  # just large enough to hold every colour of an X-Trans tile
_AROUND = 5  # tiles a side on which responses are taken: none reaches round the edge


def _masks(camera):
    """Where each colour lies: float64 [_AROUND * tile, _AROUND * tile, 3]."""
    tile = np.eye(3)[["RGB".index(color) for color in camera.cfa]].reshape(camera.tile, camera.tile, 3)
    return np.tile(tile, (_AROUND, _AROUND, 1))


def _filter(planes, kernel):
    """Correlates [..., H, W] with a kernel of odd sides, round the edges."""
    reach = kernel.shape[0] // 2
    return sum(weight * np.roll(planes, (reach - row, reach - column), (-2, -1)) for (row, column), weight in np.ndenumerate(kernel))


def _malvar(mosaics, masks):
    """[n, H, W] -> [n, H, W, 3]."""
    red, green, blue = (masks[..., color] > 0 for color in range(3))
    red_row, blue_row = red.any(axis=1, keepdims=True), blue.any(axis=1, keepdims=True)
    kernels = {"same": _SAME, "green": _GREEN, "row": _IN_ROW, "column": _IN_ROW.T, "across": _ACROSS}
    seen = {name: _filter(mosaics, kernel) / 8 for name, kernel in kernels.items()}

    def other(own, own_row, opposite):
        return np.select([own, opposite, own_row], [seen["same"], seen["across"], seen["row"]], seen["column"])

    return np.stack([other(red, red_row, blue), np.where(green, seen["same"], seen["green"]), other(blue, blue_row, red)], axis=-1)


def _normalised(mosaics, masks):
    """[n, H, W] -> [n, H, W, 3]."""

    def fill(planes, mask):
        return np.where(mask > 0, planes, _filter(planes * mask, _SMOOTH) / _filter(mask, _SMOOTH))

    green = fill(mosaics, masks[..., 1])
    return np.stack([green + fill(mosaics - green, masks[..., color]) for color in range(3)], axis=-1)


@functools.cache
def packed_filters(camera):
    """Builds the convolution from the responses to one lit photosite of each place in a tile.

    Args:
      camera: a Camera.
    Returns:
      float32 [3, 3, tile^2, 3 tile^2]: tiles around, photosites of a tile in the order in which they are packed, and the pixels of the
      tile row by row, each with R, G, B.
    """
    tile, middle = camera.tile, _AROUND // 2 * camera.tile
    mosaics = np.zeros((tile * tile, _AROUND * tile, _AROUND * tile))
    for number, place in enumerate(camera.gather_order):
        mosaics[number, middle + place // tile, middle + place % tile] = 1
    responses = (_malvar if tile == 2 else _normalised)(mosaics, _masks(camera))
    near = responses[:, middle - tile : middle + 2 * tile, middle - tile : middle + 2 * tile]
    near = near.reshape(tile * tile, 3, tile, 3, tile, 3).transpose(1, 3, 0, 2, 4, 5)
    # What lies a tile below the lit one sees it a tile above.
    return near[::-1, ::-1].reshape(3, 3, tile * tile, 3 * tile * tile).astype(np.float32)


def packed_demosaic(packed, camera):
    """Demosaics packed planes; at the border the outermost tile is repeated.

    Args:
      packed: float32 [B, h, w, camera.channels], whole tiles, linear or coded light.
      camera: a Camera.
    Returns:
      float32 [B, h * camera.upscale, w * camera.upscale, 3]. May leave the range of the input at edges.
    """
    tiles = packed if camera.cells == 1 else tf.nn.space_to_depth(packed, camera.cells)
    tiles = tf.concat([tiles[:, :1], tiles, tiles[:, -1:]], axis=1)
    tiles = tf.concat([tiles[:, :, :1], tiles, tiles[:, :, -1:]], axis=2)
    return tf.nn.depth_to_space(tf.nn.conv2d(tiles, packed_filters(camera), strides=1, padding="VALID"), camera.tile)
