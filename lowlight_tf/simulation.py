"""Photographs -> a data set in SID's layout: each becomes a long exposure and a short one for every ratio, files and all.

What a scene's files hold depends on the settings, the scene's number and its photograph alone: not on how many workers there are, on
which runner they run, or on where they were interrupted.
"""

import contextlib
import dataclasses
import math
import pathlib

import imageio.v3 as imageio
import numpy as np
import tensorflow as tf

from lowlight_tf import packing
from lowlight_tf.cameras import Camera
from lowlight_tf.console import say
from lowlight_tf.datasets.bright import any_levels, picture_light
from lowlight_tf.datasets.cache import check_space, run_jobs
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.datasets.photographs import Photograph, find_photographs
from lowlight_tf.datasets.sid import MAX_RATIO, SPLIT_DIGITS
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.files import check_writable, read_json, sweep, write_json
from lowlight_tf.image_file import write_dng, write_png
from lowlight_tf.isp.capture import expose, random_capture
from lowlight_tf.isp.color import linear_to_bt709, xyz_to_camera_matrix
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.raw_file import visible_size

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
      noise: one of noise.KINDS.
      seed: of all that is drawn.
      split: "train", "val" or "test".
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


def _long_path(scene, config):
    return config.folder / "long" / f"{scene.id}_00_{LONG_SECONDS}s.png"


def _short_path(scene, config, ratio):
    return config.folder / "short" / f"{scene.id}_00_{_seconds(ratio)}.dng"


def _record_path(scene, config):
    return config.folder / "simulated" / f"{scene.id}.json"


def is_done(scene, config):
    """Tells whether all files of a scene are there; the record is written last."""
    return all(path.is_file() for path in (_record_path(scene, config), _long_path(scene, config),
                                           *(_short_path(scene, config, ratio) for ratio in config.ratios)))


def _clean_frame(photograph, camera, capture):
    """Returns a noiseless long exposure: float32 [H, W] light on the sensor, its uint16 [H, W, 3] target, and what a DNG says of colour.

    A raw frame keeps its own sensor's colours. Its DNG must not name the camera: LibRaw would take that model's matrix.
    """
    if photograph.is_raw:
        short = read_short(photograph.path, any_levels(camera))
        light = packing.normalise(packing.pack(short.mosaic, camera), camera, short.black_level, short.white_level)
        target = read_target(photograph.target or photograph.path, camera, short.visible_size, short.offset)
        return packing.unpack(light, camera), target, {"wb_gains": short.wb_gains, "xyz_to_camera": xyz_to_camera_matrix(short.ccm),
                                                       "make": "Simulated", "model": camera.folder}
    light = picture_light(photograph, camera) * capture.brightness
    target = tf.cast(tf.round(linear_to_bt709(light) * 65535), tf.uint16).numpy()
    gains = tuple(float(gain) for gain in capture.wb_gains)
    return mosaic(to_sensor(light, capture.from_srgb, capture.wb_gains), camera.cfa), target, {
        "wb_gains": gains, "xyz_to_camera": camera.xyz_to_camera, "make": camera.make, "model": camera.model}


def _drawn(capture):
    """What was drawn for a short, for its scene's record."""
    noise = {name: None if value is None else float(value) for name, value in vars(capture.noise).items()}
    return {"exposure_ratio": float(capture.exposure_ratio), **noise}


def simulate_scene(scene, config):
    """Writes a scene's long exposure, its short ones and the record of what was drawn, unless they are all there.

    Args:
      scene: a Scene.
      config: a SimulationConfig.
    Raises:
      LowlightError: where the photograph cannot be used. OutputError: where a file cannot be written.
    """
    if is_done(scene, config):
        return
    camera, seed = config.camera, tf.constant([config.seed, int(scene.id)], tf.int64)
    capture = random_capture(tf.random.fold_in(seed, 0), camera, config.noise)
    clean, target, colors = _clean_frame(scene.photograph, camera, capture)
    levels = dict(zip(("black_level", "white_level"), camera.levels))
    record = {"photograph": scene.photograph.name, "wb_gains": colors["wb_gains"],
              "brightness": None if scene.photograph.is_raw else float(capture.brightness), "shorts": {}}
    write_png(_long_path(scene, config), target)
    for number, ratio in enumerate(config.ratios, 1):
        drawn = random_capture(tf.random.fold_in(seed, number), camera, config.noise)
        drawn = dataclasses.replace(drawn, exposure_ratio=tf.constant(ratio, tf.float32))  # the scene and its light stay the first's
        path = _short_path(scene, config, ratio)
        write_dng(path, expose(clean, drawn, camera).numpy(), camera.cfa, **levels, **colors, exposure_seconds=LONG_SECONDS / ratio)
        record["shorts"][path.name] = _drawn(drawn)
    write_json(_record_path(scene, config), record)


