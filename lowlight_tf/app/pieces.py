"""A piece of a Frame that gives the whole frame's pixels: where it is cut, and where it lies in the upright picture."""

import dataclasses
import math

import numpy as np

from lowlight_tf.enhancement import tiling
from lowlight_tf.raw.balancing import with_base

_PLAIN_MARGIN = 24  # photosites


def _span(start, stop, size, pad, margin, grid):
    """Widens [start, stop) of a mosaic's axis by the halo, to windows in which poolings and padding fall as in the whole frame.

    Args:
      start, stop: in the mosaic.
      size: of the padded axis, photosites.
      pad: photosites before the mosaic's first that reach the camera's phase.
      margin: the network's halo, photosites.
      grid: photosites of a step that keeps the poolings' and the CFA's phase.
    Returns:
      first and last + 1 of the window in the mosaic; the latter may lie in the padding behind it.
    """
    first = max((start + pad - margin) // grid * grid, 0)
    last = min(-(-(stop + pad + margin) // grid) * grid + size % grid, size)
    last = size if size - last < grid else last
    return max(first - pad, 0), last - pad


def network_window(loaded):
    """Returns (grid, margin) of a window that a Model's network runs on, for `window`."""
    scale = loaded.network.upscale
    return math.lcm(tiling.GRID * scale, loaded.camera.tile), tiling.halo(loaded.network, loaded.quality) * scale


def plain_window(camera):
    """Returns (grid, margin) of a window that LibRaw demosaics: it looks at a few photosites around each, and skips the border's."""
    return camera.tile, _PLAIN_MARGIN


def kept(inner, pad, size, scale):
    """The Span of a window that is its piece's, in the network's input.

    Args:
      inner: slice of the piece in the window.
      pad: photosites before the window's first that reach the camera's phase.
      size: of the padded window, photosites.
      scale: photosites of a pixel of the input, along an axis.
    Returns:
      a Span; and the slice of its output that is the piece.
    """
    first, last = (inner.start + pad) // scale, -(-(inner.stop + pad) // scale)
    return tiling.Span(0, size // scale, first, last), slice(inner.start + pad - first * scale, inner.stop + pad - first * scale)


def window(frame, packed_size, camera, grid, margin, rows, columns, base=None):
    """Cuts a Frame that gives exactly the whole frame's pixels in [rows, columns), two pairs of photosites.

    Args:
      frame: a Frame.
      packed_size: (h, w) of its packed counts.
      camera: the Camera they were packed for.
      grid: photosites of a step, whole tiles of the CFA, in which the window begins and ends as the frame does.
      margin: photosites around the piece that its pixels depend on.
      rows, columns: (start, stop) in the mosaic.
      base: uint16 [H, W, 3], the finished picture that the frame is, or None.
    Returns:
      the Frame, and where the piece lies in it: two slices.
    """
    pads = [-offset % camera.tile for offset in frame.offset]
    (top, bottom), (left, right) = (
        _span(*part, size * camera.upscale, pad, margin, grid) for part, size, pad in zip((rows, columns), packed_size, pads, strict=False)
    )
    colors = np.roll(np.array(list(frame.cfa)).reshape(camera.tile, camera.tile), (-top, -left), axis=(0, 1))
    offset = tuple(whole if start == 0 else 0 for whole, start in zip(frame.offset, (top, left), strict=False))
    piece = dataclasses.replace(
        frame, mosaic=np.ascontiguousarray(frame.mosaic[top:bottom, left:right]), cfa="".join(colors.ravel()), offset=offset
    )
    piece = piece if base is None else with_base(piece, base[top:bottom, left:right])
    return piece, slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)


def on_sensor(place, flip):
    """Turns a place in the upright picture, fractions (across, down), into fractions (down, across) of the mosaic."""
    across, down = place
    down, across = (across, down) if flip & 4 else (down, across)
    return (1 - down if flip & 2 else down), (1 - across if flip & 1 else across)


def part_around(fraction, size, side):
    """Returns (start, stop) of `side` photosites about a fraction of an axis, moved inside it; the whole axis where that is shorter."""
    side = min(side, size)
    start = min(max(round(fraction * size) - side // 2, 0), size - side)
    return start, start + side


def seen_box(rows, columns, shape, flip):
    """Where a part of the mosaic lies in the upright picture: fractions (left, top, width, height)."""
    (top, bottom), (left, right) = ((start / size, stop / size) for (start, stop), size in zip((rows, columns), shape, strict=False))
    top, bottom = (1 - bottom, 1 - top) if flip & 2 else (top, bottom)
    left, right = (1 - right, 1 - left) if flip & 1 else (left, right)
    if flip & 4:
        (top, bottom), (left, right) = (left, right), (top, bottom)
    return left, top, right - left, bottom - top
