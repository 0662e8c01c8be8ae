"""The histogram of a raw frame: how many photosites saw how much light, in stops below white, and the same drawn as SVG."""

import dataclasses
import itertools
import math

import numpy as np

BINS_PER_STOP = 3  # the steps of a camera's dials
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 360, 190, 36, 10, 10, 38  # of the drawing and the margins around its axes

_POWERS = ("1", "10", "100", "1k", "10k", "100k", "1M", "10M", "100M")


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How many photosites saw how much light.

    Attributes:
      counts: float64 [3, n] photosites of R, G and B. The bins are a third of a stop; the last ends at white and holds what is clipped too.
      dark: [3] photosites of R, G and B at black or below.
      clipped: the part of all photosites that is at white or above.
    """

    counts: np.ndarray
    dark: np.ndarray
    clipped: float

    @property
    def stops(self):
        """Stops below white that the bins span."""
        return self.counts.shape[1] // BINS_PER_STOP

    @property
    def medians(self):
        """Half of each colour's photosites lie below this many stops under white: [3], infinite where half of them are black."""
        found = []
        for counts, dark in zip(self.counts, self.dark, strict=True):
            below = dark + np.concatenate([[0.0], np.cumsum(counts)])
            half = below[-1] / 2
            where = np.interp(half, below, np.arange(len(below)))  # in bins from the left
            found.append(math.inf if half <= dark else self.stops - where / BINS_PER_STOP)
        return found


def _cells(camera, offset):
    """Yields each photosite of a tile that starts at (0, 0): its row and column, and its colour's number in R, G, B and second G."""
    tile = camera.tile
    for row, column in itertools.product(range(tile), range(tile)):
        row_of, column_of = (row - offset[0]) % tile, (column - offset[1]) % tile
        letters = camera.cfa[row_of * tile : (row_of + 1) * tile]
        is_second = tile == 2 and letters[column_of] == "G" and "B" in letters
        yield row, column, 3 if is_second else "RGB".index(letters[column_of])


def raw_histogram(mosaic, camera, offset, black_level, white_level):
    """Counts a mosaic's photosites by the light they saw.

    A count stands for the light from half a count below it to half a count above it: so the deepest shadows, where a stop holds one or two
    counts, make no comb.

    Args:
      mosaic: uint16 [H, W].
      camera: the Camera whose CFA it has.
      offset: (row, column) of the first tile in the camera's phase.
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts.
    Returns:
      A Histogram, down to half a count above black.
    """
    stops = math.ceil(math.log2(2 * (white_level - min(black_level))))
    light = 2.0 ** (np.arange(stops * BINS_PER_STOP + 1) / BINS_PER_STOP - stops)
    counts, dark, clipped = np.zeros([3, len(light) - 1]), np.zeros(3), 0
    for row, column, color in _cells(camera, offset):
        occurrences = np.bincount(mosaic[row :: camera.tile, column :: camera.tile].ravel(), minlength=1)
        edges = black_level[color] + (white_level - black_level[color]) * light
        edges[-1] = np.inf
        below = np.interp(edges, np.arange(len(occurrences) + 1) - 0.5, np.concatenate([[0], np.cumsum(occurrences)]))
        channel = (0, 1, 2, 1)[color]
        counts[channel] += np.diff(below)
        dark[channel] += below[0]
        clipped += occurrences[math.ceil(white_level) :].sum()
    return Histogram(counts, dark, float(clipped / mosaic.size))


def describe(histogram):
    """Says in words what the drawing shows, as HTML."""
    medians = ", ".join(
        f"{name} {'at black' if math.isinf(stops) else f'{stops:.1f}'}" for name, stops in zip("RGB", histogram.medians, strict=True)
    )
    dark = histogram.dark.sum() / max(histogram.dark.sum() + histogram.counts.sum(), 1)
    return (
        f"Median stops below white: {medians}. At black or below: {100 * dark:.1f}&#8239;%. Clipped: {100 * histogram.clipped:.2g}&#8239;%."
    )


def _axes(stops, x, y, most):
    """Lines, numbers and titles of both axes, and whose colour is which."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>']
    for stop in range(0, stops + 1, 2):
        parts.append(f'<text x="{x(stop):.1f}" y="{bottom + 14}" text-anchor="middle">{stop}</text>')
    for power in range(0, min(int(math.log10(most)), len(_POWERS) - 1) + 1, 1 if most < 2e4 else 2):
        parts.append(f'<text x="{_LEFT - 5}" y="{y(10**power) + 4:.1f}" text-anchor="end">{_POWERS[power]}</text>')
    parts.append(f'<text class="title" x="{(_LEFT + right) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">stops below white</text>')
    parts.append(f'<text class="title" x="-{(_TOP + bottom) / 2}" y="9" text-anchor="middle" transform="rotate(-90)">photosites</text>')
    return parts + [
        f'<text class="key {name}" x="{right - 34 + 14 * i}" y="{_TOP + 10}">{name.upper()}</text>' for i, name in enumerate("rgb")
    ]


def _outline(counts, x, y):
    """The steps of one colour's bins as an SVG path, left out where no photosite is."""
    path, is_down = "", True
    for i, count in enumerate(counts):
        if count < 0.5:
            path, is_down = path + ("" if is_down else f"V{y(0):.1f}"), True
        else:
            start = f"M{x(i):.1f} {y(0):.1f}" if is_down else ""
            path, is_down = path + f"{start}V{y(count):.1f}H{x(i + 1):.1f}", False
    return path + ("" if is_down else f"V{y(0):.1f}")


def histogram_svg(histogram):
    """Draws a Histogram: stops below white along, numbers of photosites up, logarithmic. Colours come from the page's classes."""
    most, stops = max(float(histogram.counts.max()), 10.0), histogram.stops

    def x(stop):
        return _WIDTH - _RIGHT - (_WIDTH - _LEFT - _RIGHT) * stop / stops

    def y(number):
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * math.log10(1 + number) / math.log10(1 + most)

    grid = [f'<path class="grid" d="M{x(stop):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>' for stop in range(0, stops + 1, 2)]
    lines = [
        f'<path class="light {name}" d="{_outline(counts, lambda i: x(stops - i / BINS_PER_STOP), y)}"/>'
        for name, counts in zip("rgb", histogram.counts, strict=True)
    ]
    return (
        f'<svg class="histogram" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Histogram of the raw. {describe(histogram)}">'
        f"{''.join([*grid, *lines, *_axes(stops, x, y, most)])}</svg>"
    )
