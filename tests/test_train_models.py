"""The command that makes the models that ship: photographs gathered, and recipes that train.py takes."""

import numpy as np
import pytest
from conftest import run_script

from benchmarks import train_models
from lowlight_tf.pictures.image_file import write_png


def test_photographs_are_gathered_once(tmp_path, monkeypatch, capsys):
    """A picture of which one half is noise and the other is grey: the noise is kept, and one of the grey pieces."""
    (tmp_path / "mine").mkdir()
    picture = np.full((1280, 2560, 3), 30000, np.uint16)
    picture[:, :1280] = np.random.RandomState(0).randint(0, 65535, (1280, 1280, 3))
    write_png(tmp_path / "mine" / "a.png", picture)
    (tmp_path / "mine" / "light.exr").touch()
    monkeypatch.setattr(train_models, "at_hand", list)
    photos = train_models.gather(tmp_path, [tmp_path / "mine", tmp_path / "missing"])
    said = capsys.readouterr().out
    # Halved it has 2 x 4 pieces, at a third 1 x 2, at a quarter 1 x 2; half of the twelve are detailed.
    assert "missing is not there" in said and "8 pieces of 1 photographs, and 1 linear pictures" in said
    assert {path.name for path in photos.glob("a_2_*.png")} >= {"a_2_0.png", "a_2_1.png", "a_2_4.png", "a_2_5.png"}
    assert len(list(photos.glob("a_*.png"))) == 8 and (photos / "light.exr").is_symlink()
    train_models.gather(tmp_path, [])
    assert capsys.readouterr().out == ""


def test_small_photographs_are_taken_as_they_are(tmp_path, monkeypatch):
    """All that pip installs: without Debian's wallpapers the recipe has these alone."""
    (tmp_path / "mine").mkdir()
    write_png(tmp_path / "mine" / "small.png", np.random.RandomState(0).randint(0, 65535, (300, 451, 3)).astype(np.uint16))
    monkeypatch.setattr(train_models, "at_hand", list)
    photos = train_models.gather(tmp_path, [tmp_path / "mine"])
    assert [path.name for path in photos.iterdir()] == ["small_1_0.png"]


@pytest.mark.parametrize("name", ["bayer", "xtrans"])  # the fast ones are narrower, and no different
def test_train_py_takes_the_recipe(tmp_path, name):
    """One step of the narrowest network, and one more when the command is given again."""
    photos = tmp_path / "photographs"
    photos.mkdir()
    write_png(photos / "a.png", np.random.RandomState(0).randint(0, 65535, (150, 162, 3)).astype(np.uint16))
    (recipe,) = train_models.recipes(name, photos, tmp_path, "", 0.0)
    small = ("--base_width=2", "--patch_size=16", "--batch_size=1")
    for steps in (1, 2):
        result = run_script("train.py", *recipe, *small, f"--steps={steps}", cwd=tmp_path)
        assert result.returncode == 0 and f"Finished at step {steps}" in result.stdout, result.stderr


def test_real_pairs_come_last(tmp_path):
    first, second = train_models.recipes("bayer", "photos", tmp_path, "crops", 1.5)
    assert f"--checkpoint_dir={tmp_path / 'bayer'}" in first and f"--init_from={tmp_path / 'bayer'}" in second
    assert "--data_dir=crops" in second and "--simulated_data_dir=photos" in second
    assert all("--max_hours=1.5" in part for part in (first, second))
