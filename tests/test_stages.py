"""Three stages side by side: whatever fails in one of them is told."""

import time

import pytest

from lowlight_tf.errors import LowlightError, OutputError, Problems
from lowlight_tf.stages import run_stages


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


def test_a_full_disk_is_no_skipped_file():
    (encode, _), problems = refusing(1, error=OutputError), Problems(lambda message: None)
    with pytest.raises(OutputError, match="1 is bad"):
        run_stages([1], unchanged, unchanged, encode, problems)
    assert problems.messages == []
