"""What is asked for a photograph, and lowlight.json: that of many, written beside their results so that the same can be made again."""

import dataclasses
import json
import math
import os
import pathlib

from lowlight_tf import DEFAULT_MODEL, __version__
from lowlight_tf.console import counted, say
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.files import atomic_path, read_json
from lowlight_tf.network import QUALITIES
from lowlight_tf.pictures import MOST_STRENGTH, SUFFIXES
from lowlight_tf.pictures.provenance import not_ours
from lowlight_tf.raw.white_balance import AS_SHOT, WhiteBalance, parse_white_balance

FILE_NAME = "lowlight.json"
MOST_RATIO, MOST_STOPS = 10000.0, 8.0
AUTO = "auto"
_VERSION, _MARK = 1, "lowlight_tf"
_MOST_BYTES = 64 << 20
_FIELDS = ("ratio", "strength", "exposure", "white_balance", "model")
_TOP = (_MARK, "version", "folder", "format", "jpeg_quality", "quality", "photographs")


@dataclasses.dataclass(frozen=True)
class PhotoSettings:
    """What is asked for one photograph.

    Attributes:
      ratio: exposure ratio; 0.0 to choose it by the frame.
      strength: of a Finish; None to choose it by the frame.
      exposure: of the result, stops.
      white_balance: a WhiteBalance.
      model: the folder of the model; "" for the one that ships for the photograph's sensor.
    """

    ratio: float = 0.0
    strength: float | None = None
    exposure: float = 0.0
    white_balance: WhiteBalance = AS_SHOT
    model: str = ""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What lowlight.json says.

    Attributes:
      photographs: dict of a photograph's path below `folder` -> PhotoSettings.
      folder: where the photographs lie; "" where that is not kept.
      kind: a key of pictures.SUFFIXES.
      jpeg_quality: of JPEGs.
      quality: how the network is run, one of network.QUALITIES.
    """

    photographs: dict
    folder: str = ""
    kind: str = "jpeg"
    jpeg_quality: int = 95
    quality: str = "normal"


def _number(value, name, least, most):
    """Returns a number within bounds, from JSON or from a flag's text.

    Raises:
      UsageError: saying what is expected.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most:
        raise UsageError(f"{name} is {value!r}; expected a number from {least:g} to {most:g}")
    return number


def check(settings):
    """Returns a PhotoSettings after its values were checked.

    Raises:
      UsageError: naming the value that is out of range.
    """
    ratio = settings.ratio and _number(settings.ratio, "ratio", 1e-6, MOST_RATIO)
    strength = None if settings.strength is None else _number(settings.strength, "strength", 0, MOST_STRENGTH)
    return dataclasses.replace(
        settings, ratio=ratio, strength=strength, exposure=_number(settings.exposure, "exposure", -MOST_STOPS, MOST_STOPS)
    )


def _kept_model(model, folder):
    """What is written of a model: auto, the name of one that ships, or its path from the file's folder."""
    if not model:
        return AUTO
    real = pathlib.Path(os.path.realpath(model))
    return real.name if real.parent == pathlib.Path(os.path.realpath(DEFAULT_MODEL.parent)) else _from(folder, model)


def _found_model(said, folder):
    """Inverts `_kept_model`."""
    if said in (AUTO, DEFAULT_MODEL.name):  # the latter was the only one that shipped
        return ""
    shipped = DEFAULT_MODEL.parent / said
    return str(shipped if "/" not in said and said not in (".", "..") and shipped.is_dir() else pathlib.Path(folder) / said)


def _from(folder, path):
    """Returns a path as it is seen from a folder; a whole one where no way leads there, as between Windows' drives."""
    try:
        return pathlib.Path(os.path.relpath(os.path.realpath(path), os.path.realpath(folder))).as_posix()
    except ValueError:
        return os.path.realpath(path)


def _in_json(asked, folder):
    return {
        "ratio": asked.ratio or AUTO,
        "strength": AUTO if asked.strength is None else asked.strength,
        "exposure": asked.exposure,
        "white_balance": str(asked.white_balance),
        "model": _kept_model(asked.model, folder),
    }


def _from_json(said, folder):
    if not isinstance(said, dict) or set(said) - set(_FIELDS):
        raise UsageError(f"expected an object of {', '.join(_FIELDS)}")
    ratio, strength = (said.get(name, AUTO) for name in ("ratio", "strength"))
    balance, model = said.get("white_balance", str(AS_SHOT)), said.get("model", AUTO)
    if not isinstance(balance, str) or not isinstance(model, str):
        raise UsageError("white_balance and model are texts")
    ratio = 0.0 if ratio == AUTO else _number(ratio, "ratio", 1e-6, MOST_RATIO)
    strength = None if strength == AUTO else _number(strength, "strength", 0, MOST_STRENGTH)
    return check(PhotoSettings(ratio, strength, said.get("exposure", 0.0), parse_white_balance(balance), _found_model(model, folder)))


