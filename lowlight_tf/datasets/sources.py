"""`--dataset` -> a folder in SID's layout, whatever the source: the registry of datasets."""

import dataclasses
import pathlib

from lowlight_tf.console import say
from lowlight_tf.datasets import DEFAULT_DATA_DIR, resolve, samples, sid
from lowlight_tf.errors import LowlightError


def _sid(config, camera):
    data_dir = pathlib.Path(config.data_dir or DEFAULT_DATA_DIR)
    if not data_dir.is_dir():
        raise LowlightError(f"the data folder {data_dir} does not exist; check --data_dir, "
                            "or use --dataset=samples for the embedded samples")
    return data_dir


def _samples(config, camera):
    data_dir = pathlib.Path(config.data_dir or pathlib.Path(DEFAULT_DATA_DIR) / "samples")
    say(f"Using the embedded samples in {data_dir / camera.folder}: simulated low light, so no figure from them is a SID figure.")
    return samples.prepare(data_dir, camera)


# name -> function of (DataConfig, Camera) that returns the folder, built first where it does not exist yet
DATASETS = {"sid": _sid, "samples": _samples}


def locate(config, camera):
    """Finds or builds the data that `config` asks for.

    Args:
      config: a DataConfig.
      camera: a Camera.
    Returns:
      The DataConfig of a folder in SID's layout that is on disk, for `find_pairs`.
    Raises:
      LowlightError: where a folder that was asked for does not exist or cannot be written.
    """
    data_dir = DATASETS[resolve(config.dataset, config.data_dir, camera)](config, camera)
    return dataclasses.replace(config, dataset="sid", data_dir=str(data_dir))


def find_pairs(located, camera, split, problems):
    """Lists the pairs of a split ("train", "val", "test") of located data, as `sid.find_pairs`."""
    return sid.find_pairs(located.data_dir, camera, split, problems, all_bursts=located.all_bursts,
                          exclude_misaligned=located.exclude_misaligned)
