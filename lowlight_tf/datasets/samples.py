"""The embedded default: a small set in SID's layout, made from photographs that come with scikit-image.

The photographs are CC0 or in the public domain (scikit-image's documentation of `skimage.data` names each source). Each becomes a clean
long exposure and a noisy short one for each of SID's three ratios, written as DNG and read back by the very code that reads SID.
"""

import importlib.resources
import pathlib

import imageio.v3 as imageio
import numpy as np
import tensorflow as tf

from lowlight_tf.console import progress
from lowlight_tf.datasets.sid import exposure_ratio
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import atomic_folder, atomic_path, check_writable, sweep
from lowlight_tf.isp.noise import add_noise, random_noise
from lowlight_tf.isp.unprocess import unprocess
from lowlight_tf.pictures.image_file import write_dng

# id with its split digit -> photograph and the order of its channels: copies with red and blue exchanged bring colours that so few
# photographs lack. The test scenes and the one for validation share nothing with the training scenes.
PHOTOGRAPHS = {
    "00001": ("chelsea.png", "RGB"),
    "00002": ("chelsea.png", "BGR"),
    "00003": ("motorcycle_left.png", "RGB"),
    "00004": ("motorcycle_left.png", "BGR"),
    "00005": ("rocket.jpg", "RGB"),
    "00006": ("rocket.jpg", "BGR"),
    "00007": ("retina.jpg", "RGB"),
    "00008": ("retina.jpg", "BGR"),
    "00009": ("ihc.png", "RGB"),
    "00010": ("ihc.png", "BGR"),
    "00011": ("hubble_deep_field.jpg", "RGB"),
    "00012": ("brick.png", "RGB"),
    "10001": ("astronaut.png", "RGB"),
    "10002": ("coffee.png", "RGB"),
    "20001": ("camera.png", "RGB"),
}
# As-shot gains, near those of SID's Sony scenes (R 1.9 to 2.2, B 2.3 to 2.7). One light for all: the network does not see the gains.
WB_GAINS = (2.0, 1.0, 2.4)
# Linear light of a long exposure's brightest photosite: dim, as SID's scenes are. Not between 3/4 and 1, where LibRaw would take the
# maximum for white and so part the long frame's brightness from the short one's.
BRIGHTEST = 0.5
SHORT_SECONDS = ("0.1", "0.04", "0.033")
LONG_SECONDS = "10"
# Divides by both tiles, and LibRaw renders X-Trans frames from 512 pixels a side only.
_SHORT_SIDE = 516
_VERSION = "5"
_BLACK_LEVEL, _WHITE_LEVEL = 512, 16383
_SEED = 2018


def _load(name, channels):
    """Returns a photograph as float32 [H, W, 3] in [0, 1], its short side 516 pixels, cropped to whole tiles of either CFA."""
    picture = imageio.imread(importlib.resources.files("skimage.data").joinpath(name).read_bytes(), extension=pathlib.Path(name).suffix)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    picture = picture[:, :, ["RGB".index(channel) for channel in channels]].astype(np.float32) / 255
    scale = _SHORT_SIDE / min(picture.shape[:2])
    size = [round(side * scale) // 6 * 6 for side in picture.shape[:2]]
    return tf.clip_by_value(tf.image.resize(picture, size, method="bicubic", antialias=True), 0, 1)


def _write_scene(folder, camera, scene, photograph, channels):
    """Writes one scene's long exposure and its three short ones."""
    black, white = camera.black_level or _BLACK_LEVEL, camera.white_level or _WHITE_LEVEL
    sensor = unprocess(_load(photograph, channels), camera, WB_GAINS)
    clean = BRIGHTEST * sensor / tf.reduce_max(sensor)
    dng = {
        "cfa": camera.cfa,
        "black_level": black,
        "white_level": white,
        "wb_gains": WB_GAINS,
        "xyz_to_camera": camera.xyz_to_camera,
        "make": camera.make,
        "model": camera.model,
    }
    long = tf.cast(tf.round(clean * (white - black) + black), tf.uint16).numpy()
    write_dng(folder / "long" / f"{scene}_00_{LONG_SECONDS}s.dng", long, exposure_seconds=float(LONG_SECONDS), **dng)
    for index, seconds in enumerate(SHORT_SECONDS):
        noise_seed, frame_seed = tf.unstack(tf.random.split([_SEED + index, int(scene)], 2))
        ratio = exposure_ratio(float(seconds), float(LONG_SECONDS))
        short = add_noise(clean, random_noise(noise_seed), frame_seed, exposure_ratio=ratio, black_level=black, white_level=white)
        write_dng(folder / "short" / f"{scene}_00_{seconds}s.dng", short.numpy(), exposure_seconds=float(seconds), **dng)


def prepare(data_dir, camera):
    """Builds the sample set of a camera in data_dir/<camera's folder> unless it is there already.

    Args:
      data_dir: folder of the sample sets.
      camera: a Camera.
    Returns:
      data_dir as a path: what a SID folder is to the rest of the code.
    Raises:
      LowlightError: where scikit-image is not installed, the folder cannot be written, or it holds something else.
    """
    data_dir = pathlib.Path(data_dir)
    folder = data_dir / camera.folder
    marker = folder / "VERSION"
    if marker.is_file() and marker.read_text() == _VERSION:
        return data_dir
    if folder.exists() and not marker.is_file():  # a set of ours is renamed into place with its marker in it
        raise LowlightError(f"{folder} is not a sample set; name another --data_dir for the samples, or use --dataset=sid")
    check_writable(data_dir)
    sweep(data_dir)
    try:
        with atomic_folder(folder, may_replace=folder.exists()) as building:
            bar = progress(PHOTOGRAPHS.items(), total=len(PHOTOGRAPHS), unit="scene", description="making samples")
            for scene, (photograph, channels) in bar:
                _write_scene(building, camera, scene, photograph, channels)
            with atomic_path(building / "VERSION") as temporary:
                temporary.write_text(_VERSION)
    except ModuleNotFoundError as error:
        raise LowlightError("the embedded samples are made from scikit-image's photographs; run: pip install scikit-image") from error
    except LowlightError:
        if not marker.is_file():  # else another process has just built the same set
            raise
    return data_dir
