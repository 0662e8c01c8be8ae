"""A photograph as enhancement takes it: a raw file of any camera, or a finished picture put back on a sensor."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from lowlight_tf.cameras import cfa_offset
from lowlight_tf.errors import LowlightError
from lowlight_tf.image_file import PHOTOGRAPH_SUFFIXES, read_picture
from lowlight_tf.isp.color import linear_to_bt709, srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.metadata import Metadata, completed, read_metadata
from lowlight_tf.raw_file import read_raw, render
from lowlight_tf.shutter import Exposure

# How far a file's black level may lie from that of the model's camera for the file to be that camera's: drift makes a few counts.
_BLACK_TOLERANCE = 64
# The as-shot gains given to pictures, whose own are lost: daylight, about.
_PICTURE_GAINS = (2.0, 1.0, 1.6)
_ROWS = 768  # of a picture at a time: whole tiles of any CFA


@dataclasses.dataclass(frozen=True)
class Frame:
    """A photograph.

    Attributes:
      path: the file.
      kind: "raw", or "JPEG", "PNG", "TIFF" for finished pictures.
      mosaic: uint16 [H, W], whole visible area.
      offset: (row, column) of the first tile in the camera's phase.
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts.
      wb_gains: as-shot (R, G, B) gains with G = 1.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB.
      flip: how the picture is turned upright, RawImage's.
      metadata: what the file says of how it was taken.
      notes: what a person should know of it.
      plain: function of the exposure ratio -> uint16 [H, W, 3]: the rendering without a network, coded as LibRaw's, not upright.
    """

    path: pathlib.Path
    kind: str
    mosaic: np.ndarray
    offset: tuple
    black_level: tuple
    white_level: float
    wb_gains: tuple
    ccm: np.ndarray
    flip: int
    metadata: Metadata
    notes: tuple
    plain: Callable

    @property
    def exposure(self):
        """The Exposure it was taken with."""
        return Exposure(self.metadata.seconds, self.metadata.aperture, self.metadata.iso)


def is_picture(path):
    """Tells whether a file is a finished picture by its name."""
    return path.suffix.lower() in PHOTOGRAPH_SUFFIXES


def _cfa_kind(cfa):
    return "X-Trans" if len(cfa) == 36 else "Bayer"


def check_cfa(path, cfa, camera):
    """Returns where the camera's phase begins in a file's CFA.

    Raises:
      LowlightError: where the model is of another CFA.
    """
    offset = cfa_offset(cfa, camera)
    if offset is None:
        kind = _cfa_kind(cfa)
        raise LowlightError(f"{path} has a {kind} CFA, the model is of {_cfa_kind(camera.cfa)} cameras; name a model of {kind} cameras "
                            "with --checkpoint_dir")
    return offset


def _levels(raw, camera, path):
    """Returns black and white level: the camera's row as in its training, or the file's own where it is of another camera; and a note."""
    black, white, notes = raw.black_level, float(raw.white_level), ()
    if camera.black_level is not None:
        if max(abs(level - camera.black_level) for level in black) <= _BLACK_TOLERANCE:
            black, white = (float(camera.black_level),) * 4, float(camera.white_level)
        else:
            notes = (f"the model is of camera {camera.name}, this file of another: colours may be off",)
    if white <= max(black):
        raise LowlightError(f"{path} says black level {max(black):.0f} and white level {white:.0f}; expected white above black")
    return black, white, notes


def _check_size(path, size, camera):
    if min(size) < camera.tile:
        raise LowlightError(f"{path} is {size[1]}x{size[0]}, smaller than a CFA tile; expected at least {camera.tile}x{camera.tile} pixels")


def _read_raw_frame(path, camera):
    raw = read_raw(path)
    offset = check_cfa(path, raw.cfa, camera)
    _check_size(path, raw.mosaic.shape, camera)
    black, white, notes = _levels(raw, camera, path)
    return Frame(path, "raw", raw.mosaic, offset, black, white, raw.wb_gains, raw.ccm, raw.flip, completed(read_metadata(path), raw), notes,
                 lambda ratio: render(path, ratio, stretch=False))


def _recorded(picture, camera):
    """Puts a picture on the camera's sensor: uint16 [H, W, 3] sRGB -> uint16 [H, W] counts. In strips, to spare memory."""
    black, white = camera.levels
    light, from_srgb = srgb_to_linear(np.arange(65536, dtype=np.float32) / 65535).numpy(), srgb_to_camera_matrix(camera.xyz_to_camera)
    recorded = np.empty(picture.shape[:2], np.uint16)
    for row in range(0, len(picture), _ROWS):
        strip = mosaic(to_sensor(light[picture[row:row + _ROWS]], from_srgb, _PICTURE_GAINS), camera.cfa)
        recorded[row:row + _ROWS] = tf.cast(tf.round(strip * (white - black) + black), tf.uint16).numpy()
    return recorded


def _plain_picture(path, ratio):
    """Reads a picture as if it had been exposed `ratio` times longer."""
    light = srgb_to_linear(np.arange(65536, dtype=np.float32) / 65535)
    codes = linear_to_bt709(tf.minimum(light * ratio, 1.0)).numpy()
    return np.round(codes * 65535).astype(np.uint16)[read_picture(path)]


def _read_picture_frame(path, camera):
    picture = read_picture(path)
    _check_size(path, picture.shape[:2], camera)
    black, white = camera.levels
    kind = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}.get(path.suffix[1:].lower(), "TIFF")
    metadata = read_metadata(path)
    flip = 0 if kind == "JPEG" else metadata.flip  # JPEGs are turned when they are read
    return Frame(path, kind, _recorded(picture, camera), (0, 0), (float(black),) * 4, float(white), _PICTURE_GAINS,
                 np.linalg.inv(srgb_to_camera_matrix(camera.xyz_to_camera)), flip, metadata,
                 (f"from a {kind}, a lesser substitute for raw",), lambda ratio: _plain_picture(path, ratio))


def read_frame(path, camera):
    """Reads a photograph.

    Args:
      path: a raw file, or an sRGB picture: JPEG, PNG or TIFF.
      camera: the model's Camera.
    Returns:
      A Frame.
    Raises:
      LowlightError: for a file that cannot be read, is smaller than a CFA tile, or has another CFA than the model.
    """
    return (_read_picture_frame if is_picture(path) else _read_raw_frame)(path, camera)
