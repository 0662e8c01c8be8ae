"""Colour conversions that both directions of the pipeline share."""

import functools

import numpy as np
import tensorflow as tf

# Linear sRGB -> CIE XYZ with the D65 white point. IEC 61966-2-1.
SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]], np.float32
)

# Linear, where sRGB's two branches meet; IEC 61966-2-1 rounds it. Its code, 0.04045, decodes to a little more, and black is to stay black.
_SRGB_KNEE, _SRGB_DECODED_KNEE = 0.0031308, 0.00313081

# Where the two branches of LibRaw's gamma (2.222, 4.5) touch; solved from equal values and equal slopes there.
_BT709_TOE, _BT709_OFFSET = 0.018050156, 0.099257806


# All four curves are a line up to the knee and a power beyond it. TensorFlow's select would take more time than the rest of a curve, so
# the branches are put together without one. Coding, the power bends down from the line: it is the lesser of the two. Decoding, what the
# power is above the knee is added to the line, which ends there.


def _power(base, exponent):
    """base ** exponent of positive floats: in a quarter of the time of TensorFlow's own, and up to 1 within 0.02 of a 16-bit code of it."""
    return tf.exp(tf.math.log(base) * exponent)


def srgb_to_linear(srgb):
    """Inverts the sRGB transfer curve: float32 [...] in [0, 1] -> float32 [...] in [0, 1]. IEC 61966-2-1."""
    power = _power((tf.maximum(srgb, 0.04045) + 0.055) / 1.055, 2.4)
    return tf.minimum(srgb / 12.92, _SRGB_DECODED_KNEE) + tf.nn.relu(power - _SRGB_DECODED_KNEE)


def linear_to_srgb(linear):
    """Inverts `srgb_to_linear`: float32 [...] in [0, 1] -> float32 [...] in [0, 1]. IEC 61966-2-1."""
    return tf.minimum(linear * 12.92, 1.055 * _power(tf.maximum(linear, _SRGB_KNEE), 1 / 2.4) - 0.055)


def srgb_to_camera_matrix(xyz_to_camera):
    """Builds linear sRGB -> white-balanced camera colour.

    Args:
      xyz_to_camera: [3, 3], CIE XYZ (D65) -> camera colour, as DNG's ColorMatrix1.
    Returns:
      float32 [3, 3] whose rows sum to 1, so that white stays white. Its inverse is the camera's colour correction matrix (CCM).
    """
    matrix = np.asarray(xyz_to_camera, np.float32) @ SRGB_TO_XYZ
    return matrix / matrix.sum(axis=1, keepdims=True)


def xyz_to_camera_matrix(ccm):
    """Inverts `srgb_to_camera_matrix` as far as it can be: a camera's CCM -> CIE XYZ (D65) -> camera colour, [3, 3].

    How much light each colour of the sensor collects is lost in a CCM; the rows come out as if all took the same of D65 white.
    """
    return np.linalg.inv(np.asarray(ccm, np.float64)) @ np.linalg.inv(SRGB_TO_XYZ.astype(np.float64))


def apply_matrix(rgb, matrix):
    """Multiplies each pixel of [..., 3] by [3, 3]."""
    rgb = tf.convert_to_tensor(rgb)
    # One product of all pixels: matvec makes one a pixel, five times as slow.
    product = tf.linalg.matmul(tf.reshape(rgb, [-1, 3]), tf.convert_to_tensor(matrix, rgb.dtype), transpose_b=True)
    return tf.ensure_shape(tf.reshape(product, tf.shape(rgb)), rgb.shape)


def linear_to_bt709(linear):
    """Applies the curve of LibRaw's renderings, its gamma (2.222, 4.5): float [...] in [0, 1] -> the same shape in [0, 1].

    ITU-R BT.709 with the constants that make the toe of slope 4.5 and the power of 1/2.222 meet without a kink; not the sRGB curve.
    """
    return tf.minimum(4.5 * linear, (1 + _BT709_OFFSET) * _power(tf.maximum(linear, _BT709_TOE), 1 / 2.222) - _BT709_OFFSET)


def bt709_to_linear(encoded):
    """Inverts `linear_to_bt709`: float [...] in [0, 1] -> the same shape in [0, 1]."""
    power = _power((tf.maximum(encoded, 4.5 * _BT709_TOE) + _BT709_OFFSET) / (1 + _BT709_OFFSET), 2.222)
    return tf.minimum(encoded / 4.5, _BT709_TOE) + tf.nn.relu(power - _BT709_TOE)


def signed_bt709(linear):
    """Continues `linear_to_bt709` below zero as an odd function: float [...], at most 1 -> the same shape. Linear around zero."""
    return tf.sign(linear) * linear_to_bt709(tf.abs(linear))


@functools.cache
def decoded_bt709():
    """Returns `bt709_to_linear` of all uint16 codes: float32 [65536], for pictures that hold nothing else."""
    with tf.init_scope():  # a table, also where a graph is being built
        return bt709_to_linear(np.arange(65536, dtype=np.float32) / 65535).numpy()


def exposed_codes(gain, is_srgb=True):
    """Returns a table for uint16 codes: each code's light multiplied by `gain`, clipped at white, coded again with the same curve.

    Args:
      gain: factor.
      is_srgb: the curve is sRGB's, else that of LibRaw's renderings.
    Returns:
      uint16 [65536].
    """
    decode, encode = (srgb_to_linear, linear_to_srgb) if is_srgb else (bt709_to_linear, linear_to_bt709)
    light = decode(np.arange(65536) / 65535)  # float64: the table is exact where the gain is 1
    return np.round(encode(tf.minimum(light * gain, 1.0)).numpy() * 65535).astype(np.uint16)
