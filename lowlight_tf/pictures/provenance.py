"""Which files lowlight_tf wrote: the mark that its results carry, and how it is found again in the head of a file."""

import json
import os
import re
import struct
import zlib

from lowlight_tf import __version__
from lowlight_tf.errors import LowlightError

SOFTWARE = f"lowlight_tf {__version__}"
_MARK = re.compile(rb"lowlight_tf \d[\w.+-]*")  # of any version
SIMULATED = f"{SOFTWARE} simulation"
_SIMULATED_MARK = re.compile(rb"lowlight_tf \d[\w.+-]* simulation")
_SOFTWARE_TAG = 305
_MOST_ENTRIES = 4096  # of a TIFF directory, parts of a JPEG or PNG: what a damaged file may claim is not walked through
_HEAD_OF_PAGE = 4096
_PAGE_MARK = re.compile(rb'<meta name="generator" content="lowlight_tf \d[\w.+-]*">')
# How tables of ours begin, those of earlier versions too: metrics.csv, a study's table.csv and table.md.
_TABLE_HEADS = (b"name,ratio,width,height,psnr,ssim", b"what,real pairs,PSNR in dB,SSIM,images", b"| what | real pairs | PSNR in dB |")
_LARGEST_JSON = 1 << 26
_EXIF, _PNG = b"Exif\0\0", b"\x89PNG\r\n\x1a\n"


def png_chunk(kind, content):
    """Returns a chunk of a PNG: its length, kind (4 bytes), content and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_parts(encoded, *chunks):
    """Marks an encoded PNG as ours.

    Args:
      encoded: bytes of a PNG.
      *chunks: bytes of further chunks that stand before the pixels.
    Returns:
      list of bytes-like parts, to be written in a row; the pixels are not copied.
    """
    head = 33  # signature and IHDR, which the chunks that say how to read the rest must follow
    software = png_chunk(b"tEXt", b"Software\0" + SOFTWARE.encode("latin-1"))
    return [encoded[:head], *chunks, software, memoryview(encoded)[head:]]


def _tiff_software(file, start):
    """Reads the tag Software from the first directory of a TIFF that begins at `start`; b"" where there is none."""
    file.seek(start)
    order = {b"II*\0": "<", b"MM\0*": ">"}[file.read(4)]
    file.seek(start + struct.unpack(f"{order}I", file.read(4))[0])
    entries = struct.unpack(f"{order}H", file.read(2))[0]
    for entry in struct.iter_unpack(f"{order}HHI4s", file.read(12 * min(entries, _MOST_ENTRIES))):
        tag, kind, size, value = entry
        if tag == _SOFTWARE_TAG and kind == 2:
            if size > 4:
                file.seek(start + struct.unpack(f"{order}I", value)[0])
                value = file.read(min(size, 100))
            return value[:size].rstrip(b"\0")
    return b""


def _jpeg_software(file):
    file.seek(2)
    for _ in range(_MOST_ENTRIES):
        marker, size = struct.unpack(">HH", file.read(4))
        start = file.tell()
        if marker == 0xFFE1 and file.read(6) == _EXIF:
            return _tiff_software(file, start + 6)
        if not 0xFFC0 <= marker < 0xFFFF or marker == 0xFFDA:  # the pixels begin
            return b""
        file.seek(start + size - 2)
    return b""


def _png_software(file):
    file.seek(len(_PNG))
    for _ in range(_MOST_ENTRIES):
        size, kind = struct.unpack(">I4s", file.read(8))
        start = file.tell()
        if kind == b"tEXt" and file.read(9) == b"Software\0":
            return file.read(min(size - 9, 100))
        if kind == b"eXIf" and (found := _tiff_software(file, start)):
            return found
        if kind == b"IDAT":
            return b""
        file.seek(start + size + 4)
    return b""


def is_our_json(path):
    """Tells a JSON file that says which version of lowlight_tf it is of, as metrics.json does."""
    try:
        if not os.path.isfile(path) or os.path.islink(path) or os.path.getsize(path) > _LARGEST_JSON:
            return False
        with open(path, "rb") as file:
            versions = json.load(file)["versions"]
        return "lowlight_tf" in versions
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def is_ours(path):
    """Tells whether lowlight_tf wrote a file, by the head of it: JPEG, PNG, TIFF, DNG, a table, or the page of --report, whatever its name.

    A file that is missing, damaged or cannot be read is not ours; nothing is raised.
    """
    software, text = _said_by(path)
    return _MARK.fullmatch(software) is not None or _PAGE_MARK.search(text) is not None or text.startswith(_TABLE_HEADS)


def is_simulated(path):
    """Tells a raw file that `python -m lowlight_tf simulate` wrote: to enhance a photograph like any other, to simulate from none."""
    return _SIMULATED_MARK.fullmatch(_said_by(path)[0]) is not None


def _said_by(path):
    """Returns the program that a picture says it was written by, and the head of any other file; b"" for what is not there or damaged."""
    try:
        if not os.path.isfile(path):  # a pipe would keep its reader waiting
            return b"", b""
        with open(path, "rb") as file:
            head = file.read(_HEAD_OF_PAGE)
            if head.startswith(b"\xff\xd8\xff"):
                return _jpeg_software(file), b""
            if head.startswith(_PNG):
                return _png_software(file), b""
            return (_tiff_software(file, 0), b"") if head[:4] in (b"II*\0", b"MM\0*") else (b"", head)
    except (OSError, ValueError, KeyError, struct.error):
        return b"", b""


def may_replace(path):
    """Tells whether a result may take the place of a file: one of ours, and no link, for we make none."""
    return (is_ours(path) or is_our_json(path)) and not os.path.islink(path)


def check_replaceable(path, remedy):
    """Raises LowlightError, with what is to be done, where a file is at `path` that no result may replace."""
    if os.path.lexists(path) and not may_replace(path):
        raise LowlightError(not_ours(path, remedy))


def not_ours(path, remedy):
    """Returns the line that is said of a file that stays: what is to be done follows it."""
    return f"{path} was not written by lowlight_tf and stays; {remedy}"
