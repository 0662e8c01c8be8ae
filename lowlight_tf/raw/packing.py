"""Mosaic <-> packed: one path for Bayer and X-Trans, exactly invertible, in TensorFlow ops so that it runs inside tf.data.

A tile of the CFA is flattened, permuted by the camera's order, and laid out as cells of `channels` values. Frames whose CFA starts
in another phase (BGGR, GRBG, GBRG, a shifted X-Trans) are first padded to the camera's phase with the photosites one tile away,
which have the same colour; frames with a target, of training and evaluation, are cropped to it instead, so that the target still lies
on them. Reference: Bayer unification, Liu et al., "Learning Raw Image Denoising with Bayer Pattern Unification and Bayer Preserving
Augmentation", CVPRW 2019, section 3.1.
"""

import itertools

import numpy as np
import tensorflow as tf

_ROWS = 768  # of a frame at a time: whole tiles of any CFA


def _sizes(tensor):
    """Returns the shape as a list, static numbers where they are known and scalar tensors where not."""
    static, dynamic = tensor.shape.as_list(), tf.shape(tensor)
    return [dynamic[i] if size is None else size for i, size in enumerate(static)]


def _pad_axis(mosaic, axis, before, tile):
    """Extends one axis by `before` at its start and up to a multiple of `tile` at its end, repeating from one tile away."""
    size = _sizes(mosaic)[axis]
    after = (tile - (before + size) % tile) % tile  # not -(...) % tile: tf2onnx rounds the division of negative integers towards zero
    if isinstance(size, int) and before == 0 and after == 0:
        return mosaic
    index = tf.range(-before, size + after)
    index = tf.where(index < 0, index + tile, tf.where(index >= size, index - tile, index))
    return tf.gather(mosaic, index, axis=axis)


def pack(mosaic, camera, offset=(0, 0)):
    """Packs a mosaic into the camera's channels.

    Args:
      mosaic: [..., H, W], any dtype; H and W of at least one tile.
      camera: a Camera.
      offset: (row, column) of the first tile in the camera's phase, from `cfa_offset`.
    Returns:
      [..., ceil((H + top) / s), ceil((W + left) / s), C], same dtype, with s = camera.upscale and C = camera.channels, where top and
      left are the rows and columns padded to reach the phase. Sizes that are no multiple of the tile are padded at their end.
    """
    tile, cells, channels = camera.tile, camera.cells, camera.channels
    mosaic = _pad_axis(tf.convert_to_tensor(mosaic), -2, -offset[0] % tile, tile)
    mosaic = _pad_axis(mosaic, -1, -offset[1] % tile, tile)
    *lead, height, width = _sizes(mosaic)
    rows, columns = height // tile, width // tile
    tiles = tf.transpose(tf.reshape(mosaic, [-1, rows, tile, columns, tile]), [0, 1, 3, 2, 4])
    values = tf.gather(tf.reshape(tiles, [-1, rows, columns, tile * tile]), camera.gather_order, axis=-1)
    packed = tf.transpose(tf.reshape(values, [-1, rows, columns, cells, cells, channels]), [0, 1, 3, 2, 4, 5])
    return tf.reshape(packed, [*lead, rows * cells, columns * cells, channels])


