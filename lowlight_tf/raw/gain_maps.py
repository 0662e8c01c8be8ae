"""A DNG's gain maps, applied to a mosaic: the shading and the colour fall-off of a phone's lens.

Reference: Adobe, Digital Negative Specification 1.4, chapter 7, opcode GainMap; where samples lie as in Adobe's DNG SDK, dng_gain_map.
"""

import dataclasses

import numpy as np

_ROWS = 512  # of a mosaic at a time


def _weights(positions, size, origin, spacing, samples):
    """Where photosites lie between a map's samples: indices of the lower sample and weights of the upper one."""
    where = np.clip(((positions + 0.5) / size - origin) / spacing if spacing else np.zeros(len(positions)), 0, samples - 1)
    lower = np.minimum(where.astype(int), max(samples - 2, 0))
    return lower, (where - lower).astype(np.float32)


def _interpolated(gains, rows, columns, size, gain_map):
    """Bilinear gains at rows and columns of the active area, (height, width): float32 [rows, columns]."""
    top, down = _weights(rows, size[0], gain_map.origin[0], gain_map.spacing[0], gains.shape[0])
    left, across = _weights(columns, size[1], gain_map.origin[1], gain_map.spacing[1], gains.shape[1])
    bottom, right = np.minimum(top + 1, gains.shape[0] - 1), np.minimum(left + 1, gains.shape[1] - 1)
    between = gains[top] + (gains[bottom] - gains[top]) * down[:, None]
    return between[:, left] + (between[:, right] - between[:, left]) * across


@dataclasses.dataclass(frozen=True)
class _Where:
    """Where a mosaic lies: (row, column) of its first photosite in the active area, and the active area's (height, width)."""

    origin: tuple
    size: tuple


def _multiply(mosaic, area, pitch, gains, gain_map, black, ceiling, where):
    """Multiplies the counts above black of each `pitch`-th photosite of an area of the mosaic, (top, left, bottom, right), in place."""
    top, left, bottom, right = area
    columns = np.arange(left, min(right, mosaic.shape[1]), pitch[1])
    for start in range(top, min(bottom, mosaic.shape[0]), _ROWS * pitch[0]):
        rows = np.arange(start, min(start + _ROWS * pitch[0], bottom, mosaic.shape[0]), pitch[0])
        part = mosaic[start : rows[-1] + 1 : pitch[0], left : right : pitch[1]]
        multipliers = _interpolated(gains, rows + where.origin[0], columns + where.origin[1], where.size, gain_map)
        brighter = (part - np.float32(black)) * multipliers + np.float32(black)
        # What was clipped stays clipped, though a gain may be below 1.
        brighter = np.where(part >= ceiling, np.maximum(brighter, ceiling), brighter)
        part[:] = np.clip(np.round(brighter), 0, 65535)


def _shifted(gain_map, origin):
    """Returns a map's area in a mosaic that begins at `origin` in the active area, in the phase of its pitch."""
    starts = [edge - start for edge, start in zip(gain_map.area[:2], origin, strict=True)]
    starts = [start if start >= 0 else start % pitch for start, pitch in zip(starts, gain_map.pitch, strict=True)]
    return (*starts, *(max(edge - start, 0) for edge, start in zip(gain_map.area[2:], origin, strict=True)))


def _phases(area, tile):
    """Yields the areas of a mosaic that begin at each position of the tile."""
    top, left, bottom, right = area
    return ((top + y, left + x, bottom, right) for y in range(tile) for x in range(tile))


def apply_gain_maps(mosaic, colors, maps, black_level, white_level, origin=(0, 0), size=None):
    """Applies gain maps.

    Args:
      mosaic: uint16 [H, W], changed in place.
      colors: [tile, tile] indices into R, G, B, second G of its top-left tile.
      maps: tuple of GainMap.
      black_level: 4 counts.
      white_level: counts at saturation.
      origin: (row, column) of the mosaic's first photosite in the active area that maps are said of.
      size: (height, width) of the active area; None where the mosaic is all of it.
    """
    tile, where = len(colors), _Where(origin, size or mosaic.shape)
    for gain_map in maps:
        (row_pitch, column_pitch), area = gain_map.pitch, _shifted(gain_map, origin)
        if not gain_map.after_demosaicing and row_pitch % tile == 0 and column_pitch % tile == 0:
            color = colors[area[0] % tile][area[1] % tile]
            _multiply(mosaic, area, gain_map.pitch, gain_map.gains[..., 0], gain_map, black_level[color], white_level, where)
            continue
        for part in _phases(area, tile):
            color = colors[part[0] % tile][part[1] % tile]
            plane = (0, 1, 2, 1)[color] - gain_map.plane if gain_map.after_demosaicing else 0
            if 0 <= plane < gain_map.planes:
                gains = gain_map.gains[..., min(plane, gain_map.gains.shape[-1] - 1)]
                _multiply(mosaic, part, (tile, tile), gains, gain_map, black_level[color], white_level, where)
