"""What a test leaves where it is stopped, where files of the user's are in its way, and where a model returns no numbers."""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import write_model

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.datasets import DataConfig
from lowlight_tf.enhancement.engine import Model
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.evaluation import evaluate
from lowlight_tf.evaluation.subjects import Subject
from lowlight_tf.network.model import network_for
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import SID


def subject(value=0.5):
    """What makes every picture grey, or of whatever number."""

    def predict(short, ratio):
        return np.full((*short.mosaic.shape, 3), value, np.float32)

    return Subject(predict, CAMERAS["sony"], "grey", {"model": "grey"}, {})


def score(folder, small_set, **options):
    problems = Problems(lambda message: None)
    evaluate.evaluate(subject(), DataConfig(data_dir=str(small_set)), str(folder), "sid-00", problems, **options)
    return problems.messages


def test_the_numbers_are_written_last(tmp_path, small_set, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(evaluate, "write_overview", killed)
        with pytest.raises(KeyboardInterrupt):
            score(tmp_path, small_set)
    assert not (tmp_path / "metrics.json").exists() and (tmp_path / "metrics.csv").is_file()
    assert score(tmp_path, small_set) == []
    assert score(tmp_path, small_set) == []  # its own files it replaces
    assert json.loads((tmp_path / "metrics.json").read_text())["images"] == 1


@pytest.mark.parametrize("name", ["metrics.csv", "metrics.json", "overview.png"])
def test_files_of_the_users_stay(tmp_path, small_set, name):
    (tmp_path / name).write_text('{"mine": 1}')
    with pytest.raises(LowlightError, match=f"{name} was not written by lowlight_tf and stays; name another --result_dir"):
        score(tmp_path, small_set)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == '{"mine": 1}'


def test_a_picture_of_the_users_is_that_pairs_line(tmp_path, small_set):
    (tmp_path / "10001_00_0.1s_out.png").write_text("mine")
    with pytest.raises(LowlightError, match="none of the 1 test pairs could be scored"):
        score(tmp_path, small_set)
    assert (tmp_path / "10001_00_0.1s_out.png").read_text() == "mine"


@pytest.fixture
def nan_model(tmp_path):
    """A model one of whose parameters is a NaN."""
    folder = write_model(tmp_path / "nan")
    params = load_network(folder).params
    params["conv10/biases"].assign(tf.fill([12], np.nan))
    for path in folder.glob("ckpt*"):
        path.unlink()
    checkpoint.Store(folder, params).save(2)
    return folder


def test_a_model_that_holds_no_numbers_is_refused(nan_model):
    with pytest.raises(LowlightError, match="not finite: conv10/biases"):
        load_network(nan_model)


def test_an_output_that_is_no_number_is_not_scored(small_set):
    camera = CAMERAS["sony"]
    loaded = Model(
        camera, network_for(camera, base_width=2), SID, 1, lambda inputs: tf.fill([1, *(2 * side for side in inputs.shape[1:3]), 3], np.nan)
    )
    pair = evaluate.sources.find_pairs(DataConfig(dataset="sid", data_dir=str(small_set)), camera, "test", Problems())[0]
    with pytest.raises(LowlightError, match="0.1s.dng: what the network returns is not finite; the model diverged or is damaged"):
        evaluate.score_output(evaluate.predictor_of(loaded), pair, camera)
