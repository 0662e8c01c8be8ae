"""White balance: its words, its numbers against published white points, and what it does to a Frame."""

import dataclasses

import numpy as np
import pytest
from conftest import write_frame

from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.isp.color import srgb_to_linear
from lowlight_tf.pictures.image_file import write_png
from lowlight_tf.raw import balancing
from lowlight_tf.raw.balancing import balanced, check_takes_balance, gains_of, grey_gains, nearest_temperature
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface
from lowlight_tf.raw.white_balance import AS_SHOT, of_gains, parse_white_balance, temperature


@pytest.mark.parametrize("text", ["as_shot", "daylight", "5200K", "3200K+20", "6504K-7.5", "2.1,1,1.6"])
def test_its_words_come_back(text):
    assert str(parse_white_balance(text)) == text and parse_white_balance(str(parse_white_balance(text))) == parse_white_balance(text)


@pytest.mark.parametrize(
    "text",
    ["", "sunny", "5200", "5200K10", "100K", "99999K", "5200K+900", "1,2", "0,1,1", "nan,1,1", "-1,1,1", "1,1,1,1", "1,1,9999", "inf,1,1"],
)
def test_other_words_are_refused(text):
    with pytest.raises(UsageError, match="white balance"):
        parse_white_balance(text)


def test_green_is_one():
    assert of_gains([4, 2, 1]).values == (2.0, 1.0, 0.5)


# CIE 15: illuminant A is a black body of 2856 K at (0.44757, 0.40745). The Planckian locus at 6504 K: (0.3135, 0.3237); at 4000 K
# (0.3805, 0.3768). Wyszecki and Stiles, Color Science, table 1(3.11).
@pytest.mark.parametrize(
    "kelvin, x, y", [(2856, 0.44757, 0.40745), (4000, 0.3805, 0.3768), (6504, 0.3135, 0.3237), (10000, 0.2807, 0.2884)]
)
def test_black_bodies(kelvin, x, y):
    assert balancing.white_point(kelvin) == (pytest.approx(x, abs=5e-4), pytest.approx(y, abs=5e-4))


def test_a_positive_tint_is_a_greener_light():
    (_, y), (_, greener) = balancing.white_point(5000), balancing.white_point(5000, 30)
    assert greener > y + 0.005 and balancing.white_point(5000, -30)[1] < y - 0.005


@pytest.fixture
def frame(tmp_path):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=300)
    return read_frame(tmp_path / "a.dng", CAMERAS["bayer"])


def test_daylight_is_what_the_matrix_says(frame):
    """The neutral of D65 by DNG's chapter 6: matrix times white point."""
    neutral = np.asarray(CAMERAS["sony"].xyz_to_camera) @ np.array([0.95047, 1.0, 1.08883])
    expected = (1 / neutral) / (1 / neutral).min()
    np.testing.assert_allclose(gains_of(frame, parse_white_balance("daylight")), expected, rtol=2e-3)
    for balance in ("6504K+9.6", "6504K+10"):  # D65 lies 0.0032 above the locus
        np.testing.assert_allclose(gains_of(frame, parse_white_balance(balance)), expected, rtol=0.01)


def test_temperatures_and_tints_by_direction(frame):
    warm, neutral, cold = (gains_of(frame, temperature(kelvin)) for kelvin in (3000, 5000, 9000))
    red_to_blue = [gains[0] / gains[2] for gains in (warm, neutral, cold)]
    assert red_to_blue == sorted(red_to_blue) and red_to_blue[2] > 2 * red_to_blue[0]
    green, magenta = gains_of(frame, temperature(5000, -40)), gains_of(frame, temperature(5000, 40))
    assert green[1] / (green[0] + green[2]) > magenta[1] / (magenta[0] + magenta[2])


@pytest.mark.parametrize("kelvin, tint", [(2400, 0), (3200, -30), (5500, 12), (9000, 60)])
def test_a_temperature_is_found_again(frame, kelvin, tint):
    found = nearest_temperature(balanced(frame, temperature(kelvin, tint)))
    assert found == (pytest.approx(kelvin, rel=0.01), pytest.approx(tint, abs=1.5))


