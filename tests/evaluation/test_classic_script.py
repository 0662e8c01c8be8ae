"""test.py --model=classic: what it scores, where the results go, and which flags go together."""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import expect_failure, run_script

from lowlight_tf.datasets.frames import read_short
from lowlight_tf.evaluation.classic import process
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw.cameras import CAMERAS


@pytest.mark.parametrize(
    "denoiser, given, strength, folder",
    [
        ("none", [], None, "classic-none"),
        ("nlm", [], 1.0, "classic-nlm"),
        ("nlm", ["--denoiser_strength=1"], 1.0, "classic-nlm"),
        ("nlm", ["--denoiser_strength=0.25"], 0.25, "classic-nlm-strength-0.25"),
    ],
)
def test_test_py_scores_the_classic_pipeline(tmp_path, small_set, denoiser, given, strength, folder):
    arguments = ("--model=classic", "--camera=sony", f"--data_dir={small_set}", f"--denoiser={denoiser}", *given)
    result = run_script("test.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in (tmp_path / "results").iterdir()] == [folder]
    out = tmp_path / "results" / folder / "sid-00"
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["model"], metrics["denoiser"], metrics["camera"], metrics["images"]) == ("classic", denoiser, "sony", 1)
    assert metrics["denoiser_strength"] == strength
    picture = tf.io.decode_png((out / "10001_00_0.1s_out.png").read_bytes()).numpy()
    short = read_short(small_set / "Sony" / "short" / "10001_00_0.1s.dng", CAMERAS["sony"])
    np.testing.assert_array_equal(picture, to_uint8(process(short, 100, CAMERAS["sony"], denoiser, strength or 1.0)))
    assert np.array_equal(picture, to_uint8(process(short, 100, CAMERAS["sony"], denoiser))) == (strength in (None, 1.0))
    assert metrics["psnr"] == pytest.approx(psnr(picture, tf.io.decode_png((out / "10001_00_0.1s_gt.png").read_bytes()).numpy()))
    assert (out / "overview.png").is_file() and (out / "metrics.csv").is_file()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model=classic"], "--model=classic needs --camera"),
        (["--model=classic", "--camera=sony", "--checkpoint_dir=model"], "--model=classic has no checkpoint"),
        (["--checkpoint_dir=model", "--denoiser=nlm"], "--denoiser=nlm is the classic pipeline's"),
        (["--model=classic", "--camera=sony", "--denoiser=median"], "denoiser"),
        (["--checkpoint_dir=model", "--denoiser_strength=1.4"], "--denoiser_strength=1.4 is the classic pipeline's"),
        (["--model=classic", "--camera=sony", "--denoiser=none", "--denoiser_strength=2"], "--denoiser=none has no strength"),
        (["--model=classic", "--camera=sony", "--denoiser_strength=0"], "0.0 is not a number in the range [0.01, 100.0]"),
        (["--model=classic", "--camera=sony", "--denoiser_strength=nan"], "--denoiser_strength=nan is no finite number"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, arguments, words):
    expect_failure(run_script("test.py", *arguments, cwd=tmp_path), 2, words)
    assert list(tmp_path.iterdir()) == []
