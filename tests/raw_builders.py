"""Small raw files in other makers' containers, with those makers' tags: Sony ARW, Nikon NEF, Canon CR2, Pentax PEF. The others' are
in `foreign_containers`, DNG is in `dng_builder`.

Each `write_*` takes the counts of the whole sensor and how the photograph was taken, and returns what a reader must find: an Expected.
Names of tags are ExifTool's. Where dcraw and LibRaw read them is named by function: `parse_tiff_ifd` and `apply_tiff` (tiff.cpp),
`parse_makernote` (makernotes.cpp), `identify_finetune_dcr` (identify.cpp); colour matrices are those of LibRaw's `adobe_coeff`.
"""

import dataclasses
import pathlib
import struct

import numpy as np
from tiff_builder import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    SSHORT,
    UNDEFINED,
    Block,
    Directory,
    append_directory,
    lossless_jpeg,
    packed_bits,
    tiff,
    words,
)

BAYER = {"RGGB": (0, 1, 1, 2), "BGGR": (2, 1, 1, 0), "GRBG": (1, 0, 2, 1), "GBRG": (1, 2, 0, 1)}
XTRANS = "RBGBRGGGRGGBGGBGGRBRGRBGGGBGGRGGRGGB"  # the X-T2's, in the phase of SID's files

# CIE XYZ (D65) -> camera colour, times 10000: Adobe's, as dcraw's `adobe_coeff` lists them.
MATRICES = {
    "ILCE-7SM2": (5838, -1430, -246, -3497, 11477, 2297, -748, 1885, 5778),
    "NIKON D700": (8139, -2171, -663, -8747, 16541, 2295, -1925, 2008, 8093),
    "Canon EOS 600D": (6461, -907, -882, -4300, 12184, 2378, -819, 1944, 5931),
    "PENTAX K-5": (8713, -2833, -743, -4342, 11900, 2772, -722, 1543, 6247),
    "DC-GH5S": (6929, -2355, -708, -4192, 12534, 1828, -1097, 1989, 5195),
    "E-M10": (8380, -2630, -639, -2887, 10725, 2496, -627, 1427, 5438),
    "X-T2": (11434, -4948, -1210, -3746, 12042, 1903, -666, 1479, 5235),
}


def xyz_to_camera(model):
    """Returns a model's matrix, float64 [3, 3]."""
    return np.reshape(MATRICES[model], (3, 3)) / 10000.0


@dataclasses.dataclass(frozen=True)
class Shot:
    """How a photograph was taken: as-shot (R, G, B) gains or None, exposure in seconds, ISO, EXIF's orientation, aperture."""

    gains: tuple | None = (2.0, 1.0, 1.5)
    seconds: float = 0.1
    iso: int = 800
    orientation: int = 1
    aperture: float = 2.8


SHOT = Shot()


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a reader must find in a file: the visible mosaic, its CFA, black of R, G, B and second G, white, model, and the Shot."""

    mosaic: np.ndarray
    cfa: str
    black: tuple
    white: int
    model: str
    shot: Shot


def exif_directory(shot, *more):
    """The EXIF directory. EXIF 2.3: ExposureTime, FNumber, ISO, DateTimeOriginal; MakerNote is in `more`."""
    return (
        34665,
        LONG,
        Directory(
            (33434, RATIONAL, [shot.seconds]),
            (33437, RATIONAL, [shot.aperture]),
            (34855, SHORT, [shot.iso]),
            (36867, ASCII, "2024:05:06 07:08:09"),
            *more,
        ),
    )


def picture_tags(width, height, bits, compression, data, cfa=None):
    """Tags of TIFF/EP that every directory with raw data has."""
    return [
        (254, LONG, [0]),
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [bits]),
        (259, SHORT, [compression]),
        (262, SHORT, [32803]),
        (273, LONG, Block(data)),
        (277, SHORT, [1]),
        (278, LONG, [height]),
        (279, LONG, [len(data)]),
        (33421, SHORT, [2, 2]) if cfa else None,
        (33422, BYTE, bytes(BAYER[cfa])) if cfa else None,
    ]


def _thumbnail(shot, make, model, *more):
    """The first directory of most makers' files: a small grey RGB picture, and what is true of the whole file."""
    return Directory(
        (254, LONG, [1]),
        (256, LONG, [16]),
        (257, LONG, [12]),
        (258, SHORT, [8, 8, 8]),
        (259, SHORT, [1]),
        (262, SHORT, [2]),
        (271, ASCII, make),
        (272, ASCII, model),
        (273, LONG, Block(b"\x80" * 576)),
        (274, SHORT, [shot.orientation]),
        (277, SHORT, [3]),
        (278, LONG, [12]),
        (279, LONG, [576]),
        *more,
    )


