"""Pictures on one sheet, to be compared: a line of text over each, white between them."""

import numpy as np
from PIL import Image, ImageDraw


def labelled(picture, text, strip, font_size=None):
    """Puts a line of text over a picture.

    Args:
      picture: uint8 [H, W, 3].
      text: what it says.
      strip: pixels that the line is high.
      font_size: pixels; None for Pillow's own.
    Returns:
      uint8 [strip + H, W, 3].
    """
    line = Image.new("RGB", (picture.shape[1], strip), "white")
    ImageDraw.Draw(line).text((4, 4), text, fill="black", font_size=font_size)
    return np.concatenate([np.asarray(line), picture])


def in_line(pictures, gap, axis):
    """Joins pictures [H, W, 3] of one dtype along an axis, 0 or 1, with `gap` pixels of white, 255, between them."""
    pictures = list(pictures)
    shape = list(pictures[0].shape)
    shape[axis] = gap
    white = np.full(shape, 255, pictures[0].dtype)
    return np.concatenate([part for picture in pictures for part in (picture, white)][:-1], axis=axis)
