"""How simulation on the fly scales with the loader's threads: 128x128 packed patches a second, as a table and as loader_threads.png.

    python -m benchmarks loader_threads

Batches of eight, so that the pipeline makes up to eight patches side by side; how many threads it has for that is set from outside.
"""

import os
import statistics

from benchmarks.simulation_speed import PATCH, batches_of, patches_per_second, photographs_to_darken

# isort: split
import tensorflow as tf

from benchmarks.enhancement import ROOT

THREADS, BATCH, ROUNDS = (1, 2, 3, 4, 6, 8), 8, 3


def with_threads(batches, threads):
    """Gives a tf.data pipeline that many threads, each of which computes its patch alone."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    return batches.with_options(options)


def draw(rates, cores, path):
    """Draws patches a second over threads, {threads: patches a second}, beside what as many cores would give if nothing were shared."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
    axes.plot(list(rates), list(rates.values()), "o-", color="tab:blue", label="measured")
    axes.plot(
        list(rates), [rates[1] * min(threads, cores) for threads in rates], "--", color="grey", label=f"one thread's, up to {cores} cores"
    )
    axes.set(xlabel="threads of the loader", ylabel="patches a second", xlim=0, ylim=0)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main():
    with photographs_to_darken() as (table, number):
        rounds = [
            {
                threads: patches_per_second(with_threads(batches_of(table, "physical", seed, BATCH), threads), BATCH)[0]
                for threads in THREADS
            }
            for seed in range(ROUNDS)
        ]
    rates = {threads: statistics.median(each[threads] for each in rounds) for threads in THREADS}
    cores = len(os.sched_getaffinity(0))
    print(f"Patches of {PATCH}x{PATCH} packed pixels from {number} photographs, physical noise, batches of {BATCH}.")
    print(f"Medians of {ROUNDS} rounds taking turns, {cores} cores.\n")
    print("| threads | patches a second | of one thread's |\n|---|---|---|")
    for threads, rate in rates.items():
        print(f"| {threads} | {rate:.0f} | {rate / rates[1]:.2f} |")
    draw(rates, cores, ROOT / "benchmarks" / "loader_threads.png")


if __name__ == "__main__":
    main()
