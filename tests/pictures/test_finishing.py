"""The last steps of a picture: the same in strips as at once, and 8 bits that are those of the 16."""

import numpy as np
import pytest

from lowlight_tf.pictures import finishing
from lowlight_tf.pictures.finishing import Finish, finish
from lowlight_tf.pictures.image_file import to_uint8

CCM = np.linalg.inv([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]]).astype(np.float32)


def pictures(height, width):
    random = np.random.RandomState(0)
    output = random.uniform(-0.1, 1.2, (height, width, 3)).astype(np.float32)
    return output, random.randint(0, 65536, (height, width, 3)).astype(np.uint16)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("size", [(11, 6), (11, 1), (1, 40)])
def test_strips_give_the_whole_picture(size, strength, monkeypatch):
    output, plain = pictures(*size)
    given = (output if strength > 0 else None, plain if strength < 1 else None, CCM, "camera_rgb", Finish(strength, stops=0.3))
    whole = finish(*given)
    monkeypatch.setattr(finishing, "_STRIP", 20)  # 3, 20 and 1 rows, and what is left
    np.testing.assert_allclose(finish(*given).astype(int), whole, rtol=0, atol=1)
    assert whole.dtype == np.uint16 and whole.shape == (*size, 3) and np.ptp(whole) > 30000


@pytest.mark.parametrize("settings", [Finish(), Finish(linear=True), Finish(curve="bt709")])
def test_eight_bits_are_the_sixteen_rounded(settings):
    output, _ = pictures(50, 60)
    sixteen = finish(output, None, CCM, "camera_rgb", settings)
    eight = finish(output, None, CCM, "camera_rgb", Finish(linear=settings.linear, curve=settings.curve, eight_bits=True))
    np.testing.assert_array_equal(eight, to_uint8(sixteen))


def test_black_and_white_stay_what_they_are():
    for stops in (0, 8):
        picture = finish(None, np.zeros((2, 2, 3), np.uint16), np.eye(3), "srgb", Finish(0.0, stops))
        np.testing.assert_array_equal(picture, 0)
    np.testing.assert_array_equal(finish(np.ones((2, 2, 3), np.float32), None, np.eye(3), "srgb", Finish()), 65535)


def test_two_sizes_are_refused():
    output, plain = pictures(4, 4)
    with pytest.raises(ValueError, match="expected the same"):
        finish(output, np.tile(plain, (2, 1, 1)), CCM, "srgb", Finish(0.5))
