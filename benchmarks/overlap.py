"""How busy enhance.py keeps the cores over a folder: decode, network and encode side by side.

    python -m benchmarks.overlap          # make bench runs it too

Two runs of each model, on FEW and on MANY copies of a 12-megapixel raw file: their difference leaves out the start of the program.
"""

import os
import pathlib
import shutil
import tempfile

from benchmarks.enhancement import MODELS, prepare_apart, run

FEW, MANY = 2, 12
SIZE = (2848, 4256)


def main():
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare_apart(folder, SIZE)
        for count in (FEW, MANY):
            (folder / str(count)).mkdir()
            for number in range(count):
                shutil.copy(folder / "frame.dng", folder / str(count) / f"{number}.dng")
        for model in MODELS:
            (few, few_cpu, _), (many, many_cpu, _) = (run(folder, 8, model, str(count)) for count in (FEW, MANY))
            seconds, cpu = (many - few) / (MANY - FEW), (many_cpu - few_cpu) / (MANY - FEW)
            print(
                f"{model}, {SIZE[1]}x{SIZE[0]}, --memory_limit=8, {cores} cores: {seconds:.2f} s and {cpu:.2f} s of CPU for each file "
                f"more, so {cpu / seconds / cores:.0%} of the cores' time; {many:.0f} s for {MANY} files, start of the program included "
                f"({many_cpu / many / cores:.0%}).",
                flush=True,
            )


if __name__ == "__main__":
    main()
