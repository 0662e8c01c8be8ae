"""Training inside one process: schedule, replicas, what a stop and a failure leave behind."""

import csv
import dataclasses
import json
import os
import re
import signal

import numpy as np
import pytest
import tensorflow as tf
from conftest import changed, write_pairs

from lowlight_tf.checkpoints.checkpoint import Store
from lowlight_tf.datasets import DataConfig, cache_files
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.enhancement import engine
from lowlight_tf.errors import LowlightError, NonFiniteError, Problems
from lowlight_tf.evaluation import evaluate
from lowlight_tf.network.model import network_for
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.network.sid import initialize_parameters
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training import config as training_config
from lowlight_tf.training import history as report
from lowlight_tf.training import train
from lowlight_tf.training.schedule import Schedule, learning_rate_at, total_steps

SONY = CAMERAS["sony"]


def config_for(folder, data_dir, **changes):
    config = training_config.TrainingConfig(
        camera=SONY,
        network=network_for(SONY, base_width=4),
        data=DataConfig(data_dir=str(data_dir), cache_dir=str(folder / "cache")),
        checkpoint_dir=str(folder / "model"),
        batches=training_config.Batches(16, 2),
        schedule=Schedule(4),
        saving=training_config.Saving(2),
        watching=training_config.Watching(picture_every=2),
    )
    return changed(config, **changes)


def run(config):
    problems = Problems(report=lambda message: None)
    step = train.train(config, problems)
    assert problems.messages == []
    return step


def history(folder):
    with open(folder / "model" / "history.csv") as file:
        return list(csv.reader(file))


def values(folder, network):
    params = initialize_parameters(network, 99)
    state = initialize_adam(params)
    Store(folder / "model", params, state).restore()
    return {name: variable.numpy() for name, variable in (params | state).items()}


