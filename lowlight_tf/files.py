"""Whole files or none: every output is written under a temporary name and renamed, with errors a person can act on."""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import time
import uuid

from lowlight_tf import durable
from lowlight_tf.errors import LowlightError, OutputError, disk_fault, first_line

_STALE_SECONDS = 24 * 3600
_LONGEST_NAME = 255  # bytes, of every usual file system
_LARGEST_JSON = 1 << 28
_OF_THIS_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EISDIR, errno.ENOTDIR, errno.EINVAL)  # the next file may well be written
_TEMPORARY = re.compile(r"\..*\.lowlight_tf-[0-9a-f]{8}\.tmp(\.[^.]*)?", re.DOTALL)
_BACKUP = re.compile(r"\.(.*)\.lowlight_tf-[0-9a-f]{8}\.old", re.DOTALL)


def _hidden_name(name, end):
    """Returns ".<name>.lowlight_tf-<8 hex digits><end>"; a name that no file system would take is shortened by whole letters."""
    end = f".lowlight_tf-{uuid.uuid4().hex[:8]}{end}"
    encoded, room = os.fsencode(name), _LONGEST_NAME - 1 - len(os.fsencode(end))
    if len(encoded) > room:
        name = encoded[: max(room, 0)].decode("utf-8", "ignore")
    return f".{name}{end}"


def temporary_path(path):
    """Returns a path beside `path` whose name nobody else uses, with the same suffix, for writers go by it; `sweep` knows such names."""
    return path.with_name(_hidden_name(path.stem, f".tmp{path.suffix}"))


def _cannot_write(path, error):
    if error.errno in _OF_THIS_NAME:
        return LowlightError(f"cannot write {path}: {error.strerror}; name another place for the result")
    return OutputError(f"cannot write {path}: {error.strerror or error}; free some space or choose another folder")


def _put(temporary, path, may_replace):
    """Renames `temporary` to `path`; where `may_replace` is given, what it refuses is not replaced, however late it came there."""
    if may_replace is not None:
        durable.sync_file(temporary)
        try:
            os.link(temporary, path)  # one step, and it fails where anything is there
            durable.sync_folder(path.parent)
            return
        except OSError:  # something is there, or the file system has no links
            if os.path.lexists(path) and not may_replace(path):
                raise LowlightError(f"{path} was not written by lowlight_tf and stays; name another place for the result") from None
    durable.put(temporary, path)


@contextlib.contextmanager
def atomic_path(path, may_replace=None):
    """Yields a temporary path beside `path` with the same suffix; renames it to `path` when the block ends well.

    Args:
      path: where to.
      may_replace: function of `path` that tells whether a file that is there may be replaced; None where any may.
    Raises:
      OutputError: where the folder cannot be written or the disk is full. LowlightError: where a file is there that stays, or the name is
        none that the file system takes. The temporary file is gone then.
    """
    path = pathlib.Path(path)
    temporary = temporary_path(path)
    try:
        durable.make_folder(path.parent)
        yield temporary
        _put(temporary, path, may_replace)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _backups(path):
    """Lists the backups of a folder that a killed process left, the oldest first."""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        found = [entry for entry in entries if (backup := _BACKUP.fullmatch(entry.name)) and backup[1] == path.name]
        return [pathlib.Path(entry.path) for entry in sorted(found, key=lambda entry: entry.stat().st_mtime)]
    return []


def _replace_folder(temporary, path):
    """Puts a folder into another's place. The old one is there until the new one is; where the system has no exchange, it may for a moment
    be there under a hidden name, from where the next replacement of this folder brings it back."""
    if durable.exchange(temporary, path):
        return  # the old one is under the temporary name now
    old = path.with_name(_hidden_name(path.name, ".old"))
    path.rename(old)
    try:
        temporary.rename(path)
    except BaseException:
        if not os.path.lexists(path):
            old.rename(path)
        raise
    durable.sync_folder(path.parent)
    for backup in _backups(path):
        shutil.rmtree(backup, ignore_errors=True)


@contextlib.contextmanager
def atomic_folder(path, may_replace=True):
    """As `atomic_path`, for a folder that the block creates; one that is there already is replaced, and so is what a link leads to.

    Args:
      path: where to.
      may_replace: whether a folder that is there may be replaced; else only an empty one may.
    """
    path = pathlib.Path(path)
    path = path.resolve() if path.is_symlink() else path
    temporary = path.with_name(_hidden_name(path.name, ".tmp"))
    try:
        durable.make_folder(path.parent)
        if not os.path.lexists(path) and (backups := _backups(path)):
            backups[-1].rename(path)
        yield temporary
        durable.sync_tree(temporary)
        if path.exists() and may_replace:
            _replace_folder(temporary, path)
        else:
            os.rename(temporary, path)  # onto an empty folder it goes, onto one that holds anything it fails
            durable.sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise LowlightError(f"{path} holds other files, which stay; name a new folder") from error
        raise _cannot_write(path, error) from error
    except OutputError as error:  # of a file in it, under the name that it has until then
        raise OutputError(str(error).replace(str(temporary), str(path))) from error
    except Exception as error:  # TensorFlow's, of its own kinds
        if isinstance(error, LowlightError) or not disk_fault(error):
            raise
        raise OutputError(f"cannot write {path}: {first_line(error)}; free some space or choose another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_litter(entry):
    """Tells what a killed process left for more than a day. A backup is none: it may be the only copy."""
    return _TEMPORARY.fullmatch(entry.name) and time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS


def sweep(folder):
    """Removes temporary files and folders that a killed process left in `folder` more than a day ago, by the names that only we make."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if _is_litter(entry) and not entry.is_symlink():
                    shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)


def write_json(path, value, may_replace=None):
    """Writes `value` as indented JSON, atomically. `may_replace` as of `atomic_path`."""
    with atomic_path(path, may_replace) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path):
    """Returns the JSON value in `path`.

    Raises:
      LowlightError: where the file is missing, unreadable or not JSON.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_JSON + 1)
        if len(content) > _LARGEST_JSON:
            raise ValueError(f"larger than {_LARGEST_JSON >> 20} MB")
        return json.loads(content)
    except OSError as error:
        raise LowlightError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LowlightError(f"{path} is not valid JSON ({error}); restore it from a backup or delete its folder") from error


def check_writable(folder):
    """Creates `folder` and proves that a file can be written there, before hours of work depend on it.

    Raises:
      OutputError: where it cannot.
    """
    temporary = temporary_path(pathlib.Path(folder) / "write_test")
    try:
        durable.make_folder(temporary.parent)
        temporary.write_text("x")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; free some space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def is_within(path, folder):
    """Tells whether a path, after all its links, lies in a folder."""
    real, root = (pathlib.Path(os.path.realpath(place)) for place in (path, folder))
    return root == real or root in real.parents
