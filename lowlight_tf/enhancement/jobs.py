"""What a person named -> the photographs that are meant, and where each one's result goes."""

import contextlib
import dataclasses
import functools
import glob
import os
import pathlib

from lowlight_tf.console import warn
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.provenance import is_ours, may_replace, not_ours
from lowlight_tf.raw.photograph_files import find_in_folder, folded
from lowlight_tf.raw.raw_file import RAW_SUFFIXES

OWN_NAME = "_lowlight"  # what a result's name gets where a file that is not ours has it


@dataclasses.dataclass(frozen=True)
class Job:
    """One photograph and the path of its result.

    Attributes:
      source, output: their paths.
      inside: the photograph's path below the folder that was named, with / between its parts; its name where no folder was.
      asked: a PhotoSettings where it is not what the run asks of all, or None.
    """

    source: pathlib.Path
    output: pathlib.Path
    inside: str = ""
    asked: object = None


def _is_result(path, result_dir):
    """Tells a file that an earlier run left in `result_dir`, a real path."""
    return result_dir in pathlib.Path(os.path.realpath(path)).parents and is_ours(path)


def _in_folder(folder, result_dir, problems, results):
    """Lists the photographs of a folder: not those in a result folder within it, and no results of any run, which `results` is told of."""

    def is_wanted(path):
        ours = is_ours(path)
        if ours:
            results.append(path)
        return not ours

    real = pathlib.Path(os.path.realpath(folder))
    if result_dir is None:
        return find_in_folder(folder, problems.add)
    return find_in_folder(folder, problems.add, None if result_dir in (real, *real.parents) else result_dir, is_wanted)


def named_photographs(names, result_dir, problems):
    """Finds the photographs that files, globs and folders name.

    Args:
      names: what was named on the command line.
      result_dir: where results go, whose pictures are none to work on; or None.
      problems: Problems, told of names that name nothing, of broken links and of folders that cannot be read.
    Returns:
      dict of photograph -> its path below the folder that was named, or its name. A file that is named in several ways is there once.
    """
    excluded = pathlib.Path(result_dir).resolve() if result_dir else None
    found, seen, results = {}, set(), []
    for name in names:
        paths = [pathlib.Path(name)] if os.path.lexists(name) else [pathlib.Path(path) for path in sorted(glob.glob(name, recursive=True))]
        if not paths:
            problems.add(f"{name} does not exist; give raw files, pictures, or folders that hold them")
        for path in paths:
            inside = None
            if path.is_dir():
                inside = {photograph: photograph.relative_to(path) for photograph in _in_folder(path, excluded, problems, results)}
                if not inside:
                    problems.add(f"{path} holds no photographs; expected raw files ({', '.join(RAW_SUFFIXES[:5])}, ...), JPEG, PNG or TIFF")
            elif excluded and _is_result(path, excluded):
                results.append(path)
                continue
            for photograph, place in ({path: pathlib.Path(path.name)} if inside is None else inside).items():
                entry = (os.path.realpath(photograph.parent), photograph.name)
                if entry not in seen:
                    seen.add(entry)
                    found[photograph] = place
    if results:
        more = f" and {len(results) - 1} more" if results[1:] else ""
        warn(f"{results[0]}{more} left out: results of an earlier run")
    return found


def _names_in(folder):
    """Returns {folded name: [names]} of what is in a folder."""
    names = {}
    with contextlib.suppress(OSError):  # it need not be there yet
        for name in os.listdir(folder):
            names.setdefault(folded(name), []).append(name)
    return names


class _Chooser:
    """Chooses which of its two names a result gets, by what is there: so that nothing of the user's is replaced.

    A result has its photograph's name. Where a file has it, in whatever capitals, that lowlight_tf did not write, the result has its own
    name, which the next run finds again. With `overwrite` such a photograph is refused, unless an earlier run gave the own name.
    """

    def __init__(self, plain_names, overwrite):
        self._plain_names, self._overwrite = set(map(folded, plain_names)), overwrite
        self._is_ours = may_replace if overwrite else is_ours
        self._names_in = functools.cache(_names_in)
        self.own_named = 0

    def _state(self, path):
        """Tells whether a result "can be" at a path, "is" there already, or must not be, for a "stranger" is there."""
        if os.path.lexists(path):
            return "is" if self._is_ours(path) else "stranger"
        alike = self._names_in(path.parent).get(folded(path.name), ())
        return "can be" if all(is_ours(path.with_name(name)) for name in alike) else "stranger"

    def choose(self, plain, own):
        """Returns the path of a result whose names would be `plain` and `own`.

        Raises:
          LowlightError: where it can have neither.
        """
        state, own_state = self._state(plain), self._state(own)
        if own_state == "is" and state != "is" and folded(own) not in self._plain_names:
            return own
        if state != "stranger":
            return plain
        if own_state != "can be":
            raise LowlightError(not_ours(plain, f"{own.name} is no name for a result either; name another --result_dir"))
        if self._overwrite:
            raise LowlightError(not_ours(plain, f"name another --result_dir, or leave --overwrite out: the result is {own.name} then"))
        self.own_named += 1
        return own


def plan_jobs(names, result_dir, suffix, problems, overwrite=False):
    """Plans what becomes of what.

    Args:
      names, problems: as `named_photographs`.
      result_dir: where results go.
      suffix: what result names end with, such as ".jpg".
      overwrite: whether results that are there are to be made again.
    Returns:
      list of Job, none of which writes to another's output, or to a file that lowlight_tf did not write; empty where no photograph that
      was named can have its result there.
    Raises:
      LowlightError: where no photograph is named.
    """
    found = named_photographs(names, result_dir, problems)
    if not found:
        raise LowlightError(f"nothing to work on in {', '.join(map(str, names))}; give raw files, pictures, or folders that hold them")
    plain = {source: pathlib.Path(result_dir) / inside.with_name(inside.stem + suffix) for source, inside in sorted(found.items())}
    chooser, taken, jobs = _Chooser(plain.values(), overwrite), {}, []
    for source, output in plain.items():
        try:
            output = chooser.choose(output, output.with_name(source.stem + OWN_NAME + suffix))
        except LowlightError as error:
            problems.add(f"{source}: {error}")
            continue
        other = taken.setdefault(folded(output), source)
        if other is not source:
            problems.add(f"{source}: its result would have the name of {other}'s, {output}; run it with another --result_dir")
        else:
            jobs.append(Job(source, output, found[source].as_posix()))
    if chooser.own_named:
        warn(f"Files that lowlight_tf did not write stay; results of their names get {OWN_NAME} added: {chooser.own_named}")
    return jobs


def missing_results(jobs, overwrite):
    """Returns the Jobs that are to be done: all of them with `overwrite`, else those without a result."""
    return [job for job in jobs if overwrite or not job.output.exists()]
