"""What a file says of how it was taken: EXIF.

Raw files keep EXIF in one of three ways: most are TIFFs in disguise, Fujifilm's hold a JPEG, Canon's CR3 boxes with TIFFs. What none
of them gives, LibRaw may know. Maker notes and previews are left behind: their offsets are the old file's. Only what is asked
for is read of a file, which may have 100 MB.
"""

import dataclasses
import io
import math
import re
import struct
import warnings

from PIL import Image, TiffImagePlugin

from lowlight_tf.pictures.png_chunks import SIGNATURE, pixels_left_out, read_chunks

ORIENTATION, SOFTWARE, EXIF_IFD, GPS_IFD = 274, 305, 0x8769, 0x8825
_DESCRIPTION, _MAKE, _MODEL, _DATE, _ARTIST, _COPYRIGHT = 270, 271, 272, 306, 315, 33432
_SECONDS, _APERTURE, _ISO, _TAKEN, _FOCAL_LENGTH, _LENS = 33434, 33437, 34855, 36867, 37386, 42036
_SENSITIVITY_TYPE, _OUTPUT_SENSITIVITY, _RECOMMENDED_INDEX, _ISO_SPEED = 34864, 34865, 34866, 34867
_ISO_IS_ELSEWHERE = 65535  # all that 16 bits can say of an ISO
# By SensitivityType, where the sensitivity is said that the ISO's 16 bits could not hold. EXIF 2.3, tables 5 and 6.
_SENSITIVITIES = {
    1: (_OUTPUT_SENSITIVITY,),
    2: (_RECOMMENDED_INDEX,),
    3: (_ISO_SPEED,),
    4: (_RECOMMENDED_INDEX, _OUTPUT_SENSITIVITY),
    5: (_ISO_SPEED, _OUTPUT_SENSITIVITY),
    6: (_ISO_SPEED, _RECOMMENDED_INDEX),
}
_ANY_SENSITIVITY = (_RECOMMENDED_INDEX, _OUTPUT_SENSITIVITY, _ISO_SPEED)
COLOR_SPACE, _INTEROPERABILITY, _ADOBE_RGB = 40961, 40965, 2
KEPT = (_DESCRIPTION, _MAKE, _MODEL, _DATE, _ARTIST, _COPYRIGHT)
# Some raw files have these beside Make and Model, where readers of pictures do not look.
_OF_THE_EXPOSURE = (
    _SECONDS,
    _APERTURE,
    34850,
    _ISO,
    _SENSITIVITY_TYPE,
    *_ANY_SENSITIVITY,
    _TAKEN,
    36868,
    37377,
    37378,
    37380,
    37383,
    37384,
    37385,
    _FOCAL_LENGTH,
    42034,
    _LENS,
)
_LEFT_BEHIND = (37500, COLOR_SPACE, 40962, 40963, _INTEROPERABILITY)  # MakerNote; colour space, size, interoperability of the old picture
_LONGEST = 4096  # bytes of a value; JPEG allows 64 KB for all of them
_HEAD = 1 << 20  # bytes that hold EXIF in a preview's JPEG, and in Canon's boxes, whatever follows
_FLIPS = {1: 0, 2: 1, 3: 3, 4: 2, 5: 4, 6: 6, 7: 7, 8: 5}


@dataclasses.dataclass(frozen=True)
class Metadata:
    """EXIF tags and values as Pillow has them: of the picture, of the exposure, of the place; and whether EXIF says Adobe RGB."""

    base: dict = dataclasses.field(default_factory=dict)
    exif: dict = dataclasses.field(default_factory=dict)
    gps: dict = dataclasses.field(default_factory=dict)
    adobe_rgb: bool = False

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
        """ISO, or 0.0; where its tag says 65535, the sensitivity that the tags beside it say, if any does."""
        said = _number(self.exif.get(_ISO))
        return (_sensitivity(self.exif) or said) if said == _ISO_IS_ELSEWHERE else said

    @property
    def aperture(self):
        """f-number, or 0.0."""
        return _number(self.exif.get(_APERTURE))

    @property
    def flip(self):
        """The orientation, in RawImage's bits; 0 where there is none."""
        return flip_of(self.base.get(ORIENTATION))


def flip_of(orientation):
    """Returns EXIF's orientation in RawImage's bits; 0 for what is none."""
    return _FLIPS.get(orientation, 0)


def _number(value):
    value = value[0] if isinstance(value, tuple) and value else value
    try:
        return float(value) if value is not None and math.isfinite(value) and value > 0 else 0.0
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0


