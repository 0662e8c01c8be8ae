"""A photograph as enhancement takes it: a raw file of any camera, or a finished picture put back on a sensor."""

from lowlight_tf.enhancement.picture_frame import read_picture_frame
from lowlight_tf.errors import LowlightError, NotRawError
from lowlight_tf.pictures.image_file import PHOTOGRAPH_SUFFIXES, content_kind, is_finished_picture
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.raw_frame import read_raw_frame


def is_picture(path):
    """Tells whether a file is a finished picture by its name: for lists of files, which are not opened."""
    return path.suffix.lower() in PHOTOGRAPH_SUFFIXES


def read_frame(path, camera=None):
    """Reads a photograph, which its content tells to be raw or finished, not its name: raw files of a Canon 1Ds are named .TIF.

    Args:
      path: a raw file, or a picture: JPEG, PNG or TIFF.
      camera: the model's Camera; None for the generic one of the file's CFA, bayer for pictures.
    Returns:
      A Frame.
    Raises:
      LowlightError: for a file that cannot be read, is smaller than a CFA tile, or has another CFA than the model.
    """
    if is_finished_picture(path):
        return read_picture_frame(path, camera or CAMERAS["bayer"])
    try:
        return read_raw_frame(path, camera)
    except LowlightError as error:
        # Only a TIFF can be of both kinds. What nobody knows is called by its name: a damaged JPEG rather than no raw file.
        if isinstance(error, NotRawError) if content_kind(path) else is_picture(path):
            return read_picture_frame(path, camera or CAMERAS["bayer"])
        raise