def test_as_shot_changes_nothing_and_its_own_gains_change_no_pixel(frame):
    assert balanced(frame, AS_SHOT) is frame
    frame = dataclasses.replace(frame, wb_gains=(2.0, 1.0, 2.4))
    same = balanced(frame, of_gains(frame.wb_gains))
    assert same.wb_gains == frame.wb_gains and "white balance 2,1,2.4" in same.notes
    np.testing.assert_array_equal(same.plain(20.0), frame.plain(20.0))


def test_the_plain_rendering_of_a_grey_spot_is_grey(tmp_path):
    mosaic = np.full([64, 80], 512, np.uint16)
    for (row, column), light in {(0, 0): 1000, (0, 1): 2000, (1, 0): 2000, (1, 1): 500}.items():
        mosaic[row::2, column::2] += light
    write_frame(tmp_path / "a.dng", mosaic=mosaic)
    frame = read_frame(tmp_path / "a.dng", CAMERAS["bayer"])
    gains = grey_gains(frame, 30, 41)
    assert gains == (2.0, 1.0, 4.0)
    red, green, blue = balanced(frame, of_gains(gains)).plain(2.0)[20:40, 20:60].reshape(-1, 3).mean(0)
    assert red == pytest.approx(green, rel=2e-3) and blue == pytest.approx(green, rel=2e-3)
    red, green, blue = frame.plain(2.0)[20:40, 20:60].reshape(-1, 3).mean(0)
    assert blue < 0.9 * green


@pytest.mark.parametrize("level, word", [(512, "black"), (16383, "clipped")])
def test_a_spot_without_a_colour_is_refused(tmp_path, level, word):
    write_frame(tmp_path / "a.dng", mosaic=np.where(np.arange(80) < 40, level, 900)[None].repeat(64, 0).astype(np.uint16))
    frame = read_frame(tmp_path / "a.dng", CAMERAS["bayer"])
    with pytest.raises(LowlightError, match=f"is {word}"):
        grey_gains(frame, 32, 10)
    assert len(grey_gains(frame, 63, 79)) == 3  # at the edge


def test_a_finished_picture_is_balanced_in_its_cameras_colours(tmp_path):
    write_png(tmp_path / "a.png", np.full([60, 90, 3], 20000, np.uint16))
    frame = read_frame(tmp_path / "a.png", CAMERAS["bayer"])
    np.testing.assert_allclose(balanced(frame, of_gains(frame.wb_gains)).plain(1.5), frame.plain(1.5), atol=2)
    double_red = of_gains((2 * frame.wb_gains[0], *frame.wb_gains[1:]))
    light = srgb_to_linear(balanced(frame, double_red).plain(1.0)[5, 5] / np.float32(65535)).numpy()
    grey = srgb_to_linear(np.float32(20000 / 65535)).numpy()
    np.testing.assert_allclose(np.linalg.inv(frame.ccm) @ light, grey * np.array([2.0, 1.0, 1.0]), rtol=0.01)
    assert balanced(frame, parse_white_balance("daylight")).wb_gains == pytest.approx(frame.wb_gains)


def test_what_cannot_be_balanced_says_so(frame):
    unknown = dataclasses.replace(frame, daylight_gains=None)
    for balance in ("daylight", "5000K"):
        with pytest.raises(LowlightError, match="does not say what daylight is to its camera"):
            balanced(unknown, parse_white_balance(balance))
    assert nearest_temperature(unknown) is None and balanced(unknown, of_gains((2, 1, 1))).wb_gains == (2, 1, 1)
    check_takes_balance(Interface(), AS_SHOT, "m"), check_takes_balance(Interface(white_balance=True), temperature(5000), "m")
    with pytest.raises(LowlightError, match="m balances white by itself"):
        check_takes_balance(Interface(), temperature(5000), "m")
