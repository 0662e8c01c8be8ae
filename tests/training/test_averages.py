"""What calms a training: shortened gradients, a rate that falls by a cosine, running means of the parameters."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import changed
from test_training import config_for, run, values

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.errors import LowlightError
from lowlight_tf.network.optimizer import clip_gradients, initialize_averages, update_averages
from lowlight_tf.network.sid import initialize_parameters
from lowlight_tf.training import schedule
from lowlight_tf.training.schedule import Schedule, learning_rate_at


def test_gradients_keep_their_direction():
    """Norm 5 of (3, 4) becomes 1: (0.6, 0.8); one within the limit stays what it is."""
    clipped = clip_gradients({"a": tf.constant([3.0]), "b": tf.constant([[4.0]])}, 1.0)
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0, 0]], [0.6, 0.8])
    np.testing.assert_array_equal(clip_gradients({"a": tf.constant([0.3, 0.4])}, 1.0)["a"], np.float32([0.3, 0.4]))


def test_running_means_by_hand():
    """Early they follow closely (after the first update 2/11 of the old is left), later by 1 - decay."""
    params = {"a": tf.Variable([1.0])}
    averages = initialize_averages(params)
    params["a"].assign([12.0])
    update_averages(averages, params, tf.constant(1, tf.int64), 0.9)
    assert float(averages["a"][0]) == pytest.approx(1 + 9 / 11 * 11)
    update_averages(averages, params, tf.constant(1000, tf.int64), 0.9)
    assert float(averages["a"][0]) == pytest.approx(10 + 0.1 * 2)


def test_the_cosine():
    cosine = Schedule(steps=1000, learning_rate=2.0, kind="cosine", decay_step=10)
    rates = [learning_rate_at(step, cosine, 7, 1) for step in (0, 250, 500, 1000)]
    assert rates == pytest.approx([2, 1 + 0.5**0.5, 1, 0])


def calm(folder, data_dir, **changes):
    return config_for(folder, data_dir, **{"kind": "cosine", "clip_norm": 0.5, "average": 0.5, **changes})


def averages_of(folder, network):
    params = initialize_parameters(network, 99)
    checkpoint.load_parameters(folder / "model", params)
    return {name: parameter.numpy() for name, parameter in params.items()}


def test_a_resumed_run_keeps_its_means(tmp_path, small_set):
    """Stopped after two of four steps, parameters, Adam and means are bit for bit those of an undisturbed run."""
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    config = calm(whole, small_set)
    assert run(config) == 4
    first = calm(parted, small_set)
    with pytest.MonkeyPatch.context() as patch:  # half of a run of four
        patch.setattr(schedule, "total_steps", lambda *run: 4)
        assert run(changed(first, steps=2)) == 2
    assert run(first) == 4
    for one, other in (
        (values(whole, config.network), values(parted, config.network)),
        (averages_of(whole, config.network), averages_of(parted, config.network)),
    ):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    means, params = averages_of(whole, config.network), values(whole, config.network)
    assert any(np.abs(means[name] - params[name]).max() > 1e-7 for name in means)


def test_means_can_be_begun_later(tmp_path, small_set):
    plain = config_for(tmp_path, small_set, steps=2)
    assert run(plain) == 2
    assert run(changed(plain, steps=2, average=0.5)) == 2
    assert run(changed(plain, steps=3, average=0.5)) == 3
    means, params = averages_of(tmp_path, plain.network), values(tmp_path, plain.network)
    assert 0 < max(np.abs(means[name] - params[name]).max() for name in means) < 1e-3


def test_damaged_means_are_said(tmp_path, small_set):
    config = calm(tmp_path, small_set, steps=2)
    run(config)
    next((tmp_path / "model").glob("ckpt-2.data*")).write_bytes(b"x")
    with pytest.raises(LowlightError, match="damaged"):
        checkpoint.load_parameters(tmp_path / "model", initialize_parameters(config.network))
