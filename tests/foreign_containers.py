"""Small raw files whose containers are no plain TIFF: Panasonic RW2, Olympus ORF and Fujifilm RAF. The plain ones are in `raw_builders`."""

import pathlib
import struct

import numpy as np
from raw_builders import BAYER, SHOT, XTRANS, Expected, exif_directory, picture_tags, rgbg
from tiff_builder import ASCII, LONG, SHORT, UNDEFINED, Block, Directory, append_directory, packed_bits, tiff, words


def _panasonic_bytes(mosaic):
    """Codes counts as RawFormat 5: ten of 12 bits in 16 bytes, the stream in blocks of 0x4000 that begin at their byte 0x2008."""
    pairs = mosaic.astype(np.int64).reshape(-1, 5, 2)
    first, second = pairs[..., 0], pairs[..., 1]
    groups = np.stack([first & 255, first >> 8 | (second & 15) << 4, second >> 4], axis=-1).reshape(-1, 15).astype(np.uint8)
    stream = np.pad(groups, ((0, 0), (0, 1))).tobytes()
    stream += b"\0" * (-len(stream) % 0x4000)
    return b"".join(stream[at + 0x2008 : at + 0x4000] + stream[at : at + 0x2008] for at in range(0, len(stream), 0x4000))


def write_rw2(path, mosaic, shot=SHOT, *, cfa="RGGB", black=(128, 128, 128)):
    """Writes a Panasonic RW2 of the GH5S, 12 bits; the width is a multiple of ten.

    The header's magic is 0x55, and the tags are PanasonicRaw's: SensorWidth (0x0002), SensorHeight, borders (0x0004 to 0x0007), CFAPattern
    (0x0009), BitsPerSample (0x000a), ISO (0x0017), BlackLevelRed, -Green, -Blue (0x001c to 0x001e), WBRedLevel, WBGreenLevel,
    WBBlueLevel (0x0024 to 0x0026), RawFormat (0x002d), RawDataOffset (0x0118); `parse_tiff_ifd`, `panasonic_load_raw`.
    """
    height, width = mosaic.shape
    levels = np.multiply(shot.gains, 256) if shot.gains else ()
    first = Directory(
        (0x0001, UNDEFINED, b"0400"),
        (0x0002, SHORT, [width]),
        (0x0003, SHORT, [height]),
        (0x0004, SHORT, [0]),
        (0x0005, SHORT, [0]),
        (0x0006, SHORT, [height]),
        (0x0007, SHORT, [width]),
        (0x0009, SHORT, [1 + ("RGGB", "GRBG", "GBRG", "BGGR").index(cfa)]),
        (0x000A, SHORT, [12]),
        (0x0017, SHORT, [shot.iso]),
        *((0x001C + index, SHORT, [level]) for index, level in enumerate(black)),
        *((0x0024 + index, SHORT, [level]) for index, level in enumerate(levels)),
        (0x002D, SHORT, [5]),
        (0x0118, LONG, Block(_panasonic_bytes(mosaic))),
        (271, ASCII, "Panasonic"),
        (272, ASCII, "DC-GH5S"),
        (274, SHORT, [shot.orientation]),
        exif_directory(shot),
    )
    pathlib.Path(path).write_bytes(tiff("<", first, magic=0x55))
    red, green, blue = black
    return Expected(mosaic, cfa, (red, green, blue, green), 4095, "DC-GH5S", shot)


