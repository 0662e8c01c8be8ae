"""The public interface: the same pixels as enhance.py, arrays as files, simulated shorts, and errors in one line."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from conftest import run_script, write_frame, write_model

import lowlight_tf
from lowlight_tf.isp.color import bt709_to_linear, srgb_to_linear
from lowlight_tf.pictures.image_file import read_picture, to_uint8, write_png
from lowlight_tf.raw import packing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model, whose input and output are camera colour, and a raw file to be turned upright."""
    folder = tmp_path_factory.mktemp("api")
    write_model(folder / "model", copying=False, base_width=4)
    write_frame(folder / "a.dng", size=(130, 166), cfa="GBRG", scale=400)
    write_png(folder / "b.png", np.random.RandomState(1).randint(0, 9000, (64, 70, 3)).astype(np.uint16))
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return lowlight_tf.load(folder / "model")


OPTIONS = {"auto": {}, "asked": {"ratio": 20, "strength": 0.4, "stops": -0.5}, "exposed": {"target_exposure": "2s", "strength": 1}}
FLAGS = {"ratio": "--ratio=20", "strength": "--strength={}", "stops": "--exposure=-0.5", "target_exposure": "--target_exposure=2s"}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_pixels_are_those_of_enhance_py(folder, model, name):
    options = OPTIONS[name]
    flags = [FLAGS[option].format(value) for option, value in options.items()]
    photographs = ["a.dng"] if name == "exposed" else ["a.dng", "b.png"]
    for kind in ("png", "dng") if name == "asked" else ("png",):
        where = ("--checkpoint_dir=model", f"--format={kind}", f"--result_dir={name}")
        result = run_script("enhance.py", *photographs, *where, *flags, cwd=folder)
        assert result.returncode == 0, result.stderr
    for photograph in photographs:
        written = read_picture((folder / name / photograph).with_suffix(".png"))
        np.testing.assert_array_equal(model(folder / photograph, output="uint16", **options), written)
        np.testing.assert_array_equal(model(str(folder / photograph), **options), to_uint8(written))
        if name == "asked":
            light = tifffile.imread((folder / name / photograph).with_suffix(".dng")) / np.float32(65535)
            np.testing.assert_allclose(model(folder / photograph, output="linear", **options), light, atol=1e-6)


def test_the_model_that_ships_is_linear_light_of_srgb(tmp_path):
    """Its own colours are the camera's, which the file's matrix turns into sRGB."""
    write_frame(tmp_path / "a.dng", size=(96, 96), scale=400)
    model = lowlight_tf.load()
    assert model.camera == lowlight_tf.CAMERAS["bayer"] and model.step > 0
    # Dim enough that nothing is clipped: camera colour is clipped before the matrix, sRGB after it.
    light = model(tmp_path / "a.dng", ratio=8, strength=1, output="linear")
    picture = model(tmp_path / "a.dng", ratio=8, strength=1, output="uint16") / np.float32(65535)
    assert light.dtype == np.float32
    np.testing.assert_allclose(np.clip(light, 0, 1), srgb_to_linear(picture), atol=2e-4)


def test_an_array_is_what_its_file_is(folder, model):
    raw = lowlight_tf.read_raw(folder / "a.dng")
    before = raw.mosaic.copy()
    from_file = model(folder / "a.dng", ratio=20)
    np.testing.assert_array_equal(model(raw, ratio=20), from_file)
    np.testing.assert_array_equal(raw.mosaic, before)
    np.testing.assert_array_equal(
        model.develop(raw.mosaic, cfa=raw.cfa, black_level=512, white_level=16383, wb_gains=raw.wb_gains, ccm=raw.ccm, ratio=20), from_file
    )


def test_a_simulated_short_is_its_picture_in_less_light():
    picture = np.full([96, 120, 3], 188, np.uint8)  # half of the light, by sRGB's curve
    short, target = lowlight_tf.simulate(picture, "sony", ratio=100, noise="poisson", seed=3)
    again, _ = lowlight_tf.simulate(picture / np.float32(255), "sony", ratio=100, noise="poisson", seed=3)
    other, _ = lowlight_tf.simulate(picture, "sony", ratio=100, noise="poisson", seed=4)
    np.testing.assert_array_equal(short.mosaic, again.mosaic)
    assert not np.array_equal(short.mosaic, other.mosaic)
    assert short.mosaic.shape == (96, 120) and target.shape == (96, 120, 3) and short.exposure_seconds == pytest.approx(0.1)
    light = bt709_to_linear(target).numpy()
    np.testing.assert_allclose(light, light[0, 0, 0], rtol=1e-4)  # grey, as bright as the scene was drawn
    developed = (short.mosaic - 512.0) / (16383 - 512) * 100
    for row, column, gain in ((0, 0, short.wb_gains[0]), (0, 1, 1.0), (1, 1, short.wb_gains[2])):
        assert developed[row::2, column::2].mean() * gain == pytest.approx(light[0, 0, 0], rel=0.1)


