"""Raw file -> RawImage: one record of what it holds, decoded once."""

import dataclasses
import datetime
import math
import os
import pathlib

import numpy as np

from lowlight_tf.raw.cameras import tile_colors
from lowlight_tf.raw.dng_tags import DngTags, read_dng_tags
from lowlight_tf.raw.libraw import cfa_letters, color_matrix, opened
from lowlight_tf.raw.raw_borders import masked_black
from lowlight_tf.raw.raw_color import choose_gains, choose_matrix, daylight_gains

# What a folder is searched for: the suffixes of the cameras in LibRaw's list, except .tif, which is a picture's as well.
RAW_SUFFIXES = (
    ".arw",
    ".raf",
    ".dng",
    ".nef",
    ".cr2",
    ".cr3",
    ".crw",
    ".orf",
    ".rw2",
    ".pef",
    ".srw",
    ".raw",
    ".kdc",
    ".dcr",
    ".sr2",
    ".srf",
    ".3fr",
    ".fff",
    ".iiq",
    ".mos",
    ".mef",
    ".mrw",
    ".erf",
    ".x3f",
    ".nrw",
    ".rwl",
    ".gpr",
    ".ari",
    ".bay",
    ".cap",
    ".cine",
    ".cs1",
    ".dc2",
    ".dcs",
    ".drf",
    ".k25",
    ".kc2",
    ".mdc",
    ".ori",
    ".ptx",
    ".pxn",
    ".qtk",
    ".rdc",
    ".rwz",
    ".sti",
)


@dataclasses.dataclass(frozen=True)
class RawImage:
    """A decoded raw file, nothing applied.

    Attributes:
      mosaic: uint16 [H, W], sensor counts of the visible area, CFA phase kept.
      cfa: colours of the top-left tile in row-major order: 4 letters (Bayer) or 36 (X-Trans).
      black_level: 4 counts, for R, G, B and the second G.
      white_level: counts at saturation.
      wb_gains: as-shot (R, G, B) gains with G = 1, or what takes their place.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB, rows sum to 1.
      exposure_seconds: shutter time from the file, or 0.0 where it says none.
      iso: from the file, or 0.0.
      aperture: f-number from the file, or 0.0.
      focal_length: millimetres, or 0.0.
      lens: its model's name, or "".
      taken: date and time, or None.
      flip: how the picture is turned upright: with bit 1 the rows are reversed, with bit 0 the columns, then with bit 2 it is transposed.
      aspect: (vertical, horizontal) factors, 1 or more, by which a picture is stretched so that its pixels are square.
      masked_black: 4 counts measured on the sensor's masked borders, or None.
      origin: (row, column) of the visible area in a DNG's active area.
      dng: DngTags.
      notes: where the file leaves white balance or matrix out, what takes their place.
      daylight_gains: (R, G, B) gains of daylight (D65) with G = 1, or None where nothing says them.
    """

    mosaic: np.ndarray
    cfa: str
    black_level: tuple
    white_level: int
    wb_gains: tuple
    ccm: np.ndarray
    exposure_seconds: float
    iso: float
    aperture: float = 0.0
    focal_length: float = 0.0
    lens: str = ""
    taken: datetime.datetime | None = None
    flip: int = 0
    aspect: tuple = (1.0, 1.0)
    masked_black: tuple | None = None
    origin: tuple = (0, 0)
    dng: DngTags = dataclasses.field(default_factory=DngTags)
    notes: tuple = ()
    daylight_gains: tuple | None = None

    @property
    def colors(self):
        """The CFA's tile as indices into R, G, B, second G, [tile, tile]; the second G is the one in a Bayer tile's blue row."""
        return tile_colors(self.cfa)


def _aspect(sizes):
    """Factors that make pixels square; LibRaw's ratio is of a pixel's width to its height as it is stored."""
    ratio = sizes.pixel_aspect
    if not math.isfinite(ratio) or ratio <= 0 or abs(ratio - 1) < 0.005:
        return 1.0, 1.0
    return (1 / ratio, 1.0) if ratio < 1 else (1.0, ratio)


