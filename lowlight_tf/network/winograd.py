"""The 3x3 convolution with 16 multiplications for four outputs instead of 36: exact but for rounding, and faster where it is wide.

Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1, F(2x2, 3x3). Its matrices B, G and A
are written out below, B and A as sums of rows. The same three serve both gradients: the input's is a convolution too, and the filters'
takes the tiles of the input, which are kept, with A applied to what comes back. Where it pays is convolution.py's to say.
"""

import numpy as np
import tensorflow as tf

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
_GG = np.kron(_G, _G)  # [16, 9]: G w G^T of all filters as one matrix product


def _input_rows(a, b, c, d):  # B^T
    return a - c, b + c, c - b, b - d


def _output_rows(a, b, c, d):  # A^T
    return a + b + c, b - c - d


def _gradient_rows(a, b):  # A
    return a, a + b, a - b, -b


def _cells(x, margin):
    """Pads each side by `margin` and odd sizes by one more, and parts rows and columns by twos: [B, h', 2, w', 2, C], h' * 2 >= h."""
    batch, height, width = tf.unstack(tf.shape(x)[:3])
    x = tf.pad(x, [[0, 0], [margin, margin + height % 2], [margin, margin + width % 2], [0, 0]])
    return tf.reshape(x, [batch, -(-height // 2) + margin, 2, -(-width // 2) + margin, 2, x.shape[3]])


def _input_tiles(x):
    """B^T d B of the 4x4 windows d that overlap by two: [B, h, w, C] -> 16 of [tiles, C]."""
    x, flat = _cells(x, 1), tf.constant([-1, x.shape[3]])  # one shape for all: each constant more is traced and optimised at every start
    rows = _input_rows(x[:, :-1, 0], x[:, :-1, 1], x[:, 1:, 0], x[:, 1:, 1])
    return [
        tf.reshape(tile, flat)
        for row in rows
        for tile in _input_rows(row[:, :, :-1, 0], row[:, :, :-1, 1], row[:, :, 1:, 0], row[:, :, 1:, 1])
    ]


def _gradient_tiles(gradient):
    """A g A^T of the 2x2 windows g: [B, h, w, C] -> 16 of [tiles, C]."""
    g, channels = _cells(gradient, 0), gradient.shape[3]
    return [
        tf.reshape(tile, [-1, channels])
        for row in _gradient_rows(g[:, :, 0], g[:, :, 1])
        for tile in _gradient_rows(row[:, :, :, 0], row[:, :, :, 1])
    ]


def _filter_tiles(filters):
    """G w G^T: [3, 3, C, D] -> 16 of [C, D]."""
    channels = filters.shape[2:]
    return tf.unstack(tf.reshape(tf.matmul(_GG, tf.reshape(filters, [9, -1])), [16, *channels]))


def _outputs(tiles, filters, like):
    """A^T m A of the products m of 16 [tiles, C] and 16 [C, D]: [B, h, w, D], with the sizes of `like`."""
    batch, height, width = tf.unstack(tf.shape(like)[:3])
    rows, columns, channels = -(-height // 2), -(-width // 2), filters[0].shape[1]
    shape = tf.stack([batch, rows, columns, channels])
    products = [tf.reshape(tf.matmul(*pair), shape) for pair in zip(tiles, filters, strict=False)]
    halves = zip(*(_output_rows(*products[first : first + 4]) for first in (0, 4, 8, 12)), strict=False)
    cells = tf.stack([tf.stack(_output_rows(*half), axis=2) for half in halves], axis=4)  # [B, rows, 2, columns, 2, D]
    outputs = tf.reshape(cells, [batch, 2 * rows, 2 * columns, channels])[:, :height, :width]
    return tf.ensure_shape(outputs, [*like.shape[:3], channels])


def _filter_gradient(tiles, gradient):
    """G^T p G of the products p of the input's and the gradient's tiles: [3, 3, C, D]."""
    products = [tf.matmul(*pair, transpose_a=True) for pair in zip(tiles, _gradient_tiles(gradient), strict=False)]
    channels = products[0].shape
    return tf.reshape(tf.matmul(_GG, tf.reshape(tf.stack(products), [16, -1]), transpose_a=True), [3, 3, *channels])


@tf.custom_gradient
def _convolve(x, filters):
    tiles = _input_tiles(x)

    def gradients(gradient):
        turned = tf.transpose(filters[::-1, ::-1], [0, 1, 3, 2])
        return _outputs(_input_tiles(gradient), _filter_tiles(turned), x), _filter_gradient(tiles, gradient)

    return _outputs(tiles, _filter_tiles(filters), x), gradients


def conv2d(x, filters):
    """Convolves, stride 1, padding SAME.

    Args:
      x: float32 [B, h, w, C], C known.
      filters: float32 [3, 3, C, D], a tensor or variable.
    Returns:
      float32 [B, h, w, D], within some 1e-6 of its largest value of what tf.nn.conv2d returns; so are the gradients.
    """
    return _convolve(tf.convert_to_tensor(x), tf.convert_to_tensor(filters))
