"""What survives a power failure: files and folders that are on the disk before they are renamed, and the renames themselves.

A rename is a change of a folder: it is on the disk when the folder is. Reference: rename(2), renameat2(2), fsync(2) of Linux; renamex_np of
macOS.
"""

import contextlib
import ctypes
import functools
import os
import pathlib
import sys

_AT_FDCWD, _EXCHANGE = -100, 2


def sync_file(path):
    """Puts a file's content on the disk.

    Raises:
      OSError: where that fails: what a disk did not take is told here, and by nobody later.
    """
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path):
    """Puts a folder's list of names on the disk, where the system can do that."""
    with contextlib.suppress(OSError):  # some network file systems cannot
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def sync_tree(path):
    """Puts a folder on the disk with all that is in it, the inmost first."""
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            place = os.path.join(folder, name)
            if os.path.isfile(place) and not os.path.islink(place):
                sync_file(place)
        sync_folder(folder)


def make_folder(path):
    """Makes a folder and those above it, where they are missing, and puts their names on the disk."""
    path = pathlib.Path(path)
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync_folder(folder.parent)


def put(source, target):
    """Renames a file whose content is not on the disk yet: after a power failure the target is the old file or the whole new one."""
    sync_file(source)
    os.replace(source, target)
    sync_folder(os.path.dirname(os.path.abspath(target)))


@functools.cache
def _exchanger():
    """Returns a function of two names (bytes) that exchanges them in one step and returns 0; None where the system has none."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return lambda one, other: library.renamex_np(one, other, _EXCHANGE)
        return functools.partial(_renameat2, library.renameat2)
    except (OSError, AttributeError, TypeError):
        return None


def _renameat2(function, one, other):
    return function(_AT_FDCWD, one, _AT_FDCWD, other, _EXCHANGE)


def exchange(one, other):
    """Exchanges two files or folders in one step: at any time both are there, one under each name.

    Returns:
      Whether it was done: not every system and file system can.
    """
    sys.audit("lowlight_tf.exchange", one, other)  # as os.rename tells of itself
    exchanger = _exchanger()
    if exchanger is None or exchanger(os.fsencode(one), os.fsencode(other)) != 0:
        return False
    for path in (one, other):
        sync_folder(os.path.dirname(os.path.abspath(path)))
    return True
