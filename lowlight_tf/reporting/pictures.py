"""What a page shows of a picture: a copy of a sensible size, and pieces of it pixel by pixel, as JPEGs inside the page."""

import base64
import dataclasses
import io

import numpy as np
from PIL import Image

LONG_SIDE, CROP_SIDE = 1600, 256  # pixels
_QUALITY = 85


@dataclasses.dataclass(frozen=True)
class Embedded:
    """A JPEG as a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


def embed(picture):
    """Encodes uint8 [H, W, 3] as an Embedded."""
    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, format="JPEG", quality=_QUALITY, optimize=True)
        encoded = base64.b64encode(file.getvalue()).decode()
    return Embedded(f"data:image/jpeg;base64,{encoded}", picture.shape[1], picture.shape[0])


def shrink(picture, long_side=LONG_SIDE):
    """Returns uint8 [H, W, 3] with its longer side at most `long_side`; smaller pictures as they are."""
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _starts(size, side):
    """Where the whole cells of a row begin, the row in the middle of `size`."""
    number = size // side
    return [(size - number * side) // 2 + i * side for i in range(number)]


def _measure(cell):
    """Returns detail, the mean difference between neighbours, and brightness of uint8 [side, side, 3]."""
    light = cell.astype(np.float32).mean(axis=2)
    return sum(float(np.abs(np.diff(light, axis=axis)).sum()) for axis in (0, 1)) / light.size, float(light.mean())


def choose_crops(picture, side=CROP_SIDE):
    """Chooses what is shown pixel by pixel: of the picture's cells the middle one, the one with most detail, and the darkest.

    Each cell is chosen once, in this order, so a picture of one cell has one crop.

    Args:
      picture: uint8 [H, W, 3].
      side: of a cell, pixels; a smaller picture's cells have its own shorter side.
    Returns:
      list of (name, rows, columns), the last two slices.
    """
    height, width = picture.shape[:2]
    side = min(side, height, width)
    cells = [(slice(top, top + side), slice(left, left + side)) for top in _starts(height, side) for left in _starts(width, side)]
    measured = [_measure(picture[cell]) for cell in cells]
    keys = {
        "Centre": [abs(2 * rows.start + side - height) + abs(2 * columns.start + side - width) for rows, columns in cells],
        "Most detail": [-detail for detail, _ in measured],
        "Darkest": [brightness for _, brightness in measured],
    }
    left, chosen = set(range(len(cells))), []
    for name, key in keys.items():
        if left:
            best = min(left, key=lambda i: (key[i], i))
            left.remove(best)
            chosen.append((name, *cells[best]))
    return chosen
