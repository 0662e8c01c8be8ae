"""One pair's files -> arrays in the camera's phase: what the cache stores and what evaluation runs on."""

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import PICTURE_SUFFIXES, read_picture
from lowlight_tf.raw.cameras import check_cfa, generic_camera, is_of_another
from lowlight_tf.raw.frame import Frame, check_levels, check_size
from lowlight_tf.raw.packing import crop_to_phase
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.raw_levels import even_black, file_black
from lowlight_tf.raw.rendering import render


def read_short(path, camera):
    """Reads a short exposure.

    Args:
      path: a raw file.
      camera: a Camera; its levels win over the file's where it has any, as the protocol's do.
    Returns:
      A Frame, cropped to whole CFA tiles in the camera's phase.
    Raises:
      LowlightError: as `read_raw`, and for a file of another camera or smaller than a CFA tile.
    """
    raw = read_raw(path)
    offset = check_cfa(path, raw.cfa, camera, "use --camera={generic} or this camera's own name")
    check_size(path, raw.mosaic.shape, camera, offset)
    if is_of_another(raw.black_level, camera):
        raise LowlightError(
            f"{path} has black level {raw.black_level[0]:.0f}, --camera={camera.name} expects {camera.black_level}: it is "
            f"of another camera; use --camera={generic_camera(path, raw.cfa).name}, which takes the levels from each file"
        )
    black, white = (float(camera.black_level or 0),) * 4, camera.white_level
    if camera.black_level is None:
        levels, _ = file_black(raw)
        black, lower = even_black(raw.mosaic, raw.colors, levels)
        white = raw.white_level - lower
    black = camera.with_offsets(black)
    check_levels(path, black, white)
    mosaic = np.ascontiguousarray(crop_to_phase(raw.mosaic, camera, offset))
    return Frame(
        path,
        "raw",
        mosaic,
        camera.cfa,
        (0, 0),
        black,
        float(white),
        raw.wb_gains,
        raw.ccm,
        noise_profile=raw.dng.noise and (raw.dng.noise[0], raw.dng.noise[1] ** 0.5),
        visible_size=raw.mosaic.shape,
        origin=offset,
    )


def read_target(path, camera, visible_size, origin, stretch=True):
    """Reads a long exposure as the picture to reach: a ready 8/16-bit PNG or TIFF, or LibRaw's rendering of a raw file.

    Args:
      path: the file in long/.
      camera: a Camera.
      visible_size, origin: those of its short exposure, a Frame.
      stretch: as for `rendering.render`.
    Returns:
      uint16 [H, W, 3] sRGB that lies on the short's mosaic pixel by pixel.
    Raises:
      LowlightError: for an unreadable file, or one whose size is not the short's.
    """
    picture = read_picture(path) if path.suffix.lower() in PICTURE_SUFFIXES else render(path, stretch=stretch)
    cropped = tuple((size - start) // camera.tile * camera.tile for size, start in zip(visible_size, origin, strict=True))
    if picture.shape[:2] == cropped:  # made ready by somebody who had cropped it already
        return picture
    if picture.shape[:2] != tuple(visible_size):
        raise LowlightError(
            f"{path} is {picture.shape[1]}x{picture.shape[0]}, its short exposure is {visible_size[1]}x{visible_size[0]}; "
            "expected the same size"
        )
    return np.ascontiguousarray(crop_to_phase(picture, camera, origin))
