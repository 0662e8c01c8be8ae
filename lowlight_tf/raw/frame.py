"""A photograph as enhancement takes it, whatever file it came from."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.metadata import Metadata
from lowlight_tf.raw.shutter import Exposure


@dataclasses.dataclass(frozen=True)
class Frame:
    """A photograph.

    Attributes:
      path: the file.
      kind: "raw", or "JPEG", "PNG", "TIFF" for finished pictures.
      mosaic: uint16 [H, W], the visible area, or of a DNG its DefaultCrop; defects filled, gain maps applied.
      cfa: letters of its top-left tile, 4 or 36.
      offset: (row, column) of the first tile in the camera's phase.
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts at which it saturates.
      wb_gains: (R, G, B) gains, the smallest 1, so that clipped lights are white.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB.
      flip: how the picture is turned upright, RawImage's.
      metadata: what the file says of how it was taken.
      notes: what a person should know of it.
      plain: function of a gain of the light -> uint16 [H, W, 3]: the rendering without a network, sRGB, not upright, pixels as they are.
      light_gain: what the light is multiplied by at an exposure ratio of 1; a DNG's BaselineExposure says it.
      noise: (shot, read) noise: the variance that a unit of light brings, and the standard deviation in the dark, both of the range from
        black to white; None where it is still to be measured.
      noise_profile: the same as the file says it; None where it does not.
      aspect: (vertical, horizontal) factors by which the picture is stretched so that its pixels are square.
      applied: what else was done to the counts, in words.
    """

    path: pathlib.Path
    kind: str
    mosaic: np.ndarray
    cfa: str
    offset: tuple
    black_level: tuple
    white_level: float
    wb_gains: tuple
    ccm: np.ndarray
    flip: int
    metadata: Metadata
    notes: tuple
    plain: Callable
    light_gain: float = 1.0
    noise: tuple | None = None
    noise_profile: tuple | None = None
    aspect: tuple = (1.0, 1.0)
    applied: tuple = ()

    @property
    def exposure(self):
        """The Exposure it was taken with."""
        return Exposure(self.metadata.seconds, self.metadata.aperture, self.metadata.iso)


def check_size(path, size, camera):
    """Refuses a frame, (height, width), that is smaller than one CFA tile.

    Raises:
      LowlightError: naming the smallest size.
    """
    if min(size) < camera.tile:
        raise LowlightError(f"{path} is {size[1]}x{size[0]}, smaller than a CFA tile; expected at least {camera.tile}x{camera.tile} pixels")


def upright(picture, flip):
    """Turns a picture [H, W, 3] as RawImage.flip says."""
    picture = picture[::-1 if flip & 2 else 1, ::-1 if flip & 1 else 1]
    return np.ascontiguousarray(picture.transpose(1, 0, 2) if flip & 4 else picture)


def _stretched(picture, factor):
    """Stretches the rows of a picture [H, W, 3] to `factor` times as many, linearly between them; row by row, to spare memory."""
    height = round(len(picture) * factor)
    where = np.clip((np.arange(height) + 0.5) / factor - 0.5, 0, len(picture) - 1)
    stretched = np.empty((height, *picture.shape[1:]), picture.dtype)
    for row, position in enumerate(where):
        upper = int(position)
        lower, weight = min(upper + 1, len(picture) - 1), np.float32(position - upper)
        stretched[row] = np.rint(picture[upper] + (picture[lower].astype(np.float32) - picture[upper]) * weight)
    return stretched


def as_seen(picture, frame):
    """Makes a picture of a frame what a person sees: its pixels square, and upright.

    Args:
      picture: uint8 or uint16 [H, W, 3], on the frame's mosaic pixel by pixel.
      frame: the Frame.
    Returns:
      the same dtype, [H', W', 3].
    """
    down, across = frame.aspect
    if down > 1:
        picture = _stretched(picture, down)
    if across > 1:
        picture = _stretched(picture.transpose(1, 0, 2), across).transpose(1, 0, 2)
    return upright(picture, frame.flip)
