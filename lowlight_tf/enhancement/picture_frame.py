"""A finished picture, put back on a sensor -> Frame."""

import numpy as np
import tensorflow as tf

from lowlight_tf.isp.color import srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.pictures.image_file import decode_picture
from lowlight_tf.raw.frame import Frame, check_size

# The as-shot gains given to pictures, whose own are lost: daylight, about.
_PICTURE_GAINS = (2.0, 1.0, 1.6)
_ROWS = 768  # of a picture at a time: whole tiles of any CFA


def _recorded(picture, camera):
    """Puts a picture on the camera's sensor: uint16 [H, W, 3] sRGB -> uint16 [H, W] counts. In strips, to spare memory."""
    black, white = camera.levels
    light, from_srgb = srgb_to_linear(np.arange(65536, dtype=np.float32) / 65535).numpy(), srgb_to_camera_matrix(camera.xyz_to_camera)
    recorded = np.empty(picture.shape[:2], np.uint16)
    for row in range(0, len(picture), _ROWS):
        strip = mosaic(to_sensor(light[picture[row : row + _ROWS]], from_srgb, _PICTURE_GAINS), camera.cfa)
        recorded[row : row + _ROWS] = tf.cast(tf.round(strip * (white - black) + black), tf.uint16).numpy()
    return recorded


def read_picture_frame(path, camera):
    """Reads a finished picture, and puts it on the sensor of the model's Camera: a Frame.

    Raises:
      LowlightError: for a file that cannot be read or is smaller than a CFA tile.
    """
    picture = decode_picture(path)
    check_size(path, picture.values.shape[:2], camera)
    black, white = camera.levels
    return Frame(
        path,
        picture.kind,
        _recorded(picture.values, camera),
        camera.cfa,
        (0, 0),
        (float(black),) * 4,
        float(white),
        _PICTURE_GAINS,
        np.linalg.inv(srgb_to_camera_matrix(camera.xyz_to_camera)),
        picture.flip,
        picture.metadata,
        (f"from a {picture.kind}, a lesser substitute for raw", *picture.notes),
        daylight_gains=_PICTURE_GAINS,
    )
