"""Pictures in and out. 16-bit files stay 16-bit: Pillow cuts RGB PNGs to 8 bits, so TensorFlow and tifffile do the work."""

import dataclasses
import functools
import io
import pathlib
import warnings

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image, ImageOps

from lowlight_tf import memory
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import atomic_path
from lowlight_tf.pictures.color_profile import adobe_rgb_profile, to_srgb
from lowlight_tf.pictures.metadata import Metadata, flip_of, read_metadata
from lowlight_tf.pictures.picture_head import check_there, content_kind, explained, size_of
from lowlight_tf.pictures.png_chunks import color_profile, has_alpha, is_grey, read_chunks
from lowlight_tf.pictures.provenance import png_parts
from lowlight_tf.pictures.tiff_picture import is_finished, over_black, read_tiff

PICTURE_SUFFIXES = (".png", ".tif", ".tiff")  # those that can hold 16 bits: what targets are read from
PHOTOGRAPH_SUFFIXES = (*PICTURE_SUFFIXES, ".jpg", ".jpeg")
_BYTES_A_PIXEL = 18  # while it is decoded, at most: 16 bits of four channels, of three converted, and the decoder's own 8 bits


@dataclasses.dataclass(frozen=True)
class Picture:
    """A finished picture.

    Attributes:
      values: uint16 [H, W, 3], sRGB, 65535 as white.
      kind: one of KINDS.
      flip: how it is turned upright, RawImage's.
      metadata: what the file says of how it was taken.
      notes: what was done to the file's values, in words.
    """

    values: np.ndarray
    kind: str
    flip: int
    metadata: Metadata
    notes: tuple


def is_finished_picture(path):
    """Tells a finished picture from what LibRaw is to be asked about, by its content: the suffix says nothing where names are wrong.

    A grey TIFF counts as finished unless its suffix is a raw file's. Kinds of pictures that are not read count, so that they are refused as
    what they are.
    """
    kind = content_kind(path)
    return is_finished(path, grey=path.suffix.lower() in PHOTOGRAPH_SUFFIXES) if kind == "TIFF" else kind != ""


def _decode_jpeg(path):
    """Decodes a JPEG and turns it upright: uint8 [H, W, C], profile, notes."""
    with Image.open(path, formats=("JPEG", "MPO")) as image:
        profile = image.info.get("icc_profile")
        if image.mode == "CMYK" and not profile:
            raise LowlightError(f"{path} is CMYK without a colour profile; save it again as sRGB")
        values = np.asarray(ImageOps.exif_transpose(image))
    return values.reshape(*values.shape[:2], -1), profile, []


def _decode_png(path):
    """Decodes a PNG: uint16 [H, W, C], profile, notes."""
    chunks, notes = read_chunks(path), []
    channels = 4 if has_alpha(chunks) else 1 if is_grey(chunks) else 3
    values = tf.io.decode_png(path.read_bytes(), channels=channels, dtype=tf.uint16).numpy()
    if channels == 4:
        opaque = bool((values[..., 3] == 65535).all())
        notes.append("alpha left out" if opaque else "transparent parts made black")
        values = values[..., :3] if opaque else over_black(values)
        values = np.ascontiguousarray(values[..., :1] if is_grey(chunks) else values)
    return values, color_profile(chunks, path), notes


def _decode(path, kind, metadata):
    """Returns (uint8 or uint16 [H, W, C], profile or None, flip, notes)."""
    if kind == "TIFF":
        values, profile, orientation, notes = read_tiff(path)
        return values, profile, flip_of(orientation), notes
    values, profile, notes = _decode_jpeg(path) if kind == "JPEG" else _decode_png(path)
    return values, profile, 0 if kind == "JPEG" else metadata.flip, notes


