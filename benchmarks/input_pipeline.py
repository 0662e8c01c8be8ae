"""Waiting for data and resident memory with a cache the size of SID Sony: 161 synthetic scenes and 280 shorts of 12 megapixels, 18 GB.

The frames are written as cache entries: the cache is what training reads, whatever filled it. Training is as in train.py, 512-pixel
patches; the wait is the time that the loop spends in next() on a warm pipeline. Then the same with low light simulated on the fly from
the photographs of `benchmarks.photographs`.
"""

import contextlib
import os
import pathlib
import resource
import shutil
import statistics
import tempfile
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks.photographs import collect
from lowlight_tf.datasets import DataConfig, bright, photographs, pipeline
from lowlight_tf.datasets.cache import CachedPair
from lowlight_tf.errors import Problems
from lowlight_tf.network.model import network_for
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.network.sid import initialize_parameters
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.config import Batches, TrainingConfig
from lowlight_tf.training.replicas import distributed_batches, make_strategy, make_train_step

SCENES, SHORTS, SIZE, STEPS, WARM_UP = 161, 280, (2848, 4256), 18, 3


def write_cache(folder):
    """Writes 280 mosaics and 161 targets, and returns them as cached pairs."""
    rng = np.random.RandomState(0)
    mosaic = rng.randint(512, 700, SIZE).astype(np.uint16)
    target = rng.randint(0, 65536, (*SIZE, 3)).astype(np.uint16)
    pairs = []
    for number in range(SHORTS):
        scene = number % SCENES
        paths = str(folder / f"short{number}.npy"), str(folder / f"target{scene}.npy")
        np.save(paths[0], mosaic)
        if number == scene:
            np.save(paths[1], target)
        pairs.append(CachedPair(f"{scene:05}_00_{number}", f"{scene:05}", 100.0, *paths, SIZE, (512.0,) * 4, 16383.0))
    return pairs


def train(pairs, data, patch_size=512, steps=STEPS):
    """Trains a few steps; returns the seconds waited for data and worked in each, and the process's peak of resident memory, bytes."""
    camera = CAMERAS["sony"]
    config = TrainingConfig(camera=camera, network=network_for(camera), data=data, checkpoint_dir="", batches=Batches(patch_size))
    strategy, table = make_strategy(1), pipeline.make_table(pairs, camera, patch_size)
    with strategy.scope():
        params = initialize_parameters(config.network)
        state = initialize_adam(params)
    step = make_train_step(strategy, params, state, config, list(params))
    batches = distributed_batches(strategy, table, config, 0, steps)
    waits, works = [], []
    for number in range(steps):
        start = time.perf_counter()
        batch = next(batches)
        loaded = time.perf_counter()
        float(step(batch, tf.constant(1e-4), tf.constant(0))[0])
        if number >= WARM_UP:
            waits.append(loaded - start)
            works.append(time.perf_counter() - loaded)
    return waits, works, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts it in KiB


def _tell(waits, works, peak):
    share = sum(waits) / (sum(waits) + sum(works))
    print(f"Waiting for data: median {1000 * statistics.median(waits):.1f} ms, {100 * share:.2f} % of all time")
    print(f"Training step: median {statistics.median(works):.2f} s")
    print(f"Peak resident memory of the process: {peak / 2**30:.2f} GiB")


def simulated(folder, patch_size, steps):
    """Trains on photographs darkened on the fly; returns what `train` does."""
    collect(folder / "photos")
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):  # what is decoded or too small
        cached = bright.build(photographs.find_photographs(folder / "photos"), CAMERAS["sony"], folder / "cache", Problems(), patch_size)
    return train(cached, DataConfig(dataset="folder"), patch_size, steps)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lowlight_bench_", dir=os.environ.get("BENCH_DIR")))
    try:
        pairs = write_cache(folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
        results = train(pairs, DataConfig())
        print(
            f"Cache of {SHORTS} shorts and {SCENES} targets, {size / 1e9:.1f} GB; {len(results[0])} steps of 512x512 packed patches, "
            "batch 1.\n"
        )
        _tell(*results)
        for patch_size, steps in ((512, STEPS), (128, 10 * STEPS)):
            results = simulated(folder, patch_size, steps)
            print(f"\nLow light simulated on the fly; {len(results[0])} steps of {patch_size}x{patch_size} packed patches, batch 1.\n")
            _tell(*results)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