def pack_frame(mosaic, camera, offset=(0, 0)):
    """Packs a whole photograph in strips: `pack` at once holds it several times over.

    Args:
      mosaic: numpy array [H, W].
      camera, offset: as for `pack`.
    Returns:
      numpy array of what `pack` returns.
    """
    top = -offset[0] % camera.tile
    bounds = [0, *range(_ROWS - top, len(mosaic) - camera.tile + 1, _ROWS), len(mosaic)]
    whole, done = None, 0
    for start, stop in itertools.pairwise(bounds):
        strip = pack(mosaic[start:stop], camera, (0 if start else offset[0], offset[1])).numpy()
        if whole is None:
            whole = np.empty((-(-(len(mosaic) + top) // camera.tile) * camera.cells, *strip.shape[1:]), mosaic.dtype)
        whole[done : done + len(strip)] = strip
        done += len(strip)
    return whole


def unpack(packed, camera, size=None, offset=(0, 0)):
    """Inverts `pack`.

    Args:
      packed: [..., h, w, C], whole tiles of cells.
      camera: a Camera.
      size: (H, W) of the mosaic that was packed; None for all that `packed` holds.
      offset: the offset that was given to `pack`.
    Returns:
      [..., H, W], same dtype.
    """
    tile, cells, channels = camera.tile, camera.cells, camera.channels
    packed = tf.convert_to_tensor(packed)
    *lead, height, width, _ = _sizes(packed)
    rows, columns = height // cells, width // cells
    values = tf.transpose(tf.reshape(packed, [-1, rows, cells, columns, cells, channels]), [0, 1, 3, 2, 4, 5])
    tiles = tf.gather(tf.reshape(values, [-1, rows, columns, tile * tile]), tf.math.invert_permutation(camera.gather_order), axis=-1)
    mosaic = tf.transpose(tf.reshape(tiles, [-1, rows, columns, tile, tile]), [0, 1, 3, 2, 4])
    mosaic = tf.reshape(mosaic, [*lead, rows * tile, columns * tile])
    top, left = -offset[0] % tile, -offset[1] % tile
    height, width = size or (rows * tile - top, columns * tile - left)
    return mosaic[..., top : top + height, left : left + width]


def crop_to_phase(image, camera, offset=(0, 0)):
    """Crops a mosaic [H, W] or a picture [H, W, 3] to whole tiles in the camera's phase; slicing only, so numpy stays numpy.

    SID's own rule where offset is (0, 0): "H, W floored to multiples of 6" for X-Trans, and the ground truth likewise.
    """
    rows, columns = ((size - start) // camera.tile * camera.tile for size, start in zip(image.shape[:2], offset, strict=True))
    return image[offset[0] : offset[0] + rows, offset[1] : offset[1] + columns]


def normalise(packed, camera, black_level, white_level, signed=False):
    """Turns sensor counts into linear light: max(x - black, 0) / (white - black), the original's pack_raw.

    Args:
      packed: [..., C], any number type, sensor counts.
      camera: a Camera.
      black_level: [4] counts for R, G, B and the second G.
      white_level: scalar, counts.
      signed: let counts below black be negative: cut off there, the noise of deep shadows brightens them.
    Returns:
      float32 of the same shape, 0 at black and 1 at white.
    """
    black = tf.gather(tf.cast(black_level, tf.float32), camera.channel_colors, axis=-1)
    above = tf.cast(packed, tf.float32) - black
    return (above if signed else tf.maximum(above, 0.0)) / (tf.cast(white_level, tf.float32) - black)


def white_balance(normalised, camera, wb_gains):
    """Multiplies each channel [..., C] by the as-shot gain, [3] for R, G, B, of its colour."""
    return normalised * tf.gather(tf.cast(wb_gains, tf.float32), [(0, 1, 2, 1)[color] for color in camera.channel_colors])


def amplify(normalised, exposure_ratio):
    """Multiplies by the exposure ratio and clips at 1, as the network's input wants it.

    Clipped before, too: with a ratio below 1 a clipped light would come out in the colour of the white balance's gains.
    """
    return tf.minimum(tf.minimum(normalised, 1.0) * tf.cast(exposure_ratio, tf.float32), 1.0)


def superpixels(packed, camera):
    """Averages each colour of a packed pixel: float32 [..., h, w, C] -> [..., h, w, 3] in R, G, B. The simplest demosaicing."""
    colors = tf.one_hot([(0, 1, 2, 1)[color] for color in camera.channel_colors], 3)
    return tf.linalg.matmul(packed, colors / tf.reduce_sum(colors, axis=0))


def with_channels(packed, camera, input_channels):
    """Returns what a network of `input_channels` sees of amplified packed light.

    Args:
      packed: float32 [B, h, w, C], or RGB already.
      camera: a Camera.
      input_channels: C for what there is, or 3 for full-resolution RGB: superpixels, each repeated over its photosites.
    Returns:
      float32 [B, h, w, C] or [B, h * s, w * s, 3], s = camera.upscale.
    """
    if packed.shape[-1] == input_channels:
        return packed
    return tf.repeat(tf.repeat(superpixels(packed, camera), camera.upscale, axis=-3), camera.upscale, axis=-2)
