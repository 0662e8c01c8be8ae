"""Geometric self-ensemble: a model run on a frame and its mirror images, and the mean of what comes out.

A mirrored mosaic is one of another CFA phase, and a network knows only its own. So each mirror image is padded back to the camera's phase,
with the photosites one tile away. Reference: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017,
section 3.4; here without transposition.
"""

import numpy as np
import tensorflow as tf

from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import cfa_offset

_ROWS, _COLUMNS = 1, 2  # axes of [B, H, W, C]
MIRRORS = ((), (_COLUMNS,), (_ROWS,), (_ROWS, _COLUMNS))  # axes that are flipped


def mirrored_offset(camera, axes):
    """Returns where the mirrored CFA stands in the camera's phase: (row, column) as `cfa_offset` has them; None where it never does."""
    letters = np.reshape(list(camera.cfa), (camera.tile, camera.tile))
    return cfa_offset("".join(np.flip(letters, [axis - 1 for axis in axes]).ravel()), camera)


def _padded(mosaic, axis, before, tile):
    """Lengthens an axis by a tile, `before` of it at the start.

    All mirror images are of one size, or TensorFlow's pools would keep a set of buffers for each.
    """
    size = tf.shape(mosaic)[axis]
    index = tf.range(size + tile) - before
    index = tf.where(index < 0, index + tile, tf.where(index >= size, index - tile, index))
    return tf.gather(mosaic, index, axis=axis)


def _before(camera, axes):
    """Returns the rows and columns that are padded ahead of a mirror image, so that it begins in the camera's phase."""
    return tuple(-start % camera.tile for start in mirrored_offset(camera, axes))


def _flipped(tensor, axes):
    return tf.reverse(tensor, axes) if axes else tensor  # LiteRT's interpreter crashes on a reversal of no axes


def mirrored(inputs, camera, axes, is_packed=True):
    """Mirrors what a network sees, in its camera's phase.

    Args:
      inputs: float32 [B, h, w, C], light in whole CFA tiles and constant planes behind it; or full-resolution RGB.
      camera: a Camera.
      axes: one of MIRRORS.
      is_packed: whether it is packed.
    Returns:
      float32 [B, h', w', C], h' and w' a tile larger where it is packed.
    """
    if not is_packed:
        return _flipped(inputs, axes)
    light, planes = inputs[..., : camera.channels], inputs[..., camera.channels :]
    mosaic = _flipped(packing.unpack(light, camera), axes)
    for axis, before in zip((_ROWS, _COLUMNS), _before(camera, axes), strict=True):
        mosaic = _padded(mosaic, axis, before, camera.tile)
    light = packing.pack(mosaic, camera)
    sizes = tf.concat([tf.shape(light)[:-1], tf.shape(planes)[-1:]], 0)
    return tf.concat([light, tf.broadcast_to(planes[:, :1, :1], sizes)], axis=-1)


def mirrored_back(picture, camera, axes, size, is_packed=True):
    """Undoes `mirrored` on the picture made of it.

    Args:
      picture: float32 [B, H', W', 3].
      camera, axes, is_packed: as for `mirrored`.
      size: (H, W) of the picture of the inputs that were mirrored.
    Returns:
      float32 [B, H, W, 3].
    """
    top, left = _before(camera, axes) if is_packed else (0, 0)
    return _flipped(picture[:, top : top + size[0], left : left + size[1]], axes)


def mean_of_mirrors(run, inputs, camera, network, quality):
    """Runs a model on the mirror images that a quality takes.

    Args:
      run: function of float32 [B, h, w, C], the model's inputs, that returns float32 [B, h * upscale, w * upscale, 3].
      inputs: float32 [B, h, w, C].
      camera, network: the model's.
      quality: one of network.QUALITIES.
    Returns:
      float32 [B, h * upscale, w * upscale, 3].
    """
    if quality != "best":
        return run(inputs)
    is_packed = network.upscale == camera.upscale
    every = [axes for axes in MIRRORS if mirrored_offset(camera, axes) is not None]
    size = tf.shape(inputs)[1:3] * network.upscale
    total = 0.0
    for axes in every:
        total += mirrored_back(run(mirrored(inputs, camera, axes, is_packed)), camera, axes, (size[0], size[1]), is_packed)
    return total / len(every)
