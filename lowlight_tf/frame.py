"""A photograph as enhancement takes it, whatever file it came from."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.metadata import Metadata
from lowlight_tf.shutter import Exposure


@dataclasses.dataclass(frozen=True)
class Frame:
    """A photograph.

    Attributes:
      path: the file.
      kind: "raw", or "JPEG", "PNG", "TIFF" for finished pictures.
      mosaic: uint16 [H, W], whole visible area.
      offset: (row, column) of the first tile in the camera's phase.
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts.
      wb_gains: as-shot (R, G, B) gains with G = 1.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB.
      flip: how the picture is turned upright, RawImage's.
      metadata: what the file says of how it was taken.
      notes: what a person should know of it.
      plain: function of the exposure ratio -> uint16 [H, W, 3]: the rendering without a network, coded as LibRaw's, not upright.
    """

    path: pathlib.Path
    kind: str
    mosaic: np.ndarray
    offset: tuple
    black_level: tuple
    white_level: float
    wb_gains: tuple
    ccm: np.ndarray
    flip: int
    metadata: Metadata
    notes: tuple
    plain: Callable

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