def _settings(config):
    return {"input": str(pathlib.Path(config.input).resolve()), "camera": config.camera.name, "ratios": list(config.ratios),
            "noise": config.noise, "seed": config.seed}


def _known_scenes(config):
    """Reads the manifest of an earlier run: {photograph's name: scene id}; {} where there is none."""
    manifest = config.folder / f"simulation_{config.split}.json"
    if not manifest.is_file():
        strangers = [path for kind in ("short", "long") for path in (config.folder / kind).glob("*")]
        if strangers and not list(config.folder.glob("simulation_*.json")):
            raise LowlightError(f"{config.folder} holds frames that were not simulated ({strangers[0].name}); name another --output")
        return {}
    found = read_json(manifest)
    for name, value in _settings(config).items():
        if found["settings"].get(name) != value:
            raise LowlightError(f"{config.folder} was begun with {name} {found['settings'].get(name)}, not {value}; name another --output")
    return found["scenes"]


def plan(config):
    """Gives each photograph its scene id and writes the manifest; photographs known from an earlier run keep theirs.

    Args:
      config: a SimulationConfig.
    Returns:
      list of Scene, by id.
    Raises:
      LowlightError: for a folder that holds something else, or more photographs than ids.
    """
    photographs = find_photographs(config.input)
    scenes = dict(_known_scenes(config))
    check_writable(config.folder)
    number = max((int(scene[1:]) for scene in scenes.values()), default=0)
    for photograph in photographs:
        if photograph.name not in scenes:
            number += 1
            scenes[photograph.name] = f"{SPLIT_DIGITS[config.split]}{number:04}"
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
            pixels = math.prod(visible_size(path) if scene.photograph.is_raw else imageio.improps(path).shape[:2])
            total += pixels * (2 * len(config.ratios) + 6)
    return total


def prepare(config):
    """Plans the work and checks that there is room for it.

    Returns:
      all scenes, and those of them that are still to be done.
    """
    scenes = plan(config)
    missing = [scene for scene in scenes if not is_done(scene, config)]
    for kind in ("short", "long", "simulated"):
        sweep(config.folder / kind)
    if missing:
        check_space(config.folder, _bytes_needed(missing, config), "Simulating into", "--output")
    return scenes, missing


def simulate(config, problems, workers=0):
    """Simulates every photograph of a folder on this machine, from where an earlier run was stopped.

    Args:
      config: a SimulationConfig.
      problems: Problems, told of each photograph that cannot be used.
      workers: frames at a time; 0 for one a core, at most 8. A frame of 24 megapixels takes about 2 GB.
    Raises:
      LowlightError: as `plan`, where the disk is full, or where no photograph could be used.
    """
    scenes, missing = prepare(config)
    run_jobs({scene: lambda scene=scene: simulate_scene(scene, config) for scene in missing}, problems, "simulating", workers)
    tell(scenes, config)


def tell(scenes, config):
    """Says what is there now.

    Raises:
      LowlightError: where no scene is.
    """
    done = np.sum([is_done(scene, config) for scene in scenes])
    if not done:
        raise LowlightError(f"none of the {len(scenes)} photographs in {config.input} could be used; see the lines above")
    say(f"{done} of {len(scenes)} photographs are simulated, {len(config.ratios)} short exposures each, in {config.folder}.\n"
        f"Train on them: python train.py --camera={config.camera.name} --data_dir={config.output}")
