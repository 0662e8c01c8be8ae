"""Which checkpoints a folder holds, by the names of its files, and which of them is gone on from: the newest that is whole."""

import pathlib
import re

from lowlight_tf.checkpoints import weights
from lowlight_tf.console import warn
from lowlight_tf.errors import LowlightError

CONFIG_NAME = "config.json"
# Exactly the names that we give: 18 digits fit into an int64.
_INDEX = re.compile(r"ckpt-(0|[1-9][0-9]{0,17})\.index")
_DATA = re.compile(r"ckpt-(0|[1-9][0-9]{0,17})\.data-[0-9]{5}-of-[0-9]{5}")


class DamagedCheckpoint(LowlightError):
    """A checkpoint that cannot be used, though its names and shapes are the network's: the one before may be whole."""


def whole_steps(checkpoint_dir):
    """Returns the steps of the whole checkpoints, ascending. Whole: the .index is there, which is put into place last."""
    names = (_INDEX.fullmatch(path.name) for path in pathlib.Path(checkpoint_dir).glob("ckpt-*.index"))
    return sorted(int(name[1]) for name in names if name)


def prefix_of(checkpoint_dir, step):
    """Returns the path prefix of the checkpoint of a step."""
    return str(pathlib.Path(checkpoint_dir) / f"ckpt-{step}")


def latest(checkpoint_dir):
    """Returns the path prefix of the newest whole checkpoint, or None where there is none yet.

    The files themselves are asked: TensorFlow's file `checkpoint` may be older than they are, or lost in a copy.
    """
    steps = whole_steps(checkpoint_dir)
    return prefix_of(checkpoint_dir, steps[-1]) if steps else None


def from_newest(checkpoint_dir, restore):
    """Restores the newest checkpoint; where it is damaged the one before, aloud.

    Args:
      restore: function of a path prefix that raises DamagedCheckpoint.
    Returns:
      what `restore` returned, and the prefixes that were damaged; None and [] where there is no checkpoint.
    """
    damaged = {}
    for step in reversed(whole_steps(checkpoint_dir)):
        prefix = prefix_of(checkpoint_dir, step)
        if damaged:
            warn(f"warning: {[*damaged.values()][-1]}; going on from the one before it, {prefix}")
        try:
            return restore(prefix), [*damaged]
        except DamagedCheckpoint as error:
            damaged[prefix] = error
    if damaged:
        raise LowlightError(
            f"{next(iter(damaged.values()))}; no other checkpoint in {checkpoint_dir} is whole: restore it from a "
            "backup, or name another --checkpoint_dir"
        )
    return None, []


def orphans(checkpoint_dir, kept):
    """Lists the data files of checkpoints whose steps are not among `kept`: what a killed removal leaves, whose index goes first."""
    names = ((path, _DATA.fullmatch(path.name)) for path in pathlib.Path(checkpoint_dir).glob("ckpt-*.data-*"))
    return [path for path, name in names if name and int(name[1]) not in kept]


def check_new(folder, flag):
    """Refuses a folder for a new model that holds anything: what is in it would be lost, or be mixed with the model.

    Raises:
      LowlightError: naming what is there; `flag` is what another folder is named by.
    """
    folder = pathlib.Path(folder)
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else [folder.name] if folder.exists() else []
    if latest(folder) or CONFIG_NAME in there or weights.NAME in there:
        raise LowlightError(f"{folder} holds a model already; name a new {flag}")
    if there:
        raise LowlightError(f"{folder} holds other files ({', '.join(there[:3])}), which stay; name a new {flag}")