def _rggb(values):
    red, green, blue = values
    return [red, green, green, blue]


def rgbg(tile, cfa):
    """Levels of one tile, row-major, as levels of R, G, B and the second G."""
    of_colour = {"R": [], "G": [], "B": []}
    for letter, level in zip(cfa, tile, strict=True):
        of_colour[letter].append(level)
    return of_colour["R"][0], of_colour["G"][0], of_colour["B"][0], of_colour["G"][1]


def _sony_cipher(content, key):
    """Sony's SR2 cipher, its own inverse; dcraw's `sony_decrypt`."""
    pad = []
    for _ in range(4):
        key = (key * 48828125 + 1) & 0xFFFFFFFF
        pad.append(key)
    pad[3] = (pad[3] << 1 | (pad[0] ^ pad[2]) >> 31) & 0xFFFFFFFF
    for index in range(4, 127):
        pad.append(((pad[index - 4] ^ pad[index - 2]) << 1 | (pad[index - 3] ^ pad[index - 1]) >> 31) & 0xFFFFFFFF)
    pad = [struct.unpack("<I", struct.pack(">I", word))[0] for word in pad] + [0]
    plain = struct.unpack(f"<{len(content) // 4}I", content)
    coded = []
    for index, word in enumerate(plain, 127):
        pad[index & 127] = pad[(index + 1) & 127] ^ pad[(index + 65) & 127]
        coded.append(word ^ pad[index & 127])
    return struct.pack(f"<{len(coded)}I", *coded)


def write_arw(path, mosaic, shot=SHOT, *, cfa="RGGB", black=512, private=False):
    """Writes a Sony ARW of the A7S II: 14 bits in 16, uncompressed, in a SubIFD.

    Args:
      private: BlackLevel (0x7310) and WB_RGGBLevels (0x7313) are not in the SubIFD but, as in older models, in the enciphered SR2SubIFD
        that DNGPrivateData (0xc634) leads to; `parseSonySR2`.
    """
    levels = [(0x7310, SHORT, [black] * 4), (0x7313, SSHORT, _rggb(np.multiply(shot.gains, 1024))) if shot.gains else None]
    raw = Directory(*picture_tags(mosaic.shape[1], mosaic.shape[0], 14, 1, words(mosaic), cfa), *(() if private else levels))
    key = 0x3D2A5B17

    def enciphered(place):
        inner = bytearray()
        append_directory(inner, "<", Directory(*levels), origin=-place)
        return _sony_cipher(bytes(inner.ljust(256, b"\0")), key)

    more = (0xC634, BYTE, Directory((0x7200, LONG, Block(enciphered)), (0x7201, LONG, [256]), (0x7221, LONG, [key]))) if private else None
    first = _thumbnail(shot, "SONY", "ILCE-7SM2", (330, LONG, raw), exif_directory(shot), more)
    pathlib.Path(path).write_bytes(tiff("<", first))
    return Expected(mosaic, cfa, (black,) * 4, 16383, "ILCE-7SM2", shot)


