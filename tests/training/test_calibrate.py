"""`calibrate`: pairs say where a camera's black level lies, and a model knows it from then on."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import expect_failure, run_script, shared, write_frame, write_model

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.datasets import DataConfig, sources
from lowlight_tf.datasets.black_offsets import pair_offsets
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.evaluation.evaluate import evaluate_pair
from lowlight_tf.evaluation.subjects import trained_subject
from lowlight_tf.isp.color import linear_to_bt709, srgb_to_camera_matrix
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.pictures.image_file import write_png
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.raw_frame import read_raw_frame
from lowlight_tf.training.calibrate import calibrate, calibrated

GAINS = (2.0, 1.0, 2.4)  # write_frame's
TRUE = (-0.6, -1.1, 0.4, -1.1)  # R, G, B, second G


def write_calibration_pair(folder, camera, number, seconds="10"):
    """A smooth scene of many colours, a hundredth of its light in the short, whose black lies TRUE beside the file's."""
    row, rng = CAMERAS[camera], np.random.RandomState(number)
    y, x = np.mgrid[:240, :300] / 300
    light = np.stack([0.05 + 0.2 * (1 + np.sin(7 * x + 5 * y * phase + number)) for phase in (1, 2, 3)], -1).astype(np.float32)
    write_png(folder / "long" / f"0000{number}_00_{seconds}s.png", np.rint(linear_to_bt709(light).numpy() * 65535).astype(np.uint16))
    clean = mosaic(to_sensor(light, srgb_to_camera_matrix(row.xyz_to_camera), GAINS), row.cfa).numpy() * (16383 - 512) / 100
    tile = int(len(row.cfa) ** 0.5)
    letters = np.tile(np.reshape(list(row.cfa), (tile, tile)), [-(-side // tile) for side in clean.shape])[
        : clean.shape[0], : clean.shape[1]
    ]
    offset = np.select([letters == "R", letters == "B"], [TRUE[0], TRUE[2]], TRUE[1])
    counts = np.rint(512 + clean + offset + rng.normal(0, 3, clean.shape))
    write_frame(folder / "short" / f"0000{number}_00_0.1s.dng", camera, black=512, mosaic=counts.astype(np.uint16))


@pytest.fixture
def pairs(tmp_path):
    for part in ("long", "short"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
    for number in (1, 2):
        write_calibration_pair(tmp_path / "pairs", "bayer", number)
    return tmp_path


@pytest.mark.parametrize("camera", ["sony", "bayer"])
def test_the_offsets_are_found_and_used(pairs, camera):
    write_model(pairs / "model")
    asked = ["--checkpoint_dir=model", "--data_dir=pairs", f"--camera={camera}", "--output=mine"]
    result = run_script("lowlight_tf", "calibrate", *asked, cwd=pairs)
    assert result.returncode == 0 and "mean of 2 pairs" in result.stdout, result.stderr
    loaded = load_model(pairs / "mine")
    np.testing.assert_allclose(loaded.camera.black_offsets, TRUE, atol=0.08)
    assert dataclasses.replace(loaded.camera, black_offsets=(0.0,) * 4) == CAMERAS[camera]
    short = pairs / "pairs" / "short" / "00001_00_0.1s.dng"
    raw, plain = read_short(short, loaded.camera), read_short(short, CAMERAS[camera])
    found = np.subtract(raw.black_level, plain.black_level)
    np.testing.assert_allclose(found, loaded.camera.black_offsets, atol=1e-9)
    frame = read_raw_frame(short, loaded.camera)
    light = [frame.mosaic[y::2, x::2].mean() - frame.black_level[color] for color, (y, x) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0)))]
    seen = [raw.mosaic[y::2, x::2].mean() - raw.black_level[color] for color, (y, x) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0)))]
    np.testing.assert_allclose(light, seen, atol=1e-6)
    assert any("as the camera's pairs show" in note for note in frame.notes)


def test_x_trans_has_one_green(tmp_path):
    for part in ("long", "short"):
        (tmp_path / part).mkdir()
    write_calibration_pair(tmp_path, "xtrans", 1)
    write_model(tmp_path / "model", "xtrans", copying=False)
    calibrate(tmp_path / "model", tmp_path / "mine", str(tmp_path), None, Problems())
    np.testing.assert_allclose(load_model(tmp_path / "mine").camera.black_offsets, TRUE, atol=0.08)


def test_scores_and_photographs_gain(pairs):
    """With the model that ships; what enhance.py says of a file says so."""
    calibrate(DEFAULT_MODEL, pairs / "mine", str(pairs / "pairs"), None, Problems())
    scores = []
    for folder in (DEFAULT_MODEL, pairs / "mine"):
        subject = trained_subject(str(folder))
        located = sources.locate_pairs(DataConfig(data_dir=str(pairs / "pairs")), subject.camera)
        found = sources.find_pairs(located, subject.camera, "train", Problems())
        scores.append(np.mean([evaluate_pair(subject.predict, pair, subject.camera, pairs).psnr for pair in found]))
    assert scores[1] > scores[0] + 1, scores
    result = run_script("enhance.py", "pairs/short", "--checkpoint_dir=mine", cwd=pairs)
    assert result.returncode == 0 and "as the camera's pairs show" in result.stdout, result.stderr


def test_what_a_person_can_do_wrong_is_a_line(pairs):
    write_model(pairs / "model")
    common = ["calibrate", "--checkpoint_dir=model", "--output=mine"]
    expect_failure(run_script("lowlight_tf", *common, "--data_dir=pairs", "--camera=fuji", cwd=pairs), 1, "whose CFA is not that of")
    (pairs / "empty" / "short").mkdir(parents=True)
    (pairs / "empty" / "long").mkdir()
    expect_failure(run_script("lowlight_tf", *common, "--data_dir=empty", cwd=pairs), 1, "empty")
    write_calibration_pair(pairs / "pairs", "bayer", 3, seconds="0.2")  # half of what the names say
    for path in (pairs / "pairs").glob("*/0000[12]*"):
        path.unlink()
    expect_failure(run_script("lowlight_tf", *common, "--data_dir=pairs", cwd=pairs), 1, "which no drift makes")
    with pytest.raises(LowlightError, match="which no drift makes"):
        calibrated(CAMERAS["bayer"], (0, 64.0, 0, 0))
    assert not (pairs / "mine").exists()


@pytest.mark.parametrize("offsets", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 65.0], "none", [0, 0, 0, None]])
def test_offsets_of_a_stranger_are_checked(tmp_path, offsets):
    folder = write_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["camera"]["black_offsets"] = offsets
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LowlightError, match="black_offsets"):
        load_model(folder)


def test_sids_crops():
    """The 12 crops for training; SID's own row has no offsets."""
    camera = CAMERAS["sony"]
    assert not any(camera.black_offsets)
    located = sources.locate_pairs(DataConfig(data_dir=str(shared("sid_mini/Sony"))), camera)
    found = [pair_offsets(pair, camera) for pair in sources.find_pairs(located, camera, "train", Problems())]
    np.testing.assert_allclose(np.mean(found, axis=0), (-0.47, -0.81, -0.27, -0.82), atol=0.02)
