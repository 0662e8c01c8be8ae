"""Finished photographs out: JPEG, 16-bit PNG, 16-bit TIFF and linear DNG, with EXIF, upright, their colour space said."""

import dataclasses
import struct
import zlib

import numpy as np
import tensorflow as tf
import tifffile

from lowlight_tf.errors import LowlightError
from lowlight_tf.files import atomic_path
from lowlight_tf.isp.color import SRGB_TO_XYZ
from lowlight_tf.pictures.color_profile import srgb_profile
from lowlight_tf.pictures.exif_output import add_directories, exif_bytes, output_tags
from lowlight_tf.pictures.image_file import rationals, to_uint8
from lowlight_tf.pictures.metadata import EXIF_IFD, GPS_IFD, ORIENTATION
from lowlight_tf.pictures.provenance import may_replace, png_chunk, png_parts

_LINEAR_RAW = 34892
_MOST_PIXELS = 65500  # of a JPEG's side, libjpeg's limit
_MOST_IN_SEGMENT = 65533  # bytes of a JPEG's segment


def _segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _write_jpeg(path, picture, metadata, quality):
    # TensorFlow's encoder reads the array where it lies; Pillow's first copies it, to four bytes a pixel.
    encoded = tf.io.encode_jpeg(to_uint8(picture), quality=quality, chroma_downsampling=quality < 90).numpy()
    head = 20  # SOI and JFIF's APP0, which come first
    exif = exif_bytes(metadata, picture.shape[:2])
    if len(exif) > _MOST_IN_SEGMENT:  # some text of book length; the exposure is kept
        exif = exif_bytes(dataclasses.replace(metadata, base={}), picture.shape[:2])
    exif = _segment(0xE1, exif)
    profile = _segment(0xE2, b"ICC_PROFILE\0\x01\x01" + srgb_profile())
    with open(path, "wb") as file:
        file.writelines([encoded[:head], exif, profile, memoryview(encoded)[head:]])


def _write_png(path, picture, metadata):
    encoded = tf.io.encode_png(picture).numpy()
    profile = png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))
    exif = png_chunk(b"eXIf", exif_bytes(metadata, picture.shape[:2]).removeprefix(b"Exif\0\0"))
    with open(path, "wb") as file:
        file.writelines(png_parts(encoded, profile, exif))


def _write_tiff(path, picture, metadata, tags=(), **options):
    base, exif, gps = output_tags(metadata, picture.shape[:2])
    texts = [(tag, "s", 0, value, True) for tag, value in base.items() if tag != ORIENTATION]
    room = [(tag - 1, "I", 1, 0, True) for tag, tags_there in ((EXIF_IFD, exif), (GPS_IFD, gps)) if tags_there]
    tifffile.imwrite(
        path,
        picture,
        extratags=[(ORIENTATION, "H", 1, 1, True), *texts, *room, *tags],
        planarconfig="contig",
        byteorder="<",
        metadata=None,
        software=False,
        **options,
    )
    add_directories(path, metadata, picture.shape[:2])


def _write_dng(path, rgb_linear, metadata, ccm):
    """Reference: Adobe, Digital Negative Specification 1.4, chapter "LinearRaw"."""
    name = metadata.camera or "unknown camera"
    _write_tiff(
        path,
        rgb_linear,
        metadata,
        [
            (50706, "B", 4, (1, 4, 0, 0), True),
            (50707, "B", 4, (1, 1, 0, 0), True),  # DNGVersion, DNGBackwardVersion
            (50708, "s", 0, f"{name}, developed".encode("latin-1", "replace"), True),  # UniqueCameraModel
            (50714, "H", 3, (0, 0, 0), True),
            (50717, "H", 3, (65535,) * 3, True),  # BlackLevel, WhiteLevel
            (50721, "2i", 9, rationals(np.linalg.inv(SRGB_TO_XYZ @ ccm), 1000000), True),  # ColorMatrix1
            (50778, "H", 1, 21, True),
            (50728, "2I", 3, rationals([1, 1, 1], 1), True),  # for D65; AsShotNeutral
        ],
        photometric=_LINEAR_RAW,
    )


def write_photo(path, picture, kind, metadata, *, quality=95, ccm=None):
    """Writes a photograph, atomically, and never over a file that lowlight_tf did not write.

    Args:
      path: where to.
      picture: uint16 [H, W, 3], upright: sRGB, or for "dng" linear light with 65535 as white. For "jpeg" uint8 will do.
      kind: a key of pictures.SUFFIXES.
      metadata: a Metadata.
      quality: of a JPEG, 1 to 100.
      ccm: [3, 3], a DNG's colours -> linear sRGB.
    Raises:
      OutputError: where it cannot be written. LowlightError: for a JPEG whose side is too long for the format, and where
        a file is there that stays.
    """
    if kind == "jpeg" and max(picture.shape[:2]) > _MOST_PIXELS:
        raise LowlightError(
            f"{path} would be {picture.shape[1]}x{picture.shape[0]}, and a JPEG holds {_MOST_PIXELS} pixels a side; use --format=png"
        )
    with atomic_path(path, may_replace) as temporary:
        if kind == "jpeg":
            _write_jpeg(temporary, picture, metadata, quality)
        elif kind == "png":
            _write_png(temporary, picture, metadata)
        elif kind == "tiff":
            _write_tiff(temporary, picture, metadata, photometric="rgb", compression="zlib", predictor=True, iccprofile=srgb_profile())
        else:
            _write_dng(temporary, picture, metadata, ccm)
