"""The directories of a TIFF, and of the raw files that are TIFFs in disguise: numbers and bytes by tag, nothing of the pixels.

tifffile reads DNGs too, but refuses Panasonic's and Olympus' magic numbers, and this reads no more than the directories.
Reference: Adobe, TIFF Revision 6.0, section 2.
"""

import struct

_SUB_IFDS = 330
# By TIFF type: struct's letter and how many numbers make a value. 2 and 7 are bytes.
_TYPES = {
    1: ("B", 1),
    2: ("s", 1),
    3: ("H", 1),
    4: ("I", 1),
    5: ("I", 2),
    6: ("b", 1),
    7: ("s", 1),
    8: ("h", 1),
    9: ("i", 1),
    10: ("i", 2),
    11: ("f", 1),
    12: ("d", 1),
    13: ("I", 1),
}
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_BYTES = 64, 1024, 1 << 24  # what damage may claim; gain maps of phones take up to a megabyte
# TIFF's magic number, and Olympus' and Panasonic's.
_MAGICS = (b"*\0", b"\0*", b"RO", b"RS", b"OR", b"U\0")


def _value(file, order, kind, count, inline):
    letter, parts = _TYPES[kind]
    size = struct.calcsize(letter) * parts * count
    if size > _MOST_BYTES:
        return None
    content = inline[:size]
    if size > 4:
        file.seek(struct.unpack(order + "I", inline)[0])
        content = file.read(size)
    if len(content) < size:
        return None
    if letter == "s":
        return content
    numbers = struct.unpack(f"{order}{count * parts}{letter}", content)
    if parts == 2:
        return tuple(top / bottom if bottom else float("nan") for top, bottom in zip(numbers[::2], numbers[1::2], strict=False))
    return numbers


def _directory(file, order, offset):
    """Reads one directory: {tag: tuple of numbers, or bytes}, and where the next one is."""
    file.seek(offset)
    head = file.read(2)
    if len(head) < 2:
        return {}, 0
    number = min(struct.unpack(order + "H", head)[0], _MOST_ENTRIES)
    entries = file.read(12 * number)
    following = file.read(4)
    tags = {}
    for start in range(0, len(entries) - 11, 12):
        tag, kind, count = struct.unpack(order + "HHI", entries[start : start + 8])
        value = _value(file, order, kind, count, entries[start + 8 : start + 12]) if kind in _TYPES and count else None
        if value is not None:
            tags[tag] = value
    return tags, struct.unpack(order + "I", following)[0] if len(following) == 4 else 0


def read_directories(path):
    """Reads all directories of a TIFF-like file, those within others too.

    Args:
      path: a file.
    Returns:
      list of {tag: tuple of numbers (rationals as float), or bytes for text and undefined}; [] where the file is no TIFF. What is damaged
      is left out.
    """
    with open(path, "rb") as file:
        head = file.read(8)
        if len(head) < 8 or head[:2] not in (b"II", b"MM") or head[2:4] not in _MAGICS:
            return []
        order = "<" if head[:2] == b"II" else ">"
        waiting, seen, directories = [struct.unpack(order + "I", head[4:])[0]], set(), []
        while waiting and len(directories) < _MOST_DIRECTORIES:
            offset = waiting.pop(0)
            if not offset or offset in seen:
                continue
            seen.add(offset)
            tags, following = _directory(file, order, offset)
            directories.append(tags)
            waiting += [*(part for part in tags.get(_SUB_IFDS, ()) if isinstance(part, int)), following]
    return directories
