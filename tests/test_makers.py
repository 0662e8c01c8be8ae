"""Every maker's file is developed right: the table of `maker_table` and real files, by every path, against known colours and LibRaw's own.

The network is an ideal one: it returns the superpixels of what it is shown, so that what the picture gets wrong, development gets wrong.
"""

import dataclasses

import numpy as np
import pytest
import rawpy
import tensorflow as tf
import tifffile
from conftest import shared, write_model
from maker_table import TABLE, _dng

from lowlight_tf import engine, packing
from lowlight_tf.enhancement import EnhanceConfig, make_enhancer
from lowlight_tf.errors import LowlightError
from lowlight_tf.finishing import Finish
from lowlight_tf.isp.color import linear_to_bt709
from lowlight_tf.jobs import Job
from lowlight_tf.raw_file import read_raw

STRENGTHS = (0.0, 0.5, 1.0)
FILES = {
    "raw/canon_kiss_x4_ML_colorchart.dng": 1.0, "raw/kodak_dc50.kdc": 1.0, "cases/matrix_zero/A7S2.ARW": 12.0,
    "cases/matrix_zero/A7S2_same_data.dng": 12.0, "cases/default_scale/a_scale.dng": 7.0, "cases/default_scale/b_ordinary.dng": 7.0,
    "cases/iso65535/iso102400.dng": 7.0, "cases/wb_missing/neutral.dng": 7.0, "cases/tiff_raw_thumbnail/CANON1DS.TIF": 7.0,
    "cases/hot_pixels/without.dng": 20.0,
}


def decode(picture):
    """A finished picture's light: the inverse of the sRGB curve, IEC 61966-2-1."""
    coded = picture / 65535
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


@pytest.fixture(scope="module")
def ideal(tmp_path_factory):
    """A function of a camera's name -> a Model whose network returns what it is shown."""
    loaded = {}

    def load(name):
        if name not in loaded:
            folder = write_model(tmp_path_factory.mktemp(name), name, copying=False, target="camera_rgb", white_balance_input=True)
            model = engine.load_model(folder)

            def run(inputs):
                scale = model.network.upscale
                light = packing.superpixels(inputs, model.camera)
                return linear_to_bt709(tf.repeat(tf.repeat(light, scale, axis=1), scale, axis=2))

            loaded[name] = dataclasses.replace(model, run=run)
        return loaded[name]
    return load


def developed(path, ideal, ratio, strength, folder):
    """The light of the finished picture, as whoever opens the file finds it: float64 [H, W, 3]."""
    model = ideal("xtrans" if len(read_raw(path).cfa) == 36 else "bayer")
    output = folder / f"{strength}.tif"
    make_enhancer(model, EnhanceConfig("", str(folder), "tiff", ratio, finish=Finish(strength)))(Job(path, output))
    return decode(tifffile.imread(output))


def librawd(path, ratio):
    """LibRaw's own rendering, linear sRGB, times the ratio."""
    with rawpy.imread(str(path)) as raw:
        picture = raw.postprocess(use_camera_wb=True, no_auto_bright=True, adjust_maximum_thr=0.0, output_bps=16, gamma=(1, 1))
    return picture / 65535 * ratio


def hold(found, known, any_brightness=False):
    """Asserts that colours [..., 3] are the same within 2 %, or within a thousandth of white where they are dark."""
    if any_brightness:
        found = found * (known.sum() / found.sum())
    np.testing.assert_allclose(found, known, rtol=0.02, atol=0.001)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", TABLE)
def test_every_path_shows_the_charts_colours(tmp_path, ideal, name, strength):
    row = TABLE[name](tmp_path)
    picture = developed(row.path, ideal, row.ratio, strength, tmp_path)
    assert picture.shape == row.chart.light.shape
    hold(row.chart.means(picture), row.chart.means(row.chart.light), row.any_brightness)


@pytest.mark.parametrize("name", TABLE)
def test_libraw_agrees_that_the_file_shows_the_chart(tmp_path, name):
    row = TABLE[name](tmp_path)
    if not row.libraw:
        pytest.skip(f"LibRaw's own rendering {row.why}")
    hold(row.chart.means(librawd(row.path, row.ratio)), row.chart.means(row.chart.light))


@pytest.mark.parametrize("name", FILES)
def test_real_files_have_libraws_colours_at_every_strength(tmp_path, ideal, name):
    path, ratio = shared(name), FILES[name]
    known = librawd(path, ratio)
    for strength in STRENGTHS:
        picture = developed(path, ideal, ratio, strength, tmp_path)
        assert picture.shape == known.shape
        hold(picture.mean(axis=(0, 1)), np.minimum(known, 1).mean(axis=(0, 1)))


@pytest.mark.parametrize("name", ["nowb", "whitexy", "neutral"])
def test_files_without_a_balance_have_the_same_colours_at_every_strength(tmp_path, ideal, name):
    path = shared(f"cases/wb_missing/{name}.dng")
    means = [developed(path, ideal, 7.0, strength, tmp_path).mean(axis=(0, 1)) for strength in STRENGTHS]
    hold(means[0], means[2])
    hold(means[1], means[2])
    if name == "whitexy":
        neutral = shared("cases/wb_missing/neutral.dng")
        hold(means[0], developed(neutral, ideal, 7.0, 0.0, tmp_path).mean(axis=(0, 1)))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_lamp_that_saturates_below_white_is_white(tmp_path, ideal, strength):
    picture = developed(shared("cases/pink_highlights/lamp.dng"), ideal, 1.0, strength, tmp_path)
    lamp = picture[picture.min(axis=2) > 0.9 * picture.min(axis=2).max()].mean(axis=0)
    np.testing.assert_allclose(lamp / lamp.mean(), 1, atol=0.02)


def test_a_matrix_that_nobody_knows_is_said(tmp_path, ideal, capsys):
    row = _dng(matrix1=None)(tmp_path)
    developed(row.path, ideal, row.ratio, 1.0, tmp_path)
    assert "matrix" in capsys.readouterr().out.replace(str(tmp_path), "")


@pytest.mark.parametrize("said, words", [
    ({"keep": 0.5}, ("truncated",)), ({"keep": 0.0}, ("truncated",)), ({"compression": 52546}, ("compress",)), ({"cfa_layout": 2}, ()),
])
def test_what_cannot_be_developed_is_said_in_a_line(tmp_path, ideal, said, words):
    row = _dng(**said)(tmp_path)
    with pytest.raises(LowlightError) as caught:
        developed(row.path, ideal, row.ratio, 1.0, tmp_path)
    message = str(caught.value)
    assert all(word in message for word in words) and "no raw file" not in message and "the model is of Bayer" not in message


@pytest.mark.parametrize("said", [{"recommended_iso": 102400}, {"standard_iso": 102400}], ids=["recommended", "standard"])
def test_an_iso_that_needs_more_than_16_bits(tmp_path, said):
    row = _dng(iso=65535, **said)(tmp_path)
    assert read_raw(row.path).iso == 102400
