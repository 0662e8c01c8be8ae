"""Which photographs are meant, and that no result takes another's place."""

import pytest

from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.jobs import find_photographs, plan_jobs


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
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(problems, *named, result_dir="results/enhanced", suffix=".jpg"):
    return {str(job.source): str(job.output) for job in plan_jobs(named, result_dir, suffix, problems)}


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
    for line, words in zip(problems.messages, ("empty holds no photographs", "gone.ARW does not", "*.none does not", "have the name of")):
        assert words in line
    assert len(problems.messages) == 4
    with pytest.raises(LowlightError, match="nothing to work on in empty"):
        names(Problems(lambda message: None), "empty")


def test_a_photograph_is_never_written_over(library):
    problems = Problems(lambda message: None)
    assert list(names(problems, "day/IMG_2.jpeg", "day/IMG_1.JPG", result_dir="day", suffix=".JPG")) == ["day/IMG_2.jpeg"]
    assert "would take the place of the photograph" in problems.messages[0]


def test_the_order_is_that_of_the_command_line(library):
    assert [str(path) for path in find_photographs(["night one/IMG_1.dng", "day"], None, Problems())] == [
        "night one/IMG_1.dng",
        "day/IMG_1.ARW",
        "day/IMG_2.jpeg",
    ]
