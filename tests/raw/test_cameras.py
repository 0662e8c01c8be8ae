import doctest

import pytest
from conftest import shared

from lowlight_tf.raw import cameras
from lowlight_tf.raw.cameras import CAMERAS, cfa_offset


def test_the_rows_hold_sids_facts():
    sony, fuji = CAMERAS["sony"], CAMERAS["fuji"]
    assert (sony.channels, sony.upscale, sony.tile, sony.black_level, sony.white_level) == (4, 2, 2, 512, 16383)
    assert (fuji.channels, fuji.upscale, fuji.tile, fuji.black_level, fuji.white_level) == (9, 3, 6, 1024, 16383)
    assert CAMERAS["bayer"].black_level is None and CAMERAS["xtrans"].white_level is None


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=lambda c: c.name)
def test_packing_is_a_permutation_that_keeps_colours(camera):
    assert sorted(camera.gather_order) == list(range(camera.tile**2))
    for cell in camera.pack_order:
        for color, (row, column) in zip(camera.channel_colors, cell, strict=True):
            assert camera.cfa[row * camera.tile + column] == "RGBG"[color]


@pytest.mark.parametrize(
    "cfa, offset", [("RGGB", (0, 0)), ("GRBG", (0, 1)), ("GBRG", (1, 0)), ("BGGR", (1, 1)), ("RGBG", None), ("R" * 36, None)]
)
def test_every_bayer_order_has_an_offset(cfa, offset):
    assert cfa_offset(cfa, CAMERAS["sony"]) == offset


def test_a_shifted_xtrans_is_found():
    camera = CAMERAS["fuji"]
    for row in range(6):
        for column in range(6):
            shifted = "".join(camera.cfa[(y - row) % 6 * 6 + (x - column) % 6] for y in range(6) for x in range(6))
            found = cfa_offset(shifted, camera)
            back = "".join(shifted[(y + found[0]) % 6 * 6 + (x + found[1]) % 6] for y in range(6) for x in range(6))
            assert back == camera.cfa


def test_doctests():
    assert doctest.testmod(cameras).failed == 0


def test_real_files_have_the_cfa_their_readme_says():
    from lowlight_tf.raw.raw_file import read_raw

    assert cfa_offset(read_raw(shared("raw/canon_kiss_x4_ML_colorchart.dng")).cfa, CAMERAS["bayer"]) == (0, 0)
    assert cfa_offset(read_raw(shared("raw/kodak_dc50.kdc")).cfa, CAMERAS["bayer"]) == (0, 1)