def write_orf(path, mosaic, shot=SHOT, *, cfa="RGGB", black=(255, 255, 255, 255)):
    """Writes an Olympus ORF of the E-M10: 12 bits, packed into little-endian words of 32 bits.

    The header's magic is "RO". The maker note begins with "OLYMPUS" and counts offsets from there; its ImageProcessing directory (0x2040)
    has WB_RBLevels (0x0100, 256 for green), BlackLevel2 (0x0600) and ValidBits (0x0611); `parseOlympus_ImageProcessing`.
    """
    height, width = mosaic.shape
    data = packed_bits(mosaic, 12, word=4)
    processing = Directory(
        (0x0100, SHORT, [shot.gains[0] / shot.gains[1] * 256, shot.gains[2] / shot.gains[1] * 256]) if shot.gains else None,
        (0x0600, SHORT, black),
        (0x0611, SHORT, [12]),
    )
    note = bytearray(b"OLYMPUS\0II\3\0")
    append_directory(note, "<", Directory((0x2040, LONG, processing)))
    colours = bytes([2, 0, 2, 0, *BAYER[cfa]])
    raw = [tag for tag in picture_tags(width, height, 12, 1, data) if tag]
    first = Directory(
        *raw,
        (271, ASCII, "OLYMPUS CORPORATION"),
        (272, ASCII, "E-M10"),
        (274, SHORT, [shot.orientation]),
        exif_directory(shot, (37500, UNDEFINED, bytes(note)), (41730, UNDEFINED, colours)),
    )  # 41730: EXIF's CFAPattern
    pathlib.Path(path).write_bytes(tiff("<", first, magic=0x4F52))
    return Expected(mosaic, cfa, rgbg(black, cfa), 4095, "E-M10", shot)


def write_raf(path, mosaic, shot=SHOT, *, black=1024, cfa=XTRANS):
    """Writes a Fujifilm RAF of the X-T2: X-Trans, 14 bits in 16, uncompressed.

    A header that names model and parts; a JPEG whose EXIF says how the photograph was taken; a directory of its own kind (RawImageFullSize
    0x0100, RawImageSize 0x0121, FujiLayout 0x0130, XTransLayout 0x0131 from the last place to the first, WB_GRGBLevels 0x2ff0;
    `parse_fuji`); and a TIFF whose directory 0xf000 has the sizes, bits, place, 36 black levels (0xf00a) and as-shot green, red, blue
    (0xf00e).
    """
    height, width = mosaic.shape
    exif = tiff("<", Directory((271, ASCII, "FUJIFILM"), (272, ASCII, "X-T2"), (274, SHORT, [shot.orientation]), exif_directory(shot)))
    jpeg = b"\xff\xd8" + struct.pack(">BBH", 0xFF, 0xE1, len(exif) + 8) + b"Exif\0\0" + exif + b"\xff\xd9"
    balance = [shot.gains[index] / shot.gains[1] * 302 for index in (1, 0, 1, 2)] if shot.gains else None
    entries = [
        (0x0100, struct.pack(">HH", height, width)),
        (0x0121, struct.pack(">HH", height, width)),
        (0x0130, bytes([0, 8, 0, 0])),
        (0x0131, bytes("RGB".index(letter) for letter in reversed(cfa))),
    ]
    if balance:
        entries.append((0x2FF0, struct.pack(">4H", *map(round, balance))))
    layout = struct.pack(">I", len(entries)) + b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in entries)
    data = words(mosaic)
    inner = tiff(
        "<",
        Directory(
            (
                0xF000,
                LONG,
                Directory(
                    (0xF001, LONG, [width]),
                    (0xF002, LONG, [height]),
                    (0xF003, LONG, [14]),
                    (0xF007, LONG, Block(data)),
                    (0xF008, LONG, [len(data)]),
                    (0xF00A, LONG, [black] * 36),
                    (0xF00E, LONG, balance[:2] + balance[3:]) if balance else None,
                ),
            )
        ),
    )
    parts, places, at = (jpeg, layout, inner), [], 160
    for part in parts:
        places += [at, len(part)]
        at += len(part) + -len(part) % 16
    head = b"FUJIFILMCCD-RAW 0201FF129502" + b"X-T2".ljust(32, b"\0") + b"0400"
    head = head.ljust(84, b"\0") + struct.pack(">6I", *places)
    file = bytearray(head.ljust(160, b"\0"))
    for part in parts:
        file.extend(part + b"\0" * (-len(part) % 16))
    pathlib.Path(path).write_bytes(file)
    return Expected(mosaic, cfa, (black,) * 4, 16383, "X-T2", shot)
