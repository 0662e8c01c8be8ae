"""OpenEXR in: pictures that hold linear light. Nothing must be guessed of a camera's curve, and highlights are as bright as they were.

The only user of the package OpenEXR.
"""

import numpy as np
import OpenEXR

from lowlight_tf import memory
from lowlight_tf.errors import LowlightError, first_line
from lowlight_tf.isp.color import SRGB_TO_XYZ

LINEAR_SUFFIXES = (".exr",)
_BYTES_A_PIXEL = 56  # while it is decoded: RGBA as float32, the three colours, and their products with the matrix
# x and y of red, green, blue and white: those of sRGB, which OpenEXR's specification takes where a file names none.
_SRGB = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
# CIE XYZ -> cone responses; Bradford, as in Lindbloom, "Chromatic Adaptation".
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _xyz(x, y):
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_srgb_matrix(chromaticities):
    """Returns [3, 3], linear light of a file's primaries -> linear sRGB; its white becomes sRGB's.

    Args:
      chromaticities: CIE x and y of red, green, blue and white, 8 numbers.
    Reference: SMPTE RP 177-1993 (primaries and white -> matrix).
    """
    red, green, blue, white = (_xyz(*pair) for pair in np.reshape(np.asarray(chromaticities, np.float64), (4, 2)))
    primaries = np.stack([red, green, blue], axis=1)
    to_xyz = primaries * np.linalg.solve(primaries, white)
    scale = (_CONES @ _xyz(*_SRGB[6:])) / (_CONES @ white)
    return np.linalg.inv(SRGB_TO_XYZ.astype(np.float64)) @ np.linalg.inv(_CONES) @ np.diag(scale) @ _CONES @ to_xyz


def _open(path, **options):
    try:
        return OpenEXR.File(str(path), **options)
    except Exception as error:  # the library raises what its C++ raises
        raise LowlightError(f"{path} is damaged or no OpenEXR file ({first_line(error)[:99]}); leave it out") from error


def linear_size(path):
    """Reads the size of a file's picture, (height, width), from its header."""
    (left, top), (right, bottom) = _open(path, header_only=True).header()["dataWindow"]
    return int(bottom - top + 1), int(right - left + 1)


def read_linear(path):
    """Reads a picture.

    Args:
      path: an OpenEXR file.
    Returns:
      float32 [H, W, 3], linear sRGB light in the file's own unit, not negative, without an upper limit.
    Raises:
      LowlightError: where it cannot be read or holds no R, G and B.
    """
    height, width = linear_size(path)
    memory.check(path, _BYTES_A_PIXEL * height * width, f"{width}x{height} pixels")
    file = _open(path)
    header, channels = file.header(), file.channels()
    name = next((name for name in ("RGB", "RGBA") if name in channels), None)
    if name is None:
        raise LowlightError(f"{path} holds the channels {', '.join(channels)}; expected R, G and B: leave it out")
    light = np.nan_to_num(np.asarray(channels[name].pixels[..., :3], np.float32), posinf=65504.0, neginf=0.0)
    return np.maximum(light @ to_srgb_matrix(header.get("chromaticities") or _SRGB).T.astype(np.float32), 0)
