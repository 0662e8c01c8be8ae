"""Black and saturation against frames whose levels are known."""

import numpy as np
import pytest

from lowlight_tf.raw.cameras import CAMERAS, tile_colors
from lowlight_tf.raw.dng_tags import DngTags
from lowlight_tf.raw.raw_borders import masked_black
from lowlight_tf.raw.raw_levels import by_color, choose_black, even_black, level_black, saturation

RGGB = tile_colors("RGGB")
BLACK = (256.0,) * 4


def lamp(size=(96, 144), level=3600, scale=(0.5, 1.0, 0.66), noise=6.0, seed=0):
    """A dark frame with a lamp in it that falls off from its middle, clipped at `level`."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    light = 200 + 2e6 / (60 + (y - 40) ** 2 + (x - 70) ** 2)
    factors = np.array([scale[0], scale[1], scale[2], scale[1]])[np.tile(RGGB, (size[0] // 2, size[1] // 2))]
    counts = 256 + light * factors + noise * rng.standard_normal(size)
    return np.clip(np.round(counts), 0, level).astype(np.uint16)


def test_counts_that_pile_up_below_white_are_where_it_saturates():
    assert saturation(lamp(), RGGB, BLACK, 4095) == 3600
    assert saturation(lamp(level=3000), RGGB, BLACK, 4095) == 3000
    assert saturation(lamp(level=15360, scale=(2, 4, 3)), RGGB, (512.0,) * 4, 16383) == 15360


def test_a_pile_that_reaches_white_or_is_none_says_nothing():
    assert saturation(lamp(level=4095), RGGB, BLACK, 4095) is None
    assert saturation(lamp(scale=(0.005, 0.01, 0.005)), RGGB, BLACK, 4095) is None
    # One colour alone piles up where an area has one colour: no saturation, which is the same for all.
    area = np.full([64, 64], 700, np.uint16)
    area[::2, ::2] = 3000
    assert saturation(area, RGGB, BLACK, 4095) is None


def test_a_stuck_photosite_above_does_not_hide_it():
    frame = lamp()
    frame[5, 5], frame[70, 9] = 4095, 4095
    assert saturation(frame, RGGB, BLACK, 4095) == 3600


def test_saturation_with_noise_and_of_xtrans():
    noisy = lamp(level=3600).astype(int)
    noisy[noisy == 3600] += np.random.RandomState(1).randint(-2, 3, (noisy == 3600).sum())
    assert saturation(noisy.astype(np.uint16), RGGB, BLACK, 4095) == pytest.approx(3600, abs=4)
    colors = tile_colors(CAMERAS["fuji"].cfa)
    frame = np.full([60, 60], 500, np.uint16)
    frame[12:36, 12:36] = 3500
    assert saturation(frame, colors, BLACK, 4095) == 3500


def bordered(dark=(520.0, 516.0, 512.0, 516.0), lit=60.0, left=24, top=20, size=(120, 160), noise=4.0, cfa="RGGB", seed=0):
    """A whole image whose left and top borders are masked, and its visible area's place."""
    rng = np.random.RandomState(seed)
    colors = tile_colors(cfa)
    height, width = size[0] + top, size[1] + left
    y, x = np.mgrid[:height, :width]
    image = np.asarray(dark)[colors[(y - top) % 2, (x - left) % 2]] + noise * rng.standard_normal((height, width))
    image[top:, left:] += lit * (1 + np.sin(y[top:, left:] / 9))
    return np.round(image).astype(np.uint16), (top, left, *size)


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
@pytest.mark.parametrize("margins", [(20, 24), (21, 25), (0, 24), (20, 0)])
def test_black_is_measured_by_colour_on_masked_borders(cfa, margins):
    image, place = bordered(top=margins[0], left=margins[1], cfa=cfa)
    assert masked_black(image, place, tile_colors(cfa)) == pytest.approx((520, 516, 512, 516), abs=0.6)


def test_borders_that_light_reaches_are_not_masked():
    image, place = bordered()
    everywhere = np.roll(image, -24, axis=1)  # the light goes on to the edge, and what is dark lies inside
    assert masked_black(everywhere[20:, :154], (0, 30, 120, 120), RGGB) is None
    image, place = bordered(lit=0.0)  # too dark to tell
    assert masked_black(image, place, RGGB) is None
    image, place = bordered(left=0, top=0)
    assert masked_black(image, place, RGGB) is None
    leaking, place = bordered(top=0)
    leaking[:, :24] += np.linspace(0, 60, len(leaking)).astype(np.uint16)[:, None]
    assert masked_black(leaking, place, RGGB) is None


