"""ICC profiles written byte by byte from the published colorants, and what their colours are in sRGB by plain arithmetic."""

import struct

import numpy as np

# Columns are what red, green and blue are in XYZ of D50: Apple's profile of Display P3; Adobe RGB (1998), annex C; ISO 22028-2
# (ROMM, ProPhoto RGB).
COLORANTS = {
    "p3": [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]],
    "adobe": [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]],
    "prophoto": [[0.79767, 0.13519, 0.03134], [0.28804, 0.71187, 0.00009], [0.0, 0.0, 0.82491]],
    "srgb": [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]],
}
GAMMAS = {"p3": None, "adobe": 563 / 256, "prophoto": 461 / 256, "srgb": None}
NAMES = {"p3": "Display P3", "adobe": "Adobe RGB (1998)", "prophoto": "ProPhoto RGB", "srgb": "sRGB IEC61966-2.1"}
# Linear sRGB from XYZ of D50, Bradford-adapted: Lindbloom, "RGB/XYZ Matrices".
_D50_TO_SRGB = np.array([[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]])


def _fixed(*values):
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _text(name):
    return b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + b"\0" * 79


def assemble(tags, space=b"RGB ", pcs=b"XYZ ", kind=b"mntr"):
    """Lays tags, {signature: content}, out as a profile of version 2. ICC.1:2001-04, section 6."""
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content
    header = struct.pack(">I4sI4s4s4s6H", start + len(data), b"\0\0\0\0", 0x02200000, kind, space, pcs, 2020, 1, 1, 0, 0, 0)
    header += b"acsp" + b"\0" * 28 + _fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def rgb_profile(name):
    """Builds the profile of a key of COLORANTS."""
    columns = np.transpose(COLORANTS[name])
    if GAMMAS[name]:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(GAMMAS[name] * 256))
    else:
        curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {b"desc": _text(NAMES[name]), b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249)}
    for color, column in zip("rgb", columns, strict=True):
        tags[f"{color}XYZ".encode()] = b"XYZ \0\0\0\0" + _fixed(*column)
        tags[f"{color}TRC".encode()] = curve
    return assemble(tags)


def grey_profile(gamma):
    """Builds the profile of grey pictures with a plain power as their curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return assemble({b"desc": _text("Grey"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249), b"kTRC": curve}, space=b"GRAY")


def table_profile(name):
    """Builds an RGB profile of a table: L* is the mean of the channels, with casts where they differ."""
    colors = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cube = np.stack([255 * colors.mean(axis=1), 128 + 40 * (colors[:, 0] - colors[:, 1]), 128 + 40 * (colors[:, 1] - colors[:, 2])], axis=1)
    return assemble({b"desc": _text(name), b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249), b"A2B0": _table(cube)}, pcs=b"Lab ")


def _table(cube):
    """Lays a cube of 2 steps a side, values of 0 to 255 [2 ** inputs, 3], out as ICC's lut8Type."""
    ramp, inputs = bytes(range(256)), len(cube).bit_length() - 1
    return (
        b"mft1\0\0\0\0"
        + bytes([inputs, 3, 2, 0])
        + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
        + ramp * inputs
        + cube.round().astype(np.uint8).tobytes()
        + ramp * 3
    )


def cmyk_profile():
    """Builds a printer by a table: its inks take lightness away, L* = 100 (1 - k) (1 - (c + m + y) / 3), and have casts."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lightness = 100 * (1 - inks[:, 3]) * (1 - inks[:, :3].sum(axis=1) / 3)
    cast = 40 * (inks[:, 1] - inks[:, 0]) * (1 - inks[:, 3]), 40 * (inks[:, 2] - inks[:, 0]) * (1 - inks[:, 3])
    table = _table(np.stack([lightness * 2.55, cast[0] + 128, cast[1] + 128], axis=1))
    tags = {b"desc": _text("Test inks"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249), b"A2B0": table}
    return assemble(tags, space=b"CMYK", pcs=b"Lab ", kind=b"prtr")


def decoded(codes, gamma):
    """Returns light of codes in [0, 1] by a power, or by the sRGB curve."""
    return codes**gamma if gamma else np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def coded(light):
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def in_srgb(picture, name):
    """Converts a uint16 picture of a key of COLORANTS in double precision: float64, 65535 as white."""
    light = decoded(picture / 65535, GAMMAS[name]) @ np.transpose(COLORANTS[name]) @ _D50_TO_SRGB.T
    return 65535 * coded(light)
