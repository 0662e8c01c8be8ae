"""What simulation is worth: the same network, trained for the same steps from photographs alone with three kinds of noise, scored on real
pairs that it has never seen, beside the classic pipeline and the amplified short.

    python -m benchmarks.simulation_study PAIRS [WORK]

PAIRS is a folder with Sony/short and Sony/long whose test split is scored. WORK (study where not given) keeps photographs, models and
results: what is there already is not made again. Prints the table and writes docs/simulation_study.png.
"""

import json
import pathlib
import subprocess
import sys

import matplotlib

from benchmarks.photographs import collect

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = {"poisson": "shot noise", "gaussian": "shot and Gaussian read noise", "physical": "all of the physical model"}
# Then the physical model goes on: darker scenes, in colours that the photographs lack, larger and larger patches.
DARK = ("--darkest=0.05", "--mix_colors", "--learning_rate=1e-4")
LONGER = ("--init_from=physical", *DARK, "--patch_size=96", "--batch_size=2", "--steps=5000", "--decay_step=4000", "--seed=2")
LONGEST = ("--init_from=longer", *DARK, "--patch_size=128", "--batch_size=1", "--steps=4500", "--decay_step=3500", "--seed=3")
RECIPE = (
    "--white_balance_input",
    "--patch_size=64",
    "--batch_size=4",
    "--steps=4000",
    "--decay_step=3200",
    "--learning_rate=2e-4",
    "--seed=1",
)


def run(script, *arguments, cwd):
    """Runs an entry script as a user would, in the study's folder."""
    subprocess.run([sys.executable, str(ROOT / script), *arguments], cwd=cwd, check=True)


def score(name, pairs, work, *arguments):
    """Scores something on the test pairs; returns metrics.json's content."""
    result = work / "results" / name
    if not (result / "metrics.json").is_file():
        run("test.py", f"--data_dir={pairs}", f"--result_dir={result}", *arguments, cwd=work)
    return json.loads((result / "metrics.json").read_text())


def plot(rows, path):
    """Draws the PSNRs as bars."""
    figure, axes = plt.subplots(figsize=(7.5, 2.6), layout="constrained")
    names = [name for name, _, _ in rows][::-1]
    bars = axes.barh(names, [psnr for _, psnr, _ in rows][::-1], color=["#4477aa" if "zero-shot" in name else "#bbbbbb" for name in names])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xlim(20, 34)
    axes.set_xlabel("PSNR in dB on real SID crops (x100)")
    figure.savefig(path, dpi=120)


def train_and_score(name, pairs, work, *arguments):
    """Trains on the photographs alone and scores the model; returns metrics.json's content."""
    run("train.py", "--camera=sony", "--dataset=folder", "--data_dir=photos", f"--checkpoint_dir={name}", *arguments, cwd=work)
    return score(name, pairs, work, f"--checkpoint_dir={name}")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    pairs, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "study").resolve()
    number = collect(work / "photos")
    models = {f"zero-shot, {what}": train_and_score(kind, pairs, work, f"--noise={kind}", *RECIPE) for kind, what in KINDS.items()}
    models["zero-shot, physical, 5,000 steps more"] = train_and_score("longer", pairs, work, *LONGER)
    models["zero-shot, physical, 9,500 steps more"] = train_and_score("longest", pairs, work, *LONGEST)
    classic = score("classic", pairs, work, "--model=classic", "--camera=sony")
    rows = [
        ("short amplified by LibRaw", classic["input_psnr"], classic["input_ssim"]),
        *((name, metrics["psnr"], metrics["ssim"]) for name, metrics in models.items()),
        ("classic pipeline, non-local means", classic["psnr"], classic["ssim"]),
    ]
    print(f"{number} photographs; scored on {classic['images']} pairs")
    for name, psnr, ssim in rows:
        print(f"| {name} | {psnr:.2f} / {ssim:.3f} |")
    plot(rows, ROOT / "docs" / "simulation_study.png")


if __name__ == "__main__":
    main()