def is_inside(name):
    """Tells a path below a folder, with / between its parts, that cannot lead out of it."""
    parts = pathlib.PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name and not (os.name == "nt" and ":" in name)


def _is_ours(path):
    try:
        return not os.path.islink(path) and isinstance(read_json(path).get(_MARK), str)
    except (LowlightError, AttributeError):
        return False


def write_settings(result_dir, settings):
    """Writes a Settings as lowlight.json, whole or not at all, into the folder of the results; returns its path.

    Raises:
      OutputError: where it cannot be written. LowlightError: where a file of that name is there that lowlight_tf did not write.
    """
    path = pathlib.Path(result_dir) / FILE_NAME
    said = {
        _MARK: __version__,
        "version": _VERSION,
        "folder": _from(result_dir, settings.folder) if settings.folder else "",
        "format": settings.kind,
        "jpeg_quality": settings.jpeg_quality,
        "quality": settings.quality,
        "photographs": {name: _in_json(asked, result_dir) for name, asked in sorted(settings.photographs.items())},
    }
    if os.path.lexists(path) and not _is_ours(path):
        raise LowlightError(not_ours(path, "name another folder for the results"))
    with atomic_path(path, _is_ours) as temporary:
        temporary.write_text(json.dumps(said, indent=2) + "\n")
    return path


def read_settings(path):
    """Reads lowlight.json.

    Returns:
      A Settings.
    Raises:
      UsageError: where it cannot be read, or says what it must not.
    """
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"expected at most {_MOST_BYTES >> 20} MiB")
        said = read_json(path)
        if not isinstance(said, dict) or _MARK not in said or set(said) - set(_TOP) or not isinstance(said.get("photographs"), dict):
            raise UsageError(f"expected what lowlight app writes: an object of {', '.join(_TOP)}")
        if said.get("version") != _VERSION:
            raise UsageError(f"version {said.get('version')!r}; this program reads version {_VERSION}")
        return _settings(said, path.parent)
    except (OSError, LowlightError) as error:
        raise UsageError(f"the settings in {path} cannot be used: {getattr(error, 'strerror', None) or error}") from error


def _settings(said, folder):
    kind, jpeg_quality, of = said.get("format", "jpeg"), said.get("jpeg_quality", 95), said.get("folder", "")
    quality = said.get("quality", "normal")
    if isinstance(quality, int):  # what it said of JPEGs before the network had a quality
        jpeg_quality, quality = quality, "normal"
    if kind not in SUFFIXES:
        raise UsageError(f"format is {kind!r}; expected one of {', '.join(SUFFIXES)}")
    if isinstance(jpeg_quality, bool) or not isinstance(jpeg_quality, int) or not 1 <= jpeg_quality <= 100:
        raise UsageError(f"jpeg_quality is {jpeg_quality!r}; expected a whole number from 1 to 100")
    if quality not in QUALITIES:
        raise UsageError(f"quality is {quality!r}; expected one of {', '.join(QUALITIES)}")
    if not isinstance(of, str):
        raise UsageError("folder is no text")
    photographs = {}
    for name, asked in said["photographs"].items():
        if not is_inside(name):
            raise UsageError(f"the photograph {name!r} would lie outside its folder")
        try:
            photographs[name] = _from_json(asked, folder)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from error
    return Settings(photographs, str(pathlib.Path(folder) / of) if of else "", kind, jpeg_quality, quality)


def with_settings(jobs, settings, problems):
    """Gives Jobs what is asked of their photographs.

    Args:
      jobs: list of Job.
      settings: a Settings.
      problems: Problems, told of photographs that the settings speak of and that are not among the jobs.
    Returns:
      the Jobs that the settings speak of, with `asked`; a photograph is known by its place below settings.folder, or by `inside`.
    Raises:
      LowlightError: where there is none.
    """
    places = {os.path.realpath(pathlib.Path(settings.folder) / name): name for name in settings.photographs} if settings.folder else {}
    names = {job: places.get(os.path.realpath(job.source), job.inside) for job in jobs}
    found = [dataclasses.replace(job, asked=settings.photographs[name]) for job, name in names.items() if name in settings.photographs]
    if not found:
        raise LowlightError(
            f"none of the {len(jobs)} photographs is among the {len(settings.photographs)} of {FILE_NAME}; "
            "name the folder that was open in lowlight app"
        )
    for name in sorted(set(settings.photographs) - set(names.values())):
        problems.add(f"{name}: {FILE_NAME} speaks of it, and it is not there")
    if len(found) < len(jobs):
        say(f"{counted(len(jobs) - len(found), 'photograph')} left out, of which {FILE_NAME} says nothing")
    return found
