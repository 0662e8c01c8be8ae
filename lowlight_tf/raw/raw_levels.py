"""Black and saturation of a frame: what the file says, held against what the frame shows."""

import itertools
import math

import numpy as np

_PLAUSIBLE = 1 / 128  # of the range: a border's black further from the file's is none; drift is some counts of 16,383
_PILE, _WINDOWS = 16, 8  # photosites that make a pile; windows below it that together hold fewer
_WINDOW = 1 / 1024  # of the range
_STRAY = 0.05  # of a pile: hot photosites that are above it
_LEAST_SATURATION = 0.5  # of the range: sensors saturate above
_ROWS = 512  # of a mosaic at a time


def color_planes(mosaic, colors):
    """Yields (index into R, G, B, second G; the photosites of a position in the tile) for a mosaic [H, W] and its [tile, tile] colours."""
    tile = len(colors)
    for row in range(tile):
        for column in range(tile):
            yield colors[row][column], mosaic[row::tile, column::tile]


def by_color(values, colors):
    """Averages values [H, W] over each of R, G, B, second G: 4 numbers; a second G that the CFA lacks has the first's."""
    sums, counts = np.zeros(4), np.zeros(4)
    for color, plane in color_planes(values, colors):
        sums[color] += plane.sum(dtype=np.float64)
        counts[color] += plane.size
    means = sums / np.maximum(counts, 1)
    return np.where(counts > 0, means, means[1])


def _pattern(dng, rows, columns):
    """A DNG's black level at rows and columns of its active area: float64 [rows, columns]."""
    black = dng.black_level[rows[:, None] % dng.black_level.shape[0], columns % dng.black_level.shape[1]]
    if dng.black_across is not None and len(dng.black_across) > columns[-1]:
        black = black + dng.black_across[columns]
    if dng.black_down is not None and len(dng.black_down) > rows[-1]:
        black = black + dng.black_down[rows][:, None]
    return black


