"""What a simulation is to make: its settings, the scene id of each photograph, where a scene's files go, and which are still to be made."""

import contextlib
import dataclasses
import math
import os
import pathlib
import re

from lowlight_tf.console import counted, warn
from lowlight_tf.datasets import SPLITS
from lowlight_tf.datasets.cache import check_space
from lowlight_tf.datasets.photographs import Photograph, find_photographs
from lowlight_tf.datasets.sid import MAX_RATIO
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.files import check_writable, read_json, sweep, write_json
from lowlight_tf.pictures.picture_head import picture_size
from lowlight_tf.pictures.provenance import is_ours, is_simulated
from lowlight_tf.raw.cameras import Camera
from lowlight_tf.raw.raw_file import visible_size

LONG_SECONDS = 10
_MOST_SCENES = 9999


def _seconds(ratio):
    """A short's shutter time as it stands in its name."""
    return f"{LONG_SECONDS / ratio:.4g}s"


@dataclasses.dataclass(frozen=True)
class SimulationConfig:
    """What to simulate.

    Attributes:
      camera: the Camera that the frames are taken with.
      input: folder of photographs.
      output: the data set's folder; every worker must see it by this path.
      ratios: exposure ratios, above 1 and at most SID's 300, whose shutter times differ in a file's name.
      noise: one of isp.CAMERA_NOISES.
      seed: of all that is drawn.
      split: a key of datasets.SPLITS.
    """

    camera: Camera
    input: str
    output: str
    ratios: tuple
    noise: str = "physical"
    seed: int = 0
    split: str = "train"

    def __post_init__(self):
        for folder in (self.input, self.output):
            if "://" in folder:  # as a path it would be made in the current folder, unseen
                raise UsageError(f"{folder} is an address; expected a folder, one that every worker sees by the same path")
        if not self.ratios or not all(1 < ratio <= MAX_RATIO for ratio in self.ratios):
            raise UsageError(f"exposure ratios {self.ratios}; expected numbers above 1, at most {MAX_RATIO}")
        if len({_seconds(ratio) for ratio in self.ratios}) < len(self.ratios):
            raise UsageError(f"exposure ratios {self.ratios} give two short exposures one shutter time; expected ratios that differ")

    @property
    def folder(self):
        """Where short/ and long/ go."""
        return pathlib.Path(self.output) / self.camera.folder


@dataclasses.dataclass(frozen=True)
class Scene:
    """A photograph and the id, split digit and four digits, that it has in the data set."""

    id: str
    photograph: Photograph


def long_path(scene, config):
    """Where a scene's long exposure goes."""
    return config.folder / "long" / f"{scene.id}_00_{LONG_SECONDS}s.png"


def short_path(scene, config, ratio):
    """Where a scene's short exposure of a ratio goes."""
    return config.folder / "short" / f"{scene.id}_00_{_seconds(ratio)}.dng"


def record_path(scene, config):
    """Where what was drawn for a scene goes."""
    return config.folder / "simulated" / f"{scene.id}.json"


def is_done(scene, config):
    """Tells whether all files of a scene are there; the record is written last."""
    return all(
        path.is_file()
        for path in (record_path(scene, config), long_path(scene, config), *(short_path(scene, config, ratio) for ratio in config.ratios))
    )


def _settings(config):
    return {
        "input": str(pathlib.Path(config.input).resolve()),
        "camera": config.camera.name,
        "ratios": list(config.ratios),
        "noise": config.noise,
        "seed": config.seed,
    }


def _is_manifest(found):
    """Tells whether a JSON value is what `plan` writes."""
    scenes = found.get("scenes") if isinstance(found, dict) else None
    return (
        isinstance(scenes, dict)
        and isinstance(found.get("settings"), dict)
        and all(isinstance(scene, str) and re.fullmatch("[0-2][0-9]{4}", scene) for scene in scenes.values())
    )


def _known_scenes(config):
    """Reads the manifest of an earlier run: {photograph's name: scene id}; {} where there is none."""
    manifest = config.folder / f"simulation_{config.split}.json"
    if not manifest.is_file():
        strangers = [path for kind in ("short", "long") for path in (config.folder / kind).glob("*")]
        if strangers and not list(config.folder.glob("simulation_*.json")):
            raise LowlightError(f"{config.folder} holds frames that were not simulated ({strangers[0].name}); name another --output")
        return {}
    found = read_json(manifest)
    if not _is_manifest(found):
        raise LowlightError(f"{manifest} is damaged; restore it from a backup, or name another --output")
    for name, value in _settings(config).items():
        if found["settings"].get(name) != value:
            raise LowlightError(f"{config.folder} was begun with {name} {found['settings'].get(name)}, not {value}; name another --output")
    return found["scenes"]


def _without_own(photographs, config):
    """Leaves out, aloud, what lowlight_tf wrote: an --output in --input would else be simulated from at the next run.

    Raises:
      LowlightError: where nothing else is there.
    """
    output = os.path.realpath(config.folder)

    def is_own(path):
        return os.path.realpath(path).startswith(output + os.sep) or is_ours(path) or is_simulated(path)

    own = [photograph for photograph in photographs if is_own(photograph.path)]
    if len(own) == len(photographs):
        raise LowlightError(f"all {len(own)} pictures in {config.input} are lowlight_tf's own results; name a folder of photographs")
    if own:
        warn(f"{counted(len(own), 'file')} in {config.input} left out, such as {own[0].name}: lowlight_tf's own results")
    return [photograph for photograph in photographs if photograph not in own]


def plan(config, problems=None):
    """Gives each photograph its scene id and writes the manifest; photographs known from an earlier run keep theirs.

    Args:
      config: a SimulationConfig.
      problems: as `photographs.find_photographs`.
    Returns:
      list of Scene, by id.
    Raises:
      LowlightError: for a folder that holds something else, or more photographs than ids.
    """
    photographs = _without_own(find_photographs(config.input, problems), config)
    scenes = dict(_known_scenes(config))
    check_writable(config.folder)
    number = max((int(scene[1:]) for scene in scenes.values()), default=0)
    for photograph in photographs:
        if photograph.name not in scenes:
            number += 1
            scenes[photograph.name] = f"{SPLITS[config.split]}{number:04}"
    if number > _MOST_SCENES:
        raise LowlightError(f"{number} photographs, and SID's names have room for {_MOST_SCENES} in a split; use several --output folders")
    write_json(config.folder / f"simulation_{config.split}.json", {"settings": _settings(config), "scenes": scenes})
    return sorted((Scene(scenes[photograph.name], photograph) for photograph in photographs), key=lambda scene: scene.id)


def _bytes_needed(scenes, config):
    """An upper bound: 2 bytes a photosite and short, 6 a pixel of the long exposure."""
    total = 0
    for scene in scenes:
        with contextlib.suppress(Exception):  # whatever is wrong with the file is reported when it is read
            path = scene.photograph.path
            pixels = math.prod(visible_size(path) if scene.photograph.is_raw else picture_size(path))
            total += pixels * (2 * len(config.ratios) + 6)
    return total


def prepare(config, problems):
    """Plans the work and checks that there is room for it.

    Args:
      config, problems: as `plan`.
    Returns:
      all scenes, and those of them that are still to be done.
    """
    scenes = plan(config, problems)
    missing = [scene for scene in scenes if not is_done(scene, config)]
    for kind in ("", "short", "long", "simulated"):
        sweep(config.folder / kind)
    if missing:
        check_space(config.folder, _bytes_needed(missing, config), "Simulating into", "--output")
    return scenes, missing
