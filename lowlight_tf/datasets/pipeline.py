"""Cached pairs -> training batches. Every example is a pure function of (seed, its index): what a run sees does not depend on whether
it was stopped in between, nor on how many replicas share the work.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf.datasets.examples import make_example
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
      dict of scalars: pair (row of the table), row and column of the crop (packed pixels), and the three flips as booleans; and seed,
      [2], for what a simulation draws.
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
            "flip_rows": uniform[3] < 0.5, "flip_columns": uniform[4] < 0.5, "transpose": uniform[5] < 0.5,
            "seed": tf.random.fold_in(tf.stack([seed, index]), 1)}


def training_batches(table, camera, config, *, batch_size, seed, first_step, last_step, share=None):
    """Builds the batches of steps first_step to last_step - 1.

    Args:
      table: a Table.
      camera: a Camera.
      config: an ExampleConfig.
      batch_size: examples of the global batch, a multiple of share.total.
      seed: integer.
      share: the Share of this process; None for all of it.
    Returns:
      tf.data.Dataset of (inputs, target) batches of batch_size / share.total, share.local of them for each step.
    """
    share = share or Share()
    local_batch = batch_size // share.total

    per_step = share.local * local_batch

    def example(element):
        index = element // per_step * batch_size + share.first * local_batch + element % per_step
        return make_example(draw_example(index, seed, table, config.patch_size), table, camera, config)

    elements = tf.data.Dataset.range(first_step * per_step, last_step * per_step)
    examples = elements.map(example, num_parallel_calls=max(2, min(local_batch, 8)), deterministic=True)
    return examples.batch(local_batch, drop_remainder=True).prefetch(2 * share.local)
