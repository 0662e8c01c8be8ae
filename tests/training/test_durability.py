"""What a training keeps whatever fails around it, and what it refuses to go on from."""

import csv
import errno
import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from conftest import changed
from test_training import config_for, history, run, values

from lowlight_tf.errors import LowlightError, NonFiniteError, OutputError, Problems
from lowlight_tf.training import history as report
from lowlight_tf.training import train
from lowlight_tf.training.agreement import digest, facts_of
from lowlight_tf.training.lock import NAME, locked


def full(*_, **__):
    raise tf.errors.ResourceExhaustedError(None, None, "events; No space left on device")


def test_what_a_diverged_run_keeps_can_be_gone_on_from(tmp_path, small_set):
    config = config_for(tmp_path, small_set, save_every=1, steps=6)
    run(changed(config, steps=1))
    with pytest.raises(NonFiniteError, match="last good checkpoint"):
        run(changed(config, learning_rate=1e9))
    assert run(config) == 6
    assert all(np.isfinite(float(row[1])) for row in history(tmp_path)[1:])
    assert all(np.isfinite(value).all() for value in values(tmp_path, config.network).values())


@pytest.mark.parametrize("where", ["opening", "writing", "flushing"])
def test_events_that_cannot_be_written_cost_a_line_and_no_checkpoint(tmp_path, small_set, monkeypatch, where):
    told = []
    monkeypatch.setattr(report, "warn", told.append)
    if where == "opening":
        monkeypatch.setattr(tf.summary, "create_file_writer", full)
    elif where == "writing":
        monkeypatch.setattr(tf.summary, "image", full)
    else:
        monkeypatch.setattr(report.Events, "flush", lambda self: self._writer and self._try(full))
    assert run(config_for(tmp_path, small_set)) == 4
    assert len(told) == 1 and "no more TensorBoard events" in told[0] and "No space left on device" in told[0]
    assert (tmp_path / "model" / "ckpt-4.index").is_file() and len(history(tmp_path)) == 5


def test_a_history_that_cannot_be_written_costs_no_checkpoint(tmp_path, small_set, monkeypatch):
    def fails(self):
        raise OutputError("cannot write history.csv: No space left on device")

    monkeypatch.setattr(report.History, "write", fails)
    with pytest.raises(OutputError, match="cannot write history.csv"):
        run(config_for(tmp_path, small_set))
    assert (tmp_path / "model" / "ckpt-2.index").is_file()


def test_rows_that_were_half_written_are_not_there_twice(tmp_path, monkeypatch):
    rows = report.History(tmp_path, 0)
    rows.add(1, 0.5, 1e-4)

    def torn(number):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", torn)
        with pytest.raises(OutputError, match="Input/output error"):
            rows.write()
    rows.write()
    with open(tmp_path / "history.csv") as file:
        assert list(csv.reader(file))[1:] == [["1", "0.5", "0.0001"]]


def test_a_full_disk_is_not_called_memory(tmp_path, small_set, monkeypatch):
    monkeypatch.setattr(train, "_next_batch", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        run(config_for(tmp_path, small_set))

    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9]")

    monkeypatch.setattr(train, "_next_batch", exhausted)
    with pytest.raises(LowlightError, match="out of memory; use a smaller --patch_size"):
        run(config_for(tmp_path, small_set))


def test_two_trainings_do_not_share_a_folder(tmp_path, small_set):
    config = config_for(tmp_path, small_set)
    run(changed(config, steps=2))
    before = (tmp_path / "model" / "history.csv").read_bytes()
    with locked(config.checkpoint_dir), pytest.raises(LowlightError, match=f"another training, process {os.getpid()} on"):
        train.train(config, Problems())
    assert (tmp_path / "model" / "history.csv").read_bytes() == before
    assert run(config) == 4 and not (tmp_path / "model" / NAME).exists()


def test_a_damaged_history_is_one_line(tmp_path):
    (tmp_path / "history.csv").write_bytes(b"\xff\xfe\0" * 100)
    with pytest.raises(LowlightError, match="history.csv is damaged .* move it away"):
        report.History(tmp_path, 4)


def test_a_row_that_is_not_ours_is_no_step(tmp_path):
    (tmp_path / "history.csv").write_text("step,loss,learning_rate\n1,0.5,0.1\n\u00b2,0.5,0.1\n")
    report.History(tmp_path, 4)
    assert (tmp_path / "history.csv").read_text().splitlines() == ["step,loss,learning_rate", "1,0.5,0.1"]


def test_what_workers_must_agree_on_is_the_whole_config_but_its_places(tmp_path, small_set):
    config = config_for(tmp_path, small_set)
    facts = facts_of(config)
    assert {"--learning_rate", "--patch_size", "--base_width", "--curve", "--noise", "--train_only", "--camera", "--seed"} <= set(facts)
    assert not {"--checkpoint_dir", "--data_dir", "--cache_dir"} & set(facts)
    assert facts_of(config_for(pathlib.Path("elsewhere"), "anywhere")) == facts
    for name, value in (("learning_rate", 1e-2), ("patch_size", 32), ("mixed_precision", True)):
        other = facts_of(changed(config, **{name: value}))
        assert [fact for fact in facts if facts[fact] != other[fact]] == [f"--{name}"]


def test_a_digest_tells_a_bit():
    values = {"a": tf.Variable([1.0, 2.0]), "b": tf.Variable(3, dtype=tf.int64)}
    before = digest(values)
    assert before == digest(dict(reversed(values.items())))
    values["a"].assign([1.0, np.nextafter(np.float32(2), np.float32(3))])
    assert digest(values) != before


def test_a_trial_on_the_samples_is_no_start_of_another_run(tmp_path, small_set):
    """The two commands of a README could otherwise make one run of two data sets."""
    config = config_for(tmp_path, small_set)
    run(config)
    described = json.loads((pathlib.Path(config.checkpoint_dir) / "config.json").read_text())
    described["data"]["dataset"] = "samples"
    (pathlib.Path(config.checkpoint_dir) / "config.json").write_text(json.dumps(described))
    with pytest.raises(LowlightError, match="holds a run on the embedded samples, and this one is on sid; name another --checkpoint_dir"):
        run(config)
