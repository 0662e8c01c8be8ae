"""Parameters alone in one small file, to be shipped with a program: weights.npz, float16."""

import contextlib
import math
import pathlib
import zipfile

import numpy as np

from lowlight_tf.errors import LowlightError, first_line
from lowlight_tf.files import atomic_path

NAME = "weights.npz"
_STEP = "step"
_MOST_ARRAYS = 1000


def check_half(arrays):
    """Refuses parameters that float16 cannot hold.

    Args:
      arrays: dict from name to array or variable.
    Raises:
      LowlightError.
    """
    largest = max(float(np.abs(np.asarray(value)).max()) for value in arrays.values())
    if not largest <= 65504:  # float16's largest number
        raise LowlightError(f"a parameter is as large as {largest:.3g}, which float16 cannot hold; train on with a smaller --learning_rate")


def write_weights(folder, params, step):
    """Writes parameters as float16, half of a checkpoint's size: eleven bits of each are kept, which no picture of 8 bits shows.

    Args:
      folder: where weights.npz goes.
      params: dict from name to float32 variable or array.
      step: steps of training they are of.
    Raises:
      LowlightError: where a value is beyond float16. OutputError: where the file cannot be written.
    """
    arrays = {name: np.asarray(value) for name, value in params.items()}
    check_half(arrays)
    with atomic_path(pathlib.Path(folder) / NAME) as temporary:
        np.savez(temporary, **{name: value.astype(np.float16) for name, value in arrays.items()}, **{_STEP: np.int64(step)})


def _header(archive, member):
    """Reads what a part of the archive says of itself: (shape, dtype), held against the size that is stored.

    Raises:
      ValueError: where it is no plain array of numbers.
    """
    with archive.open(member) as file:
        read = np.lib.format.read_array_header_1_0 if np.lib.format.read_magic(file) == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.kind not in "fi" or member.file_size != file.tell() + math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{member.filename} is no array of its size")
    return shape, dtype


@contextlib.contextmanager
def _opened(path):
    """Opens an archive and turns whatever is wrong with it into a line; yields {name of an array: its member} and the archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if len(members) != len(archive.infolist()) or len(members) > _MOST_ARRAYS or _STEP not in members:
                raise ValueError("it does not hold the arrays of a model, each once")
            yield members, archive
    except LowlightError:
        raise
    except Exception as error:  # zipfile and its decompressors raise whatever the place of the damage does
        raise LowlightError(f"{path} is damaged ({first_line(error)[:99]}); get it anew from where it came from") from error


def read_shapes(folder):
    """Returns {name: shape} of the parameters in a weights.npz without reading them; None where there is no such file.

    Raises:
      LowlightError: as `read_weights`.
    """
    path = pathlib.Path(folder) / NAME
    if not path.is_file():
        return None
    with _opened(path) as (members, archive):
        return {name: list(_header(archive, member)[0]) for name, member in members.items() if name != _STEP}


def read_weights(folder):
    """Reads a weights.npz. What it unpacks to is what its headers say: hold `read_shapes` against the network before.

    Args:
      folder: that holds it.
    Returns:
      dict from name to float32 array, and the step; None where there is no such file.
    Raises:
      LowlightError: for a damaged file, and for values that are not finite.
    """
    path = pathlib.Path(folder) / NAME
    if not path.is_file():
        return None
    values = {}
    with _opened(path) as (members, archive):
        for name, member in members.items():
            _header(archive, member)
            with archive.open(member) as file:
                values[name] = np.lib.format.read_array(file, allow_pickle=False)
        step = int(values.pop(_STEP))
    bad = [name for name, value in values.items() if not np.isfinite(value).all()]
    if bad:
        raise LowlightError(f"{path} holds values that are not finite, in {', '.join(bad[:5])}; get it anew from where it came from")
    return {name: value.astype(np.float32) for name, value in values.items()}, step
