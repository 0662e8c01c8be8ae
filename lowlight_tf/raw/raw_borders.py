"""The black level as a sensor's masked borders show it: where a DNG says that they are, or where the frame shows that light stops.

Borders that LibRaw merely leaves out look like the frame beside them. Padding has another level and no noise. Where light leaks in, a
border is not the same all over.
"""

import dataclasses

import numpy as np

from lowlight_tf.raw.raw_levels import color_planes

# What is left out of a border's width on either side, where light leaks and edges ring: a part of it, and photosites at least.
_SKIP, _SKIP_LEAST = 1 / 8, 2
_LEAST = 4  # photosites across a border that are left then
_STEP = 8.0  # standard errors by which the frame beside a masked border must be brighter
# How far parts of a masked border may differ from all of it: standard errors, counts, and a part of its noise (rows and columns have some).
_ERRORS, _COUNTS, _NOISE = 4.0, 1.0, 0.2
_PARTS = 8  # along a border that are compared; across it there are two


@dataclasses.dataclass(frozen=True)
class _Border:
    """A strip beside the visible area, and the strip of the visible area beside it, or None; [length, width], with the masked one's CFA."""

    masked: np.ndarray
    lit: np.ndarray | None
    colors: np.ndarray


def _turned(colors, row, column):
    """The CFA's tile as it begins at a (row, column) counted from the visible area's corner."""
    return np.roll(colors, (-(row % len(colors)), -(column % len(colors))), axis=(0, 1))


def _span(start, stop, period):
    """The part of a border's width that is measured: without its edges, whole periods of CFA and black pattern; or None."""
    skip = max(_SKIP_LEAST, int((stop - start) * _SKIP))
    width = (stop - start - 2 * skip) // period * period
    return (start + skip, start + skip + width) if width >= max(_LEAST, period) else None


def _seen_borders(image, place, colors, period):
    """Yields the borders on the four sides of the visible area, as far as they are wide enough."""
    top, left, height, width = place
    sides = (
        (0, left, left, False),
        (left + width, image.shape[1], left + width, False),
        (0, top, top, True),
        (top + height, image.shape[0], top + height, True),
    )
    for start, stop, edge, is_row in sides:
        span = _span(start, stop, period)
        if span is None:
            continue
        across = span[1] - span[0]
        inner = edge + _SKIP_LEAST if stop <= edge else edge - _SKIP_LEAST - across
        length = (height if not is_row else width) // period * period
        if is_row:
            strip, lit = (
                image[span[0] : span[1], left : left + length].T,
                image[max(inner, top) : max(inner, top) + across, left : left + length].T,
            )
            yield _Border(strip, lit, _turned(colors, span[0] - top, 0).T)
        else:
            strip, lit = (
                image[top : top + length, span[0] : span[1]],
                image[top : top + length, max(inner, left) : max(inner, left) + across],
            )
            yield _Border(strip, lit, _turned(colors, 0, span[0] - left))


def _said_borders(image, place, colors, period, areas):
    """Yields the masked areas that a DNG names."""
    for top, left, bottom, right in areas:
        bottom, right = min(bottom, image.shape[0]), min(right, image.shape[1])
        rows, columns = (bottom - top) // period * period, (right - left) // period * period
        if min(rows, columns) > 0:
            yield _Border(image[top : top + rows, left : left + columns], None, _turned(colors, top - place[0], left - place[1]))


def _robust(values):
    """Mean, its standard error and the deviation of what lies within 4 robust standard deviations of the median."""
    values = values.ravel().astype(np.float64)
    median = np.median(values)
    deviation = max(1.4826 * np.median(np.abs(values - median)), 0.5)
    kept = values[np.abs(values - median) <= 4 * deviation]
    return kept.mean(), deviation / np.sqrt(kept.size), deviation


def _is_masked(border):
    """Tells a border that light did not reach: the frame beside it is brighter, and it is the same along and across itself."""
    if border.lit is None:
        return True
    (dark, error, deviation), (lit, lit_error, _) = _robust(border.masked), _robust(border.lit)
    if lit - dark <= _STEP * np.hypot(error, lit_error):
        return False
    half = border.masked.shape[1] // 2
    parts = [*np.array_split(border.masked, _PARTS), border.masked[:, :half], border.masked[:, half:]]
    means = [_robust(part)[:2] for part in parts if part.size]
    return all(abs(mean - dark) <= _ERRORS * np.hypot(part, error) + _COUNTS + _NOISE * deviation for mean, part in means)


def masked_black(image, place, colors, period=None, areas=()):
    """Measures the black level on the masked borders of a sensor.

    Args:
      image: uint16 [H, W], the whole image with its borders.
      place: (top, left, height, width) of the visible area.
      colors: [tile, tile] indices into R, G, B, second G of the visible area's top-left tile.
      period: photosites after which CFA and black pattern repeat; None for the CFA's tile.
      areas: the (top, left, bottom, right) that the file says to be masked; where there are none, the frame decides.
    Returns:
      4 levels for R, G, B and second G, or None where no border was seen to be masked.
    """
    colors = np.asarray(colors)
    period = period or len(colors)
    borders = _said_borders(image, place, colors, period, areas) if areas else _seen_borders(image, place, colors, period)
    measured = {color: [] for color in range(4)}
    for border in borders:
        if _is_masked(border):
            for color, plane in color_planes(border.masked, border.colors):
                measured[color].append((_robust(plane)[0], plane.size))
    if not all(measured[color] for color in range(3)):
        return None
    weighted = [list(zip(*(measured[color] or measured[1]), strict=True)) for color in range(4)]
    return tuple(float(np.average(means, weights=sizes)) for means, sizes in weighted)
