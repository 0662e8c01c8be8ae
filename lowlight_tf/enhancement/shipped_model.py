"""Which of the models that ship is for a photograph: one for each kind of sensor."""

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.errors import LowlightError
from lowlight_tf.raw.cameras import cfa_kind
from lowlight_tf.raw.libraw import cfa_letters, opened


def model_for(cfa):
    """Returns the folder of the model that ships for a sensor: models/xtrans for X-Trans where it is there, else models/bayer.

    Args:
      cfa: colours of the CFA's tile, 4 or 36 letters.
    """
    xtrans = DEFAULT_MODEL.parent / "xtrans"
    return xtrans if cfa_kind(cfa) == "X-Trans" and (xtrans / "config.json").is_file() else DEFAULT_MODEL


def shipped_model(path):
    """Returns the folder of the model that ships for a photograph, by the head of its file.

    What is no raw file is put on a Bayer sensor, and what cannot be read is somebody else's to report.

    Args:
      path: a raw file or a picture.
    """
    try:
        with opened(path, decode=False) as raw:
            return model_for(cfa_letters(raw, path))
    except LowlightError:
        return DEFAULT_MODEL
