"""Black and saturation of a frame: what the file says, held against what the frame shows."""

import dataclasses
import itertools

import numpy as np

# What is left out of a masked border's width on either side, where light leaks and edges ring: a part of it, and photosites at least.
_BORDER_SKIP, _SKIP_LEAST = 1 / 8, 2
_BORDER_LEAST = 4         # photosites across a border that are left then
_PLAUSIBLE = 0.05         # of the range: a border's black further from the file's is none
_STEP = 8.0               # standard errors by which the frame beside a masked border must be brighter
_UNEVEN = 4.0             # standard errors by which parts of a masked border may differ from each other
_PARTS = 8
_PILE, _WINDOWS = 16, 8   # photosites that make a pile; windows below it that together hold fewer
_WINDOW = 1 / 1024        # of the range
_LEAST_SATURATION = 0.5   # of the range: sensors saturate above


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


def _pattern(dng, shape, origin):
    """Lays a DNG's black level out over the visible area: float64 [H, W], whose top left is at `origin` in the active area."""
    rows, columns = (np.arange(size) + start for size, start in zip(shape, origin))
    black = dng.black_level[rows[:, None] % dng.black_level.shape[0], columns % dng.black_level.shape[1]]
    if dng.black_across is not None and len(dng.black_across) > columns[-1]:
        black = black + dng.black_across[columns]
    if dng.black_down is not None and len(dng.black_down) > rows[-1]:
        black = black + dng.black_down[rows][:, None]
    return black


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
    tile = len(colors)
    simple = dng.black_across is None and dng.black_down is None and all(tile % size == 0 for size in dng.black_level.shape)
    black = _pattern(dng, (tile, tile) if simple else mosaic.shape, origin)
    levels = by_color(black, colors)
    wanted = np.tile(levels[np.asarray(colors)], [-(-size // tile) for size in black.shape])[:black.shape[0], :black.shape[1]]
    uneven = np.round(black - wanted).astype(np.int32)
    if uneven.any():
        uneven = np.tile(uneven, [-(-size // part) for size, part in zip(mosaic.shape, uneven.shape)])
        mosaic[:] = np.clip(mosaic - uneven[:mosaic.shape[0], :mosaic.shape[1]], 0, 65535)
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
    return tuple(float(level - shift) for level, shift in zip(levels, shifts)), int(max(shifts.max(), 0))


@dataclasses.dataclass(frozen=True)
class _Border:
    """A strip beside the visible area, and the strip of the visible area beside it; [length, width], phases kept."""

    masked: np.ndarray
    lit: np.ndarray
    colors: np.ndarray


def _borders(image, sizes, colors):
    """Yields the borders of LibRaw's whole image; sizes are (top, left, height, width) of the visible area in it."""
    top, left, height, width = sizes
    tile = len(colors)
    spans = [(0, left, 1), (left + width, image.shape[1], 1), (0, top, 0), (top + height, image.shape[0], 0)]
    for start, stop, axis in spans:
        skip = max(_SKIP_LEAST, int((stop - start) * _BORDER_SKIP))
        start, stop = start + skip, stop - skip
        if stop - start < _BORDER_LEAST:
            continue
        if axis == 1:
            inner = left + skip if stop <= left else left + width - skip - (stop - start)
            strip, lit = image[top:top + height, start:stop], image[top:top + height, max(inner, left):max(inner, left) + stop - start]
            turned = np.roll(colors, -((start - left) % tile), axis=1)
        else:
            inner = top + skip if stop <= top else top + height - skip - (stop - start)
            strip, lit = image[start:stop, left:left + width].T, image[max(inner, top):max(inner, top) + stop - start, left:left + width].T
            turned = np.roll(colors, -((start - top) % tile), axis=0).T
        yield _Border(strip, lit, turned)


def _robust(values):
    """Mean and its standard error of what lies within 4 robust standard deviations of the median."""
    values = values.ravel().astype(np.float64)
    median = np.median(values)
    deviation = max(1.4826 * np.median(np.abs(values - median)), 0.5)
    kept = values[np.abs(values - median) <= 4 * deviation]
    return kept.mean(), deviation / np.sqrt(kept.size)


def _is_masked(border):
    """Tells a border that light did not reach: the frame beside it is brighter, and it is the same along its length.

    Borders that LibRaw merely leaves out look like the frame beside them.
    """
    (dark, error), (lit, lit_error) = _robust(border.masked), _robust(border.lit)
    if lit - dark <= _STEP * np.hypot(error, lit_error):
        return False
    parts = [_robust(part) for part in np.array_split(border.masked, _PARTS)]
    return all(abs(mean - dark) <= _UNEVEN * np.hypot(part_error, error) + 0.1 * (lit - dark) for mean, part_error in parts)


def _weighted(measured):
    means, sizes = zip(*measured)
    return float(np.average(means, weights=sizes))


def masked_black(image, sizes, colors):
    """Measures the black level on the masked borders of a sensor.

    Args:
      image: uint16 [H, W], the whole image with its borders.
      sizes: (top, left, height, width) of the visible area.
      colors: [tile, tile] indices into R, G, B, second G of the visible area's top-left tile.
    Returns:
      4 levels for R, G, B and second G, or None where no border was seen to be masked.
    """
    colors = np.asarray(colors)
    measured = {color: [] for color in range(4)}
    for border in _borders(image, sizes, colors):
        if _is_masked(border):
            for color, plane in color_planes(border.masked, border.colors):
                measured[color].append((_robust(plane)[0], plane.size))
    if not all(measured[color] for color in range(3)):
        return None
    return tuple(_weighted(measured[color] or measured[1]) for color in range(4))


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
    apart = max(abs(a - b) for a, b in zip(said, masked))
    words = " ".join(f"{level:.4g}" for level in masked)
    if apart > _PLAUSIBLE * (white_level - min(said)):
        return said, f"black as the file says; its masked border measures {words}, too far away to be believed"
    return masked, f"black {words} measured on the masked border"


def _pile(plane_counts, first, window):
    """Where the counts of one colour pile up below white: the pile's lowest value, or None.

    Args:
      plane_counts: how many photosites have the values `first`, `first` + 1, ...
      first: value of the first.
      window: values that a pile spans at most.
    """
    above = np.cumsum(plane_counts[::-1])[::-1]
    tops = np.flatnonzero(above >= _PILE)
    if not tops.size or tops[-1] < (_WINDOWS + 1) * window:
        return None
    top = tops[-1]
    piled, below = above[top - window + 1], above[top - (_WINDOWS + 1) * window + 1] - above[top - window + 1]
    return first + int(top) if piled > below else None


def saturation(mosaic, colors, black_level, white_level):
    """Finds where a frame saturates below its white level: where the counts of two colours at least pile up at the same value.

    Args:
      mosaic: uint16 [H, W].
      colors: [tile, tile] indices into R, G, B, second G.
      black_level: 4 counts.
      white_level: counts.
    Returns:
      The count, or None where the frame shows none below the white level.
    """
    span = white_level - max(black_level)
    window, first = max(2, round(span * _WINDOW)), int(max(black_level) + _LEAST_SATURATION * span)
    counts = np.zeros([3, max(int(white_level) + 1 - first, 1)], np.int64)
    for color, plane in color_planes(mosaic, colors):
        high = plane[plane >= first]
        counts[(0, 1, 2, 1)[color]] += np.bincount(np.minimum(high, int(white_level)) - first, minlength=counts.shape[1])
    if (counts[:, -window:].sum(axis=1) >= _PILE).sum() >= 2:  # they reach white
        return None
    piles = sorted(pile for pile in (_pile(row, first, window) for row in counts) if pile is not None)
    agreeing = [low for low, high in itertools.pairwise(piles) if high - low <= 2 * window]
    return agreeing[0] if agreeing and agreeing[0] < white_level - window else None
