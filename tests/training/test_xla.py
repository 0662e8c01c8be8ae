"""--xla: the step compiled as a whole computes what it computes otherwise, says so in config.json, and is for one device."""

import json

import numpy as np
from conftest import changed, expect_failure, run_script
from test_training import config_for, history, run

CODED = ("--white_balance_input", "--signed_input", "--curve=bt709", "--noise_planes", "--skip=mosaic", "--target=camera_rgb")


def losses(folder):
    return [float(row[1]) for row in history(folder)[1:]]


def with_xla(config, folder):
    return changed(config, checkpoint_dir=str(folder / "model"), xla=True)


def test_losses_are_those_of_the_plain_step(tmp_path, small_set):
    config = config_for(tmp_path, small_set, steps=6, learning_rate=1e-3, clip_norm=1.0, average=0.9)
    assert run(config) == run(with_xla(config, tmp_path / "xla")) == 6
    np.testing.assert_allclose(losses(tmp_path / "xla"), losses(tmp_path), rtol=1e-4)


def test_the_scripts_take_it_with_the_interface_of_the_models_that_ship(tmp_path, small_set):
    data = (f"--data_dir={small_set}", "--patch_size=16", "--steps=2", "--checkpoint_dir=model")
    words = ("train.py", "--camera=sony", *CODED, *data, "--base_width=4", "--xla")
    result = run_script(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "model" / "config.json").read_text())["training"]["xla"] is True
    result = run_script(*(word for word in words if word != "--xla"), "--steps=3", cwd=tmp_path)
    assert result.returncode == 0 and "xla was True so far and is False from here on" in result.stdout, result.stderr


def test_two_replicas_are_refused(tmp_path, small_set):
    words = (f"--data_dir={small_set}", "--num_replicas=2", "--batch_size=2", "--xla")
    expect_failure(run_script("train.py", "--camera=sony", *words, cwd=tmp_path), 2, "--xla compiles the step of one device")
