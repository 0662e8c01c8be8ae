"""One model for every Bayer camera: the sensor's own colour as the target, sensors of many makers, quantised counts."""

import dataclasses
import json

import imageio.v3 as imageio
import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script

from lowlight_tf.datasets import bright, cache, photographs, pipeline, sid
from lowlight_tf.datasets.examples import ExampleConfig, Simulation, make_example
from lowlight_tf.errors import Problems
from lowlight_tf.isp import capture, noise, sensors
from lowlight_tf.isp.color import apply_matrix, bt709_to_linear, linear_to_bt709, srgb_to_linear
from lowlight_tf.isp.unprocess import mosaic
from lowlight_tf.pictures.finishing import Finish, finish
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface

BAYER = CAMERAS["bayer"]
CAMERA_RGB = Interface(white_balance=True, target="camera_rgb")
CONFIG = ExampleConfig(16, CAMERA_RGB, Simulation(many_cameras=True))


def test_the_target_by_hand():
    """Linear (0.5, 0.25, 0.1) under a matrix that halves red's part and keeps white."""
    matrix = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], np.float32)
    coded = linear_to_bt709(np.array([[[0.5, 0.25, 0.1]]], np.float32))
    seen = bt709_to_linear(capture.camera_target(coded, matrix)).numpy().ravel()
    np.testing.assert_allclose(seen, [0.375, 0.25, 0.175], atol=1e-5)


def test_finishing_turns_a_target_back():
    srgb = np.random.RandomState(0).uniform(0.05, 0.9, (6, 7, 3)).astype(np.float32)
    for matrix in sensors.FROM_SRGB:
        seen = bt709_to_linear(capture.camera_target(srgb, matrix)).numpy()
        inside = ((seen > 0) & (seen < 1)).all(axis=-1)  # a colour that the sensor cannot tell from black is gone
        back = finish(capture.camera_target(srgb, matrix), None, np.linalg.inv(matrix), "camera_rgb", Finish(curve="bt709")) / 65535
        np.testing.assert_allclose(back[inside], srgb[inside], atol=2e-4)
        assert inside.mean() > 0.5


def test_sensors_keep_white_and_differ():
    drawn = np.stack([sensors.random_color([3, seed]) for seed in range(50)])
    np.testing.assert_allclose(drawn.sum(axis=-1), 1, atol=1e-5)
    assert drawn[:, 0, 0].std() > 0.05 and len({matrix.tobytes() for matrix in drawn}) == 50


def test_ratios_and_gains_go_together():
    ratios = np.array([float(sensors.random_ratio([5, seed])) for seed in range(400)])
    assert ratios.min() == 1 and 200 < ratios.max() <= 300 and 0.06 < np.mean(ratios == 1) < 0.15
    assert 40 < np.median(ratios[ratios > 1]) < 80  # 300 to the power of sqrt(1 / 2): 56.5
    gains = [float(noise.random_noise([5, seed], "physical", sensors.figures_at(tf.constant(100.0))).gain) for seed in range(100)]
    assert min(gains) >= 0.1 and 0.6 < max(gains) <= 0.8


@pytest.mark.parametrize("step", [1.0, 4.0, 16.0])
def test_counts_are_multiples_of_what_the_bits_allow(step):
    drawn = dataclasses.replace(noise.random_noise([1, 2]), step=tf.constant(step))
    clean = tf.fill([64, 64], 0.3)
    counts = noise.add_noise(clean, drawn, [3, 4], exposure_ratio=10.0, black_level=512, white_level=16383).numpy()
    assert (counts % step == 0).all() and (counts % (2 * step) != 0).any()
    assert counts.mean() == pytest.approx(512 + 0.03 * 15871 + float(drawn.black_offset), abs=2)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.RandomState(4)
    smooth = np.add.outer(np.linspace(60, 200, 60), np.linspace(0, 50, 80))[..., None] * [0.9, 0.8, 0.6]
    for name in ("a.png", "b.png"):
        imageio.imwrite(folder / name, np.clip(smooth + rng.uniform(-4, 4, (60, 80, 3)), 0, 255).astype(np.uint8))
    cached = bright.build(photographs.find_photographs(folder), BAYER, tmp_path_factory.mktemp("cache"), Problems(), 16)
    return pipeline.make_table(cached, BAYER, 16)