def test_the_protocols_schedule():
    sony = Schedule(epochs=4001, decay_epoch=2001)
    assert total_steps(sony, 161, 1) == 4001 * 161
    rates = [learning_rate_at(step, sony, 161, 1) for step in (0, 2001 * 161 - 1, 2001 * 161, 4000 * 161)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
    assert total_steps(sony, 161, 8) == 80521  # 4001 * 161 / 8, rounded up
    by_step = dataclasses.replace(sony, steps=100, decay_step=50, learning_rate_decay=0.5)
    assert [learning_rate_at(step, by_step, 161, 1) for step in (49, 50)] == pytest.approx([1e-4, 5e-5])
    assert learning_rate_at(10**6, dataclasses.replace(sony, decay_epoch=0), 161, 1) == 1e-4


def test_a_run_leaves_all_that_is_needed(tmp_path, small_set):
    config = config_for(tmp_path, small_set)
    assert run(config) == 4
    rows = history(tmp_path)
    assert rows[0] == ["step", "loss", "learning_rate"] and [row[0] for row in rows[1:]] == ["1", "2", "3", "4"]
    described = json.loads((tmp_path / "model" / "config.json").read_text())
    assert described["camera"]["name"] == "sony" and described["network"]["base_width"] == 4 and described["target"] == "srgb"
    assert described["data"]["scenes"] == 2 and described["training"]["steps"] == 4 and "tensorflow" in described["versions"]
    assert described["data"]["dataset"] == "sid" and described["data"]["data_dir"] == str(small_set)


def test_tensorboard_gets_scalars_and_pictures(tmp_path):
    data = write_pairs(tmp_path / "set", ids=("00001", "20001"))
    run(config_for(tmp_path, data, steps=10, picture_every=10, validate_every=10))
    (path,) = (tmp_path / "model" / "events").glob("events*")
    values = {value.tag: (event.step, value) for event in tf.compat.v1.train.summary_iterator(str(path)) for value in event.summary.value}
    assert set(values) == {"loss", "learning_rate", "validation/psnr", "validation/ssim", "input, output, target"}
    assert all(step == 10 for step, _ in values.values())
    assert float(tf.make_ndarray(values["loss"][1].tensor)) == pytest.approx(float(history(tmp_path)[10][1]), rel=1e-6)
    picture = tf.io.decode_png(tf.make_ndarray(values["input, output, target"][1].tensor)[2])
    assert picture.shape == (32, 96, 3)


def test_a_log_line_tells_loss_speed_and_time_left(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "_LINE_SECONDS", 0)
    lines = report.TrainingReport(tmp_path, 0, 100)
    lines.step(1, 0.25, 1e-4)
    lines.close()
    assert re.search(r"step 1/100  loss 0\.2500  [\d.]+ steps/s  [\d.]+ min left", capsys.readouterr().out)


def test_changed_settings_are_told(tmp_path, small_set, capsys):
    config = config_for(tmp_path, small_set)
    run(config)
    capsys.readouterr()
    run(changed(config, steps=6, seed=5))
    assert "Note: seed was 0 so far and is 5 from here on." in capsys.readouterr().out


def test_a_folder_without_a_checkpoint_may_change_its_network(tmp_path, small_set):
    config = config_for(tmp_path, small_set)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert run(config) == 4


def test_a_resumed_run_repeats_an_undisturbed_one_bit_for_bit(tmp_path, small_set):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    whole, parts = config_for(tmp_path / "a", small_set, steps=6), config_for(tmp_path / "b", small_set, steps=4)
    run(whole)
    run(parts)
    # What a killed run leaves: rows of steps after its last checkpoint, the last one torn.
    with open(tmp_path / "b" / "model" / "history.csv", "a") as file:
        file.write("5,0.1,0.0001\n6,0.")
    assert run(changed(parts, steps=6)) == 6
    assert history(tmp_path / "a") == history(tmp_path / "b")
    first, second = values(tmp_path / "a", whole.network), values(tmp_path / "b", whole.network)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_two_replicas_equal_one(tmp_path, small_set):
    (tmp_path / "one").mkdir(), (tmp_path / "two").mkdir()
    one, two = (config_for(tmp_path / name, small_set, num_replicas=count) for name, count in (("one", 1), ("two", 2)))
    run(one)
    run(two)
    first, second = values(tmp_path / "one", one.network), values(tmp_path / "two", two.network)
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=0, atol=1e-5, err_msg=name)
    for before, after in zip(history(tmp_path / "one")[1:], history(tmp_path / "two")[1:], strict=False):
        assert float(before[1]) == pytest.approx(float(after[1]), abs=1e-5)


def test_frozen_up_filters_keep_every_bit(tmp_path, small_set):
    config = config_for(tmp_path, small_set, freeze_up_filters=True)
    run(config)
    start, end = initialize_parameters(config.network, config.seed), values(tmp_path, config.network)
    for name, value in start.items():
        assert (value.numpy() == end[name]).all() == name.startswith("up"), name


def test_variations_train(tmp_path, small_set):
    network = network_for(SONY, network_input="rgb", base_width=2, downsample="strided", pool_window=3, extra_blocks=1)
    run(config_for(tmp_path, small_set, network=network))
    loaded = engine.load_model(tmp_path / "model")
    short = read_short(small_set / "Sony" / "short" / "10001_00_0.1s.dng", loaded.camera)
    assert loaded.step == 4 and evaluate.predictor_of(loaded)(short, 100).shape == (96, 120, 3)


def test_a_finished_run_has_nothing_to_do(tmp_path, small_set, capsys):
    config = config_for(tmp_path, small_set)
    run(config)
    assert run(config) == 4
    assert "nothing to do" in capsys.readouterr().out


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path, small_set):
    config = config_for(tmp_path, small_set)
    run(config)
    with pytest.raises(NonFiniteError, match="last good checkpoint"):
        run(changed(config, steps=50, learning_rate=1e30))
    with pytest.raises(NonFiniteError, match="there is no checkpoint in .* yet: start again"):
        run(changed(config, steps=50, learning_rate=1e30, checkpoint_dir=str(tmp_path / "new"), save_every=0))
    kept = values(tmp_path, config.network)
    assert all(np.isfinite(value).all() for value in kept.values())


