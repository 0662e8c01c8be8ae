"""PSNR and SSIM as SID's evaluation defines them: RGB, 8 bits, the whole frame, no brightness alignment; and a PSNR with it."""

import math

import numpy as np
import tensorflow as tf

SSIM_WINDOW = 11
_ROWS = 256  # of SSIM's map at a time: the rows are the whole frame's, and a frame of 12 megapixels would take 0.6 GB more


def psnr(picture, reference):
    """Peak signal-to-noise ratio.

    Args:
      picture, reference: uint8 [H, W, 3].
    Returns:
      float, dB; infinity where they are equal.
    """
    difference = np.subtract(picture, reference, dtype=np.float32)
    error = float(tf.reduce_mean(np.square(difference, out=difference)))  # the differences are whole numbers, and so are their squares
    return math.inf if error == 0 else 10 * math.log10(255.0**2 / error)


def aligned_psnr(picture, reference):
    """PSNR after one gain for each of R, G and B, those with the least squared error: what is left is noise, blur and local colour.

    A black level that lies half a count too low costs more than all noise at high exposure ratios, and hides which model is the better
    denoiser. The aligned picture is neither rounded nor clipped.

    Args:
      picture, reference: uint8 [H, W, 3].
    Returns:
      float, dB; infinity where they are equal up to the gains.
    """
    error = 0.0
    for channel in range(3):
        one, other = (tf.cast(image[..., channel], tf.float32) for image in (picture, reference))
        gain = tf.math.divide_no_nan(tf.reduce_mean(one * other), tf.reduce_mean(one * one))
        error += float(tf.reduce_mean(tf.square(gain * one - other))) / 3
    return math.inf if error < 1e-9 else 10 * math.log10(255.0**2 / error)


def _ssim_map(picture, reference):
    """Returns the structural similarity at each place of a channel, uint8 [H, W]: float32 [H - 10, W - 10]."""
    strips = []
    for row in range(0, len(picture) - SSIM_WINDOW + 1, _ROWS):
        pair = [tf.cast(channel[None, row : row + _ROWS + SSIM_WINDOW - 1, :, None], tf.float32) for channel in (picture, reference)]
        strips.append(tf.image.ssim(*pair, max_val=255.0, filter_size=SSIM_WINDOW, filter_sigma=1.5, return_index_map=True)[0])
    return tf.concat(strips, axis=0)


def ssim(picture, reference):
    """Structural similarity, Gaussian window 11 with sigma 1.5 on 0..255, mean of the three channels.

    Args:
      picture, reference: uint8 [H, W, 3], at least 11 pixels a side.
    Returns:
      float, at most 1.
    Reference: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", TIP 2004.
    """
    if min(picture.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs {SSIM_WINDOW} pixels a side, got {list(picture.shape)}")
    return sum(float(tf.reduce_mean(_ssim_map(picture[..., channel], reference[..., channel]))) for channel in range(3)) / 3