def test_input_and_target_are_the_same_light_on_the_same_sensor(table):
    """Whatever the sensor and the light: averaged over frames, the white-balanced photosites are what the target says they saw."""
    seen, expected = [], []
    for index in range(40):
        inputs, target = make_example(pipeline.draw_example(index, 3, table, 16), table, BAYER, CONFIG)
        plain = {name: tf.constant(False) for name in ("flip_rows", "flip_columns", "transpose")}
        inputs, target = make_example(pipeline.draw_example(index, 3, table, 16) | plain, table, BAYER, CONFIG)
        linear = bt709_to_linear(target)
        if float(tf.reduce_max(linear)) < 0.7:  # noise around white is clipped there
            seen.append(packing.superpixels(inputs, BAYER).numpy().mean((0, 1)))
            expected.append(packing.superpixels(packing.pack(mosaic(linear, BAYER.cfa), BAYER), BAYER).numpy().mean((0, 1)))
    assert len(seen) > 20
    assert np.median(np.array(seen) / np.array(expected), axis=0) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(np.ravel(seen), np.ravel(expected))[0, 1] > 0.95


def test_signed_input_keeps_the_mean_of_the_dark(table):
    """Counts 505 and 519 around black 512 are -7 and 7 of 15871, not 0 and 7; a sensor that cuts at black records no -7."""
    packed = np.array([[[505, 519, 505, 519]]], np.uint16)
    light = packing.normalise(packed, BAYER, (512,) * 4, 16383, signed=True)
    np.testing.assert_allclose(light[0, 0] * 15871, [-7, 7, -7, 7], rtol=1e-5)
    assert packing.normalise(packed, BAYER, (512,) * 4, 16383).numpy()[0, 0, 0] == 0
    dark = tf.zeros([64, 64])
    drawn = capture.random_capture([1, 2], BAYER, many_cameras=True)
    for cuts in (True, False):
        counts = capture.expose(dark, dataclasses.replace(drawn, cuts_black=tf.constant(cuts)), BAYER).numpy()
        assert (counts.min() == 512) == cuts and counts.max() > 512
    cutting = [bool(sensors.random_cut([3, seed])) for seed in range(300)]
    assert 0.14 < np.mean(cutting) < 0.26
    assert not any(bool(capture.random_capture([1, seed], BAYER).cuts_black) for seed in range(20))
    draws = [pipeline.draw_example(index, 3, table, 16) for index in range(8)]
    signed = dataclasses.replace(CONFIG, interface=dataclasses.replace(CAMERA_RGB, signed=True))
    lowest = [[float(tf.reduce_min(make_example(draw, table, BAYER, config)[0])) for config in (CONFIG, signed)] for draw in draws]
    assert min(low for low, _ in lowest) == 0 and min(low for _, low in lowest) < 0


def test_a_picture_is_turned_before_it_is_a_mosaic(table):
    """However it is turned, each photosite has the colour that the CFA says: at ratio 1 its light is that of the target's pixel there."""
    draw = pipeline.draw_example(1, 3, table, 16)
    seen = []
    for turns in np.ndindex(2, 2, 2):
        turned = dict(zip(("flip_rows", "flip_columns", "transpose"), map(tf.constant, map(bool, turns)), strict=False))
        inputs, target = make_example(draw | turned, table, BAYER, CONFIG)
        light = packing.pack(mosaic(bt709_to_linear(target), BAYER.cfa), BAYER)
        seen.append(
            np.corrcoef(
                np.ravel(inputs - packing.superpixels(inputs, BAYER).numpy().mean()),
                np.ravel(light - packing.superpixels(light, BAYER).numpy().mean()),
            )[0, 1]
        )
    assert min(seen) > max(seen) - 0.02, seen
    plain = make_example(draw | {name: tf.constant(False) for name in turned}, table, BAYER, CONFIG)[1]
    np.testing.assert_array_equal(target, tf.transpose(plain[::-1, ::-1], [1, 0, 2]))


