"""Every maker's file is developed right: the table of `maker_table` and real files, by every path, against known colours and LibRaw's own.

The network is the ideal one of `ideal_model`.
"""

import functools

import numpy as np
import pytest
import rawpy
import tifffile
from conftest import shared
from dng_builder import JPEG_XL
from ideal_model import ideal_model
from maker_table import TABLE, dng_row

from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import make_enhancer
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.enhancement.jobs import Job
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.raw.raw_file import read_raw

STRENGTHS = (0.0, 0.5, 1.0)
FILES = {
    "raw/canon_kiss_x4_ML_colorchart.dng": 1.0,
    "cases/matrix_zero/A7S2.ARW": 12.0,
    "cases/matrix_zero/A7S2_same_data.dng": 12.0,
    "cases/default_scale/a_scale.dng": 1.0,
    "cases/default_scale/b_ordinary.dng": 7.0,
    "cases/iso65535/iso102400.dng": 7.0,
    "cases/wb_missing/neutral.dng": 7.0,
    "cases/tiff_raw_thumbnail/CANON1DS.TIF": 7.0,
    "cases/hot_pixels/without.dng": 20.0,
}
# LibRaw makes the first grey on average, does not read the second's tag, and has a matrix for the DC50 that rawpy does not show.
WITNESSLESS = {"cases/wb_missing/nowb.dng": 7.0, "cases/wb_missing/whitexy.dng": 7.0, "raw/kodak_dc50.kdc": 1.0}


def decode(picture):
    """A finished picture's light: the inverse of the sRGB curve, IEC 61966-2-1."""
    coded = picture / 65535
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


@pytest.fixture(scope="module")
def ideal(tmp_path_factory):
    """A function of a camera's name -> its ideal Model."""
    return functools.cache(lambda name: ideal_model(tmp_path_factory.mktemp(name), name))


def developed(path, ideal, ratio, strength, folder):
    """The light of the finished picture, as whoever opens the file finds it: float64 [H, W, 3]."""
    model = ideal("xtrans" if len(read_raw(path).cfa) == 36 else "bayer")
    output = folder / f"{strength}.tif"
    make_enhancer(model, EnhanceConfig("", str(folder), "tiff", ratio, finish=Finish(strength)))(Job(path, output))
    return decode(tifffile.imread(output))


def librawd(path, ratio, black=None):
    """LibRaw's own rendering, linear sRGB, times the ratio; with another black level where one is given."""
    with rawpy.imread(str(path)) as raw:
        picture = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, adjust_maximum_thr=0.0, output_bps=16, gamma=(1, 1), user_black=black
        )
    return picture / 65535 * ratio


def assert_same_colours(found, known, any_brightness=False):
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
    assert_same_colours(row.chart.means(picture), row.chart.means(row.chart.light), row.any_brightness)


@pytest.mark.parametrize("name", TABLE)
def test_libraw_agrees_that_the_file_shows_the_chart_or_is_known_not_to(tmp_path, name):
    row = TABLE[name](tmp_path)
    found, chart = librawd(row.path, row.ratio), row.chart
    if row.libraw:
        assert_same_colours(chart.means(found), chart.means(chart.light))
    else:
        differs = found.shape != chart.light.shape or np.abs(chart.means(found) / chart.means(chart.light) - 1).max() > 0.02
        assert differs, f"LibRaw does right now what it did not: it {row.why}"


@pytest.mark.parametrize("name", FILES)
def test_real_files_have_libraws_colours_at_every_strength(tmp_path, ideal, name):
    path, ratio = shared(name), FILES[name]
    frame = read_frame(path)
    # Held against LibRaw with the black level that was measured, where the file's own is another.
    known = librawd(path, ratio, round(np.mean(frame.black_level)) if any("masked border" in note for note in frame.notes) else None)
    for strength in STRENGTHS:
        picture = developed(path, ideal, ratio, strength, tmp_path)
        assert picture.shape == known.shape
        assert_same_colours(picture.mean(axis=(0, 1)), np.minimum(known, 1).mean(axis=(0, 1)))


@pytest.mark.parametrize("name", WITNESSLESS)
def test_files_without_a_witness_have_the_same_colours_at_every_strength(tmp_path, ideal, name):
    path = shared(name)
    means = [developed(path, ideal, WITNESSLESS[name], strength, tmp_path).mean(axis=(0, 1)) for strength in STRENGTHS]
    assert_same_colours(means[0], means[2])
    assert_same_colours(means[1], means[2])


def test_a_white_point_is_as_good_as_a_neutral(tmp_path, ideal):
    white, neutral = (developed(shared(f"cases/wb_missing/{name}.dng"), ideal, 7.0, 0.5, tmp_path) for name in ("whitexy", "neutral"))
    assert_same_colours(white.mean(axis=(0, 1)), neutral.mean(axis=(0, 1)))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_lamp_that_saturates_below_white_is_white(tmp_path, ideal, strength):
    picture = developed(shared("cases/pink_highlights/lamp.dng"), ideal, 1.0, strength, tmp_path)
    lamp = picture[picture.min(axis=2) > 0.9 * picture.min(axis=2).max()].mean(axis=0)
    np.testing.assert_allclose(lamp / lamp.mean(), 1, atol=0.02)


def test_a_matrix_that_nobody_knows_is_said(tmp_path, ideal, capsys):
    row = dng_row(matrix1=None)(tmp_path)
    developed(row.path, ideal, row.ratio, 1.0, tmp_path)
    assert "matrix" in capsys.readouterr().out.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    "said, words, untrue",
    [
        ({"keep": 0.5}, "truncated", "lens cap"),
        ({"keep": 0.0}, "truncated", "lens cap"),
        ({"compression": JPEG_XL}, "compress", "no raw file"),
        ({"cfa_layout": 2}, "", "the model is of Bayer"),
    ],
    ids=["half", "no_data", "jpeg_xl", "super_ccd"],
)
def test_what_cannot_be_developed_is_said_in_a_line(tmp_path, ideal, said, words, untrue):
    row = dng_row(**said)(tmp_path)
    with pytest.raises(LowlightError) as caught:
        developed(row.path, ideal, row.ratio, 1.0, tmp_path)
    message = str(caught.value).replace(str(tmp_path), "")
    assert words in message and untrue not in message


@pytest.mark.parametrize("said", [{"recommended_iso": 102400}, {"standard_iso": 102400}], ids=["recommended", "standard"])
def test_an_iso_that_needs_more_than_16_bits(tmp_path, said):
    row = dng_row(iso=65535, **said)(tmp_path)
    assert read_frame(row.path).exposure.iso == 102400
