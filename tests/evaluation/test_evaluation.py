"""Scores, files and protocols of test.py."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import expect_failure, run_script, write_frame, write_model, write_pairs

from flags import test_flags
from lowlight_tf import __version__
from lowlight_tf.datasets import DataConfig
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.enhancement import engine, tiling
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.evaluation import evaluate, metrics, scores, subjects
from lowlight_tf.evaluation.metrics import aligned_psnr, psnr, ssim
from lowlight_tf.network.model import network_for
from lowlight_tf.network.sid import forward, initialize_parameters
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface
from lowlight_tf.raw.rendering import render
from lowlight_tf.versions import versions


def score(name, ratio, value, scaled=10.0):
    return scores.Score(name, ratio, 8, 8, value, value / 100, scaled, None if scaled is None else 0.1)


def test_means_are_over_images_and_per_ratio():
    metrics = scores.summarise([score("a", "x100", 20.0), score("b", "x300", 30.0), score("c", "x100", 40.0, None)], "sid-00")
    assert (metrics["protocol"], metrics["images"], metrics["psnr"], metrics["input_psnr"]) == ("sid-00", 3, 30.0, 10.0)
    assert list(metrics["per_ratio"]) == ["x100", "x300"]
    assert metrics["per_ratio"]["x100"]["images"] == 2 and metrics["per_ratio"]["x100"]["psnr"] == 30.0
    assert metrics["per_ratio"]["x300"]["ssim"] == pytest.approx(0.3)


def test_aligned_psnr_by_hand():
    """Each colour off by a gain of its own is nothing; alternating errors of 3 around 100 are 255^2 / 9, and a gain hides 0.09 %."""
    reference = np.random.RandomState(0).randint(1, 60, (12, 12, 3)).astype(np.uint8)
    assert aligned_psnr(reference * np.array([2, 3, 4], np.uint8), reference) == np.inf
    assert psnr(reference * np.array([2, 3, 4], np.uint8), reference) < 20
    grey, noisy = np.full((12, 12, 3), 100, np.uint8), np.full((12, 12, 3), 97, np.uint8)
    noisy[::2] = 103
    assert aligned_psnr(noisy, grey) == pytest.approx(10 * np.log10(255**2 / (9 / 1.0009)), abs=1e-3)
    assert aligned_psnr(np.zeros_like(grey), grey) == pytest.approx(psnr(np.zeros_like(grey), grey))


@pytest.mark.parametrize("name", ["sony", "fuji"])
def test_prediction_is_the_contract_step_by_step(tmp_path, name):
    camera = CAMERAS[name]
    data = write_pairs(tmp_path, ids=("10001",), size=(516, 522) if name == "fuji" else (98, 122), camera=name)
    network = network_for(camera, base_width=2)
    params = initialize_parameters(network)
    short = read_short(data / camera.folder / "short" / "10001_00_0.1s.dng", camera)
    packed = tf.cast(packing.pack(short.mosaic[None], camera), tf.float32)
    level = camera.black_level
    expected = forward(params, tf.minimum(tf.maximum(packed - level, 0) / (16383 - level) * 100, 1), network)[0]
    np.testing.assert_allclose(evaluate.make_predictor(params, camera, network)(short, 100), expected, atol=1e-5)


@pytest.mark.parametrize(
    "interface", [Interface(), Interface(target="camera_rgb"), Interface(signed=True, curve="bt709", noise_planes=True, skip="demosaic")]
)
def test_scores_in_tiles_are_those_of_the_whole_frame(tmp_path, monkeypatch, interface):
    loaded = engine.load_model(write_model(tmp_path / "model", copying=False, interface=interface))
    write_frame(tmp_path / "a.dng", "bayer", size=(611, 433), cfa="GRBG", scale=300)
    short, sizes = read_short(tmp_path / "a.dng", loaded.camera), []

    def counting(inputs):
        sizes.append(inputs.shape[1:3])
        return loaded.run(inputs)

    counted = dataclasses.replace(loaded, run_once=counting)
    monkeypatch.setattr(evaluate, "free_memory", lambda limit: limit)
    spare = evaluate._BYTES_PER_PHOTOSITE * short.mosaic.size
    whole = evaluate.predictor_of(counted, 10**10)(short, 40.0)
    assert sizes == [(305, 216)]
    limit = spare + round(tiling.bytes_per_pixel(loaded.network) * 54000)
    tiled = evaluate.predictor_of(counted, limit)(short, 40.0)
    assert len(sizes) > 2 and max(height * width for height, width in sizes[1:]) <= 54000
    assert whole.shape == (610, 432, 3) and whole.dtype == np.float32 and whole.std() > 1e-3
    np.testing.assert_allclose(tiled, whole, atol=2e-6)
    np.testing.assert_array_equal(to_uint8(tiled), to_uint8(whole))
    with pytest.raises(LowlightError, match=r"a.dng does not fit into memory: the smallest tile.*raise --memory_limit"):
        evaluate.predictor_of(counted, spare)(short, 40.0)


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")])
def test_memory_that_does_not_suffice_is_one_line_and_the_rest_is_scored(tmp_path, small_model, monkeypatch, error):
    data, problems = write_pairs(tmp_path / "set", ids=("10001", "10002")), Problems(lambda message: None)
    subject = subjects.trained_subject(str(small_model / "model"))

    def exhausted(short, ratio):
        if "10001" in str(short.path):
            raise error
        return subject.predict(short, ratio)

    metrics = evaluate.evaluate(
        dataclasses.replace(subject, predict=exhausted), DataConfig(data_dir=str(data)), str(tmp_path / "out"), "sid-00", problems
    )
    assert metrics["images"] == 1 and len(problems.messages) == 1
    assert "10001_00_0.1s.dng does not fit into memory; close other programs" in problems.messages[0]


def test_the_memory_limit_reaches_test_py(tmp_path, small_model):
    result = run_script("test.py", "--checkpoint_dir=model", "--memory_limit=0.001", f"--result_dir={tmp_path}", cwd=small_model)
    expect_failure(result, 1, "none of the 1 test pairs could be scored")
    assert "10001_00_0.1s.dng does not fit into memory" in result.stderr and "raise --memory_limit" in result.stderr
    expect_failure(run_script("test.py", "--model=classic", "--camera=sony", "--memory_limit=2", cwd=tmp_path), 2, "--memory_limit")


def test_ssim_in_strips_is_that_of_the_whole_picture():
    """To the bit: the rows of its map do not depend on the strip, and the mean is taken over all of them."""
    random = np.random.RandomState(3)
    picture = random.randint(0, 256, (2 * metrics._ROWS + 31, 45, 3)).astype(np.uint8)
    reference = np.clip(picture // 2 + random.randint(0, 99, picture.shape), 0, 255).astype(np.uint8)
    whole = [
        float(tf.image.ssim(*(tf.cast(image[None, ..., channel, None], tf.float32) for image in (picture, reference)), 255.0)[0])
        for channel in range(3)
    ]
    assert ssim(picture, reference) == sum(whole) / 3


def test_test_py_writes_pictures_and_numbers_that_agree(small_set, small_model):
    result = run_script("test.py", "--checkpoint_dir=model", "--result_dir=out", cwd=small_model)
    assert result.returncode == 0, result.stderr
    out = small_model / "out"
    names = sorted(path.name for path in out.iterdir())
    assert names == [
        "10001_00_0.1s_gt.png",
        "10001_00_0.1s_out.png",
        "10001_00_0.1s_scaled-input.png",
        "metrics.csv",
        "metrics.json",
        "overview.png",
    ]
    pictures = {what: tf.io.decode_png((out / f"10001_00_0.1s_{what}.png").read_bytes()).numpy() for what in ("out", "gt", "scaled-input")}
    target = read_target(small_set / "Sony" / "long" / "10001_00_10s.dng", CAMERAS["sony"], (96, 120), (0, 0))
    np.testing.assert_array_equal(pictures["gt"], to_uint8(target))
    np.testing.assert_array_equal(pictures["scaled-input"], to_uint8(render(small_set / "Sony" / "short" / "10001_00_0.1s.dng", 100)))
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["protocol"] == "sid-00" and metrics["images"] == 1 and list(metrics["per_ratio"]) == ["x100"]
    assert metrics["psnr"] == pytest.approx(psnr(pictures["out"], pictures["gt"]))
    assert metrics["aligned_psnr"] == pytest.approx(aligned_psnr(pictures["out"], pictures["gt"]))
    assert metrics["input_ssim"] == pytest.approx(ssim(pictures["scaled-input"], pictures["gt"]))
    assert (metrics["checkpoint"], metrics["step"]) == (str(small_model / "model"), 4)
    assert metrics["data"] == {"dataset": "sid", "data_dir": str(small_set)}
    assert metrics["versions"] == versions() and versions()["lowlight_tf"] == __version__ and versions()["tensorflow"] == tf.__version__
    with open(out / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["name"] == "10001_00_0.1s" and float(rows[0]["psnr"]) == pytest.approx(metrics["psnr"])
    assert "Protocol sid-00, 1 image scored" in result.stdout and "x100" in result.stdout


@pytest.mark.parametrize(
    "checkpoint_dir, name",
    [
        ("checkpoints/bayer", "bayer"),
        ("models/bayer", "models-bayer"),
        ("./models/bayer/", "models-bayer"),
        ("model", "model"),
        ("checkpoints/study/all", "study-all"),
        ("{}/checkpoints/bayer", "bayer"),
        ("/opt/checkpoints/bayer", "bayer"),
        ("/opt/models/bayer", "models-bayer"),
        ("checkpoints", "checkpoints"),
    ],
)
def test_two_models_do_not_share_a_folder_of_results(tmp_path, monkeypatch, checkpoint_dir, name):
    monkeypatch.chdir(tmp_path)
    assert test_flags._model_name(checkpoint_dir.format(tmp_path)) == name


def test_the_named_protocol_decides_what_is_scored(tmp_path, small_model):
    data = write_pairs(tmp_path / "set", ids=("10001", "10034"))
    short = data / "Sony" / "short"
    (short / "10001_01_0.1s.dng").write_bytes((short / "10001_00_0.1s.dng").read_bytes())
    for protocol, images in (("sid-all", 3), ("sid-00", 2), ("sid-clean", 2), ("sid-clean-00", 1)):
        result = run_script(
            "test.py",
            f"--checkpoint_dir={small_model / 'model'}",
            f"--data_dir={data}",
            "--result_dir=out",
            f"--protocol={protocol}",
            cwd=tmp_path,
        )
        assert result.returncode == 0, result.stderr
        metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
        assert (metrics["protocol"], metrics["images"]) == (protocol, images)


def test_one_bad_file_is_skipped_and_named_twice(tmp_path, small_model):
    data = write_pairs(tmp_path / "set", ids=("10001", "10002"))
    bad = data / "Sony" / "short" / "10001_00_0.1s.dng"
    bad.write_bytes(bad.read_bytes()[:3000])
    result = run_script("test.py", f"--checkpoint_dir={small_model / 'model'}", f"--data_dir={data}", "--result_dir=out", cwd=tmp_path)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert result.stderr.count("10001_00_0.1s.dng is truncated") == 2 and "1 skipped:" in result.stderr
    assert (tmp_path / "out" / "10002_00_0.1s_out.png").is_file() and not (tmp_path / "out" / "10001_00_0.1s_out.png").exists()
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["images"] == 1


def test_a_ready_picture_of_the_wrong_size(tmp_path, small_model):
    from lowlight_tf.pictures.image_file import write_png

    data = write_pairs(tmp_path / "set", ids=("10001",))
    (data / "Sony" / "long" / "10001_00_10s.dng").unlink()
    write_png(data / "Sony" / "long" / "10001_00_10s.png", np.zeros([90, 120, 3], np.uint16))
    result = run_script("test.py", f"--checkpoint_dir={small_model / 'model'}", f"--data_dir={data}", "--result_dir=out", cwd=tmp_path)
    expect_failure(result, 1, "none of the 1 test pairs could be scored")
    assert "10001_00_10s.png is 120x90, its short exposure is 120x96" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_checkpoint_of_the_other_camera(tmp_path, small_model, small_set):
    model = small_model / "model"
    expect_failure(
        run_script("test.py", "--camera=fuji", f"--checkpoint_dir={model}", cwd=tmp_path), 1, "model of --camera=sony, not of fuji"
    )
    result = run_script("train.py", "--camera=fuji", f"--checkpoint_dir={model}", f"--data_dir={small_set}", "--steps=1", cwd=tmp_path)
    expect_failure(result, 1, "model of --camera=sony, not of fuji")


def test_no_model_and_no_data(tmp_path, small_model):
    expect_failure(run_script("test.py", "--checkpoint_dir=nowhere", cwd=tmp_path), 1, "no model in nowhere")
    expect_failure(run_script("test.py", cwd=tmp_path), 2, "--checkpoint_dir is missing")
    expect_failure(
        run_script("test.py", f"--checkpoint_dir={small_model / 'model'}", "--data_dir=gone", cwd=tmp_path), 1, "gone does not exist"
    )
    data = write_pairs(tmp_path / "set", ids=("00001",))
    expect_failure(
        run_script("test.py", f"--checkpoint_dir={small_model / 'model'}", f"--data_dir={data}", cwd=tmp_path),
        1,
        "no test pairs for sid-00",
    )
    assert not (tmp_path / "results").exists()
