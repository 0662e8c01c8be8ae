"""A 24-megapixel raw file through enhance.py in 2 GiB, against the whole frame at once: peak of resident memory, and time.

For the model that ships and for one of SID's size.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZE = (4016, 6016)  # of a 24-megapixel camera
# what is said of a model: its folder, where `prepare` was
MODELS = {"the model that ships": ROOT / "models" / "bayer", "a model of SID's size": "model"}


def prepare(folder, size=SIZE):
    """Writes a frame, and a model of SID's size; what its weights are makes no difference to time and memory."""
    from lowlight_tf.checkpoints import checkpoint
    from lowlight_tf.network import model
    from lowlight_tf.pictures.image_file import write_dng
    from lowlight_tf.raw.cameras import CAMERAS

    camera = CAMERAS["bayer"]
    counts = 512 + np.random.RandomState(0).poisson(40, size)
    write_dng(
        folder / "frame.dng",
        counts.astype(np.uint16),
        camera.cfa,
        black_level=512,
        white_level=16383,
        wb_gains=(2, 1, 2),
        xyz_to_camera=camera.xyz_to_camera,
        exposure_seconds=0.1,
        make=camera.make,
        model=camera.model,
    )
    network = model.network_for(camera)
    checkpoint.write_config(folder / "model", model.describe(camera, network))
    checkpoint.Store(folder / "model", model.initialize_parameters(network)).save(1)


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


def compare(folder, model, rounds):
    """Runs a model in tiles and on the whole frame, taking turns, and says what both took."""
    runs = {limit: [] for limit in (2, 16)}
    for _ in range(rounds):
        for limit, told in runs.items():
            told.append(run(folder, limit, model))
    best = {limit: [min(column) for column in zip(*told, strict=True)] for limit, told in runs.items()}
    for limit, (seconds, cpu, _) in best.items():
        peak = max(told[2] for told in runs[limit])
        print(
            f"{model}, {SIZE[1]}x{SIZE[0]}, --memory_limit={limit}: {seconds:.1f} s, {cpu:.0f} s of CPU, peak {peak:.0f} MiB "
            f"({'tiles' if limit == 2 else 'as much at once as there is memory for'}; best of {rounds} for times, worst for memory)."
        )
    wall, cpu = (best[2][i] / best[16][i] for i in (0, 1))
    print(f"With the lower limit it takes {wall:.2f} times the time, {cpu:.2f} times the CPU seconds.\n", flush=True)


def main():
    rounds = int(os.environ.get("ROUNDS", "2"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(
            [sys.executable, "-c", f"import pathlib, benchmarks.enhancement as b; b.prepare(pathlib.Path({name!r}))"], cwd=ROOT, check=True
        )
        for model in MODELS:
            compare(folder, model, rounds)


if __name__ == "__main__":
    main()
