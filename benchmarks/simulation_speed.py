"""How fast low light is simulated on the fly: 128x128 packed patches a second out of the training pipeline, against what is asked for."""

import pathlib
import statistics
import tempfile
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
from benchmarks.photographs import collect
from lowlight_tf.cameras import CAMERAS
from lowlight_tf.datasets import bright, photographs, pipeline
from lowlight_tf.datasets.examples import ExampleConfig, Simulation
from lowlight_tf.errors import Problems

PATCH, PATCHES, WARM_UP, ROUNDS, ASKED = 128, 200, 20, 5, 40
KINDS = ("physical", "gaussian", "poisson")


def patches_per_second(table, kind, seed):
    """Times the pipeline alone, once it is warm."""
    config = ExampleConfig(PATCH, white_balance=True, simulation=Simulation(kind))
    batches = iter(pipeline.training_batches(table, CAMERAS["sony"], config, batch_size=1, seed=seed, first_step=0,
                                             last_step=WARM_UP + PATCHES))
    for _ in range(WARM_UP):
        next(batches)
    start = time.perf_counter()
    count = sum(1 for _ in batches)
    return count / (time.perf_counter() - start)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        number = collect(folder / "photos")
        cached = bright.build(photographs.find_photographs(folder / "photos"), CAMERAS["sony"], folder / "cache", Problems(), PATCH)
        table = pipeline.make_table(cached, CAMERAS["sony"], PATCH)
        rates = {kind: [] for kind in KINDS}
        for seed in range(ROUNDS):
            for kind in KINDS:
                rates[kind].append(patches_per_second(table, kind, seed))
    medians = ", ".join(f"{kind} {statistics.median(rates[kind]):.0f}" for kind in KINDS)
    print(f"Patches of {PATCH}x{PATCH} packed pixels a second from {number} photographs, medians of {ROUNDS} alternating rounds of "
          f"{PATCHES}: {medians}. Asked for: over {ASKED}.")


if __name__ == "__main__":
    main()
