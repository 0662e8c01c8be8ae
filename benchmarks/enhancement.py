"""A raw file of 12 megapixels through enhance.py in 1.5 GiB, and one of 24 in 2 GiB, against --memory_limit=16: peak, and time.

For the model that ships and for one of SID's size.
"""

import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.raw_files import write_raw

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = (((2848, 4256), 1.5), ((4016, 6016), 2))  # sizes of a 12- and a 24-megapixel camera, and GiB
# what is said of a model: its folder, the second relative to the one that `prepare` filled
MODELS = {"the model that ships": ROOT / "models" / "bayer", "a model of SID's size": "model"}


def prepare(folder, size):
    """Writes a frame, and a model of SID's size; what its weights are makes no difference to time and memory."""
    from lowlight_tf.checkpoints import checkpoint
    from lowlight_tf.network import model
    from lowlight_tf.raw.cameras import CAMERAS

    camera = CAMERAS["bayer"]
    counts = 512 + np.random.RandomState(0).poisson(40, size)
    write_raw(folder / "frame.dng", counts)
    network = model.network_for(camera)
    checkpoint.write_config(folder / "model", model.describe(camera, network))
    checkpoint.Store(folder / "model", model.initialize_parameters(network)).save(1)


def prepare_apart(folder, size):
    """As `prepare`, in a process of its own: a process that has TensorFlow in it would be counted with what it starts."""
    preparation = multiprocessing.get_context("spawn").Process(target=prepare, args=(folder, size))
    preparation.start()
    preparation.join()
    if preparation.exitcode:
        sys.exit(f"the frame could not be prepared: its process ended with {preparation.exitcode}")


def run(folder, gibibytes, model, name="frame.dng"):
    """Runs enhance.py with a model, a key of MODELS; returns seconds, CPU seconds and the peak in MiB."""
    command = [
        sys.executable,
        str(ROOT / "enhance.py"),
        name,
        f"--checkpoint_dir={MODELS[model]}",
        "--ratio=100",
        "--strength=1",
        "--overwrite",
        f"--memory_limit={gibibytes}",
    ]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"enhance.py failed:\n{said}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(folder, model, size, limit, rounds):
    """Runs a model in little memory and in as much as there is, taking turns, and says what both took."""
    runs = {limit: [], 16: []}
    for _ in range(rounds):
        for gibibytes, told in runs.items():
            told.append(run(folder, gibibytes, model))
    best = {gibibytes: [min(column) for column in zip(*told, strict=True)] for gibibytes, told in runs.items()}
    for gibibytes, (seconds, cpu, _) in best.items():
        peak = max(told[2] for told in runs[gibibytes])
        print(
            f"{model}, {size[1]}x{size[0]}, --memory_limit={gibibytes}: {seconds:.1f} s, {cpu:.0f} s of CPU, peak {peak:.0f} MiB "
            f"(best of {rounds} for times, worst for memory)."
        )
    wall, cpu = (best[limit][i] / best[16][i] for i in (0, 1))
    print(f"With the lower limit it takes {wall:.2f} times the time, {cpu:.2f} times the CPU seconds.\n", flush=True)


def main():
    rounds = int(os.environ.get("ROUNDS", "2"))
    for size, limit in CASES:
        with tempfile.TemporaryDirectory() as name:
            prepare_apart(pathlib.Path(name), size)
            for model in MODELS:
                compare(pathlib.Path(name), model, size, limit, rounds)


if __name__ == "__main__":
    main()
