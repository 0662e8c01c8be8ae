"""The command that makes the models that ship: photographs gathered, and recipes that train.py takes."""

import numpy as np
import pytest
from conftest import run_script

from benchmarks import train_models
from lowlight_tf.pictures.image_file import write_png


def test_photographs_are_gathered_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train_models, "collect", lambda folder, longest: (folder.mkdir(), 37)[1])
    (tmp_path / "mine").mkdir()
    write_png(tmp_path / "mine" / "a.png", np.zeros((4, 4, 3), np.uint16))
    photos = train_models.gather(tmp_path, [tmp_path / "mine", tmp_path / "missing"])
    said = capsys.readouterr().out
    assert (photos / "mine" / "a.png").is_file() and "missing is not there" in said and "38 photographs" in said
    train_models.gather(tmp_path, [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("camera", train_models.PATCH)
def test_train_py_takes_the_recipe(tmp_path, camera):
    """One step of the narrowest network, and one more when the command is given again."""
    photos = tmp_path / "photographs"
    photos.mkdir()
    write_png(photos / "a.png", np.random.RandomState(0).randint(0, 65535, (150, 162, 3)).astype(np.uint16))
    (recipe,) = train_models.recipes(camera, photos, tmp_path, "", 0.0)
    small = ("--base_width=2", "--patch_size=16", "--batch_size=1")
    for steps in (1, 2):
        result = run_script("train.py", *recipe, *small, f"--steps={steps}", cwd=tmp_path)
        assert result.returncode == 0 and f"Finished at step {steps}" in result.stdout, result.stderr


def test_real_pairs_come_last(tmp_path):
    first, second = train_models.recipes("bayer", "photos", tmp_path, "crops", 1.5)
    assert f"--checkpoint_dir={tmp_path / 'bayer'}" in first and f"--init_from={tmp_path / 'bayer'}" in second
    assert "--data_dir=crops" in second and "--simulated_data_dir=photos" in second
    assert all("--max_hours=1.5" in part for part in (first, second))
