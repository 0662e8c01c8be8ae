"""A training that is killed with SIGKILL at random moments and started again, against an undisturbed one: the same losses to the bit."""

import csv
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEPS, KILLS = 120, 5
COMMAND = [
    sys.executable,
    str(ROOT / "train.py"),
    "--camera=sony",
    "--dataset=samples",
    "--checkpoint_dir=model",
    "--patch_size=64",
    f"--steps={STEPS}",
    "--save_every=10",
    "--validate_every=0",
]


def history(folder):
    return list(csv.reader((folder / "model" / "history.csv").read_text().splitlines()))


def killed_run(folder, rng):
    """Kills the training again and again at random moments, then lets it end; returns the steps it resumed from."""
    resumed = []
    for _ in range(KILLS):
        process = subprocess.Popen(COMMAND, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = next(line for line in process.stdout if line.startswith("Training"))
        resumed.append(int(line.split("from step ")[1].split()[0]))
        time.sleep(rng.uniform(1, 14))
        process.kill()
        process.wait()
    subprocess.run(COMMAND, cwd=folder, check=True, capture_output=True)
    return resumed


def main():
    with tempfile.TemporaryDirectory() as name:
        killed, whole = pathlib.Path(name) / "killed", pathlib.Path(name) / "whole"
        killed.mkdir(), whole.mkdir()
        resumed = killed_run(killed, random.Random(0))
        subprocess.run(COMMAND, cwd=whole, check=True, capture_output=True)
        same = history(killed) == history(whole)
    print(
        f"{STEPS} steps of the embedded samples, killed with SIGKILL {KILLS} times (resumed from steps {', '.join(map(str, resumed))}), "
        f"against one undisturbed run: all {STEPS} losses {'identical to the bit' if same else 'DIFFER'}."
    )
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
