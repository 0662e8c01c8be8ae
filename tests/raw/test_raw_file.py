import numpy as np
import pytest
import tifffile
from conftest import shared, write_frame

from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.pictures.image_file import to_uint8, write_png
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.frame import Frame, check_size
from lowlight_tf.raw.raw_file import read_raw, visible_size
from lowlight_tf.raw.rendering import render


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_every_bayer_order_is_read_bit_exactly(tmp_path, cfa):
    mosaic = write_frame(tmp_path / "a.dng", size=(96, 120), cfa=cfa, scale=15000)
    raw = read_raw(tmp_path / "a.dng")
    np.testing.assert_array_equal(raw.mosaic, mosaic)
    assert raw.mosaic.dtype == np.uint16
    assert (raw.cfa, raw.black_level, raw.white_level) == (cfa, (512.0,) * 4, 16383)
    assert raw.wb_gains == pytest.approx((2.0, 1.0, 2.4), rel=1e-5)
    assert raw.exposure_seconds == pytest.approx(0.1)
    np.testing.assert_allclose(raw.ccm.sum(axis=1), 1, atol=1e-4)
    assert visible_size(tmp_path / "a.dng") == (96, 120)


def test_xtrans_is_read_bit_exactly(tmp_path):
    mosaic = write_frame(tmp_path / "a.dng", "fuji", size=(96, 120))
    raw = read_raw(tmp_path / "a.dng")
    np.testing.assert_array_equal(raw.mosaic, mosaic)
    assert raw.cfa == CAMERAS["fuji"].cfa


@pytest.mark.parametrize(
    "name, size, cfa, black, white",
    [("raw/canon_kiss_x4_ML_colorchart.dng", (1156, 1734), "RGGB", 2056, 15000), ("raw/kodak_dc50.kdc", (512, 768), "GRBG", 0, 16383)],
)
def test_real_cameras_decode_rightly(name, size, cfa, black, white):
    raw = read_raw(shared(name))
    assert (raw.mosaic.shape, raw.cfa, raw.black_level, raw.white_level) == (size, cfa, (black,) * 4, white)
    assert raw.wb_gains[1] == 1 and min(raw.wb_gains) > 0
    assert visible_size(shared(name)) == size
    assert render(shared(name)).shape == (*size, 3)


def test_a_rendering_of_our_packed_planes_has_libraws_colours():
    # An independent way to the same colours: superpixels, white balance, matrix and gamma by hand against LibRaw's half-size picture.
    from lowlight_tf.raw import packing

    path = shared("raw/canon_kiss_x4_ML_colorchart.dng")
    raw = read_raw(path)
    # LibRaw takes the frame's own maximum for white where it lies between 3/4 of white and white, as here (12128 of 15000).
    packed = packing.normalise(packing.pack(raw.mosaic, CAMERAS["bayer"]), CAMERAS["bayer"], raw.black_level, raw.mosaic.max())
    # LibRaw scales so that the smallest gain is 1 and clips there.
    gains = np.array(raw.wb_gains) / min(raw.wb_gains)
    linear = np.clip(np.minimum(packing.superpixels(packed, CAMERAS["bayer"]).numpy() * gains, 1) @ raw.ccm.T, 0, 1)
    gamma = np.where(linear < 0.018, 4.5 * linear, 1.099 * linear**0.45 - 0.099)
    ours, libraw = gamma.mean((0, 1)), (render(path) / 65535).mean((0, 1))
    np.testing.assert_allclose(ours, libraw, rtol=0.03)


def test_a_sid_crop_reads_as_its_manifest_says():
    path = shared("sid_mini/Sony/short/01203_00_0.1s.dng")
    raw = read_raw(path)
    assert raw.mosaic.shape == (512, 512) and raw.cfa == "RGGB" and raw.black_level == (512,) * 4
    assert raw.wb_gains == pytest.approx((2.1036, 1, 2.2634), abs=2e-4)
    target = read_target(shared("sid_mini/Sony/long/01203_00_10s.png"), CAMERAS["sony"], (512, 512), (0, 0))
    assert target.dtype == np.uint16 and len(np.unique(target)) > 1000  # 16 bits survive


def test_the_amplified_rendering_scores_what_was_published_for_the_crops():
    scores = []
    for scene in ("11523", "11526", "11800", "11809"):
        target = read_target(shared(f"sid_mini/Sony/long/{scene}_00_10s.png"), CAMERAS["sony"], (512, 512), (0, 0))
        scores.append(psnr(to_uint8(render(shared(f"sid_mini/Sony/short/{scene}_00_0.1s.dng"), 100)), to_uint8(target)))
    assert np.mean(scores) == pytest.approx(22.4, abs=0.1)


def test_rendering_lies_on_the_mosaic(tmp_path):
    # A bright square on a dark ground is found at the same place; 0.9 of white, neutral after white balance.
    mosaic = np.full([96, 120], 600, np.uint16)
    mosaic[20:40, 60:100] = 8000
    write_frame(tmp_path / "a.dng", mosaic=mosaic)
    picture = render(tmp_path / "a.dng").mean(axis=2)
    bright = np.argwhere(picture > picture.max() / 2)
    assert np.abs(bright.min(axis=0) - [20, 60]).max() <= 1 and np.abs(bright.max(axis=0) - [39, 99]).max() <= 1


def test_amplifying_equals_a_longer_exposure(tmp_path):
    base = np.random.RandomState(0).randint(0, 100, (96, 120))
    write_frame(tmp_path / "dark.dng", mosaic=(512 + base).astype(np.uint16))
    write_frame(tmp_path / "bright.dng", mosaic=(512 + 50 * base).astype(np.uint16))
    np.testing.assert_array_equal(render(tmp_path / "dark.dng", 50), render(tmp_path / "bright.dng"))


