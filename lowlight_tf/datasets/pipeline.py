"""A source of examples, such as cached pairs -> training batches. Every example is a pure function of (seed, its index): what a run sees
does not depend on whether it was stopped in between, nor on how many replicas share the work.
"""

import dataclasses
import pathlib
import typing
import zlib
from collections.abc import Callable

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
class Part:
    """The examples that a process makes: `size` of each global batch from place `start` on, in steps first_step to last_step - 1.

    Examples are counted from the first step of the training on: `first` to `last` - 1 are those of all processes.
    """

    first_step: int
    last_step: int
    batch_size: int
    start: int
    size: int

    @property
    def first(self):
        """Number of the first step's first example."""
        return self.first_step * self.batch_size

    @property
    def last(self):
        """Number of the first example after the last step."""
        return self.last_step * self.batch_size

    def index(self, element):
        """Returns the number of this part's own example number `element`, an int64 scalar."""
        return self.first + element // self.size * self.batch_size + self.start + element % self.size

    def holds(self, index):
        """Tells whether the example number `index`, an int64 scalar, is one of this part's."""
        place = index % self.batch_size
        return (place >= self.start) & (place < self.start + self.size)


class Source(typing.Protocol):
    """What a training takes its examples from: a Table, or rgb_images.RgbImages.

    Attributes:
      scenes: how many an epoch visits.
      identity: a text that is the same wherever the data are; workers of a cluster compare it.
      remedy: what a person can do where reading fails.
      entries: method of (part, seed) that returns a tf.data.Dataset of (index, ...), in order, for each example of the Part; cheap to skip.
      example: method of (*entry, seed, camera, config) that turns an entry into (inputs, target), a pure function of (seed, index), on
        several threads.
    """

    scenes: int
    identity: str
    remedy: str
    entries: Callable[..., tf.data.Dataset]
    example: Callable[..., tuple]


def _middle_row(path):
    """A number that stands for a row of an array on disk."""
    array = np.load(path, mmap_mode="r")
    return zlib.crc32(np.ascontiguousarray(array[len(array) // 2]))


@dataclasses.dataclass(frozen=True)
class Table:
    """A Source: the pairs of a training set, grouped by scene, as arrays that draws can look up.

    Attributes:
      pairs: tuple of CachedPair.
      scene_start, scene_count: int64 [scenes], where a scene's pairs stand in `pairs`, and how many there are.
      size: int64 [pairs, 2], packed height and width.
    """

    pairs: tuple
    scene_start: np.ndarray
    scene_count: np.ndarray
    size: np.ndarray

    @property
    def scenes(self):
        """Number of scenes."""
        return len(self.scene_count)

    @property
    def identity(self):
        """The pairs' names, levels and gains, and a row of each one's pixels."""
        return ",".join(
            repr(
                (
                    pair.name,
                    pair.ratio,
                    pair.size,
                    pair.black_level,
                    pair.white_level,
                    pair.wb_gains,
                    *(_middle_row(path) for path in (pair.mosaic, pair.target) if path),
                )
            )
            for pair in self.pairs
        )

    @property
    def remedy(self):
        """What to do where reading fails."""
        return f"if a file in {pathlib.Path(self.pairs[0].target).parent} is damaged or gone, delete that folder: it is built again"

    def entries(self, part, seed):
        """Returns the indices of a Part: what they stand for is drawn from them alone."""
        return tf.data.Dataset.range((part.last_step - part.first_step) * part.size).map(part.index)

    def example(self, index, *, seed, camera, config):
        """Draws and makes an example."""
        return make_example(draw_example(index, seed, self, config.patch_size), self, camera, config)


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
        raise LowlightError(
            f"--patch_size={patch_size} does not fit {name}, whose shorter side is {smallest} packed pixels; use {smallest} or less"
        )
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
    scenes = table.scenes
    epoch, position = index // scenes, index % scenes
    seed = tf.cast(seed, tf.int64)
    scene = tf.random.experimental.index_shuffle(position, tf.stack([seed, epoch]), scenes - 1)
    uniform = tf.random.stateless_uniform([6], tf.stack([seed, index]), dtype=tf.float64)

    def below(count, u):
        return tf.cast(tf.cast(count, tf.float64) * u, tf.int64)

    pair = tf.gather(table.scene_start, scene) + below(tf.gather(table.scene_count, scene), uniform[0])
    room = tf.gather(table.size, pair) - patch_size + 1
    return {
        "pair": pair,
        "row": below(room[0], uniform[1]),
        "column": below(room[1], uniform[2]),
        "flip_rows": uniform[3] < 0.5,
        "flip_columns": uniform[4] < 0.5,
        "transpose": uniform[5] < 0.5,
        "seed": tf.random.fold_in(tf.stack([seed, index]), 1),
    }


def training_batches(source, camera, config, *, batch_size, seed, first_step, last_step, share=None):
    """Builds the batches of steps first_step to last_step - 1.

    Args:
      source: a Source.
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
    part = Part(first_step, last_step, batch_size, share.first * local_batch, share.local * local_batch)
    examples = source.entries(part, seed).map(
        lambda *entry: source.example(*entry, seed=seed, camera=camera, config=config),
        num_parallel_calls=max(2, min(local_batch, 8)),
        deterministic=True,
    )
    return examples.batch(local_batch, drop_remainder=True).prefetch(2 * share.local)
