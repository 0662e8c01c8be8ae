"""The one search for photographs: links, cycles, what is hidden, twins, and what cannot be read."""

import os

import pytest
from conftest import run_script, write_frame

from lowlight_tf.datasets.fivek import find_fivek
from lowlight_tf.datasets.photographs import find_photographs
from lowlight_tf.enhancement.jobs import plan_jobs
from lowlight_tf.errors import Problems


@pytest.fixture
def card(tmp_path):
    """A folder with links, and another that only a link leads to."""
    for name in ("night/A.dng", "night/sub/B.NEF", "card/2024/X.DNG", "results/Y.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "night" / "2024").symlink_to("../card/2024")
    (tmp_path / "night" / "again").symlink_to(tmp_path)  # a circle: night is in it
    (tmp_path / "night" / "sub" / "C.dng").symlink_to("../A.dng")
    return tmp_path


def both(folder, result_dir="out"):
    """What training and what enhancement find in a folder, and what each says."""
    of_training, of_enhancement = Problems(lambda message: None), Problems(lambda message: None)
    trained = [photograph.name for photograph in find_photographs(folder, of_training)]
    jobs = plan_jobs([str(folder)], result_dir, ".jpg", of_enhancement)
    assert of_training.messages == of_enhancement.messages
    return trained, [job.source.relative_to(folder).as_posix() for job in jobs], of_training.messages


def test_links_are_followed_and_each_photograph_is_listed_once(card):
    trained, enhanced, said = both(card / "night")
    assert trained == enhanced == ["2024/X.DNG", "A.dng", "again/results/Y.jpg", "sub/B.NEF"] and said == []
    trained, enhanced, _ = both(card)  # the same from above, where no link is needed
    assert trained == enhanced == ["card/2024/X.DNG", "night/A.dng", "night/sub/B.NEF", "results/Y.jpg"]
    assert [path.name for path in find_fivek(card / "night")] == ["A", "X"]


def test_results_within_the_folder_are_left_out_by_whatever_path(card):
    _, enhanced, said = both(card / "night", card / "results")
    assert enhanced == ["2024/X.DNG", "A.dng", "sub/B.NEF"] and said == []
    (card / "night" / "Z.jpg").symlink_to("../results/Y.jpg")
    assert both(card / "night", card / "results")[1] == enhanced


def test_hidden_files_and_folders_and_twins(tmp_path, capfd):
    for name in ("._IMG_1.dng", ".Trashes/IMG_9.dng", "IMG_1.dng", "img_1.JPG", "IMG_1.tif", "IMG_2.png", "sub/IMG_2.dng", "IMG_3.raw.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    trained, enhanced, said = both(tmp_path)
    assert trained == enhanced == ["IMG_1.dng", "IMG_2.png", "IMG_3.raw.jpg", "sub/IMG_2.dng"] and said == []


def test_what_leads_nowhere_or_cannot_be_read_is_said(card):
    for name, target in (("gone.dng", "nowhere"), ("2023", "nowhere"), ("self.jpg", "self.jpg"), ("notes.txt", "nowhere")):
        (card / "night" / name).symlink_to(target)
    trained, _, said = both(card / "night")
    assert "A.dng" in trained and len(said) == 3
    assert [line.split()[0].rsplit("/", 1)[1] for line in said] == ["2023", "gone.dng", "self.jpg"] and "leads nowhere" in said[0]


def test_a_folder_that_cannot_be_read_is_said(card, monkeypatch):
    scandir = os.scandir

    def refused(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    trained, _, said = both(card / "night")
    assert "sub/B.NEF" not in trained and said == [f"{card}/night/sub cannot be searched for photographs: Permission denied"]


def test_how_many_twins_are_left_out_is_said(tmp_path, copying_model):
    write_frame(tmp_path / "in" / "a.dng", size=(64, 80))
    for name in ("a.jpg", "A.PNG"):
        (tmp_path / "in" / name).write_text("x")
    result = run_script("lowlight_tf", "inspect", "in", "--json", f"--checkpoint_dir={copying_model}", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout.startswith("["), result.stderr
    assert "in: 2 pictures beside a raw file of the same name left out; the raw file is taken" in result.stderr
