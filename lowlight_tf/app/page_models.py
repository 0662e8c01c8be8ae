"""The models that the page offers, each loaded once."""

import contextlib
import dataclasses

import numpy as np

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.enhancement.shipped_model import shipped_model
from lowlight_tf.errors import LowlightError, UsageError

WARM_SIDE = 448  # of the network's input for a piece at 100 %


class PageModels:
    """Models by the folders that the page may name."""

    def __init__(self, folders, working):
        """Args: dict of a model's name -> its folder ("" ships); the lock that is held where TensorFlow works."""
        self._folders, self._working, self._loaded = folders, working, {}

    def model(self, folder, path=None, quality="normal"):
        """Returns the Model of one of the folders in a quality; of "" the one that ships for the sensor of a photograph.

        Raises:
          LowlightError: for another folder, or where there is no model.
        """
        if folder not in self._folders.values():
            raise UsageError(f"{folder} is none of the models of this page; expected one of {', '.join(self._folders)}")
        folder = folder or str(shipped_model(path) if path else DEFAULT_MODEL)
        with self._working:
            key = folder, quality == "fast"  # the other two are of the same parameters
            if key not in self._loaded:
                self._loaded[key] = load_model(folder, quality=quality)
            return dataclasses.replace(self._loaded[key], quality=quality)

    def warm(self):
        """Loads the first model and runs it once, so that the first click need not wait for that."""
        with contextlib.suppress(LowlightError):
            model = self.model(next(iter(self._folders.values())))
            model.run(np.zeros([1, WARM_SIDE, WARM_SIDE, model.network.input_channels], np.float32))
