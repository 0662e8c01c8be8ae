"""Whole files or none: every output is written under a temporary name and renamed, with errors a person can act on."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import time
import uuid

from lowlight_tf.errors import LowlightError, OutputError

_STALE_SECONDS = 24 * 3600
_LONGEST_NAME = 255  # bytes, of every usual file system
_TEMPORARY = re.compile(r"\..*\.lowlight_tf-[0-9a-f]{8}\.tmp(\.[^.]*)?", re.DOTALL)
_BACKUP = re.compile(r"\.(.*)\.lowlight_tf-[0-9a-f]{8}\.old", re.DOTALL)


def _hidden_name(name, end):
    """Returns ".<name>.lowlight_tf-<8 hex digits><end>"; a name that no file system would take is shortened by whole letters."""
    end = f".lowlight_tf-{uuid.uuid4().hex[:8]}{end}"
    encoded, room = os.fsencode(name), _LONGEST_NAME - 1 - len(os.fsencode(end))
    if len(encoded) > room:
        name = encoded[:max(room, 0)].decode("utf-8", "ignore")
    return f".{name}{end}"


def temporary_path(path):
    """Returns a path beside `path` whose name nobody else uses, with the same suffix, for writers go by it; `sweep` knows such names."""
    return path.with_name(_hidden_name(path.stem, f".tmp{path.suffix}"))


def _cannot_write(path, error):
    return OutputError(f"cannot write {path}: {error.strerror or error}; free some space or choose another folder")


def _put(temporary, path, may_replace):
    """Renames `temporary` to `path`; where `may_replace` is given, what it refuses is not replaced, however late it came there."""
    if may_replace is not None:
        try:
            os.link(temporary, path)  # one step, and it fails where anything is there
            return
        except OSError:  # something is there, or the file system has no links
            if os.path.lexists(path) and not may_replace(path):
                raise LowlightError(f"{path} was not written by lowlight_tf and stays; name another place for the result") from None
    os.replace(temporary, path)


@contextlib.contextmanager
def atomic_path(path, may_replace=None):
    """Yields a temporary path beside `path` with the same suffix; renames it to `path` when the block ends well.

    Args:
      path: where to.
      may_replace: function of `path` that tells whether a file that is there may be replaced; None where any may.
    Raises:
      OutputError: where the folder cannot be written or the disk is full. LowlightError: where a file is there that stays. The temporary
        file is gone then.
    """
    path = pathlib.Path(path)
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        _put(temporary, path, may_replace)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _exchange(temporary, path):
    """Puts a folder into another's place; whatever stops that, the old one is there again, or both are under hidden names."""
    old = path.with_name(_hidden_name(path.name, ".old"))
    path.rename(old)
    try:
        temporary.rename(path)
    except BaseException:
        if not os.path.lexists(path):
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def atomic_folder(path):
    """As `atomic_path`, for a folder that the block creates; one that is there already is replaced, and so is what a link leads to."""
    path = pathlib.Path(path)
    path = path.resolve() if path.is_symlink() else path
    temporary = path.with_name(_hidden_name(path.name, ".tmp"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if path.exists():
            _exchange(temporary, path)
        else:
            temporary.rename(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_litter(entry):
    """Tells what a killed process left for more than a day. A backup whose folder is not there is the only copy, and none."""
    backup = _BACKUP.fullmatch(entry.name)
    if backup and not os.path.isdir(os.path.join(os.path.dirname(entry.path), backup[1])):
        return False
    return (backup or _TEMPORARY.fullmatch(entry.name)) and time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS


def sweep(folder):
    """Removes temporary files and folders that a killed process left in `folder` more than a day ago, by the names that only we make."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if _is_litter(entry) and not entry.is_symlink():
                    shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)


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
    temporary = temporary_path(pathlib.Path(folder) / "write_test")
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text("x")
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
