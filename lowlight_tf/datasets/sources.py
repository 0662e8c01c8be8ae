"""`--dataset` -> a folder in SID's layout, or photographs or images to simulate low light from: the registry of datasets."""

import dataclasses
import os
import pathlib

from lowlight_tf.console import say
from lowlight_tf.datasets import DEFAULT_DATA_DIR, PAIRED, fivek, is_known, is_tfds, photographs, resolve, samples, sid
from lowlight_tf.errors import LowlightError, UsageError


def _sid(config, camera):
    data_dir = pathlib.Path(config.data_dir or DEFAULT_DATA_DIR)
    if not data_dir.is_dir():
        raise LowlightError(
            f"the data folder {data_dir} does not exist; check --data_dir, or use --dataset=samples for the embedded samples"
        )
    return data_dir


def _samples(config, camera):
    data_dir = pathlib.Path(config.data_dir or pathlib.Path(DEFAULT_DATA_DIR) / "samples")
    say(f"Using the embedded samples in {data_dir / camera.folder}: simulated low light, so no figure from them is a SID figure.")
    return samples.prepare(data_dir, camera)


def _photographs(config, camera):
    if not config.data_dir:
        what = {"folder": "your photographs (JPEG, PNG, TIFF or raw)", "fivek": "MIT-Adobe FiveK, which holds raw_photos"}[config.dataset]
        raise UsageError(f"--dataset={config.dataset} needs --data_dir: the folder of {what}")
    return pathlib.Path(config.data_dir)


def _prepared(config, camera):
    return os.path.expanduser(config.data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


# name -> function of (DataConfig, Camera) that returns the folder, built first where it does not exist yet
DATASETS = {"sid": _sid, "samples": _samples, "folder": _photographs, "fivek": _photographs}
# name -> function of located data and Problems that lists its photographs
FINDERS = {
    "folder": lambda located, problems: photographs.find_photographs(located.data_dir, problems),
    "fivek": lambda located, problems: fivek.find_fivek(located.data_dir, located.expert, problems),
}


def locate(config, camera):
    """Finds or builds the data that `config` asks for.

    Args:
      config: a DataConfig.
      camera: a Camera.
    Returns:
      The DataConfig of data that is on disk: a folder in SID's layout for `find_pairs`, photographs for `find_bright_frames`, or TFDS'
      folder for `rgb_images.open_images`.
    Raises:
      LowlightError: where a folder that was asked for does not exist or cannot be written.
    """
    name = resolve(config.dataset, config.data_dir, camera)
    if not is_known(name):  # flags are checked before; a model's config.json may say anything
        raise LowlightError(f"there is no dataset {name!r}; name one by --dataset and --data_dir")
    data_dir = (_prepared if is_tfds(name) else DATASETS[name])(config, camera)
    return dataclasses.replace(config, dataset="sid" if name in PAIRED else name, data_dir=str(data_dir))


def locate_pairs(config, camera):
    """As `locate`, for what needs real pairs.

    Raises:
      LowlightError: also for photographs.
    """
    located = locate(config, camera)
    if located.dataset not in PAIRED:
        raise LowlightError(
            f"--dataset={located.dataset} holds no short exposures; name pairs to test it on, such as "
            "--dataset=samples or --dataset=sid --data_dir=..."
        )
    return located


def find_pairs(located, camera, split, problems):
    """Lists the pairs of a split ("train", "val", "test") of located data, as `sid.find_pairs`."""
    if located.dataset not in PAIRED:
        raise LowlightError(f"--dataset={located.dataset} has no pairs of short and long exposures; name some by --dataset and --data_dir")
    return sid.find_pairs(
        located.data_dir,
        camera,
        split,
        problems,
        all_bursts=located.selection.all_bursts,
        exclude_misaligned=located.selection.exclude_misaligned,
    )


def find_bright_frames(located, camera, problems):
    """Lists the photographs to simulate low light from: a source's own, or the long exposures of a paired source's training split."""
    if located.dataset not in PAIRED:
        return FINDERS[located.dataset](located, problems)
    longs = {pair.long for pair in find_pairs(located, camera, "train", problems)}
    return [photographs.Photograph(long.stem, long, rendered=True) for long in sorted(longs)]
