"""Whether a raw file holds all the image data that its header speaks of: LibRaw takes what is missing for black."""

import pathlib
import struct

from lowlight_tf.raw.tiff_tags import read_directories

_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC = 256, 257, 259, 262
_STRIPS, _TILES = (273, 279), (324, 325)  # offsets, byte counts
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_PIECES = ((_STRIPS, (None, _ROWS_PER_STRIP), "strips"), (_TILES, (_TILE_WIDTH, _TILE_HEIGHT), "tiles"))
_PANASONIC_OFFSET = 280  # RawDataOffset, where StripOffsets says nothing
_DNG_VERSION = 50706
_UNKNOWN = 0xFFFFFFFF
_RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array, linear raw
_LIBRAW_DECODES = (1, 7, 8, 34892)  # compressions of a DNG
_COMPRESSIONS = {50002: "JPEG XL", 52546: "JPEG XL"}


def raw_directory(directories):
    """Returns the tags of the directory that describes the raw image: the first with a CFA, else the largest; {} where there is none."""
    raws = [tags for tags in directories if tags.get(_PHOTOMETRIC, (0,))[0] in _RAW_PHOTOMETRICS] or directories
    return max(raws, key=lambda tags: tags.get(_WIDTH, (0,))[0] * tags.get(_HEIGHT, (0,))[0], default={})


def _pieces_needed(tags, whole):
    """Returns how many strips or tiles the picture's size asks for; `whole` are the tags of a piece's width and height."""
    width, height = (tags.get(tag, (0,))[0] for tag in (_WIDTH, _HEIGHT))
    across = -(-width // tags[whole[0]][0]) if whole[0] in tags and tags[whole[0]][0] else 1
    down = -(-height // tags[whole[1]][0]) if whole[1] in tags and tags[whole[1]][0] else 1
    return across * down


def _tiff_truncation(path, size):
    directories = read_directories(path)
    # The raw image of Canon's CR2 lies in a directory that says no size.
    described = [raw_directory(directories), *(tags for tags in directories if _WIDTH not in tags and _STRIPS[0] in tags)]
    ends = [tags[_PANASONIC_OFFSET][0] for tags in described if _PANASONIC_OFFSET in tags]
    for tags in described:
        for (offsets, counts), whole, what in _PIECES:
            needed, listed = _pieces_needed(tags, whole), len(tags.get(offsets, ()))
            if 0 < listed < needed:
                return f"it lists {listed} of {needed} {what} of image data"
            for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False):
                offset = ends[0] if offset == _UNKNOWN and ends else offset
                ends.append(offset + (0 if count == _UNKNOWN else count))
    return _bytes_missing(max(ends, default=0), size)


def _bytes_missing(end, size):
    return f"its image data should end at byte {end:,}, the file has {size:,}" if end > size else None


def _fuji_end(head):
    """Where Fujifilm's RAF says that its raw image ends."""
    offset, length = struct.unpack(">II", head[100:108])
    return offset + length


def _boxes_end(path, size):
    """Returns where the last box of an ISO base media file (CR3) ends. Reference: ISO/IEC 14496-12, section 4.2."""
    position = 0
    with open(path, "rb") as file:
        while position + 8 <= size:
            file.seek(position)
            length, _, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            length = long if length == 1 else length or size - position
            if length < 8:
                break
            position += length
    return position


def truncation(path):
    """Says what image data a raw file lacks by its own header; None where it has all, or does not say.

    Args:
      path: a file.
    """
    path = pathlib.Path(path)
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(108)
    if head.startswith(b"FUJIFILMCCD-RAW") and len(head) == 108:
        return _bytes_missing(_fuji_end(head), size)
    if head[4:12] == b"ftypcrx ":
        return _bytes_missing(_boxes_end(path, size), size)
    return _tiff_truncation(path, size)


def unknown_compression(path):
    """Returns the name of the compression of a DNG's raw image that LibRaw does not decode; None where it does, or the file is no DNG."""
    directories = read_directories(path)
    scheme = raw_directory(directories).get(_COMPRESSION, (1,))[0]
    if not any(_DNG_VERSION in tags for tags in directories) or scheme in _LIBRAW_DECODES:
        return None
    return f"{scheme} ({_COMPRESSIONS[scheme]})" if scheme in _COMPRESSIONS else str(scheme)


def sensor_size(path):
    """Returns (width, height) of the page of a TIFF-like file that says to be a sensor's; None where there is none."""
    tags = raw_directory(read_directories(path))
    if tags.get(_PHOTOMETRIC, (0,))[0] not in _RAW_PHOTOMETRICS:
        return None
    return tuple(tags.get(tag, (0,))[0] for tag in (_WIDTH, _HEIGHT))
