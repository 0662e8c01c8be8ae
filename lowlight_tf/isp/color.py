"""Colour conversions that both directions of the pipeline share."""

import numpy as np
import tensorflow as tf

# Linear sRGB -> CIE XYZ with the D65 white point. IEC 61966-2-1.
SRGB_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375],
                        [0.2126729, 0.7151522, 0.0721750],
                        [0.0193339, 0.1191920, 0.9503041]], np.float32)


def srgb_to_linear(srgb):
    """Inverts the sRGB transfer curve: float32 [...] in [0, 1] -> float32 [...] in [0, 1]. IEC 61966-2-1."""
    return tf.where(srgb <= 0.04045, srgb / 12.92, ((tf.maximum(srgb, 0.04045) + 0.055) / 1.055) ** 2.4)


def srgb_to_camera_matrix(xyz_to_camera):
    """Builds linear sRGB -> white-balanced camera colour.

    Args:
      xyz_to_camera: [3, 3], CIE XYZ (D65) -> camera colour, as DNG's ColorMatrix1.
    Returns:
      float32 [3, 3] whose rows sum to 1, so that white stays white. Its inverse is the camera's colour correction matrix (CCM).
    """
    matrix = np.asarray(xyz_to_camera, np.float32) @ SRGB_TO_XYZ
    return matrix / matrix.sum(axis=1, keepdims=True)


def apply_matrix(rgb, matrix):
    """Multiplies each pixel of [..., 3] by [3, 3]."""
    return tf.linalg.matvec(tf.convert_to_tensor(matrix, rgb.dtype), rgb)
