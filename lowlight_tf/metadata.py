"""What a file says of how it was taken (EXIF), and the same for the files that are made of it.

Raw files keep EXIF in one of three ways: most are TIFFs in disguise, Fujifilm's hold a JPEG, Canon's CR3 boxes with TIFFs. What none
of them gives, LibRaw may know. Maker notes and previews are left behind: their offsets are the old file's.
"""

import dataclasses
import io
import math
import re
import struct
import warnings

from PIL import Image, TiffImagePlugin

from lowlight_tf import __version__

ORIENTATION, SOFTWARE, EXIF_IFD, GPS_IFD = 274, 305, 0x8769, 0x8825
_DESCRIPTION, _MAKE, _MODEL, _DATE, _ARTIST, _COPYRIGHT = 270, 271, 272, 306, 315, 33432
_SECONDS, _APERTURE, _ISO, _TAKEN, _FOCAL_LENGTH, _LENS = 33434, 33437, 34855, 36867, 37386, 42036
_KEPT = (_DESCRIPTION, _MAKE, _MODEL, _DATE, _ARTIST, _COPYRIGHT)
# Some raw files have these beside Make and Model, where readers of pictures do not look.
_OF_THE_EXPOSURE = (_SECONDS, _APERTURE, 34850, _ISO, _TAKEN, 36868, 37377, 37378, 37380, 37383, 37384, 37385, _FOCAL_LENGTH, 42034, _LENS)
_LEFT_BEHIND = (37500, 40961, 40962, 40963, 40965)  # MakerNote; colour space, size, interoperability of the old picture
_LONGEST = 4096                                      # bytes of a value; JPEG allows 64 KB for all of them
_FLIPS = {1: 0, 2: 1, 3: 3, 4: 2, 5: 4, 6: 6, 7: 7, 8: 5}


@dataclasses.dataclass(frozen=True)
class Metadata:
    """EXIF tags and values as Pillow has them: of the picture, of the exposure, of the place."""

    base: dict = dataclasses.field(default_factory=dict)
    exif: dict = dataclasses.field(default_factory=dict)
    gps: dict = dataclasses.field(default_factory=dict)

    @property
    def camera(self):
        """Make and model, the make said once; "" where the file says neither."""
        make, model = (str(self.base.get(tag, "")) for tag in (_MAKE, _MODEL))
        return model if make and model.lower().startswith(make.lower()) else f"{make} {model}".strip()

    @property
    def lens(self):
        """The lens's model, or ""."""
        return str(self.exif.get(_LENS, ""))

    @property
    def taken(self):
        """Date and time as EXIF writes them, or ""."""
        return str(self.exif.get(_TAKEN) or self.base.get(_DATE, ""))

    @property
    def seconds(self):
        """Shutter time, or 0.0."""
        return _number(self.exif.get(_SECONDS))

    @property
    def iso(self):
        """ISO, or 0.0."""
        return _number(self.exif.get(_ISO))

    @property
    def aperture(self):
        """f-number, or 0.0."""
        return _number(self.exif.get(_APERTURE))

    @property
    def flip(self):
        """The orientation, in RawImage's bits; 0 where there is none."""
        return _FLIPS.get(self.base.get(ORIENTATION), 0)


def _number(value):
    value = value[0] if isinstance(value, tuple) and value else value
    try:
        return float(value) if value is not None and math.isfinite(value) and value > 0 else 0.0
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0


def _clean(value):
    """Returns a value that can be written again, or None."""
    if isinstance(value, str):
        return re.sub(r"[\x01-\x1f\x7f]+", " ", value.split("\0")[0]).strip()[:_LONGEST] or None
    if isinstance(value, bytes):
        return value if 0 < len(value) <= _LONGEST else None
    parts = value if isinstance(value, tuple) else (value,)
    finite = all(isinstance(part, (int, float, TiffImagePlugin.IFDRational)) and math.isfinite(part) for part in parts)
    return value if finite and 0 < len(parts) <= _LONGEST // 8 else None


def _cleaned(tags, kept=lambda tag: True):
    cleaned = {tag: _clean(value) for tag, value in tags.items() if kept(tag)}
    return {tag: value for tag, value in cleaned.items() if value is not None}


def _of(tags):
    """Sorts what Pillow read."""
    base, exif = dict(tags), dict(tags.get_ifd(EXIF_IFD))
    moved = {tag: base[tag] for tag in _OF_THE_EXPOSURE if tag in base}
    return Metadata(_cleaned(base, lambda tag: tag in (*_KEPT, ORIENTATION)),
                    _cleaned({**moved, **exif}, lambda tag: tag not in _LEFT_BEHIND), _cleaned(dict(tags.get_ifd(GPS_IFD))))


