"""A photograph as enhancement takes it: a raw file of any camera, or a finished picture put back on a sensor."""

from lowlight_tf.cameras import CAMERAS
from lowlight_tf.image_file import PHOTOGRAPH_SUFFIXES
from lowlight_tf.picture_frame import read_picture_frame
from lowlight_tf.raw_frame import read_raw_frame


def is_picture(path):
    """Tells whether a file is a finished picture by its name."""
    return path.suffix.lower() in PHOTOGRAPH_SUFFIXES


def read_frame(path, camera=None):
    """Reads a photograph.

    Args:
      path: a raw file, or an sRGB picture: JPEG, PNG or TIFF.
      camera: the model's Camera; None for the generic one of the file's CFA, bayer for pictures.
    Returns:
      A Frame.
    Raises:
      LowlightError: for a file that cannot be read, is smaller than a CFA tile, or has another CFA than the model.
    """
    return read_picture_frame(path, camera or CAMERAS["bayer"]) if is_picture(path) else read_raw_frame(path, camera)
