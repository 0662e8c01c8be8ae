"""A convolution as the networks here use it: which algorithm computes it, its bias, and what is applied to its sums.

A layer `name` has the parameters `<name>/weights` and `<name>/biases`.
"""

import contextlib
import contextvars

import tensorflow as tf

from lowlight_tf.devices import is_intel
from lowlight_tf.network import winograd

# Below so many channels, moving the tiles costs more than the multiplications saved: `python -m benchmarks winograd`. Intel's processors
# multiply faster, for the same memory.
_LEAST_CHANNELS = 256 if is_intel() else 128
_LEAST_PIXELS = 32 * 32  # likewise for turning the filters

_WINOGRAD_OFF = contextvars.ContextVar("Winograd's algorithm is off", default=False)


@contextlib.contextmanager
def without_winograd():
    """Within this context `winograd_pays` says no: for graphs that other programs run, which choose such algorithms themselves."""
    token = _WINOGRAD_OFF.set(True)
    try:
        yield
    finally:
        _WINOGRAD_OFF.reset(token)


def winograd_pays(x, filters):
    """Tells whether Winograd's algorithm is expected to be faster than TensorFlow's own: on CPU, in float32, for many channels and pixels.

    The processor's maker decides how many. Nothing is timed, so that a run that is resumed on such a processor computes as it did before.

    Pixels are counted of one example, so that a replica's share of a batch does not decide. Sizes not known beforehand are taken to be
    large: such are the functions that run photographs.

    Args:
      x: [B, h, w, C], a tensor or array.
      filters: [kh, kw, C, D], a tensor or variable.
    """
    if _WINOGRAD_OFF.get() or filters.shape[:2] != [3, 3] or tf.as_dtype(x.dtype) != tf.float32 or tf.config.list_physical_devices("GPU"):
        return False
    pixels = tf.TensorShape(x.shape)[1:3].num_elements()
    return min(filters.shape[2:]) >= _LEAST_CHANNELS and (pixels is None or pixels >= _LEAST_PIXELS)


def convolve(x, filters, stride=1):
    """Convolves with padding SAME, by whichever algorithm is faster: [B, h, w, C], [kh, kw, C, D] -> [B, h / stride, w / stride, D]."""
    if stride == 1 and winograd_pays(x, filters):
        return winograd.conv2d(x, filters)
    return tf.nn.conv2d(x, filters, strides=stride, padding="SAME")


def add_biases(x, biases):
    """Adds [D] to [B, h, w, D]."""
    # On CPU the gradient of bias_add is summed in x's dtype: in bfloat16 it stops growing after some 256 pixels. That of + is not.
    return tf.nn.bias_add(x, biases) if x.dtype == tf.float32 else x + biases


def leaky_relu(x):
    """max(0.2 x, x), the original's activation."""
    return tf.nn.leaky_relu(x, alpha=0.2)


def conv(params, name, *inputs, stride=1, activation=leaky_relu):
    """Runs a convolutional layer over one or more inputs, as if they were concatenated.

    A convolution over a concat is the sum of one over each part of it, and the sum saves the memory of the concat.

    Args:
      params: dict from name to variable or tensor.
      name: of the layer.
      *inputs: [B, h, w, C] each, with the same C.
      stride: 1 or 2.
      activation: function of a tensor, or None.
    Returns:
      [B, h / stride, w / stride, D].
    """
    weights = params[f"{name}/weights"]
    first, *others = zip(inputs, tf.split(weights, len(inputs), axis=2) if len(inputs) > 1 else [weights], strict=True)
    x = add_biases(convolve(*first, stride), params[f"{name}/biases"])
    for other in others:
        x += convolve(*other, stride)
    return x if activation is None else activation(x)


def up_conv(params, name, x, like):
    """Doubles height and width by a learned filter, without bias and activation: [B, h, w, C] -> [B, 2 h, 2 w, D].

    Args:
      params: dict from name to variable or tensor.
      name: of the layer.
      x: [B, h, w, C].
      like: [B, 2 h, 2 w, D], whose shape the result takes; its height and width may be one less, which is what makes odd sizes work.
    """
    upsampled = tf.nn.conv2d_transpose(x, params[f"{name}/weights"], output_shape=tf.shape(like), strides=2)
    upsampled.set_shape(like.shape)
    return upsampled
