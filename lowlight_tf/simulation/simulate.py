"""Photographs -> a data set in SID's layout: each becomes a long exposure and a short one for every ratio, files and all.

What a scene's files hold depends on the settings, the scene's number and its photograph alone: not on how many workers there are, on
which runner they run, or on where they were interrupted.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf.console import say
from lowlight_tf.datasets.bright import any_levels, picture_light
from lowlight_tf.datasets.cache import run_jobs
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import write_json
from lowlight_tf.isp.capture import expose, random_capture
from lowlight_tf.isp.color import linear_to_bt709, xyz_to_camera_matrix
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.pictures.image_file import write_dng, write_png
from lowlight_tf.pictures.provenance import SIMULATED
from lowlight_tf.raw import packing
from lowlight_tf.simulation.plan import LONG_SECONDS, is_done, long_path, prepare, record_path, short_path


def _clean_frame(photograph, camera, capture):
    """Returns a noiseless long exposure: float32 [H, W] light on the sensor, its uint16 [H, W, 3] target, and what a DNG says of colour.

    A raw frame keeps its own sensor's colours. Its DNG must not name the camera: LibRaw would take that model's matrix.
    """
    if photograph.is_raw:
        short = read_short(photograph.path, any_levels(camera))
        light = packing.normalise(packing.pack(short.mosaic, camera), camera, short.black_level, short.white_level)
        target = read_target(photograph.target or photograph.path, camera, short.visible_size, short.origin)
        return (
            packing.unpack(light, camera),
            target,
            {"wb_gains": short.wb_gains, "xyz_to_camera": xyz_to_camera_matrix(short.ccm), "make": "Simulated", "model": camera.folder},
        )
    light = picture_light(photograph, camera) * capture.brightness
    target = tf.cast(tf.round(linear_to_bt709(tf.minimum(light, 1.0)) * 65535), tf.uint16).numpy()
    gains = tuple(float(gain) for gain in capture.wb_gains)
    return (
        mosaic(to_sensor(light, capture.from_srgb, capture.wb_gains), camera.cfa),
        target,
        {"wb_gains": gains, "xyz_to_camera": camera.xyz_to_camera, "make": camera.make, "model": camera.model},
    )


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
    levels = dict(zip(("black_level", "white_level"), camera.levels, strict=True))
    record = {
        "photograph": scene.photograph.name,
        "wb_gains": colors["wb_gains"],
        "brightness": None if scene.photograph.is_raw else float(capture.brightness),
        "shorts": {},
    }
    write_png(long_path(scene, config), target)
    for number, ratio in enumerate(config.ratios, 1):
        drawn = random_capture(tf.random.fold_in(seed, number), camera, config.noise)
        drawn = dataclasses.replace(drawn, exposure_ratio=tf.constant(ratio, tf.float32))  # the scene and its light stay the first's
        path = short_path(scene, config, ratio)
        write_dng(
            path,
            expose(clean, drawn, camera).numpy(),
            camera.cfa,
            **levels,
            **colors,
            exposure_seconds=LONG_SECONDS / ratio,
            software=SIMULATED,
        )
        record["shorts"][path.name] = _drawn(drawn)
    write_json(record_path(scene, config), record)


def simulate(config, problems, workers=0):
    """Simulates every photograph of a folder on this machine, from where an earlier run was stopped.

    Args:
      config: a SimulationConfig.
      problems: Problems, told of each photograph that cannot be used.
      workers: frames at a time; 0 for one a core, at most 8. A frame of 24 megapixels takes about 2 GB.
    Raises:
      LowlightError: as `plan`, where the disk is full, or where no photograph could be used.
    """
    scenes, missing = prepare(config, problems)
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
    say(
        f"{done} of {len(scenes)} photographs are simulated, {len(config.ratios)} short exposures each, in {config.folder}.",
        f"Train on them: python train.py --camera={config.camera.name} --data_dir={config.output}",
    )