def test_a_simulated_short_can_be_developed(model):
    picture = np.random.RandomState(0).randint(60, 250, (12, 15, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    short, _ = lowlight_tf.simulate(picture, "bayer", seed=1)
    assert short.exposure_seconds == pytest.approx(10 / 100) or short.exposure_seconds < 0.1
    assert model(short, ratio=100, strength=0).shape == (96, 120, 3)
    fuji, target = lowlight_tf.simulate(picture, "fuji", ratio=250)
    assert len(fuji.cfa) == 36 and fuji.mosaic.shape == target.shape[:2]
    with pytest.raises(lowlight_tf.LowlightError, match="the mosaic is X-Trans, the model is of Bayer cameras"):
        model(fuji)


def test_the_network_by_hand():
    config = lowlight_tf.NetworkConfig(base_width=4)
    params = lowlight_tf.initialize_parameters(config, seed=1)
    packed = packing.pack(np.zeros([64, 48], np.float32), lowlight_tf.CAMERAS["sony"])
    output = lowlight_tf.forward(params, packed[None], config)
    assert output.shape == (1, 64, 48, 3) and output.dtype == tf.float32
    np.testing.assert_array_equal(output, np.zeros_like(output))  # biases begin at zero


@pytest.mark.parametrize(
    "options, words",
    [
        ({"ratio": 0}, 'ratio is 0; expected a number from 0.001 to 10000, or "auto"'),
        ({"ratio": "bright"}, "ratio is 'bright'"),
        ({"strength": 2.5}, "strength is 2.5; expected a number from 0 to 2"),
        ({"stops": float("nan")}, "stops is nan; expected a number from -8 to 8"),
        ({"output": "jpeg"}, "output is 'jpeg'; expected one of uint8, uint16, linear"),
        ({"ratio": 3, "target_exposure": "1s"}, "say the same thing"),
        ({"target_exposure": "bright"}, "is not understood"),
    ],
)
def test_options_out_of_range(folder, model, options, words):
    with pytest.raises(lowlight_tf.LowlightError, match=words):
        model(folder / "a.dng", **options)


def test_what_is_no_photograph(folder, model, tmp_path):
    with pytest.raises(lowlight_tf.LowlightError, match=r"missing\.dng"):
        model(tmp_path / "missing.dng")
    with pytest.raises(lowlight_tf.LowlightError, match=r"no model in .*expected config\.json"):
        lowlight_tf.load(tmp_path)
    with pytest.raises(lowlight_tf.LowlightError, match=r"the mosaic is float64 \[4, 4\]; expected uint16"):
        model.develop(np.zeros([4, 4]), cfa="RGGB", black_level=0, white_level=1)
    with pytest.raises(lowlight_tf.LowlightError, match=r"the mosaic is 1x1, smaller than a CFA tile"):
        model.develop(np.zeros([1, 1], np.uint16), cfa="RGGB", black_level=0, white_level=1)
    raw = lowlight_tf.read_raw(folder / "a.dng")
    with pytest.raises(lowlight_tf.LowlightError, match="is black"):
        model(dataclasses.replace(raw, mosaic=np.full_like(raw.mosaic, 512)))
    with pytest.raises(lowlight_tf.LowlightError, match="the mosaic has the CFA RGBW, which is neither"):
        model.develop(np.zeros([8, 8], np.uint16), cfa="RGBW", black_level=0, white_level=1)
    for arguments, words in (
        ((np.zeros([4, 4]),), r"the picture is float64 \[4, 4\]"),
        ((np.zeros([4, 4, 3]), "nikon"), "'nikon' is not known"),
        ((np.zeros([4, 4, 3], int),), "the picture is int64"),
    ):
        with pytest.raises(lowlight_tf.LowlightError, match=words):
            lowlight_tf.simulate(*arguments)


def test_the_public_names_are_there_and_no_others():
    assert all(hasattr(lowlight_tf, name) for name in lowlight_tf.__all__) and {*lowlight_tf.__all__} <= {*dir(lowlight_tf)}
    assert {*lowlight_tf._MODULES} | {"DEFAULT_MODEL", "__version__"} == {*lowlight_tf.__all__}
    with pytest.raises(AttributeError, match="no attribute 'enhance_everything'"):
        lowlight_tf.enhance_everything  # noqa: B018
