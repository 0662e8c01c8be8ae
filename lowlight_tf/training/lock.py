"""One training a folder: a file that says who is working there, and is no hindrance once he is gone.

On one machine the system itself lets a lock go when its process ends, however it ends (flock). A folder that several machines see is held
by a file that its owner touches now and then: who finds one of another machine waits a little, and takes it over where nobody touches it.
"""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import socket
import threading
import time

from lowlight_tf.console import say
from lowlight_tf.errors import LowlightError, OutputError

NAME = ".lowlight_tf-training.lock"
_TOUCHED_EVERY = 10.0  # seconds
_PATIENCE = 35.0  # seconds without a touch after which the owner on another machine counts as gone


def _owner():
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


def _read(number):
    """Returns what a lock file says of its owner; {} where it is empty or torn."""
    try:
        said = json.loads(os.pread(number, 4096, 0))
        return said if isinstance(said, dict) else {}
    except (OSError, ValueError):
        return {}


def _refuse(folder, said):
    raise LowlightError(
        f"another training, process {said.get('pid', '?')} on {said.get('host', 'an unknown machine')} since "
        f"{said.get('since', '?')}, is working in {folder}; let it end, or name another --checkpoint_dir"
    )


def _open_locked(path, folder):
    """Opens and locks the file that has the lock's name; returns its number.

    Raises:
      LowlightError: where another process of this machine holds it.
    """
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            said = _read(number)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(number)
                _refuse(folder, said)
            # a file system without such locks: what the file says must do
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(number), os.stat(path)):
                return number
        os.close(number)  # its owner removed it just now


def _is_touched(number, patience):
    """Waits for somebody to touch the file; tells whether somebody did. The file's own clock is asked, for machines' differ."""
    before, end = os.fstat(number).st_mtime_ns, time.monotonic() + patience
    while time.monotonic() < end:
        time.sleep(min(1.0, patience / 10))
        if os.fstat(number).st_mtime_ns != before:
            return True
    return False


def _check_elsewhere(number, folder):
    """Refuses a folder where a training of another machine works."""
    said = _read(number)
    if not said or said.get("host") == socket.gethostname():
        return  # nobody, or a process of this machine that is gone, for its lock is
    say(f"Process {said.get('pid')} on {said.get('host')} was training in {folder}; waiting {_PATIENCE:.0f} s to see whether it still is.")
    if _is_touched(number, _PATIENCE):
        _refuse(folder, said)


def _keep_touching(number, done):
    while not done.wait(_TOUCHED_EVERY):
        with contextlib.suppress(OSError):
            os.utime(number)


@contextlib.contextmanager
def locked(folder):
    """Holds a folder for one training.

    Args:
      folder: that is there and can be written.
    Raises:
      LowlightError: where another training works in it: its process and machine. OutputError: where the lock cannot be written.
    """
    path = pathlib.Path(folder) / NAME
    try:
        number = _open_locked(path, folder)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; free some space or choose another folder") from error
    done = threading.Event()
    try:
        _check_elsewhere(number, folder)
        os.ftruncate(number, 0)
        os.pwrite(number, json.dumps(_owner()).encode(), 0)
    except OSError as error:
        os.close(number)
        raise OutputError(f"cannot write {path}: {error.strerror}; free some space or choose another folder") from error
    except BaseException:
        os.close(number)
        raise
    threading.Thread(target=_keep_touching, args=(number, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()
        with contextlib.suppress(OSError):
            path.unlink()  # while it is still ours
        os.close(number)
