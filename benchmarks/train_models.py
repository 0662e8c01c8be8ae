"""Makes a model that ships, from nothing, by one command that may be stopped and given again:

    python -m benchmarks.train_models bayer|bayer_fast|xtrans|xtrans_fast [WORK] [--photos=FOLDER ...] [--crops=FOLDER] [--hours=N]

The fast ones are what --quality=fast runs. WORK (training where not given) keeps photographs, checkpoints and the model, in
WORK/shipped/MODEL. Photographs: those of scikit-image and
of Debian's lomiri-wallpapers-16.04, lomiri-wallpapers-20.04 and mate-backgrounds where they are installed, and the folders of --photos.
CROPS is a folder that has short/ and long/ in it: where it is given, the last part adapts the model with its training pairs.
What is missing is left out, and said.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

from benchmarks.photographs import at_hand, cut_sharp
from lowlight_tf.datasets import samples

ROOT = pathlib.Path(__file__).resolve().parent.parent
INTERFACE = ("--target=camera_rgb", "--signed_input", "--curve=bt709", "--noise_planes", "--skip=mosaic")
BAYER = ("--camera=bayer", "--patch_size=64")
# X-Trans is packed into pixels of four kinds, larger ones: the network is told which, and is as much wider as they are fewer. A patch of
# 44 has about as many photosites as one of 64 of packed Bayer.
XTRANS = ("--camera=xtrans", "--patch_size=44", "--place_planes")
MODELS = {
    "bayer": (*BAYER, "--base_width=16", "--extra_blocks=1", "--learning_rate=6e-4"),
    "bayer_fast": (*BAYER, "--base_width=8", "--learning_rate=1e-3"),
    "xtrans": (*XTRANS, "--base_width=24", "--learning_rate=6e-4"),
    "xtrans_fast": (*XTRANS, "--base_width=12", "--learning_rate=6e-4"),
}
LIGHT = ("--noise=any_sensor", "--darkest=0.05", "--mix_colors")
CALM = (
    "--schedule=cosine",
    "--clip_norm=1",
    "--average=0.998",
    "--threads_per_op=1",
    "--save_every=2000",
    "--picture_every=0",
    "--stopped_exit_code=75",
)
KEPT_BACK = {name for scene, (name, _) in samples.PHOTOGRAPHS.items() if scene[0] != "0"}  # what make demo tests and validates on
STEPS, ADAPTING = 200_000, 15_000


def run(script, *arguments):
    """Runs an entry script as a user would; its exit code is ours where it is not 0."""
    command = [sys.executable, *((str(ROOT / script),) if script.endswith(".py") else ("-m", script)), *map(str, arguments)]
    code = subprocess.run(command, cwd=ROOT).returncode
    if code:
        sys.exit(code)


def gather(work, folders):
    """Puts sharp pieces of all photographs into one folder of WORK, once, and links linear pictures there as they are; returns it."""
    photos = work / "photographs"
    if photos.is_dir():
        return photos
    unfinished = work / "photographs_unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    paths = [path for path in at_hand() if path.name not in KEPT_BACK]
    for folder in map(pathlib.Path, folders):
        if not folder.is_dir():
            print(f"{folder} is not there; training without its photographs")
            continue
        paths += sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif", ".tiff"))
        for path in folder.glob("*.exr"):
            (unfinished / path.name).symlink_to(path.resolve())
    print(f"{cut_sharp(paths, unfinished)} pieces of {len(paths)} photographs, and {len(list(unfinished.glob('*.exr')))} linear pictures")
    unfinished.rename(photos)
    return photos


def recipes(name, photos, work, crops, hours):
    """Returns the arguments of each training, in order; the second adapts the first's model with real pairs where there are any."""
    camera, patch_size, *network = MODELS[name]
    common = (
        camera,
        patch_size,
        "--batch_size=4",
        f"--cache_dir={work / 'cache'}",
        *LIGHT,
        *CALM,
        *((f"--max_hours={hours}",) if hours else ()),
    )
    first = (
        *common,
        *INTERFACE,
        *network,
        "--dataset=folder",
        f"--data_dir={photos}",
        f"--checkpoint_dir={work / name}",
        f"--steps={STEPS}",
        "--seed=1",
    )
    if not crops:
        return [first]
    return [
        first,
        (
            *common,
            f"--init_from={work / name}",
            f"--data_dir={crops}",
            f"--simulated_data_dir={photos}",
            "--simulated_fraction=0.75",
            "--turns_in_phase",
            "--black_drift=0.5",
            f"--checkpoint_dir={work / name}_adapted",
            f"--steps={ADAPTING}",
            "--learning_rate=2e-4",
            "--seed=2",
        ),
    ]


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=list(MODELS))
    parser.add_argument("work", nargs="?", default="training", type=pathlib.Path)
    parser.add_argument("--photos", action="append", default=[], help="folder of photographs or OpenEXR pictures; may be repeated")
    parser.add_argument("--crops", default="", help="folder with short/ and long/ of real pairs")
    parser.add_argument("--hours", default=0.0, type=float, help="save and stop after so many hours; the same command goes on")
    asked = parser.parse_args()
    work = asked.work.resolve()
    photos = gather(work, asked.photos)
    crops = asked.crops if BAYER[0] in MODELS[asked.model] and (pathlib.Path(asked.crops) / "short").is_dir() else ""
    if asked.crops and not crops:
        print(f"{asked.crops} has no short/, or the camera is X-Trans; the model is made from simulated light alone")
    steps = recipes(asked.model, photos, work, crops, asked.hours)
    for arguments in steps:
        run("train.py", *arguments)
    newest = next(argument for argument in steps[-1] if argument.startswith("--checkpoint_dir="))
    run("lowlight_tf", "ship", newest, f"--output={work / 'shipped' / asked.model}")


if __name__ == "__main__":
    main()
