"""OpenEXR pictures: linear light, primaries, headroom above white, and a training on them."""

import numpy as np
import OpenEXR
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script, shared

from lowlight_tf.datasets import bright, photographs, pipeline
from lowlight_tf.datasets.examples import ExampleConfig, Simulation, make_example
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.isp.color import bt709_to_linear
from lowlight_tf.pictures.linear_file import linear_size, read_linear, to_srgb_matrix
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface

BAYER = CAMERAS["bayer"]
ACES = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
SRGB = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)


def write_exr(path, light, names=("R", "G", "B"), **header):
    channels = {name: np.ascontiguousarray(light[..., place]) for place, name in enumerate(names)}
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}, channels).write(str(path))
    return path


def lamp(height=60, width=80):
    """A dark room with a lamp a thousand times as bright as the wall: 2 % of the picture."""
    light = np.full((height, width, 3), 0.02, np.float32) * [1.0, 0.8, 0.6]
    light[10:20, 10:20] = 20.0
    return light.astype(np.float32)


def test_a_file_is_read_as_it_is(tmp_path):
    light = np.random.RandomState(0).uniform(-0.1, 30, (7, 9, 3)).astype(np.float16)
    light[0, 0, 0] = np.nan
    path = write_exr(tmp_path / "a.exr", light)
    assert linear_size(path) == (7, 9)
    found = read_linear(path)
    np.testing.assert_allclose(found[1:], np.maximum(light[1:], 0), rtol=2e-3, atol=2e-3)
    assert np.isfinite(found).all() and found.min() >= 0


def test_primaries_become_srgb(tmp_path):
    """sRGB's own stay what they are; white stays white whatever the primaries; ACES' green is beyond sRGB's."""
    np.testing.assert_allclose(to_srgb_matrix(SRGB), np.eye(3), atol=5e-4)
    np.testing.assert_allclose(to_srgb_matrix(ACES).sum(axis=1), 1, atol=5e-4)
    np.testing.assert_allclose(to_srgb_matrix(ACES)[0], [2.5217, -1.1341, -0.3876], atol=3e-3)  # the published ACES2065-1 -> sRGB row
    path = write_exr(tmp_path / "a.exr", np.full((4, 4, 3), [0.0, 1.0, 0.0], np.float32), chromaticities=ACES)
    assert read_linear(path)[0, 0].tolist() == pytest.approx([0, to_srgb_matrix(ACES)[1, 1], 0], abs=1e-4)


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "a.exr").write_bytes(b"no picture")
    with pytest.raises(LowlightError, match=r"a\.exr is damaged or no OpenEXR file"):
        read_linear(tmp_path / "a.exr")
    grey = write_exr(tmp_path / "b.exr", np.ones((4, 4, 1), np.float32), names=("Y",))
    with pytest.raises(LowlightError, match="channels Y; expected R, G and B"):
        read_linear(grey)
    black = write_exr(tmp_path / "c.exr", np.zeros((40, 40, 3), np.float32))
    problems = Problems(report=lambda message: None)
    found = photographs.find_photographs(black.parent)
    assert bright.build(found, BAYER, tmp_path / "cache", problems) == []
    assert len(problems.messages) == 3 and any("is black" in message for message in problems.messages)


def test_highlights_are_kept_and_clipped_where_a_sensor_clips(tmp_path):
    """The wall is white, the lamp a thousand times as bright and kept as 16: exposed 1/10 as long it is still clipped, 1/20 as long not."""
    folder = tmp_path / "photos"
    folder.mkdir()
    write_exr(folder / "a.exr", lamp())
    (photograph,) = photographs.find_photographs(folder)
    assert photograph.is_linear and not photograph.is_raw
    light = bright.picture_light(photograph, BAYER)
    assert light.shape == (60, 80, 3) and 15.9 < float(tf.reduce_max(light)) <= 16
    table = pipeline.make_table(bright.build([photograph], BAYER, tmp_path / "cache", Problems(), 30), BAYER, 30)
    assert table.pairs[0].headroom == 16
    brightest = {}
    for target in ("srgb", "camera_rgb"):
        config = ExampleConfig(30, Interface(white_balance=True, target=target), Simulation("poisson", 0.02, many_cameras=True))
        found = [make_example(pipeline.draw_example(index, 3, table, 30), table, BAYER, config)[1] for index in range(24)]
        brightest[target] = [float(tf.reduce_max(bt709_to_linear(picture))) for picture in found]
        assert max(brightest[target]) <= 1.0001 and sum(value > 0.999 for value in brightest[target]) > 3
        assert min(brightest[target]) < 0.9


def test_training_on_linear_pictures(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    write_exr(folder / "a.exr", lamp())
    run = ["--camera=sony", "--dataset=folder", f"--data_dir={folder}", "--checkpoint_dir=model", *SMALL_RUN, "--steps=1"]
    result = run_script("train.py", *run, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (folder / "a.exr").write_bytes(b"")
    expect_failure(run_script("train.py", *run[:-1], "--checkpoint_dir=other", "--steps=1", cwd=tmp_path), 1, "no photographs")


def test_real_files():
    for path in sorted(shared("photos/linear").glob("*.exr"))[:3]:
        assert read_linear(path).shape[:2] == linear_size(path)
