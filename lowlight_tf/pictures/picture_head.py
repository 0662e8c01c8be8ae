"""What a picture's file is, and how large the picture, by the head of it: its name says nothing, and nothing is decoded."""

import contextlib
import logging
import pathlib
import struct

from PIL import Image

from lowlight_tf.errors import LowlightError, first_line
from lowlight_tf.pictures.png_chunks import SIGNATURE, read_chunks
from lowlight_tf.pictures.tiff_picture import tiff_size

logging.getLogger("PIL").setLevel(logging.CRITICAL)  # it also logs what it raises, or mends

KINDS = ("JPEG", "PNG", "TIFF")
# Where a file's kind is written in it, and how; the kinds that are not read have a name, so that they can be refused by it.
_MARKS = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, SIGNATURE, "PNG"),
    *((0, mark, "TIFF") for mark in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (8, b"WEBP", "WebP"),
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    (4, b"ftypavif", "AVIF"),
    (0, b"GIF8", "GIF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
)


def content_kind(path):
    """Tells what a file is by its first bytes, whatever its name says: one of KINDS, another kind's name, or "" for what is not known."""
    try:
        with open(path, "rb") as file:
            head = file.read(32)
    except OSError:
        return ""
    return next((kind for start, mark, kind in _MARKS if head[start : start + len(mark)] == mark), "")


def check_there(path, kind):
    """Refuses what is no picture of a kind that is read.

    Raises:
      LowlightError, OSError.
    """
    if path.stat().st_size == 0:
        raise LowlightError(f"{path} is empty (0 bytes); make it again or leave it out")
    if kind not in KINDS:
        named = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:].lower(), path.suffix[1:].upper())
        found = f"is a {kind} file" if kind else f"is damaged or no {named} file"
        raise LowlightError(f"{path} {found}; expected JPEG, PNG or TIFF: save it again as one, or leave it out")


def size_of(path, kind):
    """Reads (height, width) from the head of a JPEG, PNG or TIFF."""
    if kind == "TIFF":
        return tiff_size(path)
    if kind == "PNG":
        return struct.unpack(">II", dict(read_chunks(path))[b"IHDR"][:8])[::-1]
    with Image.open(path, formats=("JPEG", "MPO")) as image:
        return image.size[::-1]


@contextlib.contextmanager
def explained(path, kind):
    """Makes whatever reading a picture raises one line."""
    try:
        yield
    except LowlightError:
        raise
    except Image.DecompressionBombError as error:
        raise LowlightError(f"{path} says to have more pixels than any camera ({first_line(error)[:99]}); leave it out") from error
    # A damaged file fails in whatever part of its decoder meets the damage, with that part's own error.
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise LowlightError(f"cannot read {path}: {error.strerror}") from error
        raise LowlightError(f"{path} is damaged or no {kind} file ({first_line(error)[:99]}); make it again or leave it out") from error


def picture_size(path):
    """Returns (height, width) of a picture, as it is stored, from its head; errors as `decode_picture`."""
    path, kind = pathlib.Path(path), content_kind(path)
    with explained(path, kind):
        check_there(path, kind)
        return size_of(path, kind)
