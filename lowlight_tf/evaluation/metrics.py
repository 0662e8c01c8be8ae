"""PSNR and SSIM as SID's evaluation defines them: RGB, 8 bits, the whole frame, no brightness alignment; and a PSNR with it."""

import math

import tensorflow as tf

SSIM_WINDOW = 11


def psnr(picture, reference):
    """Peak signal-to-noise ratio.

    Args:
      picture, reference: uint8 [H, W, 3].
    Returns:
      float, dB; infinity where they are equal.
    """
    difference = tf.cast(picture, tf.float32) - tf.cast(reference, tf.float32)
    error = float(tf.reduce_mean(tf.square(difference)))
    return math.inf if error == 0 else 10 * math.log10(255.0 ** 2 / error)


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
    return math.inf if error < 1e-9 else 10 * math.log10(255.0 ** 2 / error)


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
    channels = []
    for channel in range(3):  # one at a time: a third of the memory on a full frame
        pair = [tf.cast(image[None, :, :, channel:channel + 1], tf.float32) for image in (picture, reference)]
        channels.append(float(tf.image.ssim(*pair, max_val=255.0, filter_size=SSIM_WINDOW, filter_sigma=1.5)[0]))
    return sum(channels) / 3
