"""--black_drift: real shorts whose black level is not known to the count."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script

from lowlight_tf.datasets import cache, pipeline, sid
from lowlight_tf.datasets.examples import ExampleConfig, _drifted, make_example
from lowlight_tf.errors import Problems
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface

SONY = CAMERAS["sony"]
SIGNED = Interface(signed=True)


@pytest.fixture
def table(small_set, tmp_path):
    return pipeline.make_table(cache.build(sid.find_pairs(small_set, SONY, "train", Problems()), SONY, tmp_path, Problems()), SONY, 16)


def drifts(table, most, interface=SIGNED):
    """Counts by which each plane of 40 examples is darker than without a drift: [40, 4]."""
    plain = ExampleConfig(16, interface, turns_in_phase=True)
    found = []
    for index in range(40):
        draw = pipeline.draw_example(index, 7, table, 16)
        (inputs, target), (darker, same) = (
            make_example(draw, table, SONY, dataclasses.replace(plain, black_drift=drift)) for drift in (0.0, most)
        )
        np.testing.assert_array_equal(target, same)
        less = tf.boolean_mask(inputs - darker, tf.reduce_max(inputs, axis=-1) < 1).numpy()
        np.testing.assert_allclose(less, np.broadcast_to(less.mean(0), less.shape), atol=0.02)  # one for a plane: a drift is no noise
        found.append(less.mean(0) * (16383 - 512) / 100)
    return np.array(found)


def test_the_short_is_darker_by_a_drawn_part_of_it(table):
    """0 to 8 counts of all colours together, and a tenth of 8 as the deviation of each; of the range, times the ratio of 100."""
    found = drifts(table, 8.0)
    assert -1 < found.mean(1).min() < 1.5 and 6.5 < found.mean(1).max() < 9 and np.ptp(found, axis=1).min() > 0.2
    np.testing.assert_array_equal(drifts(table, 8.0), found)
    np.testing.assert_array_equal(drifts(table, 0.0), 0)


def test_what_is_drawn():
    """0 to 8 counts of all colours together, and a tenth of 8 as the deviation of each, which does not follow from the former."""
    seeds = tf.stack([tf.fill([2000], 7), tf.range(2000)], axis=1)
    found = tf.map_fn(lambda seed: _drifted(tf.constant([512.0] * 4), 8.0, seed), seeds, fn_output_signature=tf.float32).numpy() - 512
    each = found - found.mean(1, keepdims=True)
    assert found.mean() == pytest.approx(4, abs=0.2) and found.mean(1).std() == pytest.approx((64 / 12 + 0.16) ** 0.5, rel=0.05)
    assert each.std() == pytest.approx(0.8 * 0.75**0.5, rel=0.05)
    assert abs(np.corrcoef(found.mean(1), np.abs(each).mean(1))[0, 1]) < 0.08


def test_train_py_takes_it(small_set, tmp_path):
    run = ["--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=model", *SMALL_RUN, "--black_drift=0.5"]
    assert run_script("train.py", *run, "--steps=1", cwd=tmp_path).returncode == 0
    assert '"black_drift": 0.5' in (tmp_path / "model" / "config.json").read_text()
    result = run_script("train.py", *run, "--steps=1", "--corrupt_targets", cwd=tmp_path)
    expect_failure(result, 2, "--black_drift is for real pairs")
    expect_failure(run_script("train.py", *run, "--black_drift=-1", cwd=tmp_path), 2, "black_drift")
