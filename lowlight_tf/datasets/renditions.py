"""Raw frames that come with somebody's finished picture of each: both decoded once, the picture laid on the mosaic."""

import math
import pathlib

import numpy as np

from lowlight_tf.datasets import cache, cache_files
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw.raw_file import read_framing, visible_size

# A border wider than this, photosites in all, is no developer's margin for demosaicing but somebody's crop.
_WIDEST_BORDER = 128
_NAMED = 20


def turn_back(upright, flip):
    """Turns an upright picture [H, W, 3] as its raw file's mosaic lies; `flip` is the Framing's."""
    picture = upright.transpose(1, 0, 2) if flip & 4 else upright
    return picture[:: -1 if flip & 2 else 1, :: -1 if flip & 1 else 1]


def place(size, framing):
    """Finds where a finished picture, turned back, lies on the visible area.

    Args:
      size: (height, width) of the picture.
      framing: the raw file's Framing.
    Returns:
      (top, left): the file's own crop, or the whole area, or in the middle where the file names no crop; None where nothing fits.
    """
    if framing.crop and framing.crop[2:] == size:
        corner = framing.crop[:2]
        inside = all(edge >= 0 and edge + side <= visible for edge, side, visible in zip(corner, size, framing.size, strict=False))
        return corner if inside else None
    borders = [visible - side for visible, side in zip(framing.size, size, strict=False)]
    if borders == [0, 0]:
        return 0, 0
    if framing.crop is None and min(borders) >= 0 and max(borders) <= _WIDEST_BORDER:
        return borders[0] // 2, borders[1] // 2
    return None


def read_rendition(photograph, camera):
    """Reads a raw frame and its finished picture, both cropped to the part that they share, in whole CFA tiles.

    Args:
      photograph: a Photograph with a target.
      camera: a Camera.
    Returns:
      short: the Frame of the whole file, for its levels and gains.
      mosaic: uint16 [H, W], in the camera's phase.
      target: uint16 [H, W, 3], sRGB.
    Raises:
      LowlightError: where one cannot be read or they do not lie on each other.
    """
    framing, upright = read_framing(photograph.path), read_picture(photograph.target)
    picture = turn_back(upright, framing.flip)
    corner = place(picture.shape[:2], framing)
    if corner is None:
        raise LowlightError(
            f"{photograph.target} is {upright.shape[1]}x{upright.shape[0]}, which is neither the visible area "
            f"({framing.size[1]}x{framing.size[0]}) nor the crop {framing.crop} of {photograph.path.name}"
        )
    short = read_short(photograph.path, camera)
    # The first whole tile of the camera's phase inside the picture, in the visible area's coordinates.
    start = [offset + max(0, -(-(edge - offset) // camera.tile)) * camera.tile for edge, offset in zip(corner, short.origin, strict=False)]
    size = [(edge + side - first) // camera.tile * camera.tile for edge, side, first in zip(corner, picture.shape, start, strict=False)]
    on_mosaic, on_picture = (
        [slice(first - origin, first - origin + side) for first, origin, side in zip(start, origins, size, strict=False)]
        for origins in (short.origin, corner)
    )
    target = np.ascontiguousarray(picture[tuple(on_picture)])
    return short, short.mosaic[tuple(on_mosaic)], target


def _target_entry(entry):
    return entry.with_name(f"{entry.stem}-rendition.npy")


def _decode(photograph, entry, camera):
    short, mosaic, target = read_rendition(photograph, camera)
    cache_files.write_array(_target_entry(entry), target)  # the mosaic goes last: where it exists, all that belongs to it does
    cache_files.write_mosaic(entry, mosaic, short, photograph.path)


def _found(entry):
    """What belongs to an entry; None where a part of it is missing or damaged."""
    facts = cache_files.read_facts(entry)
    return facts if facts and cache_files.read_array(_target_entry(entry), facts["size"]) is not None else None


def _report_missing(photographs, problems):
    """Reports in one line the raw files whose finished picture is not there: half a set may lack them; returns the others."""
    missing = [photograph for photograph in photographs if not photograph.target.is_file()]
    if missing:
        more = f" and {len(missing) - _NAMED} more" * (len(missing) > _NAMED)
        problems.add(
            f"{len(missing):,} of {len(photographs):,} raw files have no picture in {missing[0].target.parent}: "
            f"{', '.join(photograph.path.name for photograph in missing[:_NAMED])}{more}"
        )
    return [photograph for photograph in photographs if photograph.target.is_file()]


def build(photographs, camera, cache_dir, problems):
    """Decodes raw frames and their finished pictures that are not in the cache yet; arguments and result as `bright.build`."""
    cache_dir, entries, found, needed = pathlib.Path(cache_dir), {}, {}, 0
    for photograph in _report_missing(photographs, problems):
        try:
            status = photograph.target.stat()
            entry = cache_files.cache_file(
                cache_dir, photograph.path, camera, str(photograph.target.resolve()), status.st_size, status.st_mtime_ns
            )
            needed += 0 if entry.exists() else 8 * math.prod(visible_size(photograph.path))
            entries[photograph], found[photograph] = entry, _found(entry)
        except OSError as error:
            problems.add(f"cannot read {error.filename}: {error.strerror}")
        except LowlightError as error:
            problems.add(error)
    if needed:
        cache.check_space(cache_dir, needed)
    jobs = {
        photograph: lambda photograph=photograph, entry=entry: _decode(photograph, entry, camera)
        for photograph, entry in entries.items()
        if cache_files.is_missing(entry, found[photograph])
    }
    failed = cache.run_jobs(jobs, problems, "decoding frames")
    return [_cached(photograph.name, entry) for photograph, entry in entries.items() if photograph not in failed]


def _cached(name, entry):
    facts = _found(entry)
    return cache.CachedPair(
        name,
        name,
        0.0,
        str(entry),
        str(_target_entry(entry)),
        tuple(facts["size"]),
        tuple(facts["black_level"]),
        facts["white_level"],
        tuple(facts["wb_gains"]),
        tuple(map(tuple, facts["from_srgb"])),
    )
