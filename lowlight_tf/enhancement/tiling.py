"""A frame in tiles, with exactly the result of the whole frame.

A tile is computed with as much around it as the network looks at. Tiles begin at multiples of 16, so that all four poolings fall into
the same grid as in the whole frame. Windows are as long as the frame modulo 16, so that padding, which SAME distributes by whether a
size is odd, comes out the same at every level too. Nothing is normalised by tile.
"""

import dataclasses

from lowlight_tf.errors import LowlightError
from lowlight_tf.network import denoise20
from lowlight_tf.network.denoise20 import Denoise20Config

GRID = 16


@dataclasses.dataclass(frozen=True)
class Span:
    """One axis of a tile: the input [start, stop) that is computed, of which the output of [keep, keep_end) is kept."""

    start: int
    stop: int
    keep: int
    keep_end: int


def _widen(low, high, by):
    return low - by, high + by


def _reach_from(position, network):
    """The input interval that the output at one position of the SID network depends on: its ten blocks, walked backwards."""
    window = network.pool_window - 1
    low, high = _widen(position, position, 2 + 2 * network.extra_blocks)  # blocks 9 and extra, full resolution
    path = [(low, high)]
    for _ in range(4):  # through the up-filters, to blocks 8, 7, 6 and 5
        low, high = low // 2, high // 2
        low, high = _widen(low, high, 2)
        path.append((low, high))
    for level in reversed(range(4)):  # through pooling, to blocks 4, 3, 2 and 1
        # A window begins at 2i, or where its side is 3 and the size odd, at 2i - 1.
        low, high = 2 * low - max(window - 1, 0), 2 * high + window
        low, high = min(low, path[level][0]), max(high, path[level][1])  # the skip connection
        low, high = _widen(low, high, 2)
    return low, high


def halo(network, quality="normal"):
    """Returns how many input pixels around a whole cell of GRID the cell's output depends on, rounded up to GRID: 96 of SID's network's 94.

    Args:
      network: a NetworkConfig or Denoise20Config.
      quality: one of network.QUALITIES; the best one's mirror images are padded, so they begin a little further out.
    """
    if isinstance(network, Denoise20Config):
        reach = denoise20.LAYERS
    else:
        ends = [_reach_from(position, network) for position in range(GRID)]
        reach = max(-min(low for low, _ in ends), max(high for _, high in ends) - (GRID - 1))
        if network.mosaic_channels:  # the corrected mosaic is demosaiced: a CFA tile, two packed pixels at most, on each side of one's own
            reach += 3
    return -(-reach // GRID) * GRID + (GRID if quality == "best" else 0)


def bytes_per_pixel(network, quality="normal"):
    """Returns what a network takes for each pixel of its input while it runs, an upper bound measured on CPU for frames of megapixels."""
    ends = (7 if quality == "best" else 2) * (network.input_channels + 3 * network.upscale**2)
    if isinstance(network, Denoise20Config):
        return 4 * (6 * denoise20.FEATURES + ends)
    return 4 * (4 * network.base_width + ends + 2 * (network.head_units + network.mosaic_channels + 2 * network.place_planes))


def most_pixels(network, free, quality="normal"):
    """Returns how many pixels of its input a network can be run on at a time in `free` bytes."""
    return max(free, 0) / bytes_per_pixel(network, quality)


def spans(size, tiles, margin):
    """Cuts one axis.

    Args:
      size: of the axis, input pixels.
      tiles: how many parts; there may be fewer.
      margin: the network's halo.
    Returns:
      list of Span whose kept parts lie side by side.
    """
    step = -(-size // (tiles * GRID)) * GRID
    cut = []
    for keep in range(0, size, step):
        keep_end = min(keep + step, size)
        start = max(keep - margin, 0)
        stop = min(-(-(keep_end + margin) // GRID) * GRID + size % GRID, size)
        cut.append(Span(start, size if size - stop < GRID else stop, keep, keep_end))
    return cut


def _area(parts):
    return max(span.stop - span.start for span in parts)


def plan(height, width, margin, most):
    """Chooses tiles: the least work among those whose windows have at most `most` pixels.

    Args:
      height, width: of the network's input.
      margin: the network's halo.
      most: pixels of a window.
    Returns:
      list of (Span of rows, Span of columns).
    Raises:
      LowlightError: where even the smallest tiles are larger than `most`.
    """
    best, least = None, None
    columns_of = [spans(width, tiles, margin) for tiles in range(1, max(width // GRID, 1) + 1)]
    for tiles in range(1, max(height // GRID, 1) + 1):
        rows = spans(height, tiles, margin)
        work_rows = sum(span.stop - span.start for span in rows)
        for columns in columns_of:
            if _area(rows) * _area(columns) <= most:
                work = work_rows * sum(span.stop - span.start for span in columns)
                if least is None or work < least:
                    best, least = (rows, columns), work
                break  # more columns would only be more work
    if best is None:
        smallest = _area(rows) * _area(columns_of[-1])
        raise LowlightError(
            f"the smallest tile takes {smallest} pixels of the network's input, and there is memory for {int(most)}; "
            "raise --memory_limit or close other programs"
        )
    return [(row, column) for row in best[0] for column in best[1]]
