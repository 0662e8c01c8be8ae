"""What a PNG says beside its pixels: its colour space, whether it has alpha, its EXIF. Pixels are passed over unread."""

import struct
import zlib

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.color_profile import BT2020_PRIMARIES, P3_PRIMARIES, SRGB_PRIMARIES, rgb_profile, srgb_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST = 1 << 24  # bytes of a chunk that is kept, and of a profile unpacked
_PIXELS = (b"IDAT", b"fdAT")
_SRGB_CURVES = range(45000, 46001)  # gAMA of 1/2.2, which writers set where they mean the sRGB curve
# ITU-T H.273, tables 2 and 3: what cICP's numbers mean. A transfer's value is the power that decodes; None is the sRGB curve.
_PRIMARIES = {1: SRGB_PRIMARIES, 9: BT2020_PRIMARIES, 12: P3_PRIMARIES}
_TRANSFERS = {4: 2.2, 5: 2.8, 8: 1.0, 13: None}
_HDR = {16: "PQ", 18: "HLG"}


def read_chunks(path):
    """Reads a PNG's chunks but its pixels.

    Returns:
      list of (kind, content), both bytes, in the file's order, to where the file ends or is damaged.
    """
    chunks = []
    with open(path, "rb") as file:
        if file.read(8) != SIGNATURE:
            return chunks
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == b"IEND" or not kind.isalpha():
                break
            if kind in _PIXELS or size > _LONGEST:
                file.seek(size, 1)
            else:
                chunks.append((kind, file.read(size)))
            file.seek(4, 1)
    return chunks


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pixels_left_out(chunks):
    """Returns a PNG of one grey pixel with the texts and the EXIF of these chunks: bytes."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    told = [(kind, content) for kind, content in chunks if kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt")]
    return SIGNATURE + b"".join(_chunk(*part) for part in [(b"IHDR", header), *told, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")])


def has_alpha(chunks):
    """Tells whether a PNG of these chunks has transparency: a channel of it, or transparent colours."""
    header = dict(chunks).get(b"IHDR", b"")
    return header[9:10] in (b"\4", b"\6") or b"tRNS" in dict(chunks)


def is_grey(chunks):
    """Tells whether a PNG of these chunks is grey."""
    return dict(chunks).get(b"IHDR", b"")[9:10] in (b"\0", b"\4")


def _of_numbers(content, path):
    """Returns the profile of cICP: 4 bytes."""
    primaries, transfer, matrix, full = content
    if transfer in _HDR:
        raise LowlightError(f"{path} is a PNG for HDR screens ({_HDR[transfer]}); save it again as sRGB")
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS or matrix != 0 or full != 1:
        raise LowlightError(
            f"{path} is in a colour space that is not known here (cICP {primaries}, {transfer}, {matrix}, {full}); save it again as sRGB"
        )
    if (primaries, transfer) == (1, 13):
        return srgb_profile()
    return rgb_profile(_PRIMARIES[primaries], _TRANSFERS[transfer])


def _of_gamma(gamma, chromaticities):
    """Returns the profile of gAMA and cHRM, either of which may be None."""
    gamma = struct.unpack(">I", gamma)[0] if gamma else 45455
    white, primaries = (0.3127, 0.3290), SRGB_PRIMARIES
    if chromaticities:
        values = tuple(value / 100000 for value in struct.unpack(">8I", chromaticities))
        white, primaries = values[:2], values[2:]
    curve = None if gamma in _SRGB_CURVES or gamma == 0 else round(100000 / gamma, 4)
    same = max(abs(a - b) for a, b in zip((*white, *primaries), (0.3127, 0.3290, *SRGB_PRIMARIES), strict=True)) < 0.002
    return srgb_profile() if same and curve is None else rgb_profile(primaries, curve, white)


def color_profile(chunks, path):
    """Finds what colour space a PNG is in; of several chunks that say so, the specification's order of precedence decides.

    Args:
      chunks: of `read_chunks`.
      path: for messages.
    Returns:
      an ICC profile's bytes, or None where the file says nothing of it.
    Raises:
      LowlightError: for a colour space that cannot be converted, and for damaged chunks.

    Reference: W3C, Portable Network Graphics (Third Edition), 4.3 "Colour spaces".
    """
    said = dict(reversed(chunks))  # the first of a kind counts
    try:
        if b"cICP" in said:
            return _of_numbers(said[b"cICP"], path)
        if b"iCCP" in said:
            packed = said[b"iCCP"].partition(b"\0")[2][1:]
            return zlib.decompressobj().decompress(packed, _LONGEST) or b"empty"
        if b"sRGB" in said:
            return srgb_profile()
        if b"gAMA" in said or b"cHRM" in said:
            return _of_gamma(said.get(b"gAMA"), said.get(b"cHRM"))
    except (ValueError, RuntimeError, struct.error, zlib.error) as error:  # LittleCMS' own is a RuntimeError
        raise LowlightError(f"{path} says in a damaged chunk which colours it has ({error}); save it again as sRGB") from error
    return None
