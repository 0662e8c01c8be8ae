"""Raw -> sRGB by LibRaw: the protocol's rendering of a file, and that of a mosaic whose development was decided here."""

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import exposed_codes, xyz_to_camera_matrix
from lowlight_tf.pictures.image_file import mosaic_dng
from lowlight_tf.raw.cameras import tile_colors
from lowlight_tf.raw.libraw import opened, opened_mosaic
from lowlight_tf.raw.raw_file import read_raw

# LibRaw renders X-Trans in blocks of 512 pixels and refuses smaller frames, as it does Bayer frames of a few pixels. By the CFA's tile.
_SMALLEST = {2: 32, 6: 516}
_ROWS = 768  # of a frame at a time: whole tiles of any CFA
# Memory that a photosite takes while LibRaw renders it: the DNG, LibRaw's counts, its four channels and its picture.
RENDERING_BYTES = 2 + 2 + 8 + 6
# LibRaw's gamma: power and slope of the toe, from which it derives sRGB's curve, and the protocol's.
SRGB_GAMMA, BT709_GAMMA = (2.4, 12.92), (2.222, 4.5)


def _amplify_in_place(raw, ratio):
    """Multiplies the decoded counts above black by `ratio`, clipped at white."""
    mosaic, colors = raw.raw_image_visible, np.minimum(raw.raw_colors_visible, 3)
    black = np.asarray(raw.black_level_per_channel, np.float32)[colors]
    mosaic[:] = np.clip((mosaic - black) * np.float32(ratio) + black, 0, raw.white_level).astype(np.uint16)


def _check_renders(path, raw):
    if raw.raw_pattern is not None and raw.raw_pattern.shape[0] == 6 and min(raw.raw_image_visible.shape) < _SMALLEST[6] - 4:
        height, width = raw.raw_image_visible.shape
        raise LowlightError(
            f"{path} is {width}x{height}; LibRaw renders X-Trans frames from {_SMALLEST[6] - 4} pixels a side only: "
            "use a larger frame or put a 16-bit PNG into long/"
        )


def _needs_more(raw):
    """Tells a file that LibRaw would develop by a rule of its own: no as-shot white balance, or pixels that are not square."""
    gains = np.asarray(raw.camera_whitebalance[:3])
    return not np.isfinite(gains).all() or gains.min() <= 0 or abs(raw.sizes.pixel_aspect - 1) >= 0.005


def _light(mosaic, colors, black_level, white_level, gain):
    """Normalises a mosaic to uint16 light, 65535 at white, in strips: what is below black is black."""
    tile = len(colors)
    black = np.tile(np.asarray(black_level, np.float32)[colors], (_ROWS // tile, -(-mosaic.shape[1] // tile)))[:, : mosaic.shape[1]]
    light = np.empty_like(mosaic)
    for row in range(0, len(mosaic), _ROWS):
        strip = mosaic[row : row + _ROWS]
        scale = np.float32(65535 * gain) / (np.float32(white_level) - black[: len(strip)])
        light[row : row + _ROWS] = np.clip(np.rint((strip - black[: len(strip)]) * scale), 0, 65535)
    return light


def _padded(light, tile):
    """Extends a mosaic that is too small for LibRaw by repeating its tiles; the others as they are."""
    least = _SMALLEST[tile]
    if min(light.shape) >= least:
        return light
    rows, columns = (np.arange(max(size, least)) for size in light.shape)
    height, width = (max(size // tile * tile, tile) for size in light.shape)
    rows, columns = (
        np.where(index < size, index, index % whole)
        for index, size, whole in ((rows, light.shape[0], height), (columns, light.shape[1], width))
    )
    return np.ascontiguousarray(light[rows[:, None], columns])


def render_mosaic(mosaic, cfa, *, black_level, white_level, wb_gains, ccm, gain=1.0, gamma=SRGB_GAMMA):
    """Develops a mosaic with LibRaw's demosaicing, and with the levels, gains and matrix that are given.

    LibRaw is handed a DNG that says them, so that nothing is left for it to fall back on.

    Args:
      mosaic: uint16 [H, W], counts.
      cfa: letters of its top-left tile, 4 or 36.
      black_level: 4 counts for R, G, B and the second G.
      white_level: counts at saturation.
      wb_gains: (R, G, B); the smallest is taken as 1, so that clipped lights are white.
      ccm: [3, 3], white-balanced camera colour -> linear sRGB.
      gain: what the light is multiplied by.
      gamma: SRGB_GAMMA, or BT709_GAMMA as in the protocol's ground truth.
    Returns:
      uint16 [H, W, 3], sRGB primaries.
    """
    colors = tile_colors(cfa)
    light = _padded(_light(mosaic, colors, black_level, white_level, max(gain, 1.0)), len(colors))
    content = mosaic_dng(light, cfa, wb_gains, xyz_to_camera_matrix(ccm))
    del light
    with opened_mosaic(content) as raw:
        picture = raw.postprocess(
            use_camera_wb=True, half_size=False, no_auto_bright=True, output_bps=16, user_flip=0, adjust_maximum_thr=0.0, gamma=gamma
        )
    picture = picture[: mosaic.shape[0], : mosaic.shape[1]]
    # A gain below 1 comes last: before white balance it would turn clipped lights pink.
    return picture if gain >= 1 else exposed_codes(gain, gamma == SRGB_GAMMA)[picture]


def render(path, ratio=1.0, stretch=True):
    """Renders a raw file with LibRaw: as-shot white balance, the file's colour matrix, sRGB primaries with BT.709's curve.

    The settings are the protocol's for its ground truth. The picture is not rotated, so that it lies on the mosaic pixel by pixel.

    Args:
      path: a raw file.
      ratio: exposure ratio that the counts above black are multiplied by first.
      stretch: let LibRaw take a frame's maximum for white where it lies between 3/4 of white and white, as the protocol does; without it
        the light is what the counts say.
    Returns:
      uint16 [H, W, 3].
    Raises:
      LowlightError: as `read_raw`, and for an X-Trans frame too small for LibRaw.
    """
    with opened(path) as raw:
        _check_renders(path, raw)
        if not _needs_more(raw):
            if ratio != 1.0:
                _amplify_in_place(raw, ratio)
            return raw.postprocess(
                use_camera_wb=True,
                half_size=False,
                no_auto_bright=True,
                output_bps=16,
                user_flip=0,
                adjust_maximum_thr=0.75 if stretch else 0.0,
            )
    of = read_raw(path)
    return render_mosaic(
        of.mosaic,
        of.cfa,
        black_level=of.black_level,
        white_level=of.white_level,
        wb_gains=of.wb_gains,
        ccm=of.ccm,
        gain=ratio,
        gamma=BT709_GAMMA,
    )
