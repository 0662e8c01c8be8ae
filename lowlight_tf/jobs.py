"""What a person named -> the photographs that are meant, and where each one's result goes."""

import dataclasses
import glob
import os
import pathlib

from lowlight_tf.errors import LowlightError
from lowlight_tf.frame_source import is_picture
from lowlight_tf.image_file import PHOTOGRAPH_SUFFIXES
from lowlight_tf.raw_file import RAW_SUFFIXES


@dataclasses.dataclass(frozen=True)
class Job:
    """One photograph and the path of its result."""

    source: pathlib.Path
    output: pathlib.Path


def _in_folder(folder, result_dir):
    """Lists the photographs below a folder, by name: not those in result_dir, and no picture beside a raw file of its name."""
    def relevant(path):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        return not hidden and path.suffix.lower() in (*RAW_SUFFIXES, *PHOTOGRAPH_SUFFIXES) and result_dir not in path.resolve().parents

    found = sorted(pathlib.Path(root, name) for root, _, names in os.walk(folder) for name in names)
    found = [path for path in found if relevant(path)]
    raws = {path.with_suffix("") for path in found if not is_picture(path)}
    return [path for path in found if not (is_picture(path) and path.with_suffix("") in raws)]


def find_photographs(names, result_dir, problems):
    """Finds the photographs that files, globs and folders name.

    Args:
      names: what was named on the command line.
      result_dir: where results go, whose pictures are none to work on; or None.
      problems: Problems, told of names that name nothing.
    Returns:
      dict of photograph -> its path below the folder that was named, or its name.
    """
    excluded, found = pathlib.Path(result_dir).resolve() if result_dir else None, {}
    for name in names:
        paths = [pathlib.Path(name)] if os.path.lexists(name) else [pathlib.Path(path) for path in sorted(glob.glob(name, recursive=True))]
        if not paths:
            problems.add(f"{name} does not exist; give raw files, pictures, or folders that hold them")
        for path in paths:
            inside = {photograph: photograph.relative_to(path) for photograph in _in_folder(path, excluded)} if path.is_dir() else None
            if inside == {}:
                problems.add(f"{path} holds no photographs; expected raw files ({', '.join(RAW_SUFFIXES[:5])}, ...), JPEG, PNG or TIFF")
            for photograph, place in ({path: pathlib.Path(path.name)} if inside is None else inside).items():
                found.setdefault(photograph, place)
    return found


def plan_jobs(names, result_dir, suffix, problems):
    """Plans what becomes of what.

    Args:
      names, problems: as `find_photographs`.
      result_dir: where results go.
      suffix: what result names end with, such as ".jpg".
    Returns:
      list of Job, none of which writes to another's output, or over a photograph.
    Raises:
      LowlightError: where there is nothing to do.
    """
    found = find_photographs(names, result_dir, problems)
    outputs, jobs = {}, []
    sources = {path.resolve() for path in found}
    for source, inside in sorted(found.items()):
        output = pathlib.Path(result_dir) / inside.with_name(inside.stem + suffix)
        if output.resolve() in sources:
            problems.add(f"{source}: its result would take the place of the photograph {output}; name another --result_dir")
        elif output in outputs:
            problems.add(f"{source}: its result would have the name of {outputs[output]}'s, {output}; run it with another --result_dir")
        else:
            outputs[output] = source
            jobs.append(Job(source, output))
    if not jobs:
        raise LowlightError(f"nothing to work on in {', '.join(map(str, names))}; give raw files, pictures, or folders that hold them")
    return jobs
