"""Hot and dead photosites: found on the mosaic against their neighbours of the same colour, and filled from them.

A photosite stands out where it lies beyond all of its eight nearest neighbours of its colour by more than noise and their own
differences can do. A star or a lamp does so, too, but light passes through a lens, which spreads it over the photosites around, whatever
their colours. A defect is alone.
"""

import numpy as np

_DEVIATIONS = 8.0  # of the noise, beyond the farthest neighbour
_TEXTURE = 1.0  # of the range of the eight neighbours, beside noise: where they differ, so may the photosite
# What a point of light leaves on the photosites around it, all together, of its excess: a white one twice that much, a red lamp through
# green and blue filters hardly more than this.
_SPREAD = 0.12
_CONFIDENCE = 2.0  # standard deviations of the noise of that sum
_MOST, _FEW = 1e-3, 16  # of a mosaic, and in a small one: more are no defects, the estimate of the noise is wrong
_AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
_REACH = 8  # photosites: where neighbours are looked for


def same_color_neighbours(colors):
    """Lists for each position of a CFA tile the offsets (row, column) of its eight nearest neighbours of the same colour.

    Args:
      colors: [tile, tile] letters or indices; the second green counts as green.
    Returns:
      dict from (row, column) in the tile to a list of 8 offsets.
    """
    tile = len(colors)
    green = {3: 1}
    of = {(y, x): green.get(colors[y][x], colors[y][x]) for y in range(tile) for x in range(tile)}
    offsets = sorted(
        ((y, x) for y in range(-_REACH, _REACH + 1) for x in range(-_REACH, _REACH + 1) if (y, x) != (0, 0)),
        key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, offset),
    )
    return {(y, x): [(dy, dx) for dy, dx in offsets if of[(y + dy) % tile, (x + dx) % tile] == color][:8] for (y, x), color in of.items()}


def _extended(mosaic, margin):
    """Extends a mosaic on all sides by whole tiles, taken from `margin` photosites away, so that every photosite has its neighbours."""
    taller = np.concatenate([mosaic[:margin], mosaic, mosaic[-margin:]])
    return np.concatenate([taller[:, :margin], taller, taller[:, -margin:]], axis=1)


def _at(mosaic, rows, columns, offsets):
    """Takes the photosites at offsets from positions [n]: float32 [n, len(offsets)]."""
    down, across = np.array(offsets).T
    return mosaic[rows[:, None] + down, columns[:, None] + across].astype(np.float32)


def _suspects(plane_of, offsets, threshold):
    """Where a position's photosites lie beyond four of their neighbours by more than the least noise allows."""
    centre = plane_of((0, 0))
    near = [plane_of(offset) for offset in offsets[:4]]
    highest, lowest = np.maximum.reduce(near), np.minimum.reduce(near)
    # uint16 has no sign, so each difference is taken only where it is positive.
    high = np.maximum(centre, highest) - highest > threshold
    low = lowest - np.minimum(centre, lowest) > threshold
    return high | low


def _candidates(extended, size, neighbours, tile, margin, threshold):
    """Finds suspects; returns their rows and columns in the extended mosaic, whose middle has `size`."""
    rows, columns = [], []
    for (y, x), offsets in neighbours.items():

        def plane_of(offset, y=y, x=x):
            top, left = margin + y + offset[0], margin + x + offset[1]
            return extended[top : top + size[0] - y : tile, left : left + size[1] - x : tile]

        found = np.nonzero(_suspects(plane_of, offsets, threshold))
        rows.append(found[0] * tile + margin + y)
        columns.append(found[1] * tile + margin + x)
    return np.concatenate(rows), np.concatenate(columns)


def _is_alone(mosaic, rows, columns, tile, neighbours, excess, sigma):
    """Tells photosites whose excess left nothing on the eight around them, each held against its own colour further out."""
    spread, variance = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    for down, across in _AROUND:
        y, x = rows + down, columns + across
        value, background = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
        for position, offsets in neighbours.items():
            here = (y % tile == position[0]) & (x % tile == position[1])
            outside = [offset for offset in offsets if max(abs(down + offset[0]), abs(across + offset[1])) > 1]
            if here.any():
                value[here] = _at(mosaic, y[here], x[here], [(0, 0)])[:, 0]
                background[here] = np.median(_at(mosaic, y[here], x[here], outside), axis=1)
        spread += value - background
        variance += 1.5 * sigma(background) ** 2  # the median's own, too
    # A hot one must be shown to be alone, or it may be a star. A dark point may be taken for a defect where noise hides what is around it.
    return np.sign(excess) * (spread + _CONFIDENCE * np.sqrt(variance)) < _SPREAD * np.abs(excess)


def find_defects(mosaic, colors, black_level, shot_noise, read_noise):
    """Finds hot and dead photosites.

    Args:
      mosaic: uint16 [H, W].
      colors: [tile, tile] indices into R, G, B, second G of its top-left tile.
      black_level: 4 counts.
      shot_noise: variance in counts that each count above black brings (the system gain K).
      read_noise: standard deviation in the dark, counts.
    Returns:
      rows and columns of the defects, and what to fill them with, uint16 [n]: the median of eight neighbours; and how many stand out. Of
      a frame in which more than one in 1,000 does none is a defect, for its noise is not what was said.
    """
    tile, neighbours = len(colors), same_color_neighbours(colors)
    margin = -(-(max(max(map(abs, offset)) for offsets in neighbours.values() for offset in offsets) + 1) // tile) * tile
    nothing = np.empty(0, int), np.empty(0, int), np.empty(0, np.uint16)
    if min(mosaic.shape) < margin:
        return *nothing, 0
    black = float(np.mean(black_level))

    def sigma(counts):
        return np.sqrt(np.maximum(counts - black, 0) * shot_noise + read_noise**2 + 1 / 12)

    extended = _extended(mosaic, margin)
    rows, columns = _candidates(extended, mosaic.shape, neighbours, tile, margin, np.uint16(min(_DEVIATIONS * sigma(0), 65535)))
    around, values = np.empty([len(rows), 8], np.float32), extended[rows, columns].astype(np.float32)
    for position, offsets in neighbours.items():
        here = (rows % tile == position[0]) & (columns % tile == position[1])
        around[here] = _at(extended, rows[here], columns[here], offsets)
    fill, high, low = np.median(around, axis=1), around.max(axis=1), around.min(axis=1)
    limit = _DEVIATIONS * sigma(fill) + _TEXTURE * (high - low)
    stands_out = (values - high > limit) | (low - values > limit)
    rows, columns, fill, values = (of[stands_out] for of in (rows, columns, fill, values))
    alone = _is_alone(extended, rows, columns, tile, neighbours, values - fill, sigma)
    rows, columns, fill = rows[alone], columns[alone], fill[alone]
    if len(rows) > max(_MOST * mosaic.size, _FEW):
        return *nothing, len(rows)
    return rows - margin, columns - margin, np.round(fill).astype(np.uint16), len(rows)
