"""Parameters alone in one small file, to be shipped with a program: weights.npz, float16."""

import pathlib
import zipfile

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.files import atomic_path

NAME = "weights.npz"
_STEP = "step"


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
    largest = max(float(np.abs(value).max()) for value in arrays.values())
    if not largest <= 65504:  # float16's largest number
        raise LowlightError(f"a parameter is as large as {largest:.3g}, which float16 cannot hold; train on with a smaller --learning_rate")
    with atomic_path(pathlib.Path(folder) / NAME) as temporary:
        np.savez(temporary, **{name: value.astype(np.float16) for name, value in arrays.items()}, **{_STEP: np.int64(step)})


def read_weights(folder):
    """Reads a weights.npz.

    Args:
      folder: that holds it.
    Returns:
      dict from name to float32 array, and the step; None where there is no such file.
    Raises:
      LowlightError: for a damaged file.
    """
    path = pathlib.Path(folder) / NAME
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        step = int(values.pop(_STEP))
        return {name: value.astype(np.float32) for name, value in values.items()}, step
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LowlightError(f"{path} is damaged ({error}); get it anew from where it came from") from error
