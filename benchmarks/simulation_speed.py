"""How fast low light is simulated on the fly: 128x128 packed patches a second out of the training pipeline, against what is asked for.

Beside the clock it reads the processor time of a patch, which tells what idle cores would give where other work shares them.
"""

import contextlib
import os
import pathlib
import statistics
import tempfile
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
from benchmarks.photographs import collect
from lowlight_tf.datasets import bright, photographs, pipeline
from lowlight_tf.datasets.examples import ExampleConfig, Simulation
from lowlight_tf.errors import Problems
from lowlight_tf.isp import CAMERA_NOISES
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface

PATCH, PATCHES, WARM_UP, ROUNDS, ASKED = 128, 200, 20, 5, 40


def batches_of(table, kind, seed, batch_size=1):
    """Returns the pipeline's batches: WARM_UP and PATCHES patches."""
    config = ExampleConfig(PATCH, Interface(white_balance=True), simulation=Simulation(kind))
    steps = (WARM_UP + PATCHES) // batch_size
    return pipeline.training_batches(table, CAMERAS["sony"], config, batch_size=batch_size, seed=seed, first_step=0, last_step=steps)


def patches_per_second(batches, batch_size=1):
    """Times the pipeline alone, once it is warm: patches a second, and processor seconds a patch."""
    batches = iter(batches)
    for _ in range(WARM_UP // batch_size):
        next(batches)
    start, processor = time.perf_counter(), time.process_time()
    count = batch_size * sum(1 for _ in batches)
    return count / (time.perf_counter() - start), (time.process_time() - processor) / count


@contextlib.contextmanager
def photographs_to_darken():
    """Gives the pipeline's table of all photographs at hand, and how many those are."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        number = collect(folder / "photos")
        with contextlib.redirect_stdout(None):  # what is decoded where belongs into no result
            cached = bright.build(photographs.find_photographs(folder / "photos"), CAMERAS["sony"], folder / "cache", Problems(), PATCH)
        yield pipeline.make_table(cached, CAMERAS["sony"], PATCH), number


def main():
    with photographs_to_darken() as (table, number):
        rates = {kind: [] for kind in CAMERA_NOISES}
        for seed in range(ROUNDS):
            for kind in CAMERA_NOISES:
                rates[kind].append(patches_per_second(batches_of(table, kind, seed)))
    print(
        f"Patches of {PATCH}x{PATCH} packed pixels from {number} photographs, medians of {ROUNDS} alternating rounds of {PATCHES}. "
        f"Asked for: over {ASKED} a second on 2 cores. Load average meanwhile, this included: {os.getloadavg()[1]:.1f}.\n"
    )
    print("| noise | patches a second, as measured | processor time a patch | computed from it for 2 idle cores |\n|---|---|---|---|")
    for kind in CAMERA_NOISES:
        rate, seconds = (statistics.median(values) for values in zip(*rates[kind], strict=True))
        print(f"| {kind} | {rate:.0f} | {1000 * seconds:.0f} ms | {2 / seconds:.0f} |")


if __name__ == "__main__":
    main()
