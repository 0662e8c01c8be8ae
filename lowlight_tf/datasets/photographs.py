"""Bright frames to simulate low light from: which files of a folder they are."""

import dataclasses
import pathlib

from lowlight_tf.console import warn
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.linear_file import LINEAR_SUFFIXES
from lowlight_tf.raw.photograph_files import find_in_folder
from lowlight_tf.raw.raw_file import RAW_SUFFIXES


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A bright frame.

    Attributes:
      name: unique in its set; for messages and manifests.
      path: a picture or a raw file.
      target: the picture to reach instead of the frame's own rendering, or None.
      rendered: whether the picture is coded as LibRaw's renderings are, not as sRGB.
    """

    name: str
    path: pathlib.Path
    target: pathlib.Path | None = None
    rendered: bool = False

    @property
    def is_raw(self):
        """Tells a raw file, whose mosaic is used as it is, from a picture, which is taken backwards through the camera."""
        return self.path.suffix.lower() in RAW_SUFFIXES

    @property
    def is_linear(self):
        """Tells a picture that holds linear light."""
        return self.path.suffix.lower() in LINEAR_SUFFIXES


def find_photographs(folder, problems=None):
    """Lists the pictures and raw files of a folder and the folders in it, as `photograph_files.find_in_folder`.

    Args:
      folder: path.
      problems: Problems, told of broken links and folders that cannot be read; None to print them.
    Returns:
      list of Photograph, by name: the path within `folder`.
    Raises:
      LowlightError: where the folder does not exist or holds none.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise LowlightError(f"the folder {folder} does not exist; name one with photographs (JPEG, PNG, TIFF, OpenEXR or raw)")
    paths = find_in_folder(folder, warn if problems is None else problems.add, more=LINEAR_SUFFIXES)
    if not paths:
        raise LowlightError(f"{folder} holds no photographs; expected JPEG, PNG, TIFF, OpenEXR or raw files in it or in folders in it")
    return [Photograph(path.relative_to(folder).as_posix(), path) for path in paths]
