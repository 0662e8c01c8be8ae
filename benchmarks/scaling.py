"""enhance.py on frames from 1 to 100 megapixels in the same memory: time, CPU time and peak, as a table and as benchmarks/scaling.png.

python -m benchmarks.scaling          # make bench runs it too; LIMIT is --memory_limit in GiB (2)
"""

import os
import pathlib
import tempfile

from benchmarks.enhancement import MODELS, ROOT, prepare_apart, run

LIMIT = float(os.environ.get("LIMIT", "2"))
SIZES = ((816, 1224), (1736, 2600), (2848, 4256), (4016, 6016), (5784, 8664), (8688, 11520))


def draw(rows, path):
    """Draws seconds and peak over megapixels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    pixels = [row[0] for row in rows]
    time.plot(pixels, [row[1] for row in rows], "o-", color="tab:blue")
    time.set(xlabel="megapixels", ylabel="seconds, start of the program included", xlim=0, ylim=0)
    memory.plot(pixels, [row[3] / 1024 for row in rows], "o-", color="tab:red")
    memory.axhline(LIMIT, color="grey", linestyle="--", label=f"--memory_limit={LIMIT:g}")
    memory.set(xlabel="megapixels", ylabel="peak resident memory in GiB", xlim=0, ylim=(0, 1.15 * LIMIT))
    memory.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main():
    rows, model = [], next(iter(MODELS))
    print(f"enhance.py --memory_limit={LIMIT:g}, JPEG, {model}; {len(os.sched_getaffinity(0))} cores. One run each.\n")
    print("| megapixels | seconds | CPU seconds | seconds a megapixel | peak, MiB |\n|---|---|---|---|---|")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            prepare_apart(folder, size)
            seconds, cpu, peak = run(folder, LIMIT, model)
        pixels = size[0] * size[1] / 1e6
        rows.append((pixels, seconds, cpu, peak))
        print(f"| {pixels:.0f} | {seconds:.1f} | {cpu:.0f} | {seconds / pixels:.2f} | {peak:.0f} |", flush=True)
    draw(rows, ROOT / "benchmarks" / "scaling.png")


if __name__ == "__main__":
    main()