def leaking(kind, seed=0):
    """A frame with a left border of 32 columns that light reaches, black 512, noise 4."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[:200, :232]
    image = 512 + 4 * rng.standard_normal(y.shape) + np.where(x >= 32, 300.0, 0)
    if kind == "across":
        image += np.where(x < 32, 60 * np.exp((x - 32) / 8.0), 0)
    if kind == "along":
        image += np.where(x < 32, y / 4.0, 0)
    if kind == "lit":
        image += np.where(x < 32, 150 * (1 - ((y - 100) / 140.0) ** 2), 0)
    return np.round(image).astype(np.uint16)


@pytest.mark.parametrize("kind", ["across", "along", "lit"])
def test_borders_that_are_not_the_same_all_over_are_not_believed(kind):
    assert masked_black(leaking(""), (0, 32, 200, 200), RGGB) == pytest.approx((512,) * 4, abs=0.5)
    assert masked_black(leaking(kind), (0, 32, 200, 200), RGGB) is None


def test_what_a_file_calls_masked_is_measured_even_in_the_dark_and_nothing_else():
    image, place = bordered(lit=0.0)
    image[:, :24] += 8
    areas = ((20, 2, 140, 20),)
    assert masked_black(image, place, RGGB, areas=areas) == pytest.approx((528, 524, 520, 524), abs=0.6)


@pytest.mark.parametrize("left, expected", [(8, None), (9, None), (10, (512.0,) * 4), (20, (512.0,) * 4)])
def test_xtrans_borders_are_measured_in_whole_tiles(left, expected):
    image = np.full([96, 120], 700, np.uint16)
    image[:, :left] = 512
    assert masked_black(image, (0, left, 96, 100), tile_colors(CAMERAS["fuji"].cfa)) == expected


def test_a_black_pattern_does_not_lean_on_where_the_border_begins():
    pattern = np.array([[450, 512, 560, 512], [512, 500, 512, 530], [560, 512, 470, 512], [512, 530, 512, 490]], float)
    rng = np.random.RandomState(0)
    image = np.tile(pattern, (50, 60)) + 3 * rng.standard_normal((200, 240))
    image[:, 27:] += 400
    truth = by_color(np.roll(pattern, -27 % 4, axis=1), np.roll(RGGB, 0, axis=1))
    assert masked_black(np.round(image).astype(np.uint16), (0, 27, 200, 200), RGGB, period=4) == pytest.approx(truth, abs=0.6)


def test_green_alone_saturates_where_noise_says_that_it_is_no_even_area():
    rng = np.random.RandomState(1)
    y, x = np.mgrid[:120, :120]
    lamp_light = 4000 * np.exp(-((y - 60) ** 2 + (x - 60) ** 2) / 800)
    factors = np.array([0.4, 1.0, 0.5, 1.0])[np.tile(RGGB, (60, 60))]
    clean = lamp_light * factors
    noisy = np.clip(np.round(256 + clean + np.sqrt(0.8 * clean) * rng.standard_normal(clean.shape)), 0, 3600).astype(np.uint16)
    assert saturation(noisy, RGGB, BLACK, 4095, 0.8) == 3600 and saturation(noisy, RGGB, BLACK, 4095) is None
    even = np.full([64, 64], 700.0)
    even[::2, 1::2] = even[1::2, ::2] = 3000
    even = np.round(even + np.sqrt(0.8 * (even - 256)) * rng.standard_normal(even.shape)).astype(np.uint16)
    assert saturation(even, RGGB, BLACK, 4095, 0.8) is None


def test_measured_black_is_held_against_the_files():
    said = (512.0,) * 4
    assert choose_black(said, None, 16383) == (said, "")
    levels, note = choose_black(said, (520.0, 516.0, 512.0, 516.0), 16383)
    assert levels == (520.0, 516.0, 512.0, 516.0) and "520 516 512 516 measured on the masked border" in note
    for far in (5000.0, 0.0, 700.0):
        levels, note = choose_black(said, (far,) * 4, 16383)
        assert levels == said and "too far away to be believed" in note


def test_a_pattern_of_black_levels_is_taken_out():
    pattern = np.array([[250, 256, 262, 256], [256, 250, 256, 262], [262, 256, 250, 256], [256, 262, 256, 250]], float)
    mosaic = (np.tile(pattern, (6, 8)) + 100).astype(np.uint16)
    shifted = mosaic[1:, 3:].copy()
    for frame, origin, colors in ((mosaic, (0, 0), RGGB), (shifted, (1, 3), tile_colors("BGGR"))):
        levels = level_black(frame, colors, DngTags(is_dng=True, black_level=pattern), origin, 4095)
        wanted = np.asarray(levels)[np.tile(colors, (12, 16))][: frame.shape[0], : frame.shape[1]] + 100
        np.testing.assert_array_equal(frame, np.round(wanted))
    np.testing.assert_allclose(by_color(np.tile(pattern, (3, 3)), RGGB), (256, 256, 250, 256), atol=6.1)


def test_black_that_changes_along_rows_and_columns():
    across, down = np.arange(16) * 2.0, np.arange(12) * 3.0
    mosaic = (256 + across + down[:, None] + 70).astype(np.uint16)
    levels = level_black(mosaic, RGGB, DngTags(black_level=np.array([[256.0]]), black_across=across, black_down=down), (0, 0), 4095)
    np.testing.assert_array_equal(mosaic - np.round(np.asarray(levels)[np.tile(RGGB, (6, 8))]), 70)


def test_black_levels_are_evened_out_by_whole_counts():
    mosaic = np.full([4, 4], 600, np.uint16)
    levels, lower = even_black(mosaic, RGGB, (500.0, 510.25, 520.0, 512.0))
    assert levels == (511.0, 511.25, 511.0, 511.0) and lower == 9  # 511 is the mean, rounded
    light = mosaic - np.asarray(levels)[np.tile(RGGB, (2, 2))]
    np.testing.assert_allclose(light, 600 - np.array([500, 510.25, 520, 512])[np.tile(RGGB, (2, 2))])


def test_a_simple_black_level_changes_no_count():
    mosaic = np.arange(48, dtype=np.uint16).reshape(6, 8) + 500
    before = mosaic.copy()
    levels = level_black(mosaic, RGGB, DngTags(black_level=np.array([[510.0, 511.5], [512.0, 513.0]])), (0, 0), 4095)
    assert levels == (510.0, 511.5, 513.0, 512.0)
    np.testing.assert_array_equal(mosaic, before)
    assert level_black(mosaic, RGGB, DngTags(), (0, 0), 4095) is None
    assert level_black(mosaic, RGGB, DngTags(black_level=np.array([[5000.0]])), (0, 0), 4095) is None
