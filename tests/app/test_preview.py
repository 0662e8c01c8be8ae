"""What the page shows is what is developed: pieces pixel by pixel, and the whole frame in its light."""

import dataclasses

import numpy as np
import pytest
from conftest import write_frame, write_model

from lowlight_tf.app import preview
from lowlight_tf.app.pieces import on_sensor, seen_box
from lowlight_tf.app.preview import AMPLIFIED, AS_SHOT, decide, open_photograph, view_crop, view_whole
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.enhancement.enhance import make_developer
from lowlight_tf.enhancement.settings import PhotoSettings
from lowlight_tf.isp.color import srgb_to_linear
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import to_uint8, write_png
from lowlight_tf.raw.balancing import balanced
from lowlight_tf.raw.frame import as_seen, upright
from lowlight_tf.raw.light import Interface
from lowlight_tf.raw.white_balance import parse_white_balance

NOISY = Interface(white_balance=True, signed=True, curve="bt709", noise_planes=True, skip="demosaic", target="camera_rgb")
ASKED = PhotoSettings(ratio=30.0, strength=0.6, exposure=0.5, white_balance=parse_white_balance("3200K+20"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A function of a camera and a network's options that returns a random Model, made once."""
    made = {}

    def model(camera="bayer", **options):
        key = camera, *sorted(options)
        if key not in made:
            made[key] = load_model(write_model(tmp_path_factory.mktemp("model"), camera, copying=False, **options))
        return made[key]

    return model


def final(path, loaded, asked):
    """The picture that enhance.py writes, before it is encoded: uint8 [H, W, 3]."""
    config = EnhanceConfig("", "", finish=Finish(eight_bits=True)).of(asked)
    frame = preview.read_frame(path, loaded.camera)
    return make_developer(loaded, dataclasses.replace(config, checkpoint_dir=""))(frame).picture


def placed(view, picture):
    """The part of a picture that a View shows."""
    left, top, width, height = (round(fraction * size) for fraction, size in zip(view.box, picture.shape[1::-1] * 2, strict=True))
    return picture[top : top + height, left : left + width]


PLACES = ((0.0, 0.0), (0.5, 0.5), (1.0, 0.3), (0.37, 1.0))


@pytest.mark.parametrize(
    "camera, cfa, size, options",
    [
        ("bayer", "RGGB", (611, 733), {"interface": NOISY}),
        ("bayer", "GBRG", (600, 731), {"interface": NOISY}),
        ("bayer", "BGGR", (451, 643), {}),
        ("bayer", "GRBG", (450, 641), {"interface": NOISY, "strength": 1.7}),
        ("bayer", "GRBG", (350, 421), {"network_input": "rgb"}),
        ("xtrans", None, (923, 1100), {}),
    ],
)
def test_a_piece_has_the_final_pictures_pixels(tmp_path, models, camera, cfa, size, options):
    strength = options.get("strength", ASKED.strength)
    loaded = models(camera, **{name: value for name, value in options.items() if name != "strength"})
    write_frame(tmp_path / "a.dng", {"bayer": "sony", "xtrans": "fuji"}[camera], size=size, cfa=cfa, scale=400)
    opened = open_photograph(tmp_path / "a.dng", loaded)
    balanced_white = options.get("interface") == NOISY
    asked = dataclasses.replace(ASKED, strength=strength)
    asked = asked if balanced_white else dataclasses.replace(asked, white_balance=parse_white_balance("as_shot"))
    if camera == "xtrans":  # LibRaw's threads race there: its rendering is not the same twice, see below
        asked = dataclasses.replace(asked, strength=1.0)
    whole, decided = final(tmp_path / "a.dng", loaded, asked), decide(opened, asked)
    for place in PLACES:
        view = view_crop(opened, asked, decided, place, side=128)
        assert view.after.shape == view.before.shape == (128, 128, 3)
        np.testing.assert_array_equal(view.after, placed(view, whole))
    if camera == "xtrans":  # LibRaw's blocks of 512 show, which what is compared with may
        return
    frame = balanced(opened.frame, asked.white_balance)
    for before, gain in ((AMPLIFIED, decided.ratio), (AS_SHOT, 1.0)):
        plain = as_seen(to_uint8(frame.plain(gain)), frame)
        view = view_crop(opened, asked, decided, (0.4, 0.6), before, side=128)
        np.testing.assert_array_equal(view.before, placed(view, plain))


def test_an_x_trans_piece_is_blended_with_the_whole_frames_rendering(tmp_path, models):
    write_frame(tmp_path / "a.dng", "fuji", size=(600, 720), scale=400)
    opened = open_photograph(tmp_path / "a.dng", models("xtrans"))
    asked = PhotoSettings(ratio=30.0, strength=0.0)
    opened.plain[asked.white_balance, 30.0] = np.arange(600 * 720 * 3, dtype=np.uint32).reshape(600, 720, 3).astype(np.uint16)
    view = view_crop(opened, asked, decide(opened, asked), (0.5, 0.5), side=100)
    np.testing.assert_array_equal(view.after, to_uint8(opened.plain[asked.white_balance, 30.0][250:350, 310:410]))
    assert view_crop(opened, dataclasses.replace(asked, ratio=20.0), decide(opened, dataclasses.replace(asked, ratio=20.0)), (0.5, 0.5))
    assert list(opened.plain) == [(asked.white_balance, 20.0)]  # one is kept


@pytest.mark.parametrize(
    "asked",
    [
        PhotoSettings(),
        PhotoSettings(strength=1.0, white_balance=parse_white_balance("1.5,1,2.5")),
        PhotoSettings(ratio=3.0, strength=0.3, exposure=-1.0),
    ],
)
def test_a_piece_of_a_finished_picture(tmp_path, models, asked):
    loaded = models(interface=NOISY)
    write_png(tmp_path / "a.png", np.random.RandomState(0).randint(500, 9000, (431, 522, 3)).astype(np.uint16))
    opened = open_photograph(tmp_path / "a.png", loaded)
    view = view_crop(opened, asked, decide(opened, asked), (0.7, 0.2), side=160)
    np.testing.assert_array_equal(view.after, placed(view, final(tmp_path / "a.png", loaded, asked)))


@pytest.mark.parametrize("flip", range(8))
def test_a_place_in_the_upright_picture_is_found_on_the_sensor(tmp_path, models, flip):
    mosaic = np.zeros([40, 60, 1], np.uint8)
    mosaic[5:10, 40:44] = 255
    rows, columns = np.nonzero(upright(mosaic, flip)[..., 0])
    seen = upright(mosaic, flip)
    down, across = on_sensor(((columns.mean() + 0.5) / seen.shape[1], (rows.mean() + 0.5) / seen.shape[0]), flip)
    assert (down * 40, across * 60) == (pytest.approx(7.5), pytest.approx(42))
    left, top, width, height = seen_box((5, 10), (40, 44), (40, 60), flip)
    assert (left * seen.shape[1], top * seen.shape[0]) == (pytest.approx(columns.min()), pytest.approx(rows.min()))
    assert (width * seen.shape[1], height * seen.shape[0]) == (pytest.approx(np.ptp(columns) + 1), pytest.approx(np.ptp(rows) + 1))


def test_a_turned_photograph_is_cut_where_one_clicks(tmp_path, models):
    loaded = models(interface=NOISY)
    write_frame(tmp_path / "a.dng", size=(300, 420), scale=400)
    asked = PhotoSettings(ratio=20.0, strength=1.0)
    upside = final(tmp_path / "a.dng", loaded, asked)
    for flip in (3, 5, 6):
        opened = open_photograph(tmp_path / "a.dng", loaded)
        opened = dataclasses.replace(opened, frame=dataclasses.replace(opened.frame, flip=flip))
        view = view_crop(opened, asked, decide(opened, asked), (0.2, 0.7), side=96)
        np.testing.assert_array_equal(view.after, placed(view, upright(upside, flip)))


def test_the_whole_frame_has_the_light_of_the_final_picture(tmp_path, models, copying_model):
    loaded = load_model(copying_model)
    ramp = 600 + np.add.outer(np.arange(900) * 0.3, np.arange(1300) * 0.2)
    write_frame(tmp_path / "a.dng", mosaic=ramp.astype(np.uint16), cfa="GRBG")
    opened = dataclasses.replace(open_photograph(tmp_path / "a.dng", loaded))
    small = preview.shrunken(opened.frame, opened.packed, loaded.camera, side=400)
    assert small.mosaic.shape == (226, 326) or max(small.mosaic.shape) <= 400
    opened = dataclasses.replace(opened, small=small)
    for strength in (1.0, 0.0, 0.5):
        asked = PhotoSettings(ratio=20.0, strength=strength)
        view, whole = view_whole(opened, asked, decide(opened, asked)), final(tmp_path / "a.dng", loaded, asked)
        assert view.after.shape == (*small.mosaic.shape, 3) and view.box == (0, 0, 1, 1)
        block = 4
        rows, columns = small.mosaic.shape
        light = srgb_to_linear(whole[: rows * block, : columns * block] / np.float32(255)).numpy()
        light = light.reshape(rows, block, columns, block, 3).mean((1, 3))
        shown = srgb_to_linear(view.after / np.float32(255)).numpy()
        np.testing.assert_allclose(shown[8:-8, 8:-8], light[8:-8, 8:-8], atol=0.02)


def test_a_mean_of_photosites_has_less_noise(tmp_path, models):
    loaded = models(interface=NOISY)
    write_frame(tmp_path / "a.dng", size=(512, 768), scale=300)
    opened = open_photograph(tmp_path / "a.dng", loaded)
    small = preview.shrunken(opened.frame, opened.packed, loaded.camera, side=200)  # blocks of 4 packed pixels
    shot, read = opened.frame.noise_profile
    assert small.noise_profile == (pytest.approx(shot / 16), pytest.approx(read / 4)) and small.mosaic.shape == (128, 192)
    means = [np.mean(frame.mosaic / frame.white_level) for frame in (small, opened.frame)]
    np.testing.assert_allclose(*means, rtol=1e-4)
    assert preview.shrunken(opened.frame, opened.packed, loaded.camera, side=800).mosaic is opened.frame.mosaic


def test_what_is_asked_decides_as_on_the_command_line(tmp_path, models):
    loaded = models(interface=NOISY)
    write_frame(tmp_path / "a.dng", size=(128, 160), scale=200)
    opened = open_photograph(tmp_path / "a.dng", loaded)
    auto, asked = decide(opened, PhotoSettings()), decide(opened, PhotoSettings(ratio=7.0, strength=0.25, exposure=-0.5))
    assert auto.ratio > 1 and auto.reason.startswith("auto") and auto.finish.eight_bits
    assert (asked.ratio, asked.reason) == (7.0, "as asked") and (asked.finish.strength, asked.finish.stops) == (0.25, -0.5)
