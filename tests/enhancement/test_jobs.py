"""Which photographs are meant, and that no result takes another's place."""

import pathlib

import numpy as np
import pytest

from lowlight_tf.enhancement import jobs
from lowlight_tf.enhancement.jobs import named_photographs, plan_jobs
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.pictures.image_file import write_png


def make_ours(path):
    """Writes a picture that is marked as one of ours, whatever its name."""
    write_png(path, np.zeros([8, 8, 3], np.uint8))


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A photographer's folder, and the test in it."""
    for name in (
        "day/IMG_1.ARW",
        "day/IMG_1.JPG",  # the camera's own picture of it
        "day/IMG_2.jpeg",
        "day/notes.txt",
        "day/.hidden.ARW",
        "night one/Täg [1].nef",
        "night one/IMG_1.dng",
        "results/enhanced/day/IMG_1.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    make_ours(tmp_path / "results" / "enhanced" / "day" / "IMG_1.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(problems, *named, result_dir="results/enhanced", suffix=".jpg", overwrite=False):
    return {str(job.source): str(job.output) for job in plan_jobs(named, result_dir, suffix, problems, overwrite)}


def test_folders_are_searched_below(library):
    problems = Problems(lambda message: None)
    assert names(problems, ".") == {
        "day/IMG_1.ARW": "results/enhanced/day/IMG_1.jpg",
        "day/IMG_2.jpeg": "results/enhanced/day/IMG_2.jpg",
        "night one/IMG_1.dng": "results/enhanced/night one/IMG_1.jpg",
        "night one/Täg [1].nef": "results/enhanced/night one/Täg [1].jpg",
    }
    assert problems.messages == []


def test_files_and_globs(library):
    problems = Problems(lambda message: None)
    assert names(problems, "night one/Täg [1].nef") == {"night one/Täg [1].nef": "results/enhanced/Täg [1].jpg"}
    assert set(names(problems, "d*/*.J*")) == {"day/IMG_1.JPG"}
    assert set(names(problems, "**/*.dng", "day/IMG_2.jpeg", suffix=".tif")) == {"night one/IMG_1.dng", "day/IMG_2.jpeg"}


def test_what_is_wrong_is_named_and_the_rest_done(library):
    problems = Problems(lambda message: None)
    (library / "empty").mkdir()
    assert list(names(problems, "day/IMG_1.ARW", "day/IMG_1.JPG", "empty", "gone.ARW", "*.none")) == ["day/IMG_1.ARW"]
    for line, words in zip(
        problems.messages, ("empty holds no photographs", "gone.ARW does not", "*.none does not", "have the name of"), strict=True
    ):
        assert words in line
    assert len(problems.messages) == 4
    with pytest.raises(LowlightError, match="nothing to work on in empty"):
        names(Problems(lambda message: None), "empty")


def test_a_photograph_is_never_written_over(library):
    problems = Problems(lambda message: None)
    named = ("day/IMG_2.jpeg", "day/IMG_1.JPG")
    planned = {"day/IMG_2.jpeg": "day/IMG_2.JPG", "day/IMG_1.JPG": "day/IMG_1_lowlight.JPG"}
    assert names(problems, *named, result_dir="day", suffix=".JPG") == planned and problems.messages == []
    assert names(problems, *named, result_dir="day", suffix=".JPG", overwrite=True) == {"day/IMG_2.jpeg": "day/IMG_2.JPG"}
    assert problems.messages[0].startswith("day/IMG_1.JPG: day/IMG_1.JPG was not written by lowlight_tf and stays; name another")
    assert "the result is IMG_1_lowlight.JPG then" in problems.messages[0]
    make_ours(library / "day" / "IMG_1_lowlight.JPG")  # an earlier run's: found again, and with --overwrite made again
    for overwrite in (False, True):
        assert names(problems, *named, result_dir="day", suffix=".JPG", overwrite=overwrite) == planned
    assert len(problems.messages) == 1
    assert named_photographs([*named, "day/IMG_1_lowlight.JPG"], "day", problems).keys() == {*map(pathlib.Path, named)}


def test_a_name_in_other_capitals_is_the_same_name(library):
    problems = Problems(lambda message: None)
    assert names(problems, "day/IMG_1.ARW", result_dir="day") == {"day/IMG_1.ARW": "day/IMG_1_lowlight.jpg"}  # IMG_1.JPG is the camera's
    (library / "day" / "img_3.NEF").write_text("x")
    (library / "day" / "IMG_3.nef").write_text("x")
    assert names(problems, "day/img_3.NEF", "day/IMG_3.nef") == {"day/IMG_3.nef": "results/enhanced/IMG_3.jpg"}
    assert "day/img_3.NEF: its result would have the name of day/IMG_3.nef's" in problems.messages[0]
    (library / "out").mkdir()
    (library / "out" / "ta\u0308g.jpg").write_text("x")  # as macOS writes it
    (library / "t\u00e4g.nef").write_text("x")
    assert list(names(problems, "t\u00e4g.nef", result_dir="out").values()) == ["out/t\u00e4g_lowlight.jpg"]


def test_a_result_whose_name_became_free_is_found_again(library):
    problems = Problems(lambda message: None)
    make_ours(library / "out" / "IMG_2_lowlight.jpg")
    assert names(problems, "day/IMG_2.jpeg", result_dir="out") == {"day/IMG_2.jpeg": "out/IMG_2_lowlight.jpg"}
    (library / "day" / "IMG_2_lowlight.nef").write_text("x")  # then it is this one's result, not the other's
    assert names(problems, "day/IMG_2.jpeg", "day/IMG_2_lowlight.nef", result_dir="out") == {
        "day/IMG_2.jpeg": "out/IMG_2.jpg",
        "day/IMG_2_lowlight.nef": "out/IMG_2_lowlight.jpg",
    }
    assert problems.messages == []


def test_where_both_names_are_the_users_nothing_is_made(library):
    problems = Problems(lambda message: None)
    for name in ("IMG_1.jpg", "IMG_1_lowlight.jpg"):
        (library / "night one" / name).write_text("the user's")
    assert names(problems, "night one/IMG_1.dng", result_dir="night one") == {}
    assert len(problems.messages) == 1 and "IMG_1_lowlight.jpg is no name for a result either" in problems.messages[0]


def test_links_and_folders_are_no_results(library):
    make_ours(library / "kept" / "IMG_2.jpg")
    (library / "out" / "IMG_1.jpg").mkdir(parents=True)
    (library / "out" / "IMG_2.jpg").symlink_to(library / "kept" / "IMG_2.jpg")
    problems = Problems(lambda message: None)
    assert set(names(problems, "day", result_dir="out").values()) == {"out/IMG_1_lowlight.jpg", "out/IMG_2.jpg"}  # the link's is there
    assert names(problems, "day", result_dir="out", overwrite=True) == {} and len(problems.messages) == 2


@pytest.mark.parametrize("result_dir", ["day", "."])
def test_results_beside_their_sources_are_no_photographs(library, result_dir):
    problems = Problems(lambda message: None)
    first = names(problems, "day", result_dir=result_dir)
    assert set(first) == {"day/IMG_1.ARW", "day/IMG_2.jpeg"}
    for output in first.values():
        make_ours(library / output)
    assert names(problems, "day", result_dir=result_dir) == first and problems.messages == []


def test_results_of_another_run_are_left_out_aloud(library, monkeypatch):
    told, problems = [], Problems(lambda message: None)
    monkeypatch.setattr(jobs, "warn", told.append)
    assert len(names(problems, ".", result_dir="elsewhere")) == 4 and problems.messages == []  # not results/enhanced/day/IMG_1.jpg
    assert told == ["results/enhanced/day/IMG_1.jpg left out: results of an earlier run"]
    assert names(problems, "results/enhanced/day/IMG_1.jpg", result_dir="elsewhere") != {}  # who names it by itself may have it


def test_one_photograph_is_found_once(library):
    (library / "night one" / "again").symlink_to(library / "night one")
    (library / "day" / "night").symlink_to(library / "night one")
    found = named_photographs(["day/IMG_2.jpeg", "./day/IMG_2.jpeg", str(library / "day/IMG_2.jpeg"), "**/*.dng"], None, Problems())
    assert [str(path) for path in found] == ["day/IMG_2.jpeg", "day/night/IMG_1.dng"]


def test_the_order_is_that_of_the_command_line(library):
    assert [str(path) for path in named_photographs(["night one/IMG_1.dng", "day"], None, Problems())] == [
        "night one/IMG_1.dng",
        "day/IMG_1.ARW",
        "day/IMG_2.jpeg",
    ]
