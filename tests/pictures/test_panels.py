"""Sheets of pictures: where each stands, by worked sizes, and what is between them."""

import numpy as np
import pytest

from lowlight_tf.pictures.image_file import rationals
from lowlight_tf.pictures.panels import in_line, labelled


def test_a_line_of_text_stands_over_the_picture():
    picture = np.full([30, 90, 3], 77, np.uint8)
    sheet = labelled(picture, "x30", strip=20)
    assert sheet.shape == (50, 90, 3) and sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet[20:], picture)
    assert sheet[:20].min() < 128 and (sheet[:3] == 255).all() and (sheet[:20, 60:] == 255).all()  # text near the left, 4 pixels down
    larger = labelled(picture, "x30", strip=20, font_size=16)
    assert (larger[:20] < 128).sum() > (sheet[:20] < 128).sum()
    assert (labelled(picture, "x31", strip=20) != sheet).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pictures_in_a_line_have_white_between_them(dtype):
    across = in_line([np.full([4, 5, 3], value, dtype) for value in (1, 2, 3)], 2, axis=1)
    assert across.shape == (4, 19, 3) and across.dtype == dtype
    assert across[0, :, 0].tolist() == [1] * 5 + [255] * 2 + [2] * 5 + [255] * 2 + [3] * 5
    down = in_line([np.full([4, 5, 3], 1, dtype), np.full([2, 5, 3], 2, dtype)], 1, axis=0)  # one may be higher than the other
    assert down[:, 0, 0].tolist() == [1] * 4 + [255] + [2] * 2


def test_rationals_by_hand():
    assert rationals([0.5, -0.25]) == (5000, 10000, -2500, 10000)
    assert rationals(np.array([[1.0, 1 / 3]]), 1000000) == (1000000, 1000000, 333333, 1000000)
