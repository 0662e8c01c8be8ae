"""One record of a raw file: what it decides, what it says of it, and that the file is decoded once."""

import dataclasses

import numpy as np
import pytest
from conftest import write_frame, write_model
from dng_builder import write_dng_raw
from ideal_model import ideal_model

from lowlight_tf.enhancement import exposure, inspect
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.engine import develop
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.raw import libraw, packing, raw_file
from lowlight_tf.raw.cameras import CAMERAS, generic_camera
from lowlight_tf.raw.frame import Frame, as_seen
from lowlight_tf.raw.raw_file import read_raw

BAYER = CAMERAS["bayer"]


def scene(size=(96, 120), light=0.02, seed=0):
    """Counts of a dim scene with shot and read noise: black 256, white 4095."""
    rng = np.random.RandomState(seed)
    wave = light * (1 + 0.8 * np.sin(np.arange(size[1]) / 9))
    return np.clip(np.round(256 + 3839 * wave + 2 * rng.standard_normal(size)), 0, 4095).astype(np.uint16)


def opened_files(monkeypatch):
    """Counts how often LibRaw decodes a file."""
    paths, whole = [], libraw.rawpy.imread

    def counting(source, *arguments):
        paths.append(source)
        return whole(source, *arguments)

    monkeypatch.setattr(libraw.rawpy, "imread", counting)
    return paths


def test_a_file_is_opened_once_by_inspect_and_by_enhance_with_its_page(tmp_path, monkeypatch, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=200)
    paths = opened_files(monkeypatch)
    inspect.inspect(tmp_path / "a.dng", copying_model)
    assert [path for path in paths if isinstance(path, str)] == [str(tmp_path / "a.dng")]
    paths.clear()
    config = EnhanceConfig(str(copying_model), str(tmp_path / "out"), ratio=20.0, finish=Finish(0.5), report=True)
    enhance([str(tmp_path / "a.dng")], config, Problems())
    assert [path for path in paths if isinstance(path, str)] == [str(tmp_path / "a.dng")]


def test_inspect_says_what_was_decided(tmp_path, copying_model):
    mosaic = scene()
    mosaic[40, 60], mosaic[71, 33] = 3000, 2500
    write_dng_raw(tmp_path / "a.dng", mosaic, gains=None, crop=(4, 6, 100, 80), baseline_exposure=0.5, noise_profile=((2e-4, 3e-7),))
    facts = inspect.inspect(tmp_path / "a.dng", copying_model)
    words = inspect.in_words(facts)
    for expected in (
        "2 defective photosites filled",
        "noise by the file's NoiseProfile",
        "cropped from 120x96",
        "BaselineExposure +0.5 stops",
        "no as-shot white balance, so daylight's",
        "100x80",
    ):
        assert expected in words, words
    assert facts["color_matrix"][0][0] > 1


def test_nothing_is_said_of_an_ordinary_file(tmp_path):
    write_dng_raw(tmp_path / "a.dng", scene())
    frame = read_frame(tmp_path / "a.dng", BAYER)
    assert (frame.notes, frame.applied, frame.light_gain, frame.aspect) == ((), (), 1.0, (1.0, 1.0))
    np.testing.assert_array_equal(frame.mosaic, scene())


