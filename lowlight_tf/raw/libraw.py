"""LibRaw as rawpy hands it out: files opened, its errors as one line, its CFA and its colour matrix. The only file that knows rawpy."""

import contextlib
import pathlib

import numpy as np
import rawpy

from lowlight_tf import memory
from lowlight_tf.console import quiet_stderr
from lowlight_tf.errors import LowlightError, NotRawError
from lowlight_tf.raw.raw_container import sensor_size, truncation, unknown_compression

_BYTES_A_PHOTOSITE = 4  # the decoded counts, and the copy of them that is kept


def _source(path):
    """What rawpy opens: the path, or the open file where its name is not UTF-8, which rawpy wants."""
    try:
        str(path).encode()
        return contextlib.nullcontext(str(path))
    except UnicodeEncodeError:
        return open(path, "rb")


def _check_whole(path):
    if not path.is_file():
        raise LowlightError(f"{path} does not exist or is no file; give a raw file")
    if path.stat().st_size == 0:
        raise LowlightError(f"{path} is empty (0 bytes); copy it from its source again")
    missing = truncation(path)
    if missing:
        raise LowlightError(f"{path} is truncated: {missing}; copy it from its source again")


def _libraw():
    return ".".join(map(str, rawpy.libraw_version))


def _unsupported(path):
    scheme = unknown_compression(path)
    if scheme:
        return LowlightError(
            f"{path} is a DNG whose image is compressed by scheme {scheme}, which LibRaw {_libraw()} does not decode; "
            "convert it with Adobe DNG Converter, without lossy compression"
        )
    size = sensor_size(path)
    if size:
        return LowlightError(
            f"{path} is a raw file of {size[0]}x{size[1]} pixels that LibRaw {_libraw()} does not open; it is too small, "
            "damaged, or of a kind that LibRaw does not know"
        )
    return NotRawError(f"{path} is no raw file that LibRaw {_libraw()} can open; expected ARW, RAF, DNG, NEF, CR2, ...")


@contextlib.contextmanager
def opened(path, decode=True):
    """Opens a raw file and turns everything that LibRaw or the file system may say into one line.

    Args:
      path: a file.
      decode: read its image data, not its header alone.
    Yields:
      rawpy's RawPy.
    Raises:
      NotRawError: where it is no raw file. LowlightError: where it is missing, empty, damaged, truncated, or too large for the memory.
    """
    path = pathlib.Path(path)
    try:
        _check_whole(path)
        with quiet_stderr(), _source(path) as source, rawpy.imread(source) as raw:
            if decode:
                width, height = raw.sizes.raw_width, raw.sizes.raw_height
                memory.check(path, _BYTES_A_PHOTOSITE * width * height, f"{width}x{height} pixels")
                raw.unpack()
            yield raw
    except rawpy.LibRawFileUnsupportedError as error:
        raise _unsupported(path) from error
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError, MemoryError) as error:
        raise LowlightError(f"{path} does not fit into memory; close other programs") from error
    except rawpy.LibRawError as error:
        reason = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise LowlightError(f"{path} is damaged, truncated or no raw file (LibRaw: {reason}); copy it from its source again") from error
    except OSError as error:
        raise LowlightError(f"cannot read {path}: {error.strerror or error}") from error


@contextlib.contextmanager
def opened_mosaic(content):
    """Opens a DNG in memory, a binary file, and yields rawpy's RawPy."""
    with quiet_stderr(), rawpy.imread(content) as raw:
        raw.unpack()
        yield raw


def cfa_letters(raw, path, layout=1):
    """Returns the CFA letters of the visible area's top-left tile.

    Args:
      raw: rawpy's RawPy.
      path: its file, for messages.
      layout: a DNG's CFALayout; 1 is rectangular.
    Raises:
      LowlightError: where it is no Bayer or X-Trans mosaic.
    """
    letters = raw.color_desc.decode()
    if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None or raw.num_colors != 3 or not letters.startswith("RGB"):
        found = "monochrome" if raw.num_colors == 1 else f"colours {letters}, {raw.raw_type.name}"
        raise LowlightError(f"{path} holds no Bayer or X-Trans mosaic ({found}); expected one sample a pixel")
    if layout != 1 or raw.raw_pattern.shape not in ((2, 2), (6, 6)):
        raise LowlightError(
            f"{path} is of a sensor whose photosites stand in staggered rows (SuperCCD), which no model here knows; "
            "expected a Bayer or X-Trans mosaic in straight rows"
        )
    period = raw.raw_pattern.shape[0]
    top, left = raw.sizes.top_margin, raw.sizes.left_margin
    return "".join(letters[raw.raw_color(top + y, left + x)] for y in range(period) for x in range(period))


def _measured_matrix(path):
    """Finds the matrix that LibRaw keeps for a few old cameras and does not show: from its renderings with and without it. Or zeros."""

    def rendered(space):  # opened anew, because rendering may change the counts
        with opened(path) as raw:
            return raw.postprocess(
                output_color=space,
                half_size=True,
                no_auto_bright=True,
                output_bps=16,
                user_flip=0,
                adjust_maximum_thr=0.0,
                gamma=(1, 1),
                user_wb=[1.0] * 4,
            ).reshape(-1, 3)

    camera, srgb = rendered(rawpy.ColorSpace.raw), rendered(rawpy.ColorSpace.sRGB)
    kept = (np.minimum(camera, srgb).min(axis=1) > 0) & (np.maximum(camera, srgb).max(axis=1) < 65535)
    camera, srgb = camera[kept].astype(np.float64), srgb[kept].astype(np.float64)
    if len(camera) < 100 or np.linalg.matrix_rank(camera.T @ camera, tol=1e-4 * np.sum(camera**2)) < 3 or np.array_equal(camera, srgb):
        return np.zeros([3, 3])
    matrix = np.linalg.lstsq(camera, srgb, rcond=None)[0].T
    return matrix if np.abs(camera @ matrix.T - srgb).mean() < 0.01 * srgb.mean() else np.zeros([3, 3])


def color_matrix(raw, path):
    """Returns LibRaw's white-balanced camera colour -> linear sRGB, as it shows it or as it uses it; zeros where it has none."""
    shown = np.asarray(raw.color_matrix)[:3, :3]
    return shown if shown.any() or np.asarray(raw.rgb_xyz_matrix).any() else _measured_matrix(path)


def read_thumbnail(path):
    """Reads the picture that a raw file brings of itself, without decoding its image data.

    Returns:
      picture: bytes of a JPEG, or uint8 [H, W, 3], not turned upright; None where it brings none that can be read.
      flip: RawImage's, by which it is turned upright.
    Raises:
      NotRawError, LowlightError: as `opened`.
    """
    with opened(path, decode=False) as raw:
        flip = int(raw.sizes.flip)
        try:
            found = raw.extract_thumb()
        except rawpy.LibRawError:
            return None, flip
        if found.format not in (rawpy.ThumbFormat.JPEG, rawpy.ThumbFormat.BITMAP):
            return None, flip
        return (found.data if found.format == rawpy.ThumbFormat.JPEG else np.array(found.data)), flip