def _of_tiff(content):
    tags = Image.Exif()
    # Olympus and Panasonic change the magic number, and nothing after it.
    tags.load_from_fp(io.BytesIO((b"II*\0" if content[:2] == b"II" else b"MM\0*") + content[4:]))
    return _of(tags)


def _of_picture(file):
    with Image.open(file) as picture:
        return _of(picture.getexif())


def _of_cr3(content):
    """Canon's boxes CMT1, CMT2 and CMT4 are TIFFs whose first directories are the picture's, the exposure's and the place's."""
    found = []
    for name in (b"CMT1", b"CMT2", b"CMT4"):
        tags, start = Image.Exif(), content.find(name)
        if start >= 4:
            size = struct.unpack(">I", content[start - 4:start])[0]
            tags.load_from_fp(io.BytesIO(content[start + 4:start - 4 + size]))
        found.append(dict(tags))
    base, exif, gps = found
    return Metadata(_cleaned(base, lambda tag: tag in (*_KEPT, ORIENTATION)), _cleaned(exif, lambda tag: tag not in _LEFT_BEHIND),
                    _cleaned(gps))


def _read(path):
    with open(path, "rb") as file:
        content = file.read()
    if content.startswith(b"FUJIFILMCCD-RAW"):
        start, size = struct.unpack(">II", content[84:92])
        return _of_picture(io.BytesIO(content[start:start + size]))
    if content[4:12] == b"ftypcrx ":
        return _of_cr3(content)
    return _of_tiff(content) if content[:2] in (b"II", b"MM") else _of_picture(path)


def read_metadata(path):
    """Reads EXIF from a raw file or a picture.

    Args:
      path: a file.
    Returns:
      Metadata, empty where the file has none or has it damaged: no reason to refuse its picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on damaged directories
            return _read(path)
    except Exception:  # Pillow raises whatever the place of the damage does
        return Metadata()


def completed(metadata, raw):
    """Adds what LibRaw knows of a RawImage and the file's EXIF does not say."""
    known = {_SECONDS: raw.exposure_seconds, _APERTURE: raw.aperture, _ISO: round(raw.iso), _FOCAL_LENGTH: raw.focal_length,
             _LENS: raw.lens, _TAKEN: raw.taken.strftime("%Y:%m:%d %H:%M:%S") if raw.taken else ""}
    rational = (_SECONDS, _APERTURE, _FOCAL_LENGTH)
    known = {tag: TiffImagePlugin.IFDRational(value).limit_rational(1000000) if tag in rational else value
             for tag, value in known.items() if value}
    known = {tag: TiffImagePlugin.IFDRational(*value) if tag in rational else value for tag, value in known.items()}
    return dataclasses.replace(metadata, exif={**known, **metadata.exif})


def output_tags(metadata, size):
    """Returns the directories of a new file: (picture's, exposure's, place's), each {tag: value}.

    Args:
      metadata: a Metadata.
      size: (height, width) of the new picture, which stands upright.
    """
    exif = metadata.exif | {40961: 1, 40962: size[1], 40963: size[0]}  # colour space 1 is sRGB
    # Pillow reads texts as Latin-1: so coded, they are the bytes that they were, UTF-8 too.
    base = {tag: str(value).encode("latin-1", "replace") for tag, value in metadata.base.items() if tag in _KEPT}
    return base | {ORIENTATION: 1, SOFTWARE: f"lowlight_tf {__version__}".encode()}, exif, metadata.gps


def _writable(tags):
    """Leaves out what Pillow cannot write again: a damaged file may give a value of a kind that its tag does not allow."""
    def whole(tag, value):
        try:
            directory_bytes({tag: value}, 0)
            return True
        except Exception:  # as in read_metadata
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
      path: a little-endian TIFF whose first directory has the tags EXIF_IFD - 1 and GPS_IFD - 1, which tifffile writes, in the place of
        those that it does not.
      metadata, size: as `output_tags`.
    """
    _, exif, gps = output_tags(metadata, size)
    with open(path, "rb+") as file:
        first = struct.unpack("<4xI", file.read(8))[0]
        file.seek(first)
        entries = {struct.unpack("<H", file.read(12)[:2])[0]: first + 2 + 12 * i
                   for i in range(struct.unpack("<H", file.read(2))[0])}
        for tag, tags in ((EXIF_IFD, exif), (GPS_IFD, gps)):
            if tag - 1 not in entries:
                continue
            offset = file.seek(0, io.SEEK_END)
            offset += file.write(b"\0" * (offset % 2))
            file.write(directory_bytes(_writable(tags), offset))
            file.seek(entries[tag - 1])
            file.write(struct.pack("<HHII", tag, 4, 1, offset))
