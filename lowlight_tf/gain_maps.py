"""A DNG's gain maps, applied to a mosaic: the shading and the colour fall-off of a phone's lens.

Reference: Adobe, Digital Negative Specification 1.4, chapter 7, opcode GainMap; where samples lie as in Adobe's DNG SDK, dng_gain_map.
"""

import numpy as np

_ROWS = 512  # of a mosaic at a time


def _weights(positions, size, origin, spacing, samples):
    """Where photosites lie between a map's samples: indices of the lower sample and weights of the upper one."""
    where = np.clip(((positions + 0.5) / size - origin) / spacing if spacing else np.zeros(len(positions)), 0, samples - 1)
    lower = np.minimum(where.astype(int), max(samples - 2, 0))
    return lower, (where - lower).astype(np.float32)


def _interpolated(gains, rows, columns, size, gain_map):
    """Bilinear gains at rows and columns of the frame: float32 [rows, columns]."""
    top, down = _weights(rows, size[0], gain_map.origin[0], gain_map.spacing[0], gains.shape[0])
    left, across = _weights(columns, size[1], gain_map.origin[1], gain_map.spacing[1], gains.shape[1])
    bottom, right = np.minimum(top + 1, gains.shape[0] - 1), np.minimum(left + 1, gains.shape[1] - 1)
    between = gains[top] + (gains[bottom] - gains[top]) * down[:, None]
    return between[:, left] + (between[:, right] - between[:, left]) * across


def _multiply(mosaic, area, pitch, gains, gain_map, black, ceiling):
    """Multiplies the counts above black of each `pitch`-th photosite of an area, (top, left, bottom, right), in place."""
    top, left, bottom, right = area
    columns = np.arange(left, min(right, mosaic.shape[1]), pitch[1])
    for start in range(top, min(bottom, mosaic.shape[0]), _ROWS * pitch[0]):
        rows = np.arange(start, min(start + _ROWS * pitch[0], bottom, mosaic.shape[0]), pitch[0])
        part = mosaic[start:rows[-1] + 1:pitch[0], left:right:pitch[1]]
        brighter = (part - np.float32(black)) * _interpolated(gains, rows, columns, mosaic.shape, gain_map) + np.float32(black)
        # What was clipped stays clipped, though a gain may be below 1.
        brighter = np.where(part >= ceiling, np.maximum(brighter, ceiling), brighter)
        part[:] = np.clip(np.round(brighter), 0, 65535)


def _phases(area, tile):
    """Yields the areas of a mosaic that begin at each position of the tile."""
    top, left, bottom, right = area
    return ((top + y, left + x, bottom, right) for y in range(tile) for x in range(tile))


def apply_gain_maps(mosaic, colors, maps, black_level, white_level):
    """Applies gain maps.

    Args:
      mosaic: uint16 [H, W], the whole active area, changed in place.
      colors: [tile, tile] indices into R, G, B, second G of its top-left tile.
      maps: tuple of GainMap.
      black_level: 4 counts.
      white_level: counts at saturation.
    """
    tile = len(colors)
    for gain_map in maps:
        row_pitch, column_pitch = gain_map.pitch
        if not gain_map.after_demosaicing and row_pitch % tile == 0 and column_pitch % tile == 0:
            color = colors[gain_map.area[0] % tile][gain_map.area[1] % tile]
            _multiply(mosaic, gain_map.area, gain_map.pitch, gain_map.gains[..., 0], gain_map, black_level[color], white_level)
            continue
        for area in _phases(gain_map.area, tile):
            color = colors[area[0] % tile][area[1] % tile]
            plane = (0, 1, 2, 1)[color] - gain_map.plane if gain_map.after_demosaicing else 0
            if 0 <= plane < gain_map.planes:
                gains = gain_map.gains[..., min(plane, gain_map.gains.shape[-1] - 1)]
                _multiply(mosaic, area, (tile, tile), gains, gain_map, black_level[color], white_level)
