"""Which model a photograph is made with: the one that is asked for, or of those that ship the one for its sensor."""

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.enhancement.engine import load_model
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


def model_of(job, config):
    """Returns the folder of the model that a Job is made with: what is asked for, or the one that ships for its sensor."""
    return config.of(job.asked).checkpoint_dir or str(shipped_model(job.source))


def by_model(jobs, config):
    """Sorts Jobs by the model that each is to be made with: {its folder: [Job]}."""
    models = {}
    for job in jobs:
        models.setdefault(model_of(job, config), []).append(job)
    return models


def load_models(models, config, problems):
    """Loads the Models of {folder: [Job]}: {folder: Model}. Where one cannot be had, that is the problem of its photographs.

    Raises:
      LowlightError: where none can.
    """
    loaded, missing = {}, []
    for folder in models:
        try:
            loaded[folder] = load_model(folder, config.mixed_precision, config.quality)
        except LowlightError as error:
            missing.append((folder, error))
    if not loaded:
        raise missing[0][1]
    for folder, error in missing:
        for job in models[folder]:
            problems.add(f"{job.source}: {error}")
    return loaded
