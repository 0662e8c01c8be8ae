"""A photograph, whatever file it came from: as the protocol takes it, or developed as enhancement does."""

import dataclasses
import pathlib

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import exposed_codes
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.pictures.metadata import Metadata
from lowlight_tf.raw.rendering import render_mosaic
from lowlight_tf.raw.shutter import Exposure


@dataclasses.dataclass(frozen=True)
class Frame:
    """A photograph: its counts, and what they mean.

    `read_short` makes one as the protocol wants it: whole CFA tiles in the camera's phase, nothing done to the counts, metadata not read.
    `read_frame` makes one for enhancement: the visible area, or of a DNG its DefaultCrop; defects filled, gain maps applied.

    Attributes:
      path: the file.
      kind: "raw", or "JPEG", "PNG", "TIFF" for finished pictures.
      mosaic: uint16 [H, W].
      cfa: letters of its top-left tile, 4 or 36.
      offset: (row, column) of the first tile in the camera's phase.
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts at which it saturates.
      wb_gains: (R, G, B) gains: the protocol's are the file's, with G = 1; enhancement's smallest is 1, so that clipped lights are white.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB.
      flip: how the picture is turned upright, RawImage's.
      metadata: what the file says of how it was taken.
      notes: what a person should know of it.
      light_gain: what the light is multiplied by at an exposure ratio of 1; a DNG's BaselineExposure says it.
      noise: (shot, read) noise: the variance that a unit of light brings, and the standard deviation in the dark, both of the range from
        black to white; None where it is still to be measured.
      noise_profile: the same as the file says it; None where it does not.
      visible_size: (H, W) of a raw file's visible area; None for a finished picture.
      origin: (row, column) of the mosaic in the visible area.
      aspect: (vertical, horizontal) factors by which the picture is stretched so that its pixels are square.
      applied: what else was done to the counts, in words.
      daylight_gains: (R, G, B) gains of daylight (D65), or None where nothing says them.
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
    flip: int = 0
    metadata: Metadata = dataclasses.field(default_factory=Metadata)
    notes: tuple = ()
    light_gain: float = 1.0
    noise: tuple | None = None
    noise_profile: tuple | None = None
    visible_size: tuple | None = None
    origin: tuple = (0, 0)
    aspect: tuple = (1.0, 1.0)
    applied: tuple = ()
    daylight_gains: tuple | None = None

    @property
    def exposure(self):
        """The Exposure it was taken with."""
        return Exposure(self.metadata.seconds, self.metadata.aperture, self.metadata.iso)

    def plain(self, gain):
        """Renders it without a network, its light multiplied by `gain`: uint16 [H, W, 3], sRGB, not upright, pixels as they are."""
        if self.kind == "raw":
            return render_mosaic(
                self.mosaic,
                self.cfa,
                black_level=self.black_level,
                white_level=self.white_level,
                wb_gains=self.wb_gains,
                ccm=self.ccm,
                gain=gain,
            )
        picture = read_picture(self.path)
        return picture if gain == 1 else exposed_codes(gain)[picture]


def check_size(path, size, camera, offset=(0, 0)):
    """Refuses a frame, (height, width), that holds no CFA tile from `offset` on.

    Raises:
      LowlightError: naming the smallest size.
    """
    if any(side - start < camera.tile for side, start in zip(size, offset, strict=False)):
        raise LowlightError(
            f"{path} is {size[1]}x{size[0]}, smaller than a CFA tile; expected at least "
            f"{camera.tile + offset[1]}x{camera.tile + offset[0]} pixels"
        )


def check_levels(path, black_level, white_level):
    """Refuses levels between which there is no light.

    Raises:
      LowlightError: naming them.
    """
    if white_level <= max(black_level):
        raise LowlightError(f"{path} says black level {max(black_level):.0f} and white level {white_level:.0f}; expected white above black")


def upright(picture, flip):
    """Turns a picture [H, W, 3] as RawImage.flip says."""
    picture = picture[:: -1 if flip & 2 else 1, :: -1 if flip & 1 else 1]
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