def _known(value):
    """Returns a number of LibRaw's, or 0.0 where it stands for "unknown" or is damaged."""
    return float(value) if value and math.isfinite(value) and value > 0 else 0.0


def _text(value):
    return value.strip() if isinstance(value, str) else ""


def _masked_black(raw, colors, dng):
    """Measures the black level on the borders of a decoded file; None where it has no masked ones."""
    sizes, tile = raw.sizes, len(colors)
    period = tile if dng.black_level is None else math.lcm(tile, *dng.black_level.shape)
    place = sizes.top_margin, sizes.left_margin, sizes.height, sizes.width
    return masked_black(raw.raw_image, place, colors, period, dng.masked_areas)


def read_raw(path: str | os.PathLike) -> RawImage:
    """Decodes a raw file.

    Args:
      path: any file that LibRaw opens.
    Returns:
      A RawImage.
    Raises:
      NotRawError: for what is no raw file. LowlightError: for a file that is missing, empty, truncated, or no Bayer or X-Trans mosaic.
    """
    path = pathlib.Path(path)
    with opened(path) as raw:
        dng, sizes = read_dng_tags(path), raw.sizes
        cfa = cfa_letters(raw, path, dng.layout)
        gains, no_gains = choose_gains(raw.camera_whitebalance, raw.daylight_whitebalance, dng)
        ccm, no_matrix = choose_matrix(color_matrix(raw, path), raw.rgb_xyz_matrix, dng)
        active = dng.active_area or (sizes.top_margin, sizes.left_margin)
        return RawImage(
            mosaic=raw.raw_image_visible.copy(),
            cfa=cfa,
            black_level=tuple(float(level) for level in raw.black_level_per_channel),
            white_level=int(raw.white_level),
            wb_gains=gains,
            ccm=ccm,
            exposure_seconds=_known(raw.other.shutter_speed),
            iso=_known(raw.other.iso_speed),
            aperture=_known(raw.other.aperture),
            focal_length=_known(raw.other.focal_length),
            lens=_text(raw.lens.model),
            # LibRaw counts from 1970: a file without a date has that one.
            taken=raw.other.timestamp if raw.other.timestamp.year > 1970 else None,
            flip=int(sizes.flip),
            aspect=_aspect(sizes),
            masked_black=_masked_black(raw, tile_colors(cfa), dng),
            origin=(sizes.top_margin - active[0], sizes.left_margin - active[1]),
            dng=dng,
            notes=tuple(filter(None, (no_gains, no_matrix))),
            daylight_gains=daylight_gains(raw.daylight_whitebalance),
        )


def visible_size(path):
    """Returns (height, width) of a raw file's visible area from its header, without decoding it.

    Raises:
      LowlightError: as `read_raw`.
    """
    with opened(path, decode=False) as raw:
        return raw.sizes.height, raw.sizes.width


@dataclasses.dataclass(frozen=True)
class Framing:
    """How the picture that a raw developer makes of a file lies on the file's visible area.

    Attributes:
      size: (height, width) of the visible area.
      flip: LibRaw's: with bit 2 the picture is transposed, before that its rows are reversed with bit 1, its columns with bit 0.
      crop: (top, left, height, width) in the visible area that developers keep, or None where the file does not say.
    """

    size: tuple
    flip: int
    crop: tuple | None


def read_framing(path):
    """Reads from a raw file's header how a finished picture of it lies on its mosaic, without decoding it.

    Returns:
      A Framing.
    Raises:
      LowlightError: as `read_raw`.
    """
    with opened(path, decode=False) as raw:
        sizes, dng = raw.sizes, read_dng_tags(path)
        crop = dng.crop
        if crop:
            top, left = (dng.active_area or (0, 0))[:2]
            crop = (top + crop[0] - sizes.top_margin, left + crop[1] - sizes.left_margin, crop[2], crop[3])
        return Framing((sizes.height, sizes.width), sizes.flip, crop)
