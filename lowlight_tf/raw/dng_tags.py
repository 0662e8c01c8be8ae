"""What a DNG says of its development that LibRaw does not hand on: crop, black pattern, gain maps, noise, baseline exposure, white point.

Reference: Adobe, Digital Negative Specification 1.4, chapters 4 (tags), 6 (colour) and 7 (opcodes). Positions are counted
from the corner of the DNG's active area.
"""

import dataclasses
import math
import struct

import numpy as np

from lowlight_tf.raw.raw_container import raw_directory
from lowlight_tf.raw.tiff_tags import read_directories

_DNG_VERSION, _LAYOUT, _ACTIVE_AREA, _CROP_ORIGIN, _CROP_SIZE, _MASKED_AREAS = 50706, 50711, 50829, 50719, 50720, 50830
_BLACK_DIMENSIONS, _BLACK, _BLACK_ACROSS, _BLACK_DOWN = 50713, 50714, 50715, 50716
_MATRICES, _CALIBRATIONS, _ILLUMINANTS, _ANALOG_BALANCE = (50721, 50722), (50723, 50724), (50778, 50779), 50727
_WHITE_XY, _BASELINE_EXPOSURE, _NOISE_PROFILE, _OPCODES_RAW, _OPCODES_RGB = 50729, 50730, 51041, 51009, 51022
_GAIN_MAP = 9
_MOST_STOPS = 5.0
_D65 = 21


@dataclasses.dataclass(frozen=True)
class GainMap:
    """Gains that light above black is multiplied by, sampled on a grid over the frame.

    Attributes:
      area: (top, left, bottom, right) that it is applied to.
      pitch: (rows, columns) between the photosites that it is applied to.
      plane: first colour plane, 0 for all that is mosaic.
      planes: number of planes; 3 after demosaicing for all colours.
      gains: float32 [rows, columns, planes].
      origin, spacing: (vertical, horizontal) of the first sample and between samples, in parts of the frame's size.
      after_demosaicing: it is applied to colours, not to photosites.
    """

    area: tuple
    pitch: tuple
    plane: int
    planes: int
    gains: np.ndarray
    origin: tuple
    spacing: tuple
    after_demosaicing: bool


@dataclasses.dataclass(frozen=True)
class DngTags:
    """What a DNG says; the defaults are those of a file that says nothing, or is no DNG.

    Attributes:
      is_dng: whether the file is one.
      layout: CFALayout; 1 is rectangular.
      active_area: (top, left, height, width) in the file's whole image, or None.
      crop: (top, left, height, width) in the active area that is the picture, or None.
      masked_areas: the (top, left, bottom, right) in the file's whole image that no light reaches.
      black_level: float64 [rows, columns], the pattern repeated over the active area from its top-left corner; None where it is not said.
      black_across, black_down: float64 [width] and [height], what is added to it; None where nothing is.
      white_xy: CIE 1931 chromaticity of the as-shot white, or None.
      matrices: the (illuminant, CIE XYZ -> camera colour, [3, 3]) that are said, calibration and analog balance applied.
      stops: BaselineExposure.
      noise: (shot, read) variances of a photosite a unit of light and in the dark, both of the range from black to white; or None.
      gain_maps: tuple of GainMap.
    """

    is_dng: bool = False
    layout: int = 1
    active_area: tuple | None = None
    crop: tuple | None = None
    masked_areas: tuple = ()
    black_level: np.ndarray | None = None
    black_across: np.ndarray | None = None
    black_down: np.ndarray | None = None
    white_xy: tuple | None = None
    matrices: tuple = ()
    stops: float = 0.0
    noise: tuple | None = None
    gain_maps: tuple = ()


def _floats(tags, tag, count=None):
    """Returns a tag's numbers as float64 [n], or None where it is missing, not finite, or has another count."""
    values = tags.get(tag)
    if values is None or isinstance(values, bytes) or (count is not None and len(values) != count):
        return None
    values = np.asarray(values, np.float64)
    return values if np.isfinite(values).all() else None


def _areas(tags):
    area, origin, size = _floats(tags, _ACTIVE_AREA, 4), _floats(tags, _CROP_ORIGIN, 2), _floats(tags, _CROP_SIZE, 2)
    active = None if area is None else (int(area[0]), int(area[1]), int(area[2] - area[0]), int(area[3] - area[1]))
    crop = None if origin is None or size is None else tuple(round(float(value)) for value in (*origin[::-1], *size[::-1]))
    return active, crop


def _masked_areas(tags):
    numbers = _floats(tags, _MASKED_AREAS)
    if numbers is None or len(numbers) % 4:
        return ()
    areas = (tuple(int(edge) for edge in numbers[start : start + 4]) for start in range(0, len(numbers), 4))
    return tuple(area for area in areas if min(area) >= 0 and area[0] < area[2] and area[1] < area[3])