def decode_picture(path):
    """Reads a JPEG, PNG or TIFF as sRGB: what is in another colour space is converted through its profile.

    Args:
      path: a file; its content says what it is, not its suffix. JPEGs are turned upright, others not.
    Returns:
      A Picture. Values of 8 bits become 16 times 257, so that white is 65535 either way; sRGB's own are not touched beside that.
    Raises:
      LowlightError: for a file that is missing or damaged, and for colours that cannot be converted.
    """
    path, kind = pathlib.Path(path), content_kind(path)
    with explained(path, kind), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks
        check_there(path, kind)
        height, width = size_of(path, kind)
        memory.check(path, _BYTES_A_PIXEL * height * width, f"{width}x{height} pixels")
        metadata = read_metadata(path)
        values, profile, flip, notes = _decode(path, kind, metadata)
    if values.size == 0:
        raise LowlightError(f"{path} is damaged or truncated: it holds no pixels; make it again or leave it out")
    if values.dtype == np.uint8:
        values = values.astype(np.uint16) * np.uint16(257)
    profile = profile or (adobe_rgb_profile() if metadata.adobe_rgb else None)
    if profile:
        values, name = to_srgb(values, profile, path)
        notes = [f"converted from {name}"] * bool(name) + notes
    return Picture(np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values, kind, flip, metadata, tuple(notes))


def read_picture(path):
    """Reads the values of a JPEG, PNG or TIFF: uint16 [H, W, 3], sRGB; errors as `decode_picture`."""
    return decode_picture(path).values


def write_png(path, picture, may_replace=None):
    """Writes a uint8 or uint16 [H, W, 3] picture as PNG, marked as ours, atomically. `may_replace` as of `atomic_path`."""
    with atomic_path(path, may_replace) as temporary, open(temporary, "wb") as file:
        file.writelines(png_parts(tf.io.encode_png(picture).numpy()))


@functools.cache
def _eight_bits():
    return to_uint8(np.arange(65536, dtype=np.float32) / 65535)


def to_uint8(picture):
    """Returns `picture` (uint16, or float with 1 as white) clipped and rounded to 8 bits: the values the metrics are defined on.

    uint16 goes through a table, since as floats a frame of 24 megapixels would take 288 MB. uint8 stays as it is.
    """
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.uint16:
        return _eight_bits()[picture]
    values = np.clip(picture, 0, 1)
    values *= np.float32(255)
    return np.round(values, out=values).astype(np.uint8)


def rationals(values, scale=10000):
    """Returns numbers of any shape as TIFF's rationals: numerator, denominator, numerator, ...; the denominator is `scale`."""
    return tuple(part for value in np.ravel(values) for part in (round(float(value) * scale), scale))


def _dng_tags(cfa, black_level, white_level, wb_gains, xyz_to_camera, exposure_seconds, make, model, matrix_scale=10000):
    """A CFA DNG's tags as tifffile wants them.

    Reference: Adobe, Digital Negative Specification 1.4; TIFF types are B byte, s string, H short, I long, 2I rational, 2i signed.
    """
    side = {4: 2, 36: 6}[len(cfa)]
    neutral = [1.0 / gain for gain in wb_gains]
    return [
        (271, "s", 0, make, True),
        (272, "s", 0, model, True),  # Make, Model
        (50708, "s", 0, f"{make} {model}", True),  # UniqueCameraModel
        (50706, "B", 4, (1, 4, 0, 0), True),  # DNGVersion
        (50707, "B", 4, (1, 1, 0, 0), True),  # DNGBackwardVersion
        (33421, "H", 2, (side, side), True),  # CFARepeatPatternDim
        (33422, "B", len(cfa), tuple("RGB".index(c) for c in cfa), True),  # CFAPattern
        (50714, "H", 1, int(black_level), True),
        (50717, "H", 1, int(white_level), True),  # BlackLevel, WhiteLevel
        (50721, "2i", 9, rationals(xyz_to_camera, matrix_scale), True),
        (50778, "H", 1, 21, True),  # ColorMatrix1 for D65
        (50728, "2I", 3, rationals(neutral, 1000000), True),  # AsShotNeutral
        (33434, "2I", 1, rationals([exposure_seconds]), True),  # ExposureTime
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


def write_dng(path, mosaic, cfa, *, black_level, white_level, wb_gains, xyz_to_camera, exposure_seconds, make, model, software=""):
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
      software: what the file says that it was written by; "" for nothing.
    """
    tags = _dng_tags(cfa, black_level, white_level, wb_gains, xyz_to_camera, exposure_seconds, make, model)
    with atomic_path(path) as temporary:
        tifffile.imwrite(temporary, mosaic, photometric="cfa", extratags=tags, metadata=None, software=software or False)
