"""Decode once: uint16 mosaics and targets as memory-mapped .npy files, so that a crop costs milliseconds and no frame stays in memory."""

import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import shutil

import numpy as np

from lowlight_tf.console import progress, say
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.files import atomic_path, check_writable, read_json, write_json
from lowlight_tf.raw_file import visible_size

_FORMAT = "1"
_SPARE_BYTES = 256 * 2 ** 20


@dataclasses.dataclass(frozen=True)
class CachedPair:
    """A decoded pair on disk.

    Attributes:
      name, id: of the Pair.
      ratio: exposure ratio.
      mosaic: path of a uint16 [H, W] .npy, whole CFA tiles in the camera's phase.
      target: path of a uint16 [H, W, 3] .npy.
      size: (H, W).
      black_level, white_level: counts.
    """

    name: str
    id: str
    ratio: float
    mosaic: str
    target: str
    size: tuple
    black_level: tuple
    white_level: float


def _entry(cache_dir, path, camera, kind):
    """Returns a cache file's path. Its key is the source's identity (path, size, time) and everything that shapes the result."""
    status = path.stat()
    identity = (_FORMAT, kind, str(path.resolve()), status.st_size, status.st_mtime_ns, dataclasses.astuple(camera))
    return cache_dir / f"{path.stem}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}.npy"


def _write_array(path, array):
    with atomic_path(path) as temporary:
        np.save(temporary, array)


def _decode_short(path, entry, camera):
    # The .json goes first: an .npy that exists is complete with all that belongs to it.
    short = read_short(path, camera)
    write_json(entry.with_suffix(".json"), {
        "size": short.mosaic.shape, "black_level": short.black_level, "white_level": short.white_level, "wb_gains": short.wb_gains,
        "visible_size": short.visible_size, "offset": short.offset})
    _write_array(entry, short.mosaic)


def _decode_pair_target(pair, entry, short_entry, camera):
    facts = read_json(short_entry.with_suffix(".json"))
    _write_array(entry, read_target(pair.long, camera, tuple(facts["visible_size"]), tuple(facts["offset"])))


def _bytes_needed(shorts, targets):
    """Sums the sizes of what is not decoded yet, from the files' headers: 2 bytes a photosite, 6 a target pixel."""
    total = 0
    for path, bytes_a_pixel in [(path, 2) for path in shorts] + [(pair.short, 6) for pair in targets]:
        try:
            height, width = visible_size(path)
        except LowlightError:
            continue  # reported when it is decoded
        total += height * width * bytes_a_pixel
    return total


def _check_space(cache_dir, needed):
    free = shutil.disk_usage(cache_dir).free
    say(f"Decoding into {cache_dir}: {needed / 1e9:.2f} GB to write, {free / 1e9:.1f} GB free on its disk.")
    if needed + _SPARE_BYTES > free:
        raise LowlightError(f"the cache in {cache_dir} needs {needed / 1e9:.2f} GB more and its disk has {free / 1e9:.2f} GB free; "
                            "free some space or name another folder by --cache_dir")


def _run_jobs(jobs, problems, description):
    """Runs {key: function} on all cores; returns the keys that failed, each reported once."""
    failed = set()
    with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        futures = {pool.submit(job): key for key, job in jobs.items()}
        try:
            for future in progress(concurrent.futures.as_completed(futures), total=len(futures), unit="file", description=description):
                try:
                    future.result()
                except OutputError:
                    raise
                except LowlightError as error:
                    failed.add(futures[future])
                    problems.add(error)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def build(pairs, camera, cache_dir, problems):
    """Decodes what is not in the cache yet, on all cores, and returns the pairs that are.

    Args:
      pairs: list of sid.Pair.
      camera: a Camera.
      cache_dir: folder, made where missing.
      problems: Problems, told of each pair that cannot be used.
    Returns:
      list of CachedPair in the order of `pairs`.
    Raises:
      LowlightError: where the folder cannot be written or its disk cannot hold the cache.
    """
    cache_dir = pathlib.Path(cache_dir)
    shorts = {pair.short: _entry(cache_dir, pair.short, camera, "short") for pair in pairs}
    targets = {pair.long: _entry(cache_dir, pair.long, camera, "target") for pair in pairs}
    new_shorts = {path: entry for path, entry in shorts.items() if not entry.exists()}
    new_targets = {pair.long: pair for pair in pairs if not targets[pair.long].exists()}
    failed = set()
    if new_shorts or new_targets:
        check_writable(cache_dir)
        _check_space(cache_dir, _bytes_needed(new_shorts, new_targets.values()))
        failed |= _run_jobs({path: lambda path=path, entry=entry: _decode_short(path, entry, camera) for path, entry in new_shorts.items()},
                            problems, "decoding shorts")
        # A target lies on its short, so it is decoded with a short that could be.
        usable = {pair.long: pair for pair in pairs if pair.short not in failed and pair.long in new_targets}
        failed |= _run_jobs({long: lambda pair=pair, long=long: _decode_pair_target(pair, targets[long], shorts[pair.short], camera)
                             for long, pair in usable.items()}, problems, "rendering longs")
    return [_cached(pair, shorts[pair.short], targets[pair.long]) for pair in pairs if not {pair.short, pair.long} & failed]


def _cached(pair, short_entry, target_entry):
    facts = read_json(short_entry.with_suffix(".json"))
    return CachedPair(pair.name, pair.id, pair.ratio, str(short_entry), str(target_entry), tuple(facts["size"]),
                      tuple(facts["black_level"]), facts["white_level"])