def write_nef(path, mosaic, shot=SHOT, *, cfa="RGGB", black=(0, 0, 0, 0), bits=14):
    """Writes a Nikon NEF of the D700: big-endian, uncompressed; its maker note has a TIFF header of its own (`parseNikonMakernote`).

    WB_RBLevels (0x000c) holds red and blue over green; BlackLevel (0x003d) is in counts of 14 bits, also where the data have 12, which
    are packed. LibRaw shows four columns fewer than are recorded, two on each side, and they hold light.
    """
    red, green, blue = shot.gains or (1, 1, 1)
    note = b"Nikon\0\x02\x10\0\0" + tiff(
        ">",
        Directory(
            (0x0002, SHORT, [0, shot.iso]),
            (0x000C, RATIONAL, [red / green, blue / green, 1, 1]) if shot.gains else None,
            (0x003D, SHORT, np.multiply(black, 1 << (14 - bits))),
        ),
    )
    data = words(mosaic, ">") if bits == 14 else packed_bits(mosaic, bits)
    raw = Directory(*picture_tags(mosaic.shape[1], mosaic.shape[0], bits, 1, data, cfa))
    first = _thumbnail(shot, "NIKON CORPORATION", "NIKON D700", (330, LONG, raw), exif_directory(shot, (37500, UNDEFINED, note)))
    pathlib.Path(path).write_bytes(tiff(">", first))
    return Expected(mosaic[:, 2:-2], cfa, rgbg(black, cfa), (1 << bits) - 1, "NIKON D700", shot)


def write_cr2(path, mosaic, shot=SHOT, *, black=2048, left=0, top=0):
    """Writes a Canon CR2 of the EOS 600D: lossless JPEG of 14 bits in the fourth directory of the chain.

    The maker note has the model's number (0x0010), SensorInfo (0x00e0: the frame inside its masked borders) and ColorData6 (0x4001,
    1273 words: WB_RGGBLevelsAsShot at 63, PerChannelBlackLevel at 479; `parseCanonMakernotes`). Orientation is that of the first directory.

    Args:
      mosaic: with its borders of `left` columns and `top` rows, even, that saw no light.
    """
    height, width = mosaic.shape
    color = np.zeros(1273, np.int64)
    color[0], color[479:483] = 10, black
    if shot.gains:
        color[63:67] = _rggb(np.multiply(shot.gains, 1024))
    sensor = [34, width, height, 1, 1, left, top, width, height, *([0, 0, max(left - 2, 0), height] if left else [0] * 4), 0, 0, 0, 0]
    note = Directory((0x0010, LONG, [0x80000286]), (0x00E0, SHORT, sensor), (0x4001, SHORT, color))
    data = lossless_jpeg(mosaic, 14)
    raw = Directory((259, SHORT, [6]), (273, LONG, Block(data)), (279, LONG, [len(data)]), (50752, SHORT, [0, 0, width]))
    first = _thumbnail(shot, "Canon", "Canon EOS 600D", exif_directory(shot, (37500, UNDEFINED, note)))
    small = Directory(
        (256, LONG, [16]),
        (257, LONG, [12]),
        (258, SHORT, [8, 8, 8]),
        (259, SHORT, [1]),
        (262, SHORT, [2]),
        (273, LONG, Block(b"\x80" * 576)),
        (277, SHORT, [3]),
        (279, LONG, [576]),
    )
    pathlib.Path(path).write_bytes(tiff("<", first, small, small, raw, mark=b"CR\x02\0" + struct.pack("<I", 0)))
    return Expected(mosaic[top:, left:], "RGGB", (black,) * 4, 0x3510, "Canon EOS 600D", shot)


def write_pef(path, mosaic, shot=SHOT, *, cfa="RGGB", black=(64, 64, 64, 64)):
    """Writes a Pentax PEF of the K-5: big-endian, 14 bits in 16, uncompressed, in the first directory.

    Its maker note begins with "PENTAX " and counts offsets from there: BlackPoint (0x0200), WhitePoint (0x0201); `parsePentaxMakernotes`.
    """
    note = bytearray(b"PENTAX \0MM")
    append_directory(
        note,
        ">",
        Directory(
            (0x0005, LONG, [0x12E76]), (0x0200, SHORT, black), (0x0201, SHORT, _rggb(np.multiply(shot.gains, 8192))) if shot.gains else None
        ),
    )
    raw = Directory(
        *picture_tags(mosaic.shape[1], mosaic.shape[0], 14, 1, words(mosaic, ">"), cfa),
        (271, ASCII, "PENTAX"),
        (272, ASCII, "PENTAX K-5"),
        (274, SHORT, [shot.orientation]),
        exif_directory(shot, (37500, UNDEFINED, bytes(note))),
    )
    pathlib.Path(path).write_bytes(tiff(">", raw))
    return Expected(mosaic, cfa, rgbg(black, cfa), 16383, "PENTAX K-5", shot)
