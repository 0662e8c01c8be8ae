"""Where training and test pairs come from.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

import dataclasses
import pathlib

DEFAULT_DATA_DIR = "dataset"
PAIRED = ("sid", "samples")
PHOTOGRAPHS = ("folder", "fivek")
PREPARED = ("cifar10", "imagenet2012")
SPLITS = {"train": "0", "test": "1", "val": "2"}  # and the first digit of their scenes
EXPERTS = ("a", "b", "c", "d", "e")


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which of a split's pairs are used.

    Attributes:
      all_bursts: use every burst instead of `_00` only.
      exclude_misaligned: leave out the scenes whose exposures do not lie on each other.
    """

    all_bursts: bool = False
    exclude_misaligned: bool = False


# name -> which of the test split's pairs an evaluation scores
PROTOCOLS = {
    "sid-all": Selection(all_bursts=True),
    "sid-00": Selection(),
    "sid-clean": Selection(all_bursts=True, exclude_misaligned=True),
    "sid-clean-00": Selection(exclude_misaligned=True),
}


@dataclasses.dataclass(frozen=True)
class Mixing:
    """How many real pairs there are, and what stands between them.

    Attributes:
      train_pairs: how many of the real pairs to train on, or below 1 which part of them; 0 for all.
      simulated_fraction: of the training examples that are simulated, beside the real pairs; in [0, 1).
      simulated_data_dir: folder of photographs that those are simulated from; "" for the real pairs' own long exposures.
    """

    train_pairs: float = 0
    simulated_fraction: float = 0.0
    simulated_data_dir: str = ""


@dataclasses.dataclass(frozen=True)
class SimulatedLight:
    """What simulated short exposures are like.

    Attributes:
      noise: one of isp.NOISES.
      darkest: lowest brightness of a photograph's simulated long exposure, the part of the sensor's range that white fills.
      mix_colors: exchange R, G and B of photographs at random: a few photographs lack most colours of dark scenes.
    """

    noise: str = "physical"
    darkest: float = 0.1
    mix_colors: bool = False


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What to train or test on.

    Attributes:
      dataset: "auto", a name in PAIRED, PHOTOGRAPHS or PREPARED, or "tfds:" and a name of TFDS. "auto" is SID where a data_dir is named
        or ./dataset holds the camera's folder, else the samples.
      data_dir: the source's folder; "" for its default.
      cache_dir: where decoded frames are kept.
      expert: one of EXPERTS whose renderings of FiveK are the targets; "" for LibRaw's.
      corrupt_targets: train on simulated short exposures of a paired source's long ones, not on its short ones.
      selection: which of a paired source's pairs.
      mixing: how many of them, and what stands between them.
      light: what simulated short exposures are like.
    """

    dataset: str = "auto"
    data_dir: str = ""
    cache_dir: str = "cache"
    expert: str = ""
    corrupt_targets: bool = False
    selection: Selection = Selection()
    mixing: Mixing = Mixing()
    light: SimulatedLight = SimulatedLight()

    @property
    def simulated(self):
        """Tells whether short exposures are simulated on the fly."""
        return self.corrupt_targets or self.dataset not in ("auto", *PAIRED)


def resolve(dataset, data_dir, camera):
    """Turns "auto" into the dataset it stands for; a folder that was named is never replaced by the samples."""
    if dataset != "auto":
        return dataset
    return "sid" if data_dir or (pathlib.Path(DEFAULT_DATA_DIR) / camera.folder / "short").is_dir() else "samples"


def is_tfds(dataset):
    """Tells whether a dataset is one of images that TFDS has prepared."""
    return dataset in PREPARED or dataset.startswith("tfds:")


def is_known(dataset):
    """Tells whether `--dataset` may be so."""
    return dataset in ("auto", *PAIRED, *PHOTOGRAPHS, *PREPARED) or (dataset.startswith("tfds:") and dataset != "tfds:")
