"""One decoded frame on disk: its array, the facts beside it, the name that says what they were made of, and whether they are whole."""

import dataclasses
import hashlib

import numpy as np

from lowlight_tf.console import warn
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import atomic_path, read_json, write_json

_FORMAT = "5"
# The facts that every mosaic has, and their shapes; all are finite numbers.
_FACTS = {"size": (2,), "black_level": (4,), "white_level": (), "wb_gains": (3,), "from_srgb": (3, 3)}


def cache_file(cache_dir, path, camera, *settings):
    """Returns a cache file's path. Its key is the source's identity (path, size, time), the camera and what else shapes it."""
    status, row = path.stat(), dataclasses.asdict(camera)
    offsets = row.pop("black_offsets")  # no part of the key where there are none, as before there were any
    row = (*row.values(), *([offsets] if any(offsets) else []))
    identity = (_FORMAT, str(path.resolve()), status.st_size, status.st_mtime_ns, row, *settings)
    return cache_dir / f"{path.stem}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}.npy"


def write_array(path, array):
    """Writes an array as .npy, atomically."""
    with atomic_path(path) as temporary:
        np.save(temporary, array)


def write_mosaic(entry, mosaic, short, source, **more):
    """Writes a mosaic and, before it, what belongs to it: where the array is, all is.

    Args:
      entry: the cache file.
      mosaic: uint16 [H, W], of the Short or a part of it.
      short: the Short.
      source: its file, for messages.
      **more: further facts.
    Raises:
      LowlightError: for a Short whose colours cannot be taken backwards.
    """
    try:
        from_srgb = np.linalg.inv(short.ccm).tolist()
    except np.linalg.LinAlgError as error:
        raise LowlightError(f"the colour matrix of {source} is singular, so that its colours cannot be had back; leave it out") from error
    write_json(
        entry.with_suffix(".json"),
        {
            "size": mosaic.shape,
            "black_level": short.black_level,
            "white_level": short.white_level,
            "wb_gains": short.wb_gains,
            "from_srgb": from_srgb,
            **more,
        },
    )
    write_array(entry, np.ascontiguousarray(mosaic))


def read_array(entry, size=None):
    """Opens an array without reading it; None where it is missing, damaged, of another type than uint16 or not of the `size` (H, W)."""
    try:
        array = np.load(entry, mmap_mode="r", allow_pickle=False)
    except Exception:  # NumPy reads the header as Python, and raises what its parser does  # noqa: BLE001
        return None
    return array if array.dtype == np.uint16 and array.ndim in (2, 3) and (size is None or array.shape[:2] == tuple(size)) else None


def read_facts(entry, **more):
    """Reads what belongs to a mosaic, a dict; None where it or the mosaic is missing or damaged. `more` are further facts' shapes."""
    try:
        facts = read_json(entry.with_suffix(".json"))
        values = {name: np.asarray(facts[name], np.float64) for name in (*_FACTS, *more)}
    except (LowlightError, KeyError, TypeError, ValueError, OverflowError):
        return None
    whole = all(values[name].shape == shape and np.isfinite(values[name]).all() for name, shape in {**_FACTS, **more}.items())
    return facts if whole and read_array(entry, facts["size"]) is not None else None


def is_missing(entry, found):
    """Tells whether an entry is to be made; aloud, where it is there and was found damaged (`found` is None)."""
    if found is None and entry.exists():
        warn(f"warning: {entry} or the .json beside it is damaged; it is made again (delete it where this line comes back)")
    return found is None
