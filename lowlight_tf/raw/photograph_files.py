"""The one search for photographs: what is in a folder and below it, links followed, each photograph once."""

import os
import pathlib
import unicodedata

from lowlight_tf.console import warn
from lowlight_tf.files import is_within
from lowlight_tf.pictures.image_file import PHOTOGRAPH_SUFFIXES
from lowlight_tf.raw.raw_file import RAW_SUFFIXES

SUFFIXES = (*RAW_SUFFIXES, *PHOTOGRAPH_SUFFIXES)


def folded(path):
    """Returns a path as file systems compare paths that tell neither capitals nor the ways to write an accent apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", os.fspath(path)).casefold())


def _identity(path):
    """What tells a real folder from all others, whatever path led to it."""
    found = os.stat(path)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)


def _is_folder(entry):
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()  # a link to itself is none, and no error


def _is_broken_photograph(entry):
    """Tells a link that leads nowhere and may have led to photographs: by its name to one, or to a folder of them."""
    suffix = os.path.splitext(entry.name)[1].lower()
    return entry.is_symlink() and not os.path.exists(entry.path) and (not suffix or suffix in SUFFIXES)


def _entries(folder, report):
    """Lists what is in a folder, by name, hidden files and folders left out; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        report(f"{folder} cannot be searched for photographs: {error.strerror}")
        return []


def _new_files(links, found, excluded):
    """Leaves out links to files that are listed already, or lie in the folder that is not searched."""
    listed, new = {os.path.realpath(path) for path in found} if links else set(), []
    for link in sorted(links):
        real = os.path.realpath(link)
        if real not in listed and not (excluded and is_within(real, excluded)):
            listed.add(real)
            new.append(link)
    return new


def walk(folder, suffixes, report, excluded=None):
    """Lists the files of a folder and the folders in it, whose names end with one of `suffixes`, capitals or not.

    Links are followed. A folder or file that is reached by several paths is listed once, by the path with the fewest links. Hidden files
    and folders are left out, among them the ._ files in which macOS keeps what other disks cannot.

    Args:
      folder: path.
      suffixes: tuple of endings, in small letters.
      report: function of a line of text, told of broken links and of folders that cannot be read.
      excluded: real path of a folder that is not searched, or None.
    Returns:
      list of pathlib.Path below `folder`, sorted.
    """
    found, file_links, folder_links, waiting, seen = [], [], [], [os.fspath(folder)], set()
    while waiting or folder_links:
        current = waiting.pop() if waiting else folder_links.pop(0)
        try:
            identity, real = _identity(current), os.path.realpath(current)
        except OSError as error:
            report(f"{current} cannot be searched for photographs: {error.strerror}")
            continue
        if identity in seen or (excluded and is_within(real, excluded)):
            continue
        seen.add(identity)
        for entry in _entries(current, report):
            if _is_folder(entry):
                (folder_links if entry.is_symlink() else waiting).append(entry.path)
            elif _is_broken_photograph(entry):
                report(f"{entry.path} is a link that leads nowhere")
            elif entry.name.lower().endswith(suffixes) and os.path.isfile(entry.path):
                (file_links if entry.is_symlink() else found).append(pathlib.Path(entry.path))
    return sorted(found + _new_files(file_links, found, excluded))


def without_twins(paths):
    """Leaves out pictures beside a raw file of their name, such as a camera's own JPEG of it, capitals or not.

    Args:
      paths: list of pathlib.Path.
    Returns:
      The others, in their order.
    """
    raws = {folded(path.with_suffix("")) for path in paths if path.suffix.lower() in RAW_SUFFIXES}
    return [path for path in paths if path.suffix.lower() in RAW_SUFFIXES or folded(path.with_suffix("")) not in raws]


def find_in_folder(folder, report, excluded=None, is_wanted=lambda path: True, more=()):
    """Lists the photographs of a folder and the folders in it, raw files without the pictures that are their twins.

    Args:
      folder, report, excluded: as `walk`.
      is_wanted: function of a pathlib.Path; what it refuses counts as no photograph.
      more: tuple of endings of files that are wanted besides raw files and pictures.
    Returns:
      list of pathlib.Path, sorted.
    """
    paths = [path for path in walk(folder, (*SUFFIXES, *more), report, excluded) if is_wanted(path)]
    chosen = without_twins(paths)
    if len(chosen) < len(paths):
        number = len(paths) - len(chosen)
        warn(f"{folder}: {number} picture{'s' if number > 1 else ''} beside a raw file of the same name left out; the raw file is taken")
    return chosen
