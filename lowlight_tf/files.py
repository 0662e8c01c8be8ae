"""Whole files or none: every output is written under a temporary name and renamed, with errors a person can act on."""

import contextlib
import json
import os
import pathlib
import shutil
import time
import uuid

from lowlight_tf.errors import LowlightError, OutputError

_STALE_SECONDS = 24 * 3600


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path beside `path` with the same suffix; renames it to `path` when the block ends well.

    Raises:
      OutputError: where the folder cannot be written or the disk is full. The temporary file is gone then.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; free some space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def atomic_folder(path):
    """As `atomic_path`, for a folder that the block creates; one that is there already is replaced."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if path.exists():
            old = temporary.with_name(f"{temporary.name}.old")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; free some space or choose another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder):
    """Removes temporary files and folders that a killed process left in `folder` more than a day ago."""
    for path in pathlib.Path(folder).glob(".*.tmp*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_json(path, value):
    """Writes `value` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path):
    """Returns the JSON value in `path`.

    Raises:
      LowlightError: where the file is missing, unreadable or not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text())
    except OSError as error:
        raise LowlightError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise LowlightError(f"{path} is not valid JSON ({error}); restore it from a backup or delete its folder") from error


def check_writable(folder):
    """Creates `folder` and proves that a file can be written there, before hours of work depend on it.

    Raises:
      OutputError: where it cannot.
    """
    with atomic_path(pathlib.Path(folder) / "write_test") as temporary:
        temporary.write_text("x")
    with contextlib.suppress(OSError):
        (pathlib.Path(folder) / "write_test").unlink()
