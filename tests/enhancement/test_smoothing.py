"""A strength above 1: the network is told of more noise than there is, and smooths more."""

import dataclasses

import numpy as np
import pytest
from conftest import run_script, write_frame, write_model

from lowlight_tf import DEFAULT_MODEL, api
from lowlight_tf.app.preview import decide, open_photograph
from lowlight_tf.enhancement import engine
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.enhancement.settings import PhotoSettings
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw import light, packing

NOISY = light.Interface(white_balance=True, signed=True, curve="bt709", noise_planes=True, target="camera_rgb")


@pytest.fixture(scope="module")
def gravel(tmp_path_factory):
    """Patches of 5 photosites, 40 to 80 counts, gain 1, read noise 4."""
    path = tmp_path_factory.mktemp("gravel") / "a.dng"
    rng = np.random.RandomState(2)
    light = np.kron(rng.uniform(40, 80, (52, 64)), np.ones((5, 5)))
    counts = np.round(512 + rng.poisson(light) + rng.normal(0, 4, light.shape))
    write_frame(path, "sony", mosaic=np.clip(counts, 0, 16383).astype(np.uint16))
    return path


def test_what_the_network_is_told(gravel):
    loaded = load_model(DEFAULT_MODEL)
    frame = dataclasses.replace(read_frame(gravel, loaded.camera), noise_profile=(4e-4, 3e-4))
    packed = packing.pack_frame(frame.mosaic, loaded.camera, frame.offset)
    told = [engine.noise_of(packed, frame, loaded, strength) for strength in (0.3, 1.0, 1.5, 2.0)]
    np.testing.assert_allclose(told, [(4e-4, 3e-4), (4e-4, 3e-4), (9e-4, 4.5e-4), (16e-4, 6e-4)], rtol=1e-12)


def test_gravel_comes_out_smoother(gravel):
    loaded = load_model(DEFAULT_MODEL)
    frame = read_frame(gravel, loaded.camera)
    packed = packing.pack_frame(frame.mosaic, loaded.camera, frame.offset)
    pictures = {}
    for strength in (1.0, 1.4, 2.0):
        pictures[strength] = engine.develop(frame, packed, 40.0, loaded, Finish(strength), 10**9)
    deviations = [picture[16:-16, 16:-16].std(axis=(0, 1)).mean() for picture in pictures.values()]
    assert deviations[0] > 1.03 * deviations[1] > 1.06 * deviations[2], deviations
    means = [picture.mean() for picture in pictures.values()]
    np.testing.assert_allclose(means, means[0], rtol=0.01)


def test_script_and_library_mean_the_same(tmp_path, gravel):
    write_model(tmp_path / "model", copying=False, interface=NOISY)
    asked = ["--ratio=20", "--format=png", "--checkpoint_dir=model"]
    for strength in ("1", "1.6"):
        result = run_script("enhance.py", str(gravel), *asked, f"--strength={strength}", f"--result_dir={strength}", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    picture = read_picture(tmp_path / "1.6" / "a.png")
    assert np.any(picture != read_picture(tmp_path / "1" / "a.png"))
    np.testing.assert_array_equal(api.load(tmp_path / "model")(gravel, ratio=20, strength=1.6, output="uint16"), picture)


def test_a_model_that_is_told_of_no_noise_says_so(tmp_path, gravel):
    write_model(tmp_path / "model")
    result = run_script("enhance.py", str(gravel), "--checkpoint_dir=model", "--strength=1.5", cwd=tmp_path)
    line, *_ = [line for line in result.stderr.splitlines() if "strength" in line]
    assert result.returncode == 1 and "strength is 1.5" in line and "model is told of none" in line, result.stderr
    opened = open_photograph(gravel, load_model(tmp_path / "model"))
    with pytest.raises(LowlightError, match="told of none"):
        decide(opened, PhotoSettings(strength=1.01))
