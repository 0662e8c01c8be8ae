"""Photographs decoded once: raw files through the cache of pairs, each its own long exposure, and pictures beside them."""

import dataclasses
import math
import pathlib

import numpy as np
import tensorflow as tf

from lowlight_tf.datasets import cache, cache_files, renditions
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import check_writable, sweep
from lowlight_tf.isp.color import bt709_to_linear, linear_to_bt709, srgb_to_linear
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.pictures.linear_file import linear_size, read_linear
from lowlight_tf.pictures.picture_head import picture_size
from lowlight_tf.raw.packing import crop_to_phase

# A picture of linear light is exposed as a photographer would: so much of it is white or brighter. What is brighter is kept up to
# _HEADROOM times white, for a scene may be exposed less, and then a sensor clips less of it.
_CLIPPED, _HEADROOM = 0.03, 16.0
# Of the cache's key: what was decoded before pictures went through their colour profiles is not used any more.
_COLORS = "profile"


@dataclasses.dataclass(frozen=True)
class _RawPair:
    """A bright raw file as the cache of pairs wants it: its own long exposure."""

    short: pathlib.Path
    long: pathlib.Path
    name: str
    id: str
    ratio: float = 0.0


def recode(picture):
    """Recodes a uint16 sRGB picture of any shape as LibRaw codes its renderings: a table of all 65,536 values."""
    codes = linear_to_bt709(srgb_to_linear(np.arange(65536, dtype=np.float32) / 65535)).numpy()
    return np.round(codes * 65535).astype(np.uint16)[picture]


def _exposed(path):
    """Reads linear light, 1 at white: float32 [H, W, 3] in [0, _HEADROOM]."""
    light = read_linear(path)
    white = np.quantile(light.max(axis=-1), 1 - _CLIPPED)
    if white == 0:
        raise LowlightError(f"{path} is black; leave it out")
    return np.minimum(light / np.float32(white), _HEADROOM)


def _read_tiles(path, camera, read=read_picture):
    picture = crop_to_phase(read(path), camera)
    if picture.size == 0:
        raise LowlightError(f"{path} is smaller than a CFA tile of {camera.tile} pixels; leave it out")
    return picture


def read_photograph(photograph, camera):
    """Reads a picture.

    Args:
      photograph: a Photograph that is no raw file.
      camera: a Camera.
    Returns:
      uint16 [H, W, 3], coded as LibRaw's renderings are, whole CFA tiles; with the photograph's headroom as the brightest.
    Raises:
      LowlightError: where it cannot be read or is smaller than a tile.
    """
    if photograph.is_linear:
        coded = linear_to_bt709(_read_tiles(photograph.path, camera, _exposed) / headroom(photograph)).numpy()
        return np.round(coded * 65535).astype(np.uint16)
    picture = _read_tiles(photograph.path, camera)
    return np.ascontiguousarray(picture if photograph.rendered else recode(picture))


def headroom(photograph):
    """Returns how bright a photograph's light may be, 1 being white."""
    return _HEADROOM if photograph.is_linear else 1.0


def picture_light(photograph, camera):
    """Reads a picture as linear light: float32 [H, W, 3] from 0 to `headroom(photograph)`, sRGB colours, whole CFA tiles."""
    if photograph.is_linear:
        return tf.constant(_read_tiles(photograph.path, camera, _exposed))
    to_linear = bt709_to_linear if photograph.rendered else srgb_to_linear
    return to_linear(_read_tiles(photograph.path, camera).astype(np.float32) / 65535)


def any_levels(camera):
    """Returns the camera with its levels left to each file: bright frames may come from other cameras of its CFA."""
    return dataclasses.replace(camera, black_level=None, white_level=None)


def _picture_size(photograph):
    path = photograph.path
    if photograph.is_linear:
        return linear_size(path)
    return picture_size(path)


def _found(entry, size):
    """Opens a decoded picture; None where it is missing or damaged. It lies as its file says, which may be across the `size` stored."""
    array = cache_files.read_array(entry)
    return array if array is not None and sorted(array.shape[:2]) == sorted(size) else None


def _build_pictures(photographs, camera, cache_dir, problems):
    """Decodes pictures into uint16 arrays; returns {Photograph: CachedPair}."""
    entries, sizes = {}, {}
    for photograph in photographs:
        try:
            sizes[photograph] = tuple(side // camera.tile * camera.tile for side in _picture_size(photograph))
            how = (_CLIPPED, _HEADROOM) if photograph.is_linear else (_COLORS,)
            entries[photograph] = cache_files.cache_file(cache_dir, photograph.path, camera, photograph.rendered, *how)
        except (LowlightError, OSError) as error:
            problems.add(error)
    missing = {
        photograph: entry for photograph, entry in entries.items() if cache_files.is_missing(entry, _found(entry, sizes[photograph]))
    }
    if missing:
        cache.check_space(cache_dir, sum(6 * math.prod(sizes[photograph]) for photograph in missing))
    jobs = {
        photograph: lambda photograph=photograph, entry=entry: cache_files.write_array(entry, read_photograph(photograph, camera))
        for photograph, entry in missing.items()
    }
    failed = cache.run_jobs(jobs, problems, "decoding pictures")
    return {
        photograph: cache.CachedPair(
            photograph.name,
            photograph.name,
            0.0,
            "",
            str(entry),
            np.load(entry, mmap_mode="r").shape[:2],
            (0.0,) * 4,
            1.0,
            headroom=headroom(photograph),
        )
        for photograph, entry in entries.items()
        if photograph not in failed
    }


def build(photographs, camera, cache_dir, problems, smallest=1):
    """Decodes photographs that are not in the cache yet, on all cores, and returns those that can be used.

    Args:
      photographs: list of Photograph.
      camera: the Camera to simulate.
      cache_dir: folder, made where missing.
      problems: Problems, told of each photograph that cannot be used: unreadable, of another CFA, or too small.
      smallest: packed pixels that the shorter side must have.
    Returns:
      list of CachedPair.
    Raises:
      LowlightError: where the folder cannot be written or its disk cannot hold the cache.
    """
    cache_dir = pathlib.Path(cache_dir)
    check_writable(cache_dir)
    sweep(cache_dir)
    raws = [
        _RawPair(photograph.path, photograph.path, photograph.name, photograph.name)
        for photograph in photographs
        if photograph.is_raw and not photograph.target
    ]
    cached = cache.build(raws, any_levels(camera), cache_dir, problems) if raws else []
    finished = [photograph for photograph in photographs if photograph.target]
    cached += renditions.build(finished, any_levels(camera), cache_dir, problems)
    pictures = [photograph for photograph in photographs if not photograph.is_raw]
    cached += _build_pictures(pictures, camera, cache_dir, problems).values()
    for frame in cached:
        if min(frame.size) // camera.upscale < smallest:
            problems.add(f"{frame.name} is {frame.size[1]}x{frame.size[0]}, smaller than a patch of {smallest} packed pixels; left out")
    return [frame for frame in cached if min(frame.size) // camera.upscale >= smallest]
