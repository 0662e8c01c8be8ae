"""One pair's files -> arrays in the camera's phase: what the cache stores and what evaluation runs on."""

import dataclasses

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import PICTURE_SUFFIXES, read_picture
from lowlight_tf.raw.cameras import cfa_offset
from lowlight_tf.raw.packing import crop_to_phase
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.raw_levels import even_black, file_black
from lowlight_tf.raw.rendering import render

# How far a file's own black level may lie from its camera's row: drift and firmware make a few counts, another camera hundreds.
_BLACK_TOLERANCE = 64


@dataclasses.dataclass(frozen=True)
class Short:
    """A short exposure, cropped to whole CFA tiles in the camera's phase.

    Attributes:
      mosaic: uint16 [H, W].
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts.
      wb_gains: as-shot (R, G, B) gains with G = 1.
      visible_size: (H, W) of the file's visible area, before cropping.
      offset: (row, column) that the crop starts at.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB.
      noise_profile: (shot, read) noise as the file says it, of the range from black to white; None where it does not.
    """

    mosaic: np.ndarray
    black_level: tuple
    white_level: float
    wb_gains: tuple
    visible_size: tuple
    offset: tuple
    ccm: np.ndarray
    noise_profile: tuple | None = None


def _check_camera(raw, camera, path):
    """Returns the CFA offset, or says which camera the file wants."""
    offset = cfa_offset(raw.cfa, camera)
    kind, generic = ("X-Trans", "xtrans") if len(raw.cfa) == 36 else ("Bayer", "bayer")
    if offset is None:
        raise LowlightError(f"{path} has a {kind} CFA, --camera={camera.name} another; use --camera={generic} or this camera's own name")
    if camera.black_level is not None and max(abs(level - camera.black_level) for level in raw.black_level) > _BLACK_TOLERANCE:
        raise LowlightError(f"{path} has black level {raw.black_level[0]:.0f}, --camera={camera.name} expects {camera.black_level}: it is "
                            f"of another camera; use --camera={generic}, which takes the levels from each file")
    return offset


def read_short(path, camera):
    """Reads a short exposure.

    Args:
      path: a raw file.
      camera: a Camera; its levels win over the file's where it has any, as the protocol's do.
    Returns:
      A Short.
    Raises:
      LowlightError: as `read_raw`, and for a file of another camera or smaller than a CFA tile.
    """
    raw = read_raw(path)
    offset = _check_camera(raw, camera, path)
    black, white = (float(camera.black_level or 0),) * 4, camera.white_level
    if camera.black_level is None:
        levels, _ = file_black(raw)
        black, lower = even_black(raw.mosaic, raw.colors, levels)
        white = raw.white_level - lower
    mosaic = crop_to_phase(raw.mosaic, camera, offset)
    if mosaic.size == 0:
        raise LowlightError(f"{path} is {raw.mosaic.shape[1]}x{raw.mosaic.shape[0]}, smaller than a CFA tile of {camera.tile} pixels")
    if white <= max(black):
        raise LowlightError(f"{path} says black level {max(black):.0f} and white level {white}; expected white above black")
    return Short(np.ascontiguousarray(mosaic), black, float(white), raw.wb_gains, raw.mosaic.shape, offset, raw.ccm,
                 raw.dng.noise and (raw.dng.noise[0], raw.dng.noise[1] ** 0.5))


def read_target(path, camera, visible_size, offset):
    """Reads a long exposure as the picture to reach: a ready 8/16-bit PNG or TIFF, or LibRaw's rendering of a raw file.

    Args:
      path: the file in long/.
      camera: a Camera.
      visible_size, offset: those of its Short.
    Returns:
      uint16 [H, W, 3] sRGB that lies on the short's mosaic pixel by pixel.
    Raises:
      LowlightError: for an unreadable file, or one whose size is not the short's.
    """
    picture = read_picture(path) if path.suffix.lower() in PICTURE_SUFFIXES else render(path)
    cropped = tuple((size - start) // camera.tile * camera.tile for size, start in zip(visible_size, offset))
    if picture.shape[:2] == cropped:   # made ready by somebody who had cropped it already
        return picture
    if picture.shape[:2] != tuple(visible_size):
        raise LowlightError(f"{path} is {picture.shape[1]}x{picture.shape[0]}, its short exposure is {visible_size[1]}x{visible_size[0]}; "
                            "expected the same size")
    return np.ascontiguousarray(crop_to_phase(picture, camera, offset))
