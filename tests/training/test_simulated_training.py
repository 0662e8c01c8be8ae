"""Training on low light that is simulated on the fly: photographs, raw frames, and long exposures corrupted again."""

import csv
import dataclasses
import json

import imageio.v3 as imageio
import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script, write_frame

from lowlight_tf.datasets import DataConfig, bright, photographs, pipeline, sources
from lowlight_tf.datasets.examples import ExampleConfig, Simulation, make_example
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.isp import unprocess
from lowlight_tf.isp.color import apply_matrix, bt709_to_linear, linear_to_bt709, srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface

SONY = CAMERAS["sony"]
EXAMPLE = ExampleConfig(16, simulation=Simulation())


def picture(size=(60, 80), seed=0):
    rng = np.random.RandomState(seed)
    smooth = np.add.outer(np.linspace(20, 200, size[0]), np.linspace(0, 50, size[1]))
    return np.clip(smooth[..., None] * rng.uniform(0.5, 1, 3) + rng.uniform(-5, 5, (*size, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of mixed photographs: JPEG, PNG of 8 and 16 bits, TIFF, a bright raw file of another camera; and two that are no use."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "trip").mkdir()
    imageio.imwrite(folder / "a.jpg", picture(), quality=95)
    imageio.imwrite(folder / "trip" / "b.png", picture(seed=1))
    (folder / "c.png").write_bytes(tf.io.encode_png(picture(seed=2).astype(np.uint16) * 257).numpy())
    imageio.imwrite(folder / "d.tif", picture(seed=3))
    mosaic = np.random.RandomState(5).randint(3000, 12000, (62, 82)).astype(np.uint16)
    write_frame(folder / "e.dng", mosaic=mosaic, black=1000, cfa="GBRG")
    (folder / "broken.jpg").write_bytes(b"no picture")
    imageio.imwrite(folder / "small.png", picture((20, 20)))
    (folder / "notes.txt").write_text("not a photograph")
    return folder


@pytest.fixture(scope="module")
def table(photos, tmp_path_factory):
    problems = Problems(report=lambda message: None)
    cached = bright.build(photographs.find_photographs(photos), SONY, tmp_path_factory.mktemp("cache"), problems, 16)
    assert len(problems.messages) == 2 and "broken.jpg" in problems.messages[0] and "small.png is 20x20" in problems.messages[1]
    return pipeline.make_table(cached, SONY, 16)


def test_a_mixed_folder_is_found_and_cached(table, photos):
    assert [pair.name for pair in table.pairs] == ["a.jpg", "c.png", "d.tif", "e.dng", "trip/b.png"]
    raw, png = table.pairs[3], table.pairs[1]
    assert raw.mosaic and raw.black_level == (1000,) * 4 and raw.size == (60, 82) and raw.wb_gains == pytest.approx((2, 1, 2.4), rel=1e-3)
    assert not png.mosaic and png.size == (60, 80)
    expected = linear_to_bt709(srgb_to_linear(picture(seed=2).astype(np.float32) / 255)).numpy()
    np.testing.assert_allclose(np.load(png.target) / 65535, expected, atol=2e-5)


def test_an_empty_and_a_missing_folder_are_clear_errors(tmp_path):
    with pytest.raises(LowlightError, match="holds no photographs; expected JPEG"):
        photographs.find_photographs(tmp_path)
    with pytest.raises(LowlightError, match="does not exist"):
        photographs.find_photographs(tmp_path / "missing")


def drawn(table, number, row=0, column=0):
    flips = {name: tf.constant(False) for name in ("flip_rows", "flip_columns", "transpose")}
    place = {name: tf.constant(value, tf.int64) for name, value in (("pair", number), ("row", row), ("column", column))}
    return place | flips | {"seed": tf.constant([1, 2])}


@pytest.mark.parametrize("number", [1, 3])
def test_amplified_and_balanced_the_input_is_as_bright_as_its_target(table, number):
    """From a picture and from a raw file: averaged over many noises, input and target are the same light, in each colour."""
    config = dataclasses.replace(EXAMPLE, interface=Interface(white_balance=True), simulation=Simulation("gaussian", 1.0))
    camera = dataclasses.replace(SONY, exposure_ratios=(10,))  # bright enough that the noise is not clipped at black
    packed, target = [], None
    for seed in range(30):
        inputs, target = make_example(drawn(table, number, 3, 5) | {"seed": tf.constant([seed, 9])}, table, camera, config)
        packed.append(packing.superpixels(inputs, SONY).numpy().mean((0, 1)))
    linear = np.where(target < 0.0812, target / 4.5, ((np.asarray(target) + 0.0993) / 1.0993) ** 2.222).astype(np.float32)
    sensor = apply_matrix(linear, srgb_to_camera_matrix(SONY.xyz_to_camera))
    at_photosites = packing.superpixels(packing.pack(unprocess.mosaic(sensor, SONY.cfa), SONY), SONY).numpy().mean((0, 1))
    # LibRaw smooths a raw frame of pure noise, and clips where it saturates: only its mean over all pixels compares, and roughly.
    expected = pytest.approx(sensor.numpy().mean((0, 1)), rel=0.15) if number == 3 else pytest.approx(at_photosites, rel=0.01)
    assert np.mean(packed, axis=0) == expected


def test_a_raw_frame_is_exposed_exactly(table, photos):
    """Without noise to speak of, the input is the raw file's own mosaic in the camera's phase, through the simulated levels."""
    ratio_one = dataclasses.replace(SONY, exposure_ratios=(1,))
    config = dataclasses.replace(EXAMPLE, simulation=Simulation("poisson"))
    inputs, _ = make_example(drawn(table, 3, 2, 3), table, ratio_one, config)
    mosaic = (np.load(table.pairs[3].mosaic).astype(np.float32) - 1000) / (16383 - 1000)
    expected = packing.pack(mosaic, SONY).numpy()[2:18, 3:19]
    np.testing.assert_allclose(inputs, expected, atol=0.06)  # shot noise of some 10,000 counts
    assert abs(np.mean(inputs - expected)) < 2e-3


WAYS = [({}, (16, 16, 4)), ({"direct_rgb": True}, (32, 32, 3)), ({"interface": Interface(white_balance=True)}, (16, 16, 4))]


@pytest.mark.parametrize("options, shape", WAYS)
def test_examples_are_the_same_eager_in_a_function_and_in_tf_data(table, options, shape):
    config = dataclasses.replace(EXAMPLE, **options)
    batches = pipeline.training_batches(table, SONY, config, batch_size=1, seed=4, first_step=0, last_step=7)
    function = tf.function(lambda index: make_example(pipeline.draw_example(index, 4, table, 16), table, SONY, config))
    for index, (inputs, target) in enumerate(batches):
        assert inputs.shape[1:] == shape and target.shape[1:] == (32, 32, 3)
        assert inputs.numpy().min() >= 0 and inputs.numpy().max() <= 1 and target.numpy().min() >= 0 and target.numpy().max() <= 1
        eager = make_example(pipeline.draw_example(index, 4, table, 16), table, SONY, config)
        for made in (eager, function(tf.constant(index, tf.int64))):
            # A count that rounding or a Poisson draw decides may fall to either side where fused arithmetic differs in the last bit.
            assert np.mean(np.abs(inputs[0] - made[0]) > 2e-5) < 2e-3
            np.testing.assert_allclose(target[0], made[1], atol=2e-6)


@pytest.mark.parametrize("darkest", [0.02, 0.5])
def test_photographs_are_dimmed_to_the_darkest(table, darkest):
    config = dataclasses.replace(EXAMPLE, simulation=Simulation("poisson", darkest))
    whole = srgb_to_linear(picture(seed=2).astype(np.float32) / 255).numpy()[6:38, 10:42]
    drawn_brightness = []
    for seed in range(40):
        _, target = make_example(drawn(table, 1, 3, 5) | {"seed": tf.constant([seed, 9])}, table, SONY, config)
        drawn_brightness.append(float(np.mean(bt709_to_linear(target)) / whole.mean()))
    assert darkest * 0.99 <= min(drawn_brightness) < darkest * 1.6 and 0.6 < max(drawn_brightness) <= 1.01


def test_noise_is_new_in_every_epoch_and_the_same_after_a_stop(table):
    options = dict(batch_size=1, seed=4)
    whole = list(pipeline.training_batches(table, SONY, EXAMPLE, first_step=0, last_step=12, **options))
    rest = list(pipeline.training_batches(table, SONY, EXAMPLE, first_step=7, last_step=12, **options))
    for (before, _), (after, _) in zip(whole[7:], rest, strict=False):
        np.testing.assert_array_equal(before, after)
    assert len({inputs.numpy().tobytes() for inputs, _ in whole}) == 12


def test_xtrans_is_simulated_from_pictures_at_every_phase(photos, tmp_path):
    fuji = CAMERAS["fuji"]
    found = [photo for photo in photographs.find_photographs(photos) if photo.name in ("a.jpg", "c.png")]
    made = pipeline.make_table(bright.build(found, fuji, tmp_path, Problems(), 9), fuji, 9)
    for row, column in ((0, 0), (1, 0), (3, 5)):
        config = ExampleConfig(9, simulation=Simulation("poisson", 1.0), interface=Interface(white_balance=True))
        inputs, target = make_example(drawn(made, 0, row, column), made, fuji, config)
        assert inputs.shape == (9, 9, 9) and target.shape == (27, 27, 3)
        whole = np.load(made.pairs[0].target)[row * 3 : row * 3 + 27, column * 3 : column * 3 + 27] / 65535
        np.testing.assert_allclose(target, whole, atol=1e-4)


def test_corrupted_targets_are_the_long_exposures_once_each(small_set):
    problems = Problems(report=lambda message: None)
    located = sources.locate(DataConfig(data_dir=str(small_set), corrupt_targets=True), SONY)
    found = sources.find_bright_frames(located, SONY, problems)
    assert located.simulated and [photo.name for photo in found] == ["00001_00_10s", "00002_00_10s"]
    assert all(photo.rendered and photo.path.parent.name == "long" for photo in found)


def losses(folder):
    with open(folder / "model" / "history.csv") as file:
        return [row[1] for row in list(csv.reader(file))[1:]]


def test_train_on_a_folder_of_photographs_stopped_or_not(tmp_path, photos):
    arguments = ["--camera=sony", "--dataset=folder", f"--data_dir={photos}", "--checkpoint_dir=model", "--white_balance_input", *SMALL_RUN]
    for folder, runs in (("whole", ["--steps=6"]), ("stopped", ["--steps=3", "--steps=6"])):
        (tmp_path / folder).mkdir()
        for steps in runs:
            result = run_script("train.py", *arguments, steps, cwd=tmp_path / folder)
            assert result.returncode == 1 and "2 skipped" in result.stderr and "Traceback" not in result.stderr, result.stderr
            assert "simulated short exposures of 5 scenes" in result.stdout
    assert losses(tmp_path / "whole") == losses(tmp_path / "stopped") and len(losses(tmp_path / "whole")) == 6
    config = json.loads((tmp_path / "whole" / "model" / "config.json").read_text())
    assert config["interface"]["white_balance"] is True and config["data"]["dataset"] == "folder"
    assert config["data"]["noise"] == "physical"


def test_a_model_of_photographs_is_tested_on_pairs(tmp_path, photos, small_set):
    arguments = ["--camera=sony", "--dataset=folder", f"--data_dir={photos}", "--checkpoint_dir=model", "--network_input=rgb", *SMALL_RUN]
    assert run_script("train.py", *arguments, "--steps=2", "--noise=poisson", cwd=tmp_path).returncode == 1  # two photographs are bad
    result = run_script("test.py", "--checkpoint_dir=model", cwd=tmp_path)
    expect_failure(result, 1, "name pairs to test it on")
    result = run_script("test.py", "--checkpoint_dir=model", f"--data_dir={small_set}", cwd=tmp_path)
    assert result.returncode == 0 and "1 image scored" in result.stdout, result.stderr


def test_train_on_corrupted_targets(tmp_path, small_set):
    arguments = ["--camera=sony", "--dataset=sid", f"--data_dir={small_set}", "--corrupt_targets", "--checkpoint_dir=model", *SMALL_RUN]
    result = run_script("train.py", *arguments, "--steps=2", cwd=tmp_path)
    assert result.returncode == 0 and "simulated short exposures of 2 scenes" in result.stdout, result.stderr
    result = run_script("test.py", "--checkpoint_dir=model", cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_white_balance_by_hand():
    packed = np.ones((1, 1, 4), np.float32)
    assert packing.white_balance(packed, SONY, (2.0, 1.0, 2.5)).numpy().ravel().tolist() == [2, 1, 2.5, 1]
    assert packing.white_balance(np.ones((1, 1, 9), np.float32), CAMERAS["fuji"], (2.0, 1.0, 2.5)).numpy().sum() == 2 * 2 + 2 * 2.5 + 5


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--dataset=folder"], "needs --data_dir"),
        (["--dataset=folder", "--data_dir=missing"], "missing does not exist"),
        (["--dataset=pictures", "--data_dir=x"], "expected one of auto, sid, samples, folder"),
        (["--dataset=folder", "--data_dir=x", "--corrupt_targets"], "--corrupt_targets"),
        (["--noise=poisson"], "--noise"),
        (["--darkest=0.05"], "--darkest"),
        (["--noise=pink"], "noise"),
    ],
)
def test_what_does_not_go_together_is_one_line(tmp_path, arguments, words):
    result = run_script("train.py", "--camera=sony", "--steps=1", *arguments, cwd=tmp_path)
    expect_failure(result, 1 if "does not exist" in words else 2, words)
