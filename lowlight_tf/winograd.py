"""The 3x3 convolution with 16 multiplications for four outputs in the place of 36: exact but for rounding, and faster where it is wide.

Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1, F(2x2, 3x3). Its matrices B, G and A
are written out below, B and A as sums of rows. The same three serve both gradients: the input's is a convolution too, and the filters'
takes the tiles of the input, which are kept, with A applied to what comes back. Imports nothing of ours.
"""

import numpy as np
import tensorflow as tf

_LEAST_CHANNELS = 128      # below, moving the tiles costs more than the multiplications saved: `python -m benchmarks.winograd`
_LEAST_PIXELS = 32 * 32    # likewise for turning the filters

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
_GG = np.kron(_G, _G)      # [16, 9]: G w G^T of all filters as one matrix product


def _input_rows(a, b, c, d):       # B^T
    return a - c, b + c, c - b, b - d


def _output_rows(a, b, c, d):      # A^T
    return a + b + c, b - c - d


def _gradient_rows(a, b):          # A
    return a, a + b, a - b, -b


def _input_tiles(x):
    """B^T d B of the 4x4 windows d that overlap by two: [B, h, w, C] -> 16 of [tiles, C]."""
    batch, height, width, channels = x.shape
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    x = tf.reshape(x, [batch, height // 2 + 1, 2, width // 2 + 1, 2, channels])
    rows = _input_rows(x[:, :-1, 0], x[:, :-1, 1], x[:, 1:, 0], x[:, 1:, 1])
    return [tf.reshape(tile, [-1, channels]) for row in rows
            for tile in _input_rows(row[:, :, :-1, 0], row[:, :, :-1, 1], row[:, :, 1:, 0], row[:, :, 1:, 1])]


def _gradient_tiles(gradient):
    """A g A^T of the 2x2 windows g: [B, h, w, C] -> 16 of [tiles, C]."""
    batch, height, width, channels = gradient.shape
    g = tf.reshape(gradient, [batch, height // 2, 2, width // 2, 2, channels])
    return [tf.reshape(tile, [-1, channels]) for row in _gradient_rows(g[:, :, 0], g[:, :, 1])
            for tile in _gradient_rows(row[:, :, :, 0], row[:, :, :, 1])]


def _filter_tiles(filters):
    """G w G^T: [3, 3, C, D] -> 16 of [C, D]."""
    channels = filters.shape[2:]
    return tf.unstack(tf.reshape(tf.matmul(_GG, tf.reshape(filters, [9, -1])), [16, *channels]))


def _outputs(tiles, filters, shape):
    """A^T m A of the products m of 16 [tiles, C] and 16 [C, D]: [B, h, w, D], which is `shape`."""
    batch, height, width, channels = shape
    products = [tf.reshape(tf.matmul(*pair), [batch, height // 2, width // 2, channels]) for pair in zip(tiles, filters)]
    rows = zip(*(_output_rows(*products[first:first + 4]) for first in (0, 4, 8, 12)))
    columns = [tf.stack(_output_rows(*column), axis=2) for column in rows]      # each [B, h/2, 2, w/2, D]
    return tf.reshape(tf.stack(columns, axis=4), shape)


def _filter_gradient(tiles, gradient):
    """G^T p G of the products p of the input's and the gradient's tiles: [3, 3, C, D]."""
    products = [tf.matmul(*pair, transpose_a=True) for pair in zip(tiles, _gradient_tiles(gradient))]
    channels = products[0].shape
    return tf.reshape(tf.matmul(_GG, tf.reshape(tf.stack(products), [16, -1]), transpose_a=True), [3, 3, *channels])


def pays(x, filters):
    """Tells whether `conv2d` is expected to be faster than TensorFlow's own: on CPU, in float32, for many channels and pixels.

    Pixels are counted of one example, so that a replica's share of a batch does not decide.

    Args:
      x: [B, h, w, C], a tensor; where its sizes are not known beforehand the answer is no.
      filters: [kh, kw, C, D], a tensor or variable.
    """
    if filters.shape[:2] != [3, 3] or not x.shape.is_fully_defined() or x.dtype != tf.float32:
        return False
    _, height, width, _ = x.shape
    even = height % 2 == 0 and width % 2 == 0
    return (even and min(filters.shape[2:]) >= _LEAST_CHANNELS and height * width >= _LEAST_PIXELS
            and not tf.config.list_physical_devices("GPU"))  # whose libraries choose such algorithms themselves


@tf.custom_gradient
def _convolve(x, filters):
    tiles = _input_tiles(x)

    def gradients(gradient):
        turned = tf.transpose(filters[::-1, ::-1], [0, 1, 3, 2])
        return _outputs(_input_tiles(gradient), _filter_tiles(turned), x.shape), _filter_gradient(tiles, gradient)

    return _outputs(tiles, _filter_tiles(filters), [*x.shape[:3], filters.shape[3]]), gradients


def conv2d(x, filters):
    """Convolves, stride 1, padding SAME.

    Args:
      x: float32 [B, h, w, C] of known sizes, h and w even.
      filters: float32 [3, 3, C, D], a tensor or variable.
    Returns:
      float32 [B, h, w, D], within some 1e-6 of its largest value of what tf.nn.conv2d returns; so are the gradients.
    """
    return _convolve(x, tf.convert_to_tensor(filters))
