"""Directories of TIFF, and the codings of pixels that raw files put beside them: what `raw_builders` and `dng_builder` write with.

Written from the specifications with struct alone, so that a file which LibRaw opens owes nothing to tifffile or to our own DNG writer.
TIFF 6.0 section 2 (directories); ITU-T T.81 annex H (lossless JPEG).
"""

import dataclasses
import struct

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SSHORT, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 8, 10, 12
_FORMATS = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", UNDEFINED: "B", SSHORT: "h", DOUBLE: "d"}
_RATIONALS = {RATIONAL: "I", SRATIONAL: "i"}


@dataclasses.dataclass(frozen=True)
class Block:
    """Bytes that stand elsewhere in the file: the tag's value is where. Or a function of where that makes them."""

    content: bytes


@dataclasses.dataclass(frozen=True)
class Directory:
    """Tags (number, type, value) of one directory; a value may be numbers, text, bytes, a Block, or another Directory."""

    tags: tuple

    def __init__(self, *tags):
        object.__setattr__(self, "tags", tuple(sorted((tag for tag in tags if tag is not None), key=lambda tag: tag[0])))


def _fraction(value, limit):
    scale = 10 ** int(np.log10((limit - 1) / max(abs(float(value)), 1)))
    return round(float(value) * scale), scale


def _encode(order, kind, value):
    """Returns a tag's count and bytes."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    if isinstance(value, bytes):
        return len(value), value
    values = np.ravel(value).tolist()
    if kind in _RATIONALS:
        parts = [part for each in values for part in _fraction(each, 2**31)]
        return len(values), struct.pack(f"{order}{len(parts)}{_RATIONALS[kind]}", *parts)
    if kind != DOUBLE:
        values = [round(each) for each in values]
    return len(values), struct.pack(f"{order}{len(values)}{_FORMATS[kind]}", *values)


def append_directory(file, order, directory, origin=0, next_directory=None):
    """Appends a Directory and what hangs on it to a bytearray.

    Args:
      file: bytearray, grows.
      order: "<" or ">".
      directory: a Directory.
      origin: where the offsets in it count from.
      next_directory: the Directory that follows in the chain, or None.
    Returns:
      Where it stands in the file.
    """
    file.extend(b"\0" * (len(file) % 2))
    start = len(file)
    file.extend(b"\0" * (2 + 12 * len(directory.tags) + 4))
    struct.pack_into(f"{order}H", file, start, len(directory.tags))
    for index, (number, kind, value) in enumerate(directory.tags):
        if isinstance(value, Directory):
            count, content = {LONG: 1, BYTE: 4, UNDEFINED: 6 + 12 * len(value.tags)}[kind], None
            place = append_directory(file, order, value, origin)
        elif isinstance(value, Block) or len(_encode(order, kind, value)[1]) > 4:
            file.extend(b"\0" * (len(file) % 2))
            place = len(file)
            count, content = (1, value.content) if isinstance(value, Block) else _encode(order, kind, value)
            file.extend(content(place) if callable(content) else content)
        else:
            (count, content), place = _encode(order, kind, value), None
        inline = content.ljust(4, b"\0") if place is None else struct.pack(f"{order}I", place - origin)
        struct.pack_into(f"{order}HHI4s", file, start + 2 + 12 * index, number, kind, count, inline)
    if next_directory:
        following = append_directory(file, order, next_directory, origin)
        struct.pack_into(f"{order}I", file, start + 2 + 12 * len(directory.tags), following - origin)
    return start


def tiff(order, *directories, magic=42, mark=b""):
    """Returns a TIFF file as bytes: its directories in a chain; `mark` stands between the header and the first."""
    file = bytearray({"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", magic, 8 + len(mark)) + mark)
    following = None
    for directory in reversed(directories):
        following = (directory, following)

    def chain(link, at):
        directory, rest = link
        start = append_directory(file, order, directory)
        struct.pack_into(f"{order}I", file, at, start)
        if rest:
            chain(rest, start + 2 + 12 * len(directory.tags))

    chain(following, 4)
    return bytes(file)


def words(mosaic, order="<"):
    """Returns counts as 16-bit words."""
    return np.ascontiguousarray(mosaic, f"{order}u2").tobytes()


def packed_bits(mosaic, bits, word=1):
    """Returns counts as a stream of `bits` each, most significant first, in little-endian words of `word` bytes; rows end on a byte."""
    planes = (np.asarray(mosaic, np.int64)[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(planes.reshape(len(mosaic), -1).astype(np.uint8), axis=1)
    stream = rows.tobytes()
    stream += b"\0" * (-len(stream) % word)
    return np.frombuffer(stream, np.uint8).reshape(-1, word)[:, ::-1].tobytes()


def _marker(code, content):
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def lossless_jpeg(mosaic, bits, components=2):
    """Returns counts as lossless JPEG, as Canon and Adobe write it: neighbouring columns as components, predictor 1.

    All 17 categories of differences have codes of 5 bits. ITU-T T.81, H.1.2.1 (prediction), H.1.2.2 (Huffman coding of differences).
    """
    height, width = mosaic.shape
    samples = np.asarray(mosaic, np.int64).reshape(height, width // components, components)
    predicted = np.empty_like(samples)
    predicted[:, 1:] = samples[:, :-1]
    predicted[1:, 0] = samples[:-1, 0]  # a row's first sample is predicted from the one above
    predicted[0, 0] = 1 << (bits - 1)
    difference = (samples - predicted).ravel()
    category = np.ceil(np.log2(np.abs(difference) + 1)).astype(np.int64)
    extra = np.where(difference < 0, difference + (1 << category) - 1, difference)
    positions = np.arange(5 + 16)
    codes = (
        np.where(
            positions < 5,
            category[:, None] >> np.maximum(4 - positions, 0),
            extra[:, None] >> np.maximum(category[:, None] + 4 - positions, 0),
        )
        & 1
    )
    stream = codes[positions < 5 + category[:, None]]
    stream = np.concatenate([stream, np.ones(-len(stream) % 8, np.int64)]).astype(np.uint8)
    table = bytes([0]) + bytes(17 if length == 5 else 0 for length in range(1, 17)) + bytes(range(17))
    frame = struct.pack(">BHHB", bits, height, width // components, components)
    frame += b"".join(struct.pack("BBB", index + 1, 0x11, 0) for index in range(components))
    scan = struct.pack("B", components) + b"".join(struct.pack("BB", index + 1, 0) for index in range(components)) + bytes([1, 0, 0])
    return (
        b"\xff\xd8"
        + _marker(0xC4, table)
        + _marker(0xC3, frame)
        + _marker(0xDA, scan)
        + np.packbits(stream).tobytes().replace(b"\xff", b"\xff\0")
        + b"\xff\xd9"
    )
