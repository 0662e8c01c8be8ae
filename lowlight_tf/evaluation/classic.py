"""Raw -> sRGB without learning: the camera's pipeline as it always was, one function a stage. The baseline of every table.

Demosaicing is normalised convolution (Knutsson and Westin, CVPR 1993) of colour differences, which any CFA allows; for Bayer the
green it starts from is gradient-corrected: Malvar, He and Cutler, "High-quality Linear Interpolation for Demosaicing of
Bayer-patterned Color Images", ICASSP 2004.
"""

import numpy as np
import tensorflow as tf

from lowlight_tf.isp.color import apply_matrix, linear_to_bt709
from lowlight_tf.isp.denoise import check_installed, denoise
from lowlight_tf.raw import packing

# Smoothing windows just large enough to hold every colour, wherever they stand. By the side of the CFA's tile.
_WINDOWS = {2: np.outer([1, 2, 1], [1, 2, 1]), 6: np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])}
_MALVAR_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8


def subtract_black(packed, camera, black_level):
    """Returns counts above black, float32 [..., C]; negatives stay, so that noise around black keeps its mean."""
    return tf.cast(packed, tf.float32) - tf.gather(tf.cast(black_level, tf.float32), camera.channel_colors)


def color_masks(camera, height, width):
    """Returns float32 [H, W, 3], 1 where the CFA, in the camera's phase, lets R, G, B through."""
    tile = tf.one_hot(["RGB".index(color) for color in camera.cfa], 3)
    tile = tf.reshape(tile, [camera.tile, camera.tile, 3])
    return tf.tile(tile, [-(-height // camera.tile), -(-width // camera.tile), 1])[:height, :width]


def white_balance(mosaic, masks, wb_gains):
    """Multiplies each photosite by its colour's gain, the smallest taken as 1, and clips at 1 so that blown lights stay white."""
    gains = np.asarray(wb_gains, np.float32) / min(wb_gains)
    return tf.minimum(mosaic * tf.linalg.matvec(masks, gains), 1.0)


def _filter(planes, kernel):
    """Filters each plane of [H, W, C] with one kernel; the border is mirrored, which keeps a CFA's phase."""
    reach = kernel.shape[0] // 2
    padded = tf.pad(planes, [[reach, reach], [reach, reach], [0, 0]], mode="REFLECT")
    filters = tf.tile(tf.cast(kernel, tf.float32)[..., None, None], [1, 1, planes.shape[-1], 1])
    return tf.nn.depthwise_conv2d(padded[None], filters, strides=[1, 1, 1, 1], padding="VALID")[0]


def _interpolate(planes, masks, window):
    """Fills the gaps of [H, W, C] with weighted means of what the masks say is there, and leaves the rest as it is."""
    means = _filter(planes * masks, window) / _filter(masks, window)
    return tf.where(masks > 0, planes, means)


def demosaic(mosaic, camera):
    """Gives each pixel the colours that its photosite did not see.

    Args:
      mosaic: float32 [H, W], white-balanced linear light in the camera's phase, at least one tile.
      camera: a Camera.
    Returns:
      float32 [H, W, 3]. May leave [0, 1] at edges.
    """
    window, masks = _WINDOWS[camera.tile], color_masks(camera, *mosaic.shape)
    plane, green_mask = mosaic[..., None], masks[..., 1:2]
    if camera.tile == 2:
        green = tf.where(green_mask > 0, plane, _filter(plane, _MALVAR_GREEN))
    else:
        green = _interpolate(plane, green_mask, window)
    differences = _interpolate(tf.repeat(plane - green, 3, axis=-1), masks, window)
    return green + differences


def process(short, ratio, camera, denoiser="nlm", strength=1.0):
    """Develops a short exposure.

    Args:
      short: its Frame, from `read_short`.
      ratio: exposure ratio.
      camera: a Camera.
      denoiser: a key of denoise.DENOISERS.
      strength: the denoiser's, as `denoise` takes it.
    Returns:
      float32 [H, W, 3] numpy in [0, 1], with the curve of LibRaw's renderings.
    """
    counts = subtract_black(packing.pack(short.mosaic, camera), camera, short.black_level)
    counts = denoise(counts.numpy(), denoiser, strength=strength)  # [h, w, C]
    white = short.white_level - np.asarray(short.black_level)[list(camera.channel_colors)]
    light = tf.cast(np.maximum(counts, 0) / white, tf.float32)
    mosaic = packing.unpack(packing.amplify(light, ratio), camera)  # [H, W]
    mosaic = white_balance(mosaic, color_masks(camera, *mosaic.shape), short.wb_gains)
    rgb_linear = apply_matrix(demosaic(mosaic, camera), short.ccm)  # [H, W, 3]
    return linear_to_bt709(tf.clip_by_value(rgb_linear, 0.0, 1.0)).numpy()


def make_processor(camera, denoiser, strength=1.0):
    """Returns Frame, ratio -> float32 [H, W, 3] numpy, as `evaluation.make_predictor` does for a network.

    Raises:
      LowlightError: where the denoiser's package is not installed.
    """
    check_installed(denoiser)
    return lambda short, ratio: process(short, ratio, camera, denoiser, strength)
