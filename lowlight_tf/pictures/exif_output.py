"""EXIF of the files that are made: what a Metadata says, laid out for JPEG, PNG and TIFF."""

import io
import struct

from PIL import Image, TiffImagePlugin

from lowlight_tf import __version__
from lowlight_tf.pictures.metadata import COLOR_SPACE, EXIF_IFD, GPS_IFD, KEPT, ORIENTATION, SOFTWARE


def output_tags(metadata, size):
    """Returns the directories of a new file: (picture's, exposure's, place's), each {tag: value}.

    Args:
      metadata: a Metadata.
      size: (height, width) of the new picture, which stands upright.
    """
    exif = metadata.exif | {COLOR_SPACE: 1, 40962: size[1], 40963: size[0]}  # colour space 1 is sRGB
    # Pillow reads texts as Latin-1: so coded, they are the bytes that they were, UTF-8 too.
    base = {tag: str(value).encode("latin-1", "replace") for tag, value in metadata.base.items() if tag in KEPT}
    return base | {ORIENTATION: 1, SOFTWARE: f"lowlight_tf {__version__}".encode()}, exif, metadata.gps


def _writable(tags):
    """Leaves out what Pillow cannot write again: a damaged file may give a value of a kind that its tag does not allow."""

    def whole(tag, value):
        try:
            directory_bytes({tag: value}, 0)
            return True
        except Exception:  # as in read_metadata  # noqa: BLE001
            return False

    return {tag: value for tag, value in tags.items() if whole(tag, value)}


def directory_bytes(tags, offset):
    """Lays {tag: value} out as a little-endian TIFF directory that begins `offset` bytes into its file."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    for tag, value in tags.items():
        directory[tag] = value
    return directory.tobytes(offset)


def exif_bytes(metadata, size):
    """Returns EXIF for a JPEG or PNG: bytes that begin with "Exif"."""
    base, exif, gps = (_writable(tags) for tags in output_tags(metadata, size))
    tags = Image.Exif()
    tags.update(base)
    tags.get_ifd(EXIF_IFD).update(exif)
    if gps:
        tags.get_ifd(GPS_IFD).update(gps)
    return tags.tobytes()


def add_directories(path, metadata, size):
    """Hangs the exposure's and the place's directories on a TIFF that was written with room for their offsets.

    Args:
      path: a little-endian TIFF whose first directory has the tags EXIF_IFD - 1 and GPS_IFD - 1, which tifffile writes, instead of
        those that it does not.
      metadata, size: as `output_tags`.
    """
    _, exif, gps = output_tags(metadata, size)
    with open(path, "rb+") as file:
        first = struct.unpack("<4xI", file.read(8))[0]
        file.seek(first)
        entries = {struct.unpack("<H", file.read(12)[:2])[0]: first + 2 + 12 * i for i in range(struct.unpack("<H", file.read(2))[0])}
        for tag, tags in ((EXIF_IFD, exif), (GPS_IFD, gps)):
            if tag - 1 not in entries:
                continue
            offset = file.seek(0, io.SEEK_END)
            offset += file.write(b"\0" * (offset % 2))
            file.write(directory_bytes(_writable(tags), offset))
            file.seek(entries[tag - 1])
            file.write(struct.pack("<HHII", tag, 4, 1, offset))
