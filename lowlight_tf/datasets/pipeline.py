"""Cached pairs -> training batches. Every example is a pure function of (seed, its index): what a run sees does not depend on whether
it was stopped in between, nor on how many replicas share the work.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf import packing
from lowlight_tf.errors import LowlightError


@dataclasses.dataclass(frozen=True)
class Share:
    """Which part of each global batch a process feeds: `local` replicas from number `first` on, of `total`."""

    total: int = 1
    first: int = 0
    local: int = 1


@dataclasses.dataclass(frozen=True)
class Table:
    """The pairs of a training set, grouped by scene, as arrays that draws can look up.

    Attributes:
      pairs: tuple of CachedPair.
      scene_start, scene_count: int64 [scenes], where a scene's pairs stand in `pairs`, and how many there are.
      size: int64 [pairs, 2], packed height and width.
    """

    pairs: tuple
    scene_start: np.ndarray
    scene_count: np.ndarray
    size: np.ndarray


def make_table(pairs, camera, patch_size):
    """Groups cached pairs by scene.

    Args:
      pairs: list of CachedPair, not empty.
      camera: a Camera.
      patch_size: packed pixels that every frame must hold.
    Returns:
      A Table, in the order of scene and name, whatever the order of `pairs`.
    Raises:
      LowlightError: for a frame smaller than the patch.
    """
    pairs = sorted(pairs, key=lambda pair: (pair.id, pair.name))
    size = np.array([[side // camera.upscale for side in pair.size] for pair in pairs], np.int64)
    smallest = int(size.min())
    if smallest < patch_size:
        name = pairs[int(size.min(axis=1).argmin())].name
        raise LowlightError(f"--patch_size={patch_size} does not fit {name}, whose shorter side is {smallest} packed pixels; "
                            f"use {smallest} or less")
    _, start, count = np.unique([pair.id for pair in pairs], return_index=True, return_counts=True)
    return Table(tuple(pairs), start.astype(np.int64), count.astype(np.int64), size)


def draw_example(index, seed, table, patch_size):
    """Draws what example number `index` is.

    An epoch visits each scene once in a new order, with a random one of its shorts, as the original does.

    Args:
      index: int64 scalar, counts examples from the start of the training.
      seed: integer.
      table: a Table.
      patch_size: packed pixels.
    Returns:
      dict of scalars: pair (row of the table), row and column of the crop (packed pixels), and the three flips as booleans.
    """
    index = tf.cast(index, tf.int64)
    scenes = len(table.scene_count)
    epoch, position = index // scenes, index % scenes
    seed = tf.cast(seed, tf.int64)
    scene = tf.random.experimental.index_shuffle(position, tf.stack([seed, epoch]), scenes - 1)
    uniform = tf.random.stateless_uniform([6], tf.stack([seed, index]), dtype=tf.float64)

    def below(count, u):
        return tf.cast(tf.cast(count, tf.float64) * u, tf.int64)

    pair = tf.gather(table.scene_start, scene) + below(tf.gather(table.scene_count, scene), uniform[0])
    room = tf.gather(table.size, pair) - patch_size + 1
    return {"pair": pair, "row": below(room[0], uniform[1]), "column": below(room[1], uniform[2]),
            "flip_rows": uniform[3] < 0.5, "flip_columns": uniform[4] < 0.5, "transpose": uniform[5] < 0.5}


def _read_crop(table, camera, patch_size):
    """Returns (pair, row, column) -> (mosaic, target) for tf.numpy_function.

    The mosaic is read in whole CFA tiles around the crop, the target exactly. The map is opened anew each time: pages that stay mapped
    would count as this process's memory, up to the size of the whole cache.
    """
    cells, upscale = camera.cells, camera.upscale

    def read(pair, row, column):
        tiles = tuple(slice(start // cells * camera.tile, -(-(start + patch_size) // cells) * camera.tile) for start in (row, column))
        exact = tuple(slice(start * upscale, (start + patch_size) * upscale) for start in (row, column))
        mosaic = np.load(table.pairs[pair].mosaic, mmap_mode="r")[tiles]
        target = np.load(table.pairs[pair].target, mmap_mode="r")[exact]
        return np.ascontiguousarray(mosaic), np.ascontiguousarray(target)

    return read


def augment(image, draw):
    """Applies a draw's flips and transposition to [H, W, C]; on packed planes the CFA phase is ignored, as in the original."""
    image = tf.cond(draw["flip_rows"], lambda: tf.reverse(image, [0]), lambda: image)
    image = tf.cond(draw["flip_columns"], lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(draw["transpose"], lambda: tf.transpose(image, [1, 0, 2]), lambda: image)


def make_example(draw, table, camera, patch_size):
    """Turns a draw into a training example.

    Returns:
      packed: float32 [patch_size, patch_size, C], amplified, in [0, 1].
      target: float32 [patch_size * s, patch_size * s, 3], sRGB in [0, 1], s = camera.upscale.
    """
    mosaic, target = tf.numpy_function(_read_crop(table, camera, patch_size), [draw["pair"], draw["row"], draw["column"]],
                                       [tf.uint16, tf.uint16], stateful=False)
    top, left = draw["row"] % camera.cells, draw["column"] % camera.cells
    packed = packing.pack(tf.ensure_shape(mosaic, [None, None]), camera)[top:top + patch_size, left:left + patch_size]
    packed = tf.ensure_shape(packed, [patch_size, patch_size, camera.channels])
    target = tf.ensure_shape(target, [patch_size * camera.upscale, patch_size * camera.upscale, 3])
    facts = [tf.gather(np.array([getattr(pair, name) for pair in table.pairs], np.float32), draw["pair"])
             for name in ("black_level", "white_level", "ratio")]
    packed = packing.amplify(packing.normalise(packed, camera, *facts[:2]), facts[2])
    return augment(packed, draw), augment(tf.cast(target, tf.float32) / 65535.0, draw)


def training_batches(table, camera, *, patch_size, batch_size, seed, first_step, last_step, share=None):
    """Builds the batches of steps first_step to last_step - 1.

    Args:
      table: a Table.
      camera: a Camera.
      patch_size: packed pixels.
      batch_size: examples of the global batch, a multiple of share.total.
      seed: integer.
      share: the Share of this process; None for all of it.
    Returns:
      tf.data.Dataset of (packed, target) batches of batch_size / share.total, share.local of them for each step.
    """
    share = share or Share()
    local_batch = batch_size // share.total

    per_step = share.local * local_batch

    def example(element):
        index = element // per_step * batch_size + share.first * local_batch + element % per_step
        return make_example(draw_example(index, seed, table, patch_size), table, camera, patch_size)

    elements = tf.data.Dataset.range(first_step * per_step, last_step * per_step)
    examples = elements.map(example, num_parallel_calls=max(2, min(local_batch, 8)), deterministic=True)
    return examples.batch(local_batch, drop_remainder=True).prefetch(2 * share.local)