def _black_levels(tags):
    size = _floats(tags, _BLACK_DIMENSIONS, 2)
    rows, columns = (1, 1) if size is None or min(size) < 1 else (int(size[0]), int(size[1]))
    levels = _floats(tags, _BLACK, rows * columns)
    pattern = None if levels is None else levels.reshape(rows, columns)
    return pattern, _floats(tags, _BLACK_ACROSS), _floats(tags, _BLACK_DOWN)


def _matrices(tags):
    balance = _floats(tags, _ANALOG_BALANCE, 3)
    found = []
    for matrix, calibration, illuminant in zip(_MATRICES, _CALIBRATIONS, _ILLUMINANTS, strict=False):
        values, calibrated = _floats(tags, matrix, 9), _floats(tags, calibration, 9)
        if values is None:
            continue
        values = values.reshape(3, 3)
        values = values if calibrated is None else calibrated.reshape(3, 3) @ values
        found.append((tags.get(illuminant, (_D65,))[0], values if balance is None else balance[:, None] * values))
    return tuple(found)


def _noise(tags):
    values = tags.get(_NOISE_PROFILE)
    if not values or isinstance(values, bytes) or len(values) % 2:
        return None
    shot, read = np.mean(np.reshape(values, [-1, 2]), axis=0)
    return (float(shot), float(max(read, 0.0))) if math.isfinite(shot) and math.isfinite(read) and 0 < shot < 1 else None


def _gain_map(content, after_demosaicing):
    """Reads the parameters of the opcode GainMap; big-endian whatever the file is."""
    top, left, bottom, right, plane, planes, row_pitch, column_pitch, rows, columns = struct.unpack(">10I", content[:40])
    down, across, first_down, first_across = struct.unpack(">4d", content[40:72])
    map_planes = struct.unpack(">I", content[72:76])[0]
    gains = np.frombuffer(content, ">f4", rows * columns * map_planes, 76).astype(np.float32).reshape(rows, columns, map_planes)
    places = (down, across, first_down, first_across)
    if not (gains.size and np.isfinite(gains).all() and gains.min() > 0 and row_pitch and column_pitch and np.isfinite(places).all()):
        return None
    return GainMap(
        (top, left, bottom, right),
        (row_pitch, column_pitch),
        plane,
        planes,
        gains,
        (first_down, first_across),
        (down, across),
        after_demosaicing,
    )


def _gain_maps(tags, tag):
    """Reads the gain maps of an opcode list."""
    content, maps = tags.get(tag, b""), []
    content = content if isinstance(content, bytes) else bytes(content)
    position = 4
    for _ in range(struct.unpack(">I", content[:4])[0] if len(content) >= 4 else 0):
        if len(content) < position + 16:
            break
        opcode, _, _, size = struct.unpack(">4I", content[position : position + 16])
        body = content[position + 16 : position + 16 + size]
        position += 16 + size
        if opcode == _GAIN_MAP and len(body) >= 76:
            try:
                maps.append(_gain_map(body, tag == _OPCODES_RGB))
            except ValueError:  # fewer gains than it speaks of
                continue
    return [found for found in maps if found is not None]


def _inside(crop, active):
    """Tells whether a crop lies in the active area."""
    if not crop or min(crop) < 0 or min(crop[2:]) == 0:
        return False
    return not active or (crop[0] + crop[2] <= active[2] and crop[1] + crop[3] <= active[3])


def read_dng_tags(path):
    """Reads a DNG's tags.

    Args:
      path: a file; DngTags of one that is no DNG say nothing.
    """
    directories = read_directories(path)
    if not any(_DNG_VERSION in tags for tags in directories):
        return DngTags()
    tags = {**directories[0], **raw_directory(directories)}  # colour is the file's, levels and areas are the raw image's
    active, crop = _areas(tags)
    pattern, across, down = _black_levels(tags)
    white, stops = _floats(tags, _WHITE_XY, 2), _floats(tags, _BASELINE_EXPOSURE, 1)
    return DngTags(
        is_dng=True,
        layout=tags.get(_LAYOUT, (1,))[0],
        active_area=active,
        crop=crop if _inside(crop, active) else None,
        masked_areas=_masked_areas(tags),
        black_level=pattern,
        black_across=across,
        black_down=down,
        white_xy=tuple(white) if white is not None and min(white) > 0.05 and sum(white) < 1 else None,
        matrices=_matrices(tags),
        stops=float(np.clip(stops[0], -_MOST_STOPS, _MOST_STOPS)) if stops is not None else 0.0,
        noise=_noise(tags),
        gain_maps=(*_gain_maps(tags, _OPCODES_RAW), *_gain_maps(tags, _OPCODES_RGB)),
    )