def test_max_hours_saves_and_stops(tmp_path, small_set, capsys):
    assert run(config_for(tmp_path, small_set, steps=1000, max_hours=1e-9)) == 1
    assert "Stopped at step 1 of 1000" in capsys.readouterr().out
    assert Store(tmp_path / "model", initialize_parameters(network_for(SONY, base_width=4))).restore() == 1


def test_a_second_ctrl_c_does_not_wait_and_says_what_is_lost(tmp_path, small_set, monkeypatch):
    config = config_for(tmp_path, small_set, save_every=0)

    def impatient(*_):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(train, "learning_rate_at", impatient)
    with pytest.raises(LowlightError, match="stopped at step 0 without saving; run the same command again"):
        run(config)
    assert not list((tmp_path / "model").glob("ckpt*"))


def test_validation_scores_the_val_split(tmp_path, capsys):
    data = write_pairs(tmp_path / "set", ids=("00001", "20001", "20002"))
    run(config_for(tmp_path, data, validate_every=2, validation_images=1))
    lines = [line for line in capsys.readouterr().out.splitlines() if "validation PSNR" in line]
    assert [line.split(":")[0] for line in lines] == ["step 2", "step 4"] and all("on 1 image" in line for line in lines)


def test_without_a_val_split_training_says_so(tmp_path, small_set, capsys):
    run(config_for(tmp_path, small_set, validate_every=2))
    assert "training without validation" in capsys.readouterr().out


def test_a_batch_must_divide(tmp_path, small_set):
    with pytest.raises(LowlightError, match="cannot be shared by 2 replicas"):
        train.train(config_for(tmp_path, small_set, batch_size=3, num_replicas=2), Problems())


def test_logical_cpus_come_before_tensorflow(tmp_path, small_set):
    tf.constant(1)
    with pytest.raises(LowlightError, match="start a new process"):
        train.train(config_for(tmp_path, small_set, batch_size=8, num_replicas=8), Problems())


def test_a_set_without_usable_pairs_is_an_error(tmp_path, small_set):
    data = write_pairs(tmp_path / "set", ids=("10001",))
    with pytest.raises(LowlightError, match="no training pairs in"):
        run(config_for(tmp_path, data))


def test_a_picture_shows_input_output_and_target():
    packed, output, target = tf.fill([1, 4, 5, 4], 0.25), tf.fill([1, 8, 10, 3], 1.5), tf.fill([1, 8, 10, 3], 0.5)
    row = report.side_by_side(packed, output, target, SONY).numpy()
    assert row.shape == (1, 8, 30, 3) and row.dtype == np.uint8
    assert (row[:, :, :10] == round(255 * 0.25 ** (1 / 2.2))).all() and (row[:, :, 10:20] == 255).all() and (row[:, :, 20:] == 128).all()


def test_a_damaged_cache_is_made_again_aloud(tmp_path, small_set, monkeypatch):
    told = []
    monkeypatch.setattr(cache_files, "warn", told.append)
    config = config_for(tmp_path, small_set)
    run(config)
    shorts, longs = ([*(tmp_path / "cache").glob(f"*_00_{name}s-*.npy")] for name in ("0.1", "10"))
    whole = {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    shorts[0].write_bytes(whole[shorts[0]][:200])
    shorts[1].with_suffix(".json").write_text('{"size": "large"}')
    longs[0].write_bytes(b"")
    assert run(changed(config, steps=6)) == 6
    assert {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == whole
    assert len(told) == 3 and all("is damaged; it is made again (delete it where this line comes back)" in line for line in told)


def test_a_file_that_cannot_be_read_meanwhile_is_one_clear_line(small_set):
    def batches():
        raise tf.errors.UnknownError(None, None, "{{function_node f}} OSError: Input/output error\nTraceback")
        yield

    class Source:
        remedy = "delete that folder"

    with pytest.raises(LowlightError, match=r"reading a training example failed \(OSError: Input/output error\); delete that folder"):
        train._next_batch(batches(), Source)