def test_examples_are_the_same_eager_in_a_function_and_in_tf_data(table):
    batches = pipeline.training_batches(table, BAYER, CONFIG, batch_size=1, seed=4, first_step=0, last_step=6)
    function = tf.function(lambda index: make_example(pipeline.draw_example(index, 4, table, 16), table, BAYER, CONFIG))
    for index, (inputs, target) in enumerate(batches):
        eager = make_example(pipeline.draw_example(index, 4, table, 16), table, BAYER, CONFIG)
        for made in (eager, function(tf.constant(index, tf.int64))):
            assert np.mean(np.abs(inputs[0] - made[0]) > 2e-5) < 0.02  # counts that rounding decides
            np.testing.assert_allclose(target[0], made[1], atol=1e-5)


def test_a_real_pair_is_turned_by_its_own_matrix(small_set, tmp_path):
    pairs = cache.build(sid.find_pairs(small_set, CAMERAS["sony"], "train", Problems()), CAMERAS["sony"], tmp_path, Problems())
    made = pipeline.make_table(pairs, CAMERAS["sony"], 16)
    draw = (
        {name: tf.constant(False) for name in ("flip_rows", "flip_columns", "transpose")}
        | {name: tf.constant(0, tf.int64) for name in ("pair", "row", "column")}
        | {"seed": tf.constant([1, 2])}
    )
    _, srgb = make_example(draw, made, CAMERAS["sony"], ExampleConfig(16))
    _, seen = make_example(draw, made, CAMERAS["sony"], ExampleConfig(16, Interface(target="camera_rgb")))
    expected = linear_to_bt709(tf.clip_by_value(apply_matrix(bt709_to_linear(srgb), np.array(pairs[0].from_srgb, np.float32)), 0, 1))
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert np.abs(np.array(pairs[0].from_srgb) - np.eye(3)).max() > 0.1


def test_a_model_of_every_camera_is_trained_tested_and_adapted(tmp_path, small_set, photo_folder):
    arguments = ["--camera=bayer", "--target=camera_rgb", "--dataset=folder", f"--data_dir={photo_folder}", "--checkpoint_dir=model"]
    result = run_script("train.py", "--signed_input", *arguments, *SMALL_RUN, "--steps=3", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["target"] == config["interface"]["target"] == "camera_rgb" and config["interface"]["white_balance"] is True
    assert config["interface"]["signed"] is True
    pairs = small_set / "Sony"
    result = run_script("test.py", "--checkpoint_dir=model", f"--data_dir={pairs}", cwd=tmp_path)
    assert result.returncode == 0 and "1 image scored" in result.stdout, result.stderr
    short = next((pairs / "short").glob("1*.dng"))
    arguments = ["--checkpoint_dir=model", "--ratio=100", "--strength=1", "--format=png", "--result_dir=out"]
    enhanced = run_script("enhance.py", short, *arguments, cwd=tmp_path)
    assert enhanced.returncode == 0, enhanced.stderr
    tested = read_picture(tmp_path / "results" / "model" / "sid-00" / f"{short.stem}_out.png")
    enhanced = srgb_to_linear(read_picture(tmp_path / "out" / f"{short.stem}.png") / 65535)  # the protocol's curve is another
    np.testing.assert_allclose(255 * linear_to_bt709(enhanced).numpy(), tested / 257, atol=0.52)
    adapted = ["--camera=bayer", "--init_from=model", f"--data_dir={pairs}", "--checkpoint_dir=adapted", "--patch_size=16", "--steps=2"]
    result = run_script("train.py", *adapted, "--simulated_fraction=0.5", f"--simulated_data_dir={photo_folder}", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    finished = ["--camera=sony", "--init_from=model", f"--data_dir={small_set}", "--target=srgb", "--checkpoint_dir=other"]
    result = run_script("train.py", *finished, "--patch_size=16", "--steps=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr  # the same layers, another camera of the same CFA and another target
    interface = json.loads((tmp_path / "other" / "config.json").read_text())["interface"]
    assert interface["target"] == "srgb" and interface["white_balance"] is True


def test_camera_colour_is_white_balanced(tmp_path):
    result = run_script("train.py", "--camera=bayer", "--target=camera_rgb", "--nowhite_balance_input", "--steps=1", cwd=tmp_path)
    expect_failure(result, 2, "--nowhite_balance_input")


@pytest.fixture
def photo_folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    imageio.imwrite(folder / "a.png", np.random.RandomState(1).randint(0, 255, (60, 80, 3), np.uint8))
    return folder
