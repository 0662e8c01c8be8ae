"""Where training and test pairs come from. This page holds the choice alone, so that flags can be checked without TensorFlow."""

import dataclasses
import pathlib

DEFAULT_DATA_DIR = "dataset"


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which pairs to use.

    Attributes:
      dataset: "auto", "sid" or "samples". "auto" is SID where a data_dir is named or ./dataset holds the camera's folder, else the samples.
      data_dir: SID's folder; "" for ./dataset.
      cache_dir: where decoded frames are kept.
      all_bursts: use every burst instead of `_00` only.
      exclude_misaligned: leave out the scenes whose exposures do not lie on each other.
    """

    dataset: str = "auto"
    data_dir: str = ""
    cache_dir: str = "cache"
    all_bursts: bool = False
    exclude_misaligned: bool = False


def resolve(dataset, data_dir, camera):
    """Turns "auto" into the dataset it stands for; a folder that was named is never replaced by the samples."""
    if dataset != "auto":
        return dataset
    return "sid" if data_dir or (pathlib.Path(DEFAULT_DATA_DIR) / camera.folder / "short").is_dir() else "samples"
