"""What lowlight.json keeps of a development, for the page: taken up when the folder is opened again, and added to by each result."""

import dataclasses
import os
import pathlib

from lowlight_tf.enhancement.settings import FILE_NAME, Settings, read_settings


def kept_settings(result_dir, folder, names, models):
    """Returns the Settings that an earlier development of a folder has left; None where there are none.

    Args:
      result_dir: the folder of the results.
      folder: the photographs'.
      names: of the photographs that are there; what is kept of others is left out.
      models: folders of the page's models; photographs of other models are left out.
    Raises:
      UsageError: where the file cannot be read.
    """
    path = pathlib.Path(result_dir) / FILE_NAME
    if not path.exists():
        return None
    kept = read_settings(path)
    if not kept.folder or os.path.realpath(kept.folder) != os.path.realpath(folder):
        return None
    known = {os.path.realpath(model) for model in models if model}
    asked = {
        name: one for name, one in kept.photographs.items() if name in names and (not one.model or os.path.realpath(one.model) in known)
    }
    return dataclasses.replace(kept, photographs=asked)


def with_result(before, job, config, folder):
    """Returns the Settings with what one more result was made with. A folder's file is of one format and one quality.

    Args:
      before: the Settings of the folder of results so far, or None.
      job: the Job that was done.
      config: the EnhanceConfig.
      folder: the photographs', or None.
    """
    made = config.kind, config.jpeg_quality, config.quality
    same = before and (before.kind, before.jpeg_quality, before.quality) == made
    photographs = {**(before.photographs if same else {}), job.inside: job.asked}
    return Settings(photographs, str(folder) if folder else "", *made)
