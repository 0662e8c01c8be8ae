"""DNG files with and without each tag, written from Adobe's Digital Negative Specification 1.4.0.0 with struct alone.

Tag numbers and their meaning: chapter 4. Opcode lists: chapters 6 and 7; they are big-endian whatever the file's order.
"""

import dataclasses
import pathlib
import struct

import numpy as np
from tiff_builder import (
    ASCII,
    BYTE,
    DOUBLE,
    LONG,
    RATIONAL,
    SHORT,
    SRATIONAL,
    UNDEFINED,
    Block,
    Directory,
    lossless_jpeg,
    packed_bits,
    tiff,
    words,
)

# The EOS 6D's for D65, under a model name that no table knows.
MATRIX = ((0.7034, -0.0804, -0.1014), (-0.4420, 1.2564, 0.2058), (-0.0851, 0.1994, 0.5758))
D65, TUNGSTEN = 21, 17
JPEG_XL = 52546
_PLACE = 0xD47AD47A  # stands for the place of the pixels until it is known


@dataclasses.dataclass(frozen=True)
class Dng:
    """What a DNG says; None leaves a tag out.

    Attributes:
      cfa: 4 or 36 letters, row-major; cfa_layout: 1 rectangular, 2 and more staggered.
      make, model: UniqueCameraModel is both.
      order: "<" or ">"; sub_ifd: the raw picture in a SubIFD behind a thumbnail, as Adobe's converter writes it.
      bits: of a sample as stored, 16 in words, others packed; compression: 1, 7 (lossless JPEG), or anything with rubbish for data.
      keep: share of the pixels' bytes that is there.
      black: levels of the pattern of `black_repeat` (rows, columns), row-major; black_delta_h, black_delta_v: a column's and a row's.
      white: WhiteLevel. linearization: table from what is stored to counts.
      gains: AsShotNeutral's inverse. white_xy: AsShotWhiteXY.
      matrix1, illuminant1, matrix2, illuminant2: CIE XYZ -> camera colour.
      active_area: (top, left, bottom, right). masked_areas: a list of such. crop: (left, top, width, height) in the active area.
      scale: DefaultScale (horizontal, vertical). baseline_exposure: stops.
      noise_profile: (scale, offset) for each plane, or once. opcodes2, opcodes3: bytes of `opcode_list`.
      orientation, seconds, aperture, iso: EXIF's; recommended_iso, standard_iso: RecommendedExposureIndex, StandardOutputSensitivity.
    """

    cfa: str = "RGGB"
    cfa_layout: int | None = None
    make: str = "Nobody"
    model: str = "Unheard 1"
    order: str = "<"
    sub_ifd: bool = False
    bits: int = 16
    compression: int = 1
    keep: float = 1.0
    black: tuple | None = (256,)
    black_repeat: tuple | None = None
    black_delta_h: tuple | None = None
    black_delta_v: tuple | None = None
    white: int | None = 4095
    linearization: tuple | None = None
    gains: tuple | None = (2.0, 1.0, 1.5)
    white_xy: tuple | None = None
    matrix1: tuple | None = MATRIX
    illuminant1: int | None = D65
    matrix2: tuple | None = None
    illuminant2: int | None = None
    active_area: tuple | None = None
    masked_areas: tuple | None = None
    crop: tuple | None = None
    scale: tuple | None = None
    baseline_exposure: float | None = None
    noise_profile: tuple | None = None
    opcodes2: bytes | None = None
    opcodes3: bytes | None = None
    orientation: int = 1
    seconds: float = 0.1
    aperture: float = 2.8
    iso: int | None = 800
    recommended_iso: int | None = None
    standard_iso: int | None = None


def gain_map(gains, area, *, plane=0, planes=1, pitch=(1, 1), spacing=None, origin=(0.0, 0.0)):
    """Returns the opcode GainMap (9) as bytes.

    Args:
      gains: [v, h], multipliers at the points of the map, which spans `area`.
      area: (top, left, bottom, right) in pixels of the active area.
      plane, planes: first plane and how many; of a mosaic 0 and 1.
      pitch: (rows, columns) between pixels that it applies to.
      spacing: (v, h) between the points, 1 for the active area's side; such that they span it where None.
      origin: (v, h) of the first point.
    """
    rows, columns = np.shape(gains)
    spacing = spacing or (1 / max(rows - 1, 1), 1 / max(columns - 1, 1))
    content = struct.pack(">10I4dI", *area, plane, planes, *pitch, rows, columns, *spacing, *origin, 1)
    content += np.ascontiguousarray(gains, ">f4").tobytes()
    return struct.pack(">4I", 9, 0x01030000, 0, len(content)) + content


def opcode_list(*opcodes):
    """Returns an OpcodeList of opcodes as bytes."""
    return struct.pack(">I", len(opcodes)) + b"".join(opcodes)


