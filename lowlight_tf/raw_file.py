"""Raw file -> RawImage, and LibRaw's own rendering of it. The only file that knows rawpy."""

import contextlib
import dataclasses
import datetime
import math
import pathlib

import numpy as np
import rawpy
import tifffile

from lowlight_tf.console import quiet_stderr
from lowlight_tf.errors import LowlightError, NotRawError

# What a folder is searched for: the suffixes of the cameras in LibRaw's list, except .tif, which is a picture's as well.
RAW_SUFFIXES = (".arw", ".raf", ".dng", ".nef", ".cr2", ".cr3", ".crw", ".orf", ".rw2", ".pef", ".srw", ".raw", ".kdc", ".dcr", ".sr2",
                ".srf", ".3fr", ".fff", ".iiq", ".mos", ".mef", ".mrw", ".erf", ".x3f", ".nrw", ".rwl", ".gpr", ".ari", ".bay", ".cap",
                ".cine", ".cs1", ".dc2", ".dcs", ".drf", ".k25", ".kc2", ".mdc", ".ori", ".ptx", ".pxn", ".qtk", ".rdc", ".rwz", ".sti")

# LibRaw renders X-Trans with an algorithm that works in blocks of this size and refuses smaller frames.
_SMALLEST_XTRANS = 512


@dataclasses.dataclass(frozen=True)
class RawImage:
    """A decoded raw file, nothing applied.

    Attributes:
      mosaic: uint16 [H, W], sensor counts of the visible area, CFA phase kept.
      cfa: colours of the top-left tile in row-major order: 4 letters (Bayer) or 36 (X-Trans).
      black_level: 4 counts, for R, G, B and the second G.
      white_level: counts at saturation.
      wb_gains: as-shot (R, G, B) gains with G = 1.
      ccm: float32 [3, 3], white-balanced camera colour -> linear sRGB, rows sum to 1; identity where LibRaw knows none.
      exposure_seconds: shutter time from the file, or 0.0 where it says none.
      iso: from the file, or 0.0.
      aperture: f-number from the file, or 0.0.
      focal_length: millimetres, or 0.0.
      lens: its model's name, or "".
      taken: date and time, or None.
      flip: how the picture is turned upright: with bit 1 the rows are reversed, with bit 0 the columns, then with bit 2 it is transposed.
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


def _source(path):
    """What rawpy opens: the path, or the open file where its name is not UTF-8, which rawpy wants."""
    try:
        str(path).encode()
        return contextlib.nullcontext(str(path))
    except UnicodeEncodeError:
        return open(path, "rb")


@contextlib.contextmanager
def _opened(path, decode=True):
    """Opens a raw file and turns everything LibRaw or the file system may say into one line."""
    path = pathlib.Path(path)
    try:
        if not path.is_file():
            raise LowlightError(f"{path} does not exist or is no file; give a raw file")
        if path.stat().st_size == 0:
            raise LowlightError(f"{path} is empty (0 bytes); copy it from its source again")
        with quiet_stderr(), _source(path) as source, rawpy.imread(source) as raw:
            if decode:
                raw.unpack()
            yield raw
    except rawpy.LibRawFileUnsupportedError as error:
        raise NotRawError(f"{path} is no raw file that LibRaw {_libraw()} can open; expected ARW, RAF, DNG, NEF, CR2, ...") from error
    except (rawpy.LibRawError, MemoryError) as error:
        reason = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise LowlightError(f"{path} is damaged, truncated or no raw file (LibRaw: {reason}); copy it from its source again") from error
    except OSError as error:
        raise LowlightError(f"cannot read {path}: {error.strerror or error}") from error


def _libraw():
    return ".".join(map(str, rawpy.libraw_version))


def _cfa(raw, path):
    """Returns the CFA letters of the visible area's top-left tile."""
    letters = raw.color_desc.decode()
    if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None or raw.num_colors != 3 or not letters.startswith("RGB"):
        found = "monochrome" if raw.num_colors == 1 else f"colours {letters}, {raw.raw_type.name}"
        raise LowlightError(f"{path} holds no Bayer or X-Trans mosaic ({found}); "
                            "expected one sample a pixel")
    period = 6 if raw.raw_pattern.shape[0] == 6 else 2
    top, left = raw.sizes.top_margin, raw.sizes.left_margin
    return "".join(letters[raw.raw_color(top + y, left + x)] for y in range(period) for x in range(period))


def _gains(raw):
    """As-shot gains with G = 1; LibRaw's daylight gains where the file has none, and 1 where there are none either."""
    for gains in (raw.camera_whitebalance, raw.daylight_whitebalance):
        if min(gains[:3]) > 0:
            return tuple(float(gain / gains[1]) for gain in gains[:3])
    return 1.0, 1.0, 1.0