def _strips(dng, shape, tile, origin):
    """Yields a DNG's black pattern over the visible area: (first row, float64 [rows, W]); once where it repeats over all of it."""
    period = math.lcm(tile, dng.black_level.shape[0]), math.lcm(tile, dng.black_level.shape[1])
    if dng.black_across is None and dng.black_down is None:
        pattern = _pattern(dng, np.arange(period[0]) + origin[0], np.arange(period[1]) + origin[1])
        yield None, pattern
        return
    step = max(_ROWS // tile, 1) * tile
    for row in range(0, shape[0], step):
        yield row, _pattern(dng, np.arange(row, min(row + step, shape[0])) + origin[0], np.arange(shape[1]) + origin[1])


def _tiled(pattern, shape):
    """Repeats a pattern [h, w] over [H, W]."""
    return np.tile(pattern, [-(-size // part) for size, part in zip(shape, pattern.shape, strict=False)])[: shape[0], : shape[1]]


def level_black(mosaic, colors, dng, origin, white_level):
    """Takes a DNG's black pattern out of a mosaic as far as it is not the same for all photosites of a colour.

    Args:
      mosaic: uint16 [H, W], changed in place.
      colors: [tile, tile] indices into R, G, B, second G.
      dng: DngTags.
      origin: (row, column) of the mosaic's first photosite in the active area, both at least 0.
      white_level: counts.
    Returns:
      4 black levels of the mosaic, or None where the DNG says none that can be.
    """
    if dng.black_level is None or dng.black_level.min() < 0 or dng.black_level.max() >= white_level or min(origin) < 0:
        return None
    means = [by_color(black, colors) for _, black in _strips(dng, mosaic.shape, len(colors), origin)]
    levels = np.mean(means, axis=0)
    for row, black in _strips(dng, mosaic.shape, len(colors), origin):
        uneven = np.round(black - _tiled(levels[np.asarray(colors)], black.shape)).astype(np.int32)
        if not uneven.any():
            continue
        for start in range(0, len(mosaic), _ROWS * len(uneven)) if row is None else (row,):
            part = mosaic[start : start + (_ROWS * len(uneven) if row is None else len(uneven))]
            part[:] = np.clip(part - _tiled(uneven, part.shape), 0, 65535)
    return tuple(float(level) for level in levels)


def even_black(mosaic, colors, levels):
    """Shifts the counts of each colour, in place, so that their black levels differ by less than a count.

    One count is as much light for every colour. A range from each one's own black level to white would say something else.

    Args:
      mosaic: uint16 [H, W].
      colors: [tile, tile] indices into R, G, B, second G.
      levels: 4 black levels.
    Returns:
      the new levels, and what the highest count of all colours came down by.
    """
    shifts = np.round(np.asarray(levels) - round(float(np.mean(levels)))).astype(np.int32)
    for color, plane in color_planes(mosaic, colors):
        if shifts[color]:
            plane[:] = np.clip(plane - shifts[color], 0, 65535)
    return tuple(float(level - shift) for level, shift in zip(levels, shifts, strict=False)), int(max(shifts.max(), 0))


def choose_black(said, masked, white_level):
    """Chooses between the file's black levels and those measured on masked borders.

    Args:
      said: 4 levels of the file.
      masked: 4 measured levels, or None.
      white_level: counts.
    Returns:
      4 levels; and a note where the measured ones are taken, or were not to be believed, or "".
    """
    if masked is None:
        return said, ""
    apart = max(abs(a - b) for a, b in zip(said, masked, strict=False))
    words = " ".join(f"{level:.4g}" for level in masked)
    if apart > _PLAUSIBLE * (white_level - min(said)):
        return said, f"black as the file says; its masked border measures {words}, too far away to be believed"
    return masked, f"black {words} measured on the masked border"


def file_black(raw):
    """Takes a raw file's own black out of its mosaic as far as it is uneven, in place.

    Args:
      raw: a RawImage.
    Returns:
      4 black levels, of the file or measured on its masked borders; and a note where they were measured, or "".
    """
    said = level_black(raw.mosaic, raw.colors, raw.dng, raw.origin, raw.white_level) or raw.black_level
    return choose_black(said, raw.masked_black, raw.white_level)


def _pile(counts, first, window):
    """Where the counts of one colour pile up: in one window there are more than in eight below it, and hardly any above. Or None.

    Args:
      counts: how many photosites have the values `first`, `first` + 1, ...
      first: value of the first.
      window: values that a pile spans at most.
    """
    below = np.concatenate([[0], np.cumsum(counts)])  # photosites below each value
    in_window = below[window:] - below[:-window]  # in the window that begins there
    full = np.flatnonzero(in_window >= _PILE)
    if not full.size or full[-1] < (_WINDOWS + 1) * window:
        return None
    start = full[-1] - window + 1 + int(np.argmax(in_window[full[-1] - window + 1 : full[-1] + 1]))
    piled, under, above = in_window[start], below[start] - below[start - _WINDOWS * window], below[-1] - below[start + window]
    return first + int(start) + window - 1 if piled > under and above <= _STRAY * piled else None


def saturation(mosaic, colors, black_level, white_level, shot_noise=0.0):
    """Finds where a frame saturates below its white level: where counts pile up though noise should spread them.

    Two colours that pile up at the same value say so. One alone may be an even area, unless the noise there is wider than its pile and no
    other colour is brighter: green clips first in most light.

    Args:
      mosaic: uint16 [H, W], hot photosites filled.
      colors: [tile, tile] indices into R, G, B, second G.
      black_level: 4 counts.
      white_level: counts.
      shot_noise: variance in counts that each count above black brings (the system gain K).
    Returns:
      The count, or None where the frame shows none below the white level.
    """
    span = white_level - max(black_level)
    window, first = max(2, round(span * _WINDOW)), int(max(black_level) + _LEAST_SATURATION * span)
    counts = np.zeros([3, max(int(white_level) + 1 - first, 1)], np.int64)
    for color, plane in color_planes(mosaic, colors):
        high = plane[plane >= first]
        counts[(0, 1, 2, 1)[color]] += np.bincount(np.minimum(high, int(white_level)) - first, minlength=counts.shape[1])
    if (counts[:, -window:].sum(axis=1) >= _PILE).any():  # they reach white
        return None
    piles = sorted(pile for pile in (_pile(row, first, window) for row in counts) if pile is not None)
    agreeing = [low for low, high in itertools.pairwise(piles) if high - low <= 2 * window]
    if not agreeing and piles and math.sqrt(shot_noise * (piles[-1] - max(black_level))) > 2 * window:
        agreeing = [piles[-1]] if counts[:, piles[-1] - first + window :].sum() < _PILE else []
    return agreeing[0] if agreeing and agreeing[0] < white_level - window else None
