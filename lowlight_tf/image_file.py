"""Pictures in and out. 16-bit files stay 16-bit: Pillow and imageio cut RGB PNGs to 8 bits, so TensorFlow and tifffile do the work."""

import io
import pathlib

import imageio.v3 as imageio
import numpy as np
import tensorflow as tf
import tifffile

from lowlight_tf.errors import LowlightError, first_line
from lowlight_tf.files import atomic_path

PICTURE_SUFFIXES = (".png", ".tif", ".tiff")  # those that can hold 16 bits: what targets are read from
PHOTOGRAPH_SUFFIXES = (*PICTURE_SUFFIXES, ".jpg", ".jpeg")


def read_picture(path):
    """Reads an 8-bit or 16-bit RGB PNG or TIFF, or a JPEG, which is turned upright.

    Args:
      path: a file whose suffix is one of PHOTOGRAPH_SUFFIXES.
    Returns:
      uint16 [H, W, 3]; 8-bit values times 257, so that white is 65535 either way.
    Raises:
      LowlightError: for a file that is missing, damaged, or no RGB picture.
    """
    path = pathlib.Path(path)
    try:
        if path.stat().st_size == 0:
            raise LowlightError(f"{path} is empty (0 bytes); make it again or leave it out")
        if path.suffix.lower() in (".jpg", ".jpeg"):
            picture = imageio.imread(path, plugin="pillow", mode="RGB", rotate=True)
        elif path.suffix.lower() == ".png":
            picture = tf.io.decode_png(path.read_bytes(), channels=3, dtype=tf.uint16).numpy()
        else:
            picture = tifffile.imread(path)
    except LowlightError:
        raise
    # A damaged TIFF fails in whatever part of its decoder meets the damage, with that part's own error.
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise LowlightError(f"cannot read {path}: {error.strerror}") from error
        kind = path.suffix[1:].upper()
        raise LowlightError(f"{path} is damaged or no {kind} file ({first_line(error)[:99]}); make it again or leave it out") from error
    if picture.dtype == np.uint8:
        picture = picture.astype(np.uint16) * 257
    if picture.size == 0:
        raise LowlightError(f"{path} is damaged or truncated: it holds no pixels; make it again or leave it out")
    if picture.dtype != np.uint16 or picture.ndim != 3 or picture.shape[2] != 3:
        raise LowlightError(f"{path} holds {picture.dtype} {list(picture.shape)}; expected 8-bit or 16-bit RGB")
    return picture


def color_profile(path):
    """Names the colour space of a TIFF by its embedded ICC profile: "srgb" also where there is none, "prophoto", or "other"."""
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages.first.tags.get("InterColorProfile")
        # The description is ASCII in version 2 of ICC, UTF-16 in version 4.
        profile = bytes(tag.value).replace(b"\0", b"") if tag else b"sRGB"
    return next((name for name, mark in (("prophoto", b"ProPhoto"), ("prophoto", b"ROMM"), ("srgb", b"sRGB")) if mark in profile), "other")


def write_png(path, picture):
    """Writes a uint8 or uint16 [H, W, 3] picture as PNG, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(tf.io.encode_png(picture).numpy())


def to_uint8(picture):
    """Returns `picture` (uint16, or float with 1 as white) clipped and rounded to 8 bits: the values the metrics are defined on.

    uint16 goes through a table, since as floats a frame of 24 megapixels would take 288 MB. uint8 stays as it is.
    """
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.uint16:
        return to_uint8(np.arange(65536, dtype=np.float32) / 65535)[picture]
    return np.round(np.clip(picture, 0, 1) * np.float32(255)).astype(np.uint8)


def _rationals(values, scale=10000):
    return tuple(part for value in np.ravel(values) for part in (round(float(value) * scale), scale))


def _dng_tags(cfa, black_level, white_level, wb_gains, xyz_to_camera, exposure_seconds, make, model, matrix_scale=10000):
    """A CFA DNG's tags as tifffile wants them.

    Reference: Adobe, Digital Negative Specification 1.4; TIFF types are B byte, s string, H short, I long, 2I rational, 2i signed.
    """
    side = {4: 2, 36: 6}[len(cfa)]
    neutral = [1.0 / gain for gain in wb_gains]
    return [
        (271, "s", 0, make, True), (272, "s", 0, model, True),                                                # Make, Model
        (50708, "s", 0, f"{make} {model}", True),                                                             # UniqueCameraModel
        (50706, "B", 4, (1, 4, 0, 0), True),                                                                  # DNGVersion
        (50707, "B", 4, (1, 1, 0, 0), True),                                                                  # DNGBackwardVersion
        (33421, "H", 2, (side, side), True),                                                                  # CFARepeatPatternDim
        (33422, "B", len(cfa), tuple("RGB".index(c) for c in cfa), True),                                     # CFAPattern
        (50714, "H", 1, int(black_level), True), (50717, "H", 1, int(white_level), True),                     # BlackLevel, WhiteLevel
        (50721, "2i", 9, _rationals(xyz_to_camera, matrix_scale), True), (50778, "H", 1, 21, True),           # ColorMatrix1 for D65
        (50728, "2I", 3, _rationals(neutral, 1000000), True),                                                 # AsShotNeutral
        (33434, "2I", 1, _rationals([exposure_seconds]), True),                                               # ExposureTime
    ]


def mosaic_dng(mosaic, cfa, wb_gains, xyz_to_camera):
    """Lays a mosaic of 16-bit light, 0 at black and 65535 at white, out as a DNG of a camera that LibRaw does not know.

    Args:
      mosaic: uint16 [H, W].
      cfa, wb_gains, xyz_to_camera: as for `write_dng`.
    Returns:
      a binary file in memory.
    """
    content = io.BytesIO()
    tags = _dng_tags(cfa, 0, 65535, wb_gains, xyz_to_camera, 1.0, "lowlight_tf", "mosaic", matrix_scale=1000000)
    tifffile.imwrite(content, mosaic, photometric="cfa", extratags=tags, metadata=None, software=False)
    content.seek(0)
    return content


def write_dng(path, mosaic, cfa, *, black_level, white_level, wb_gains, xyz_to_camera, exposure_seconds, make, model):
    """Writes a mosaic as a CFA DNG that LibRaw opens bit-exactly.

    Args:
      path: where to.
      mosaic: uint16 [H, W], sensor counts.
      cfa: colours of one tile in row-major order, 4 or 36 letters.
      black_level, white_level: counts.
      wb_gains: as-shot (R, G, B) gains.
      xyz_to_camera: [3, 3], CIE XYZ (D65) -> camera colour.
      exposure_seconds: shutter time.
      make, model: camera names; a model that LibRaw knows gets LibRaw's own colour matrix.
    """
    tags = _dng_tags(cfa, black_level, white_level, wb_gains, xyz_to_camera, exposure_seconds, make, model)
    with atomic_path(path) as temporary:
        tifffile.imwrite(temporary, mosaic, photometric="cfa", extratags=tags, metadata=None, software=False)
