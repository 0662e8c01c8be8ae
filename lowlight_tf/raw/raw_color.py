"""White balance and colour matrix of a raw file: one rule for whatever a file leaves out, and words that say which."""

import numpy as np

from lowlight_tf.isp.color import SRGB_TO_XYZ, srgb_to_camera_matrix
from lowlight_tf.raw.dng_color import daylight_matrix, matrix_at

_LEAST = 0.125  # of a file's own matrix: LibRaw takes one that begins with less for none


def _normalised(gains):
    return tuple(float(gain / gains[1]) for gain in gains[:3])


def _white_gains(dng):
    """Gains that make a DNG's AsShotWhiteXY neutral. Adobe, Digital Negative Specification 1.4, chapter 6."""
    x, y = dng.white_xy
    neutral = matrix_at(dng.matrices, dng.white_xy) @ np.array([x / y, 1.0, (1 - x - y) / y])
    return _normalised(1 / neutral) if np.isfinite(neutral).all() and neutral.min() > 0 else None


def daylight_gains(daylight):
    """Returns LibRaw's gains of daylight with G = 1; None where it knows none: zeros, or all alike, which no sensor sees."""
    if np.isfinite(daylight[:3]).all() and min(daylight[:3]) > 0 and len(set(daylight[:3])) > 1:
        return _normalised(daylight)
    return None


def choose_gains(as_shot, daylight, dng):
    """Chooses the white balance.

    Args:
      as_shot, daylight: LibRaw's gains for R, G, B; with zeros where it knows none.
      dng: DngTags.
    Returns:
      (R, G, B) gains with G = 1; and a note where they are not the file's own, or "".
    """
    if np.isfinite(as_shot[:3]).all() and min(as_shot[:3]) > 0:
        return _normalised(as_shot), ""
    if dng.white_xy and dng.matrices:
        gains = _white_gains(dng)
        if gains:
            return gains, ""
    if daylight_gains(daylight):
        return daylight_gains(daylight), "no as-shot white balance, so daylight's"
    return (1.0, 1.0, 1.0), "neither a white balance nor a colour matrix to take daylight's from, so colours are as the sensor sees them"


def choose_matrix(color_matrix, rgb_xyz_matrix, dng):
    """Chooses the colour matrix.

    Args:
      color_matrix: [3, 3], LibRaw's white-balanced camera colour -> linear sRGB; zeros where the file brings none.
      rgb_xyz_matrix: [>= 3, 3], LibRaw's CIE XYZ (D65) -> camera colour; zeros where it knows none of the model.
      dng: DngTags.
    Returns:
      float32 [3, 3], white-balanced camera colour -> linear sRGB, rows sum to 1; and a note where there is none, or "".
    """
    own, of_model = np.asarray(color_matrix, np.float32), np.asarray(rgb_xyz_matrix, np.float64)[:3]
    # LibRaw's own is turned by the as-shot white where a DNG says that.
    said = _inverse(daylight_matrix(dng.matrices)) if dng.white_xy and dng.matrices else None
    if said is not None:
        return said, ""
    if own[0, 0] > _LEAST and _is_sound(own):
        return own, ""
    of_model = _inverse(of_model)
    if of_model is not None:
        return of_model, ""
    return np.eye(3, dtype=np.float32), "neither the file nor LibRaw has a colour matrix of this camera, so its colours are taken for sRGB"


def _is_sound(matrix):
    """Tells a matrix that can be inverted."""
    return bool(np.isfinite(matrix).all() and abs(np.linalg.det(np.asarray(matrix, np.float64))) > 1e-6)


def _inverse(xyz_to_camera):
    """Returns white-balanced camera colour -> linear sRGB; None where the matrix, or a row of it, cannot be that of a camera."""
    rows = np.asarray(xyz_to_camera, np.float64) @ SRGB_TO_XYZ.astype(np.float64)
    if not _is_sound(rows) or np.abs(rows.sum(axis=1)).min() < 1e-6:
        return None
    return np.linalg.inv(srgb_to_camera_matrix(xyz_to_camera).astype(np.float64)).astype(np.float32)
