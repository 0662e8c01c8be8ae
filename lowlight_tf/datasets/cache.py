"""Decode once: uint16 mosaics and targets as memory-mapped .npy files, so that a crop costs milliseconds and no frame stays in memory."""

import concurrent.futures
import contextlib
import dataclasses
import math
import os
import pathlib
import shutil

import numpy as np

from lowlight_tf.console import progress, say
from lowlight_tf.datasets.cache_files import cache_file, is_missing, read_array, read_facts, write_array, write_mosaic
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.files import check_writable, sweep
from lowlight_tf.isp import noise_estimate
from lowlight_tf.raw import packing
from lowlight_tf.raw.raw_file import visible_size
from lowlight_tf.stages import line_of

_SPARE_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True)
class CachedPair:
    """A decoded pair, or a bright frame that shorts are simulated from, on disk.

    Attributes:
      name, id: of the Pair, or twice a photograph's name.
      ratio: exposure ratio; 0 for a bright frame.
      mosaic: path of a uint16 [H, W] .npy, whole CFA tiles in the camera's phase; "" for a picture, which has none.
      target: path of a uint16 [H, W, 3] .npy, coded as LibRaw's renderings are.
      size: (H, W).
      black_level, white_level: counts.
      wb_gains: as-shot (R, G, B) gains of the short; those of a picture are drawn.
      headroom: how bright a picture's light may be: its target's largest code, 1 being white.
      noise: (shot, read) noise of the short, of the range from black to white, where it was measured.
      from_srgb: [3, 3], linear sRGB -> the file's white-balanced camera colour; identity for a picture.
    """

    name: str
    id: str
    ratio: float
    mosaic: str
    target: str
    size: tuple
    black_level: tuple
    white_level: float
    wb_gains: tuple = (1.0, 1.0, 1.0)
    headroom: float = 1.0
    noise: tuple = (0.0, 0.0)
    from_srgb: tuple = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def _target_entry(long_entry, facts):
    """Returns a target's cache file: it lies on its short's mosaic, so the short's size and phase shape it and stand in its name."""
    (height, width), (row, column) = facts["visible_size"], facts["offset"]
    return long_entry.with_name(f"{long_entry.stem}-{height}x{width}+{row}+{column}.npy")


def _decode_short(path, entry, camera):
    short = read_short(path, camera)
    write_mosaic(entry, short.mosaic, short, path, visible_size=short.visible_size, offset=short.origin)


def _facts(entry):
    return read_facts(entry, visible_size=(2,), offset=(2,))


def _decode_target(path, entry, camera, facts):
    with line_of(path):
        write_array(entry, read_target(path, camera, tuple(facts["visible_size"]), tuple(facts["offset"])))


def _bytes_needed(pairs, shorts, longs):
    """Sums the sizes of what is not decoded yet, from the shorts' headers: 2 bytes a photosite, 6 a target pixel."""
    missing = {}
    cached_longs = {path.name.rpartition("-")[0] for folder in {entry.parent for entry in longs.values()} for path in folder.glob("*.npy")}
    for pair in pairs:
        if not shorts[pair.short].exists():
            missing[pair.short] = (pair.short, 2)
        if longs[pair.long].stem not in cached_longs:
            missing[pair.long] = (pair.short, 6)
    total = 0
    for short, bytes_a_pixel in missing.values():
        with contextlib.suppress(LowlightError):  # reported when it is decoded
            total += bytes_a_pixel * math.prod(visible_size(short))
    return total


def check_space(folder, needed, doing="Decoding into", flag="--cache_dir"):
    """Says how many bytes are about to be written, and refuses a disk that cannot hold them."""
    free = shutil.disk_usage(folder).free
    say(f"{doing} {folder}: {needed / 1e9:.2f} GB to write, {free / 1e9:.1f} GB free on its disk.")
    if needed + _SPARE_BYTES > free:
        raise LowlightError(
            f"{folder} needs {needed / 1e9:.2f} GB more and its disk has {free / 1e9:.2f} GB free; "
            f"free some space or name another folder by {flag}"
        )