def _sensitivity(exif):
    """Returns what stands for an ISO beyond 16 bits, or 0.0."""
    tags = _SENSITIVITIES.get(exif.get(_SENSITIVITY_TYPE), ()) + _ANY_SENSITIVITY
    return next(filter(None, (_number(exif.get(tag)) for tag in tags)), 0.0)


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
    return Metadata(
        _cleaned(base, lambda tag: tag in (*KEPT, ORIENTATION)),
        _cleaned({**moved, **exif}, lambda tag: tag not in _LEFT_BEHIND),
        _cleaned(dict(tags.get_ifd(GPS_IFD))),
        _is_adobe_rgb(tags, exif),
    )


def _is_adobe_rgb(tags, exif):
    """Tells Adobe RGB: by "R03" (DCF 2.0, 5.3), or by a colour space of 2, which no standard knows and some cameras write."""
    if exif.get(COLOR_SPACE) in (1, _ADOBE_RGB):
        return exif[COLOR_SPACE] == _ADOBE_RGB
    try:
        index = tags.get_ifd(_INTEROPERABILITY).get(1, "")
    except Exception:  # Pillow's for a file without that directory, or with it damaged, which the rest shall not suffer from  # noqa: BLE001
        return False
    return (index.decode("latin-1") if isinstance(index, bytes) else str(index)).startswith("R03")


def _of_tiff(file, head):
    """Reads a file as a TIFF whatever its magic number is: Olympus and Panasonic change it, and nothing after it."""
    tags, order = Image.Exif(), "<" if head[:2] == b"II" else ">"
    tags.endian = order
    tags.load_from_fp(file, struct.unpack(f"{order}I", head[4:8])[0])
    return _of(tags)


def _of_png(path):
    """Reads what a PNG says of itself from a PNG of one pixel: Pillow would decode the whole one, as EXIF may come last."""
    return _of_picture(io.BytesIO(pixels_left_out(read_chunks(path))))


def _of_picture(file):
    with Image.open(file) as picture:
        return _of(picture.getexif())


def _of_cr3(content):
    """Canon's boxes CMT1, CMT2 and CMT4 are TIFFs whose first directories are the picture's, the exposure's and the place's."""
    found = []
    for name in (b"CMT1", b"CMT2", b"CMT4"):
        tags, start = Image.Exif(), content.find(name)
        if start >= 4:
            size = struct.unpack(">I", content[start - 4 : start])[0]
            tags.load_from_fp(io.BytesIO(content[start + 4 : start - 4 + size]))
        found.append(dict(tags))
    base, exif, gps = found
    return Metadata(
        _cleaned(base, lambda tag: tag in (*KEPT, ORIENTATION)), _cleaned(exif, lambda tag: tag not in _LEFT_BEHIND), _cleaned(gps)
    )


def _read(path):
    with open(path, "rb") as file:
        head = file.read(100)
        if head.startswith(b"FUJIFILMCCD-RAW"):
            start, size = struct.unpack(">II", head[84:92])
            file.seek(start)
            return _of_picture(io.BytesIO(file.read(min(size, _HEAD))))
        if head[4:12] == b"ftypcrx ":
            return _of_cr3(head + file.read(_HEAD))
        if head[:2] in (b"II", b"MM"):
            return _of_tiff(file, head)
    return _of_png(path) if head.startswith(SIGNATURE) else _of_picture(path)


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
    except Exception:  # Pillow raises whatever the place of the damage does  # noqa: BLE001
        return Metadata()


def completed(metadata, raw):
    """Adds what LibRaw knows of a RawImage and the file's EXIF does not say."""
    known = {
        _SECONDS: raw.exposure_seconds,
        _APERTURE: raw.aperture,
        _ISO: round(raw.iso),
        _FOCAL_LENGTH: raw.focal_length,
        _LENS: raw.lens,
        _TAKEN: raw.taken.strftime("%Y:%m:%d %H:%M:%S") if raw.taken else "",
    }
    rational = (_SECONDS, _APERTURE, _FOCAL_LENGTH)
    known = {
        tag: TiffImagePlugin.IFDRational(value).limit_rational(1000000) if tag in rational else value
        for tag, value in known.items()
        if value
    }
    known = {tag: TiffImagePlugin.IFDRational(*value) if tag in rational else value for tag, value in known.items()}
    unsaid = metadata.iso == _ISO_IS_ELSEWHERE and _ISO in known
    said = {tag: value for tag, value in metadata.exif.items() if not (unsaid and tag == _ISO)}
    return dataclasses.replace(metadata, exif={**known, **said})