def _known(value):
    """Returns a number of LibRaw's, or 0.0 where it stands for "unknown" or is damaged."""
    return float(value) if value and math.isfinite(value) and value > 0 else 0.0


def _text(value):
    return value.strip() if isinstance(value, str) else ""


def read_raw(path):
    """Decodes a raw file.

    Args:
      path: any file that LibRaw opens.
    Returns:
      A RawImage.
    Raises:
      LowlightError: for a file that is missing, empty, truncated, no raw file, or no Bayer or X-Trans mosaic.
    """
    with _opened(path) as raw:
        black = [float(level) for level in raw.black_level_per_channel]
        ccm = np.asarray(raw.color_matrix, np.float32)[:3, :3]
        return RawImage(
            mosaic=raw.raw_image_visible.copy(), cfa=_cfa(raw, path), black_level=tuple(black), white_level=int(raw.white_level),
            wb_gains=_gains(raw), ccm=ccm if ccm.any() else np.eye(3, dtype=np.float32),
            exposure_seconds=_known(raw.other.shutter_speed), iso=_known(raw.other.iso_speed), aperture=_known(raw.other.aperture),
            focal_length=_known(raw.other.focal_length), lens=_text(raw.lens.model),
            # LibRaw counts from 1970: a file without a date has that one.
            taken=raw.other.timestamp if raw.other.timestamp.year > 1970 else None, flip=int(raw.sizes.flip))


def _amplify_in_place(raw, ratio):
    """Multiplies the decoded counts above black by `ratio`, clipped at white."""
    mosaic, colors = raw.raw_image_visible, np.minimum(raw.raw_colors_visible, 3)
    black = np.asarray(raw.black_level_per_channel, np.float32)[colors]
    mosaic[:] = np.clip((mosaic - black) * np.float32(ratio) + black, 0, raw.white_level).astype(np.uint16)


def render(path, ratio=1.0, stretch=True):
    """Renders a raw file with LibRaw: as-shot white balance, the file's colour matrix, sRGB gamma, no automatic brightness.

    The settings are the protocol's for its ground truth. The picture is not rotated, so that it lies on the mosaic pixel by pixel.

    Args:
      path: a raw file.
      ratio: exposure ratio that the counts above black are multiplied by first.
      stretch: let LibRaw take a frame's maximum for white where it lies between 3/4 of white and white, as the protocol does; without it
        the light is what the counts say.
    Returns:
      uint16 [H, W, 3], sRGB.
    Raises:
      LowlightError: as `read_raw`, and for an X-Trans frame too small for LibRaw.
    """
    with _opened(path) as raw:
        if len(_cfa(raw, path)) == 36 and min(raw.raw_image_visible.shape) < _SMALLEST_XTRANS:
            height, width = raw.raw_image_visible.shape
            raise LowlightError(f"{path} is {width}x{height}; LibRaw renders X-Trans frames from {_SMALLEST_XTRANS} pixels a side only: "
                                "use a larger frame or put a 16-bit PNG into long/")
        if ratio != 1.0:
            _amplify_in_place(raw, ratio)
        return raw.postprocess(use_camera_wb=True, half_size=False, no_auto_bright=True, output_bps=16, user_flip=0,
                               adjust_maximum_thr=0.75 if stretch else 0.0)


def visible_size(path):
    """Returns (height, width) of a raw file's visible area from its header, without decoding it.

    Raises:
      LowlightError: as `read_raw`.
    """
    with _opened(path, decode=False) as raw:
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


def _default_crop(path, sizes):
    """Reads a DNG's DefaultCrop, which starts from its ActiveArea; LibRaw's own copy is cut where a margin is odd."""
    def numbers(tag):
        values = np.ravel(tag.value)
        return values[::2] / values[1::2] if tag.dtype in (tifffile.DATATYPE.RATIONAL, tifffile.DATATYPE.SRATIONAL) else values

    try:
        with tifffile.TiffFile(path) as dng:
            first = dng.pages.first
            tags = next(page.tags for page in (first, *(first.pages or ())) if "DefaultCropSize" in page.tags)
            left, top = numbers(tags["DefaultCropOrigin"])
            width, height = numbers(tags["DefaultCropSize"])
            active_top, active_left = tags["ActiveArea"].value[:2] if "ActiveArea" in tags else (0, 0)
    except Exception:  # no DNG, none of the tags, or whatever tifffile meets in a file that LibRaw has opened
        return None
    return round(active_top + top) - sizes.top_margin, round(active_left + left) - sizes.left_margin, round(height), round(width)


def read_framing(path):
    """Reads from a raw file's header how a finished picture of it lies on its mosaic, without decoding it.

    Returns:
      A Framing.
    Raises:
      LowlightError: as `read_raw`.
    """
    with _opened(path, decode=False) as raw:
        return Framing((raw.sizes.height, raw.sizes.width), raw.sizes.flip, _default_crop(path, raw.sizes))