def _named(key):
    """What a job's key is called: a path, or what has one."""
    return getattr(key, "path", None) or getattr(getattr(key, "photograph", None), "path", key)


def run_jobs(jobs, problems, description, workers=0):
    """Runs {file: function} on threads; whatever is raised over a file is that file's line (`stages.line_of`).

    Args:
      jobs: dict from a file, or what is named after it, to a function.
      problems: Problems, told of those that failed.
      description: for the bar.
      workers: threads; 0 for one a core and 8 at most.
    Returns:
      set of the files that failed.
    Raises:
      OutputError: where a disk is full.
    """
    failed = set()
    if not jobs:
        return failed
    with concurrent.futures.ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 8)) as pool:
        futures = {pool.submit(job): key for key, job in jobs.items()}
        try:
            for future in progress(concurrent.futures.as_completed(futures), total=len(futures), unit="file", description=description):
                try:
                    with line_of(_named(futures[future])):
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


def _entries(pairs, camera, cache_dir, problems):
    """Returns {short: its cache file} and {long: its cache file's base} of the pairs whose files are both there; reports the others."""
    shorts, longs = {}, {}
    for pair in pairs:
        try:
            longs[pair.long] = cache_file(cache_dir, pair.long, camera)
            shorts[pair.short] = cache_file(cache_dir, pair.short, camera)
        except OSError as error:
            problems.add(f"cannot read {error.filename}: {error.strerror}")
    return shorts, longs


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
    check_writable(cache_dir)
    sweep(cache_dir)
    shorts, longs = _entries(pairs, camera, cache_dir, problems)
    pairs = [pair for pair in pairs if pair.short in shorts]
    needed = _bytes_needed(pairs, shorts, longs)
    if needed:
        check_space(cache_dir, needed)
    found = {path: _facts(entry) for path, entry in shorts.items()}
    failed = run_jobs(
        {
            path: lambda path=path, entry=entry: _decode_short(path, entry, camera)
            for path, entry in shorts.items()
            if is_missing(entry, found[path])
        },
        problems,
        "decoding shorts",
    )
    facts = {path: found[path] or _facts(entry) for path, entry in shorts.items() if path not in failed}
    pairs = [pair for pair in pairs if pair.short in facts]
    targets = {pair: _target_entry(longs[pair.long], facts[pair.short]) for pair in pairs}
    jobs = {
        entry: lambda pair=pair, entry=entry: _decode_target(pair.long, entry, camera, facts[pair.short])
        for pair, entry in targets.items()
        if is_missing(entry, read_array(entry, facts[pair.short]["size"]))
    }
    failed = run_jobs(jobs, problems, "rendering longs")
    return [_cached(pair, shorts[pair.short], targets[pair], facts[pair.short]) for pair in pairs if targets[pair] not in failed]


def _cached(pair, short_entry, target_entry, facts):
    return CachedPair(
        pair.name,
        pair.id,
        pair.ratio,
        str(short_entry),
        str(target_entry),
        tuple(facts["size"]),
        tuple(facts["black_level"]),
        facts["white_level"],
        tuple(facts["wb_gains"]),
        from_srgb=tuple(map(tuple, facts["from_srgb"])),
    )


def measure_noise(pairs, camera):
    """Returns the CachedPairs with the noise of their shorts, measured as `noise_estimate.measure_noise` does."""

    def measured(pair):
        with line_of(pair.mosaic):
            packed = packing.pack_frame(np.load(pair.mosaic, mmap_mode="r"), camera)
            return dataclasses.replace(pair, noise=noise_estimate.measure_noise(packed, camera, pair.black_level, pair.white_level))

    return [measured(pair) for pair in progress(pairs, unit="pair", description="measuring noise")]