def test_the_noise_profile_is_preferred(tmp_path):
    write_dng_raw(tmp_path / "a.dng", scene(), noise_profile=((4e-4, 9e-6),))
    frame = read_frame(tmp_path / "a.dng", BAYER)
    assert frame.noise == pytest.approx((4e-4, 3e-3))
    packed = packing.pack_frame(frame.mosaic, BAYER, frame.offset)
    darkness = exposure.measure(packed, frame, BAYER)
    assert darkness.read_noise == pytest.approx(3e-3)
    twice = exposure.measure(packed, dataclasses.replace(frame, light_gain=2.0), BAYER)
    np.testing.assert_allclose(twice.luminance, 2 * darkness.luminance, rtol=1e-6)
    assert (twice.read_noise, twice.shot_noise) == pytest.approx((6e-3, 2 * darkness.shot_noise))


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_clipped_lights_stay_neutral_at_a_ratio_below_one(tmp_path, strength):
    mosaic = scene((64, 64))
    mosaic[16:48, 16:48] = 4095
    write_dng_raw(tmp_path / "a.dng", mosaic)
    frame, model = read_frame(tmp_path / "a.dng", BAYER), ideal_model(tmp_path / "model", "bayer")
    picture = develop(frame, packing.pack_frame(frame.mosaic, BAYER, frame.offset), 0.4, model, Finish(strength), 1e9, frame.plain(0.4))
    lamp = picture[24:40, 24:40].reshape(-1, 3) / 65535
    light = ((lamp + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(light, 0.4, atol=2e-3)


def test_gains_are_taken_so_that_the_least_is_one(tmp_path):
    write_dng_raw(tmp_path / "a.dng", scene(), gains=(0.8, 1.0, 2.4))
    assert read_raw(tmp_path / "a.dng").wb_gains == pytest.approx((0.8, 1.0, 2.4), rel=1e-4)
    assert read_frame(tmp_path / "a.dng", BAYER).wb_gains == pytest.approx((1.0, 1.25, 3.0), rel=1e-4)


def test_a_small_xtrans_frame_has_a_plain_rendering(tmp_path):
    write_frame(tmp_path / "a.dng", "fuji", size=(96, 120), scale=3000)
    frame = read_frame(tmp_path / "a.dng", CAMERAS["xtrans"])
    assert frame.plain(1.0).shape == (96, 120, 3) and frame.plain(1.0).std() > 1000


def test_memory_that_does_not_suffice_for_decoding_is_no_damage(tmp_path, monkeypatch):
    write_frame(tmp_path / "a.dng")

    def exhausted(*_):
        raise libraw.rawpy.LibRawUnsufficientMemoryError(b"Unsufficient memory")

    monkeypatch.setattr(libraw.rawpy, "imread", exhausted)
    with pytest.raises(LowlightError, match=r"a.dng does not fit into memory"):
        read_raw(tmp_path / "a.dng")


def test_a_cfa_that_nothing_fits(tmp_path):
    with pytest.raises(LowlightError, match="the CFA RGBG, which is neither"):
        generic_camera(tmp_path / "a.dng", "RGBG")


@pytest.mark.parametrize("aspect, flip, shape", [((2.0, 1.0), 0, (8, 6)), ((1.0, 1.5), 0, (4, 9)), ((2.0, 1.0), 6, (6, 8))])
def test_pictures_are_stretched_to_square_pixels_and_turned(aspect, flip, shape):
    frame = Frame(None, "raw", np.zeros([4, 6], np.uint16), "RGGB", (0, 0), (0,) * 4, 1, (1, 1, 1), np.eye(3), flip, aspect=aspect)
    ramp = np.repeat(np.arange(0, 400, 100, dtype=np.uint16)[:, None], 6, axis=1)[..., None].repeat(3, axis=2)
    seen = as_seen(ramp, frame)
    assert seen.shape == (*shape, 3) and seen.dtype == np.uint16
    if aspect == (2.0, 1.0) and not flip:
        np.testing.assert_array_equal(seen[:, 0, 0], [0, 25, 75, 125, 175, 225, 275, 300])


def test_masked_borders_and_the_models_own_levels(tmp_path):
    """A model that was trained with fixed levels keeps them; the others take what the border shows."""
    row = CAMERAS["sony"]
    whole = np.full([120, 150], 520, np.uint16)
    whole[16:, 24:] = 900 + np.arange(126) % 7
    write_dng_raw(tmp_path / "a.dng", whole, black=(512,), white=16383, active_area=(16, 24, 120, 150))
    frame = read_frame(tmp_path / "a.dng", BAYER)
    assert frame.black_level == pytest.approx((520,) * 4, abs=0.5) and "520 520 520 520 measured on the masked border" in frame.notes[0]
    assert read_frame(tmp_path / "a.dng", row).black_level == (512.0,) * 4
    assert raw_file.read_raw(tmp_path / "a.dng").black_level == (512,) * 4


def test_a_model_of_the_other_cfa_is_still_refused(tmp_path):
    write_model(tmp_path / "model")
    write_frame(tmp_path / "a.dng", "fuji")
    with pytest.raises(LowlightError, match="is X-Trans, the model is of Bayer cameras"):
        read_frame(tmp_path / "a.dng", BAYER)