def _optional(number, kind, value):
    return None if value is None else (number, kind, value)


def _said(dng):
    """Tags of the first directory: what is true of the whole file."""
    exif = Directory(
        (33434, RATIONAL, [dng.seconds]),
        (33437, RATIONAL, [dng.aperture]),
        _optional(34855, SHORT, dng.iso),
        (34864, SHORT, [1 if dng.standard_iso else 2]) if dng.standard_iso or dng.recommended_iso else None,
        _optional(34865, LONG, dng.standard_iso),
        _optional(34866, LONG, dng.recommended_iso),
        (36867, ASCII, "2024:05:06 07:08:09"),
    )
    neutral = None if dng.gains is None else dng.gains[1] / np.array(dng.gains)
    return (
        (271, ASCII, dng.make),
        (272, ASCII, dng.model),
        (274, SHORT, [dng.orientation]),
        (34665, LONG, exif),
        (50706, BYTE, bytes((1, 4, 0, 0))),
        (50707, BYTE, bytes((1, 1, 0, 0))),
        (50708, ASCII, f"{dng.make} {dng.model}"),
        _optional(50721, SRATIONAL, dng.matrix1),
        _optional(50722, SRATIONAL, dng.matrix2),
        _optional(50728, RATIONAL, neutral),
        _optional(50729, RATIONAL, dng.white_xy),
        _optional(50730, SRATIONAL, dng.baseline_exposure),
        _optional(50778, SHORT, dng.illuminant1 if dng.matrix1 else None),
        _optional(50779, SHORT, dng.illuminant2),
    )


def _raw(dng, height, width, size):
    """Tags of the directory with the mosaic."""
    side = {4: 2, 36: 6}[len(dng.cfa)]
    crop = dng.crop or (None,) * 4
    whole = all(float(number).is_integer() for number in dng.crop or ())
    return (
        (254, LONG, [0]),
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [dng.bits]),
        (259, SHORT, [dng.compression]),
        (262, SHORT, [32803]),
        (273, LONG, [_PLACE]),
        (277, SHORT, [1]),
        (278, LONG, [height]),
        (279, LONG, [size]),
        (33421, SHORT, [side, side]),
        (33422, BYTE, bytes("RGB".index(letter) for letter in dng.cfa)),
        (50710, BYTE, bytes((0, 1, 2))),
        _optional(50711, SHORT, dng.cfa_layout),
        _optional(50712, SHORT, dng.linearization),
        _optional(50713, SHORT, dng.black_repeat),
        _optional(50714, RATIONAL, dng.black),
        _optional(50715, SRATIONAL, dng.black_delta_h),
        _optional(50716, SRATIONAL, dng.black_delta_v),
        _optional(50717, LONG, dng.white),
        _optional(50718, RATIONAL, dng.scale),
        (50719, LONG if whole else RATIONAL, crop[:2]) if dng.crop else None,
        (50720, LONG if whole else RATIONAL, crop[2:]) if dng.crop else None,
        _optional(50829, LONG, dng.active_area),
        _optional(50830, LONG, dng.masked_areas),
        _optional(51009, UNDEFINED, dng.opcodes2),
        _optional(51022, UNDEFINED, dng.opcodes3),
        _optional(51041, DOUBLE, dng.noise_profile),
    )


def write_dng_raw(path, mosaic, **said):
    """Writes a DNG whose pixels come last, as cameras write them.

    Args:
      path: where to.
      mosaic: uint16 [H, W], what is stored: borders that saw no light included.
      **said: fields of Dng.
    Returns:
      The Dng.
    """
    dng = Dng(**said)
    height, width = mosaic.shape
    if dng.compression == 7:
        data = lossless_jpeg(mosaic, dng.bits)
    elif dng.compression == 1:
        data = words(mosaic, dng.order) if dng.bits == 16 else packed_bits(mosaic, dng.bits)
    else:
        data = np.random.RandomState(0).bytes(mosaic.size)
    raw = _raw(dng, height, width, len(data))
    if dng.sub_ifd:
        file = tiff(
            dng.order,
            Directory(
                (254, LONG, [1]),
                (256, LONG, [16]),
                (257, LONG, [12]),
                (258, SHORT, [8, 8, 8]),
                (259, SHORT, [1]),
                (262, SHORT, [2]),
                (273, LONG, Block(b"\x80" * 576)),
                (277, SHORT, [3]),
                (278, LONG, [12]),
                (279, LONG, [576]),
                (330, LONG, Directory(*raw)),
                *_said(dng),
            ),
        )
    else:
        file = tiff(dng.order, Directory(*raw, *_said(dng)))
    place = struct.pack(f"{dng.order}I", _PLACE)
    assert file.count(place) == 1
    file = file.replace(place, struct.pack(f"{dng.order}I", len(file)))
    pathlib.Path(path).write_bytes(file + data[: round(dng.keep * len(data))])
    return dng
