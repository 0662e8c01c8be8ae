"""Three stages side by side: whatever fails in one of them is told."""

import time

import pytest

from lowlight_tf import beam_jobs
from lowlight_tf.datasets.cache import run_jobs
from lowlight_tf.errors import LowlightError, OutputError, Problems
from lowlight_tf.stages import line_of, run_stages


def unchanged(item):
    return item


def refusing(*refused, seconds=0.0, error=LowlightError):
    """Returns a stage that refuses some items, after a while, and the list of those that it finished."""
    finished = []

    def stage(item):
        if item in refused:
            time.sleep(seconds)
            raise error(f"{item} is bad")
        finished.append(item)
        return item

    return stage, finished


@pytest.mark.parametrize("refused", [(1,), (2,), (3,), (1, 2), (1, 3), (1, 2, 3)])
@pytest.mark.parametrize("undecodable", [(), (2,), (3,)])
def test_every_error_of_the_encoder_is_told(refused, undecodable):
    (encode, finished), (decode, _), problems = refusing(*refused, seconds=0.01), refusing(*undecodable), Problems(lambda message: None)
    run_stages([1, 2, 3], decode, unchanged, encode, problems)
    bad = {*refused, *undecodable}
    assert sorted(problems.messages) == [f"{item} is bad" for item in sorted(bad)]
    assert finished == [item for item in (1, 2, 3) if item not in bad]


@pytest.mark.parametrize("end", [OutputError, KeyboardInterrupt])
def test_an_error_of_the_encoder_is_told_though_the_run_ends_meanwhile(end):
    (encode, _), (develop, _), problems = refusing(1, seconds=0.2), refusing(2, error=end), Problems(lambda message: None)
    with pytest.raises(end):
        run_stages([1, 2, 3], unchanged, develop, encode, problems)
    assert problems.messages == ["1 is bad"]


@pytest.mark.parametrize(
    "error, line",
    [
        (LowlightError("a.dng is dark"), "a.dng is dark"),
        (MemoryError(), "a.dng does not fit into memory; close other programs"),
        (ZeroDivisionError("division\nby zero"), "a.dng: unforeseen ZeroDivisionError: division; left out, please report it"),
        (AssertionError(), "a.dng: unforeseen AssertionError: AssertionError; left out, please report it"),
    ],
)
def test_whatever_is_raised_over_a_file_is_its_line(error, line):
    with pytest.raises(LowlightError) as raised, line_of("a.dng"):
        raise error
    assert str(raised.value) == line
    with pytest.raises(KeyboardInterrupt), line_of("a.dng"):
        raise KeyboardInterrupt
    with pytest.raises(OutputError), line_of("a.dng"):
        raise OutputError("cannot write")


def test_the_cache_and_beam_have_the_same_rule():
    def work(name):
        if name == "b":
            raise ValueError("singular")

    problems = Problems(lambda message: None)
    jobs = {name: lambda name=name: work(name) for name in "abc"}
    assert run_jobs(jobs, problems, "trying") == {"b"}
    [line] = problems.messages
    assert line == "b: unforeseen ValueError: singular; left out, please report it"
    assert [list(beam_jobs._attempt(name, work, lambda element: element)) for name in "abc"] == [[], [f"b\t{line}".encode()], []]


def test_a_full_disk_is_no_skipped_file():
    (encode, _), problems = refusing(1, error=OutputError), Problems(lambda message: None)
    with pytest.raises(OutputError, match="1 is bad"):
        run_stages([1], unchanged, unchanged, encode, problems)
    assert problems.messages == []