def test_short_of_another_phase_is_cropped_to_ours(tmp_path):
    mosaic = write_frame(tmp_path / "a.dng", size=(97, 121), cfa="BGGR")
    short = read_short(tmp_path / "a.dng", CAMERAS["bayer"])
    np.testing.assert_array_equal(short.mosaic, mosaic[1:97, 1:121])
    assert (short.visible_size, short.origin) == ((97, 121), (1, 1))
    write_png(tmp_path / "t.png", np.arange(97 * 121 * 3, dtype=np.uint16).reshape(97, 121, 3))
    target = read_target(tmp_path / "t.png", CAMERAS["bayer"], short.visible_size, short.origin)
    assert target.shape == (96, 120, 3) and target[0, 0, 0] == (121 + 1) * 3


def test_the_protocol_and_enhancement_read_one_record(tmp_path):
    """A Frame each, of the same light: the protocol's cropped to the phase, enhancement's whole."""
    write_frame(tmp_path / "a.dng", size=(97, 121), cfa="BGGR", scale=400)
    short, frame = read_short(tmp_path / "a.dng", CAMERAS["bayer"]), read_frame(tmp_path / "a.dng", CAMERAS["bayer"])
    assert type(short) is type(frame) is Frame and short.path == frame.path and short.black_level == frame.black_level
    assert (short.visible_size, short.origin, short.offset) == ((97, 121), (1, 1), (0, 0))
    assert (frame.visible_size, frame.origin, frame.offset) == ((97, 121), (0, 0), (1, 1))
    np.testing.assert_array_equal(frame.mosaic[1:97, 1:121], short.mosaic)
    # Each can be rendered; away from the borders the rendering is the same.
    np.testing.assert_array_equal(short.plain(20.0)[8:-8, 8:-8], frame.plain(20.0)[9:89, 9:113])


def test_one_check_of_levels_and_size(tmp_path):
    write_frame(tmp_path / "dark.dng", black=16383, mosaic=np.full([64, 64], 9, np.uint16))
    for read in (read_short, read_frame):
        with pytest.raises(LowlightError, match="dark.dng says black level 16383 and white level 16383; expected white above black"):
            read(tmp_path / "dark.dng", CAMERAS["bayer"])
    check_size("a.dng", (2, 40), CAMERAS["bayer"])
    with pytest.raises(LowlightError, match="a.dng is 40x2, smaller than a CFA tile; expected at least 2x3 pixels"):
        check_size("a.dng", (2, 40), CAMERAS["bayer"], offset=(1, 0))  # cropped to the phase, one row is left


def test_levels_come_from_the_file_unless_the_camera_fixes_them(tmp_path):
    write_frame(tmp_path / "a.dng", black=256)
    assert read_short(tmp_path / "a.dng", CAMERAS["bayer"]).black_level == (256,) * 4
    with pytest.raises(LowlightError, match=r"black level 256, --camera=sony expects 512.*--camera=bayer"):
        read_short(tmp_path / "a.dng", CAMERAS["sony"])
    write_frame(tmp_path / "b.dng", black=540)
    assert read_short(tmp_path / "b.dng", CAMERAS["sony"]).black_level == (512,) * 4


def test_a_file_of_another_cfa_names_the_camera_to_use(tmp_path):
    write_frame(tmp_path / "x.dng", "fuji")
    with pytest.raises(LowlightError, match="is X-Trans, the model is of Bayer cameras; use --camera=xtrans"):
        read_short(tmp_path / "x.dng", CAMERAS["sony"])
    write_frame(tmp_path / "b.dng")
    with pytest.raises(LowlightError, match="is Bayer, the model is of X-Trans cameras; use --camera=bayer"):
        read_short(tmp_path / "b.dng", CAMERAS["fuji"])


def test_small_xtrans_frames_decode_but_say_why_they_do_not_render(tmp_path):
    write_frame(tmp_path / "x.dng", "fuji", size=(510, 516))
    with pytest.raises(LowlightError, match="516x510; LibRaw renders X-Trans frames from 512 pixels"):
        render(tmp_path / "x.dng")
    write_frame(tmp_path / "y.dng", "fuji", size=(516, 516))
    assert render(tmp_path / "y.dng").shape == (516, 516, 3)


@pytest.mark.parametrize("keep", [0, 10, 1000, 20000])
def test_truncated_and_empty_files(tmp_path, keep, capfd):
    write_frame(tmp_path / "a.dng")
    data = (tmp_path / "a.dng").read_bytes()
    assert keep < len(data)
    (tmp_path / "a.dng").write_bytes(data[:keep])
    with pytest.raises(LowlightError, match="empty" if keep == 0 else r"truncated|no raw file"):
        read_raw(tmp_path / "a.dng")
    assert capfd.readouterr().err == ""


def test_other_files(tmp_path):
    (tmp_path / "a.ARW").write_text("this is no raw file, whatever its name says\n" * 100)
    with pytest.raises(LowlightError, match="no raw file"):
        read_raw(tmp_path / "a.ARW")
    with pytest.raises(LowlightError, match="does not exist"):
        read_raw(tmp_path / "missing.ARW")
    with pytest.raises(LowlightError, match="does not exist or is no file"):
        read_raw(tmp_path)
    tifffile.imwrite(tmp_path / "linear.dng", np.zeros([64, 64, 3], np.uint16), photometric="rgb")
    with pytest.raises(LowlightError, match="no Bayer or X-Trans mosaic|no raw file"):
        read_raw(tmp_path / "linear.dng")
