import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf.checkpoints import checkpoint, prefixes
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.network.sid import initialize_parameters
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import SID

SMALL = model.network_for(CAMERAS["sony"], base_width=2)


def variables(seed=0, network=SMALL):
    params = initialize_parameters(network, seed)
    return params, initialize_adam(params)


def saved(folder, step=7, seed=1):
    params, state = variables(seed)
    state["conv1_1/weights/m"].assign_add(tf.ones_like(state["conv1_1/weights/m"]))
    state["t"].assign(step)
    checkpoint.write_config(folder, model.describe(CAMERAS["sony"], SMALL))
    checkpoint.Store(folder, params, state).save(step)
    return params, state


def test_round_trip(tmp_path):
    params, state = saved(tmp_path)
    others = variables(seed=2)
    assert checkpoint.Store(tmp_path, *others).restore() == 7
    for before, after in ((params, others[0]), (state, others[1])):
        for name in before:
            np.testing.assert_array_equal(before[name].numpy(), after[name].numpy())
    only = initialize_parameters(SMALL, 3)
    assert checkpoint.load_parameters(tmp_path, only) == 7
    np.testing.assert_array_equal(only["up6/weights"].numpy(), params["up6/weights"].numpy())


def test_config_round_trip(tmp_path):
    saved(tmp_path)
    assert model.from_description(checkpoint.read_config(tmp_path), tmp_path) == (CAMERAS["sony"], SMALL, SID)


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(LowlightError, match="no model in"):
        checkpoint.read_config(tmp_path)
    assert checkpoint.Store(tmp_path, *variables()).restore() is None
    with pytest.raises(LowlightError, match="no checkpoint in"):
        checkpoint.load_parameters(tmp_path, initialize_parameters(SMALL))


def test_missing_extra_and_wrong_tensors_are_named(tmp_path):
    saved(tmp_path)
    params, state = variables(network=model.network_for(CAMERAS["sony"], base_width=2, extra_blocks=1))
    with pytest.raises(LowlightError, match=r"missing: extra1_1/weights, extra1_1/biases"):
        checkpoint.Store(tmp_path, params, state).restore()
    params, state = variables()
    params.pop("conv10/biases")
    with pytest.raises(LowlightError, match=r"extra: conv10/biases"):
        checkpoint.Store(tmp_path, params, state).restore()
    with pytest.raises(LowlightError, match=r"wrongly shaped: .*conv1_1/weights is \[3, 3, 4, 2\], expected \[3, 3, 4, 4\]"):
        checkpoint.load_parameters(tmp_path, initialize_parameters(model.network_for(CAMERAS["sony"], base_width=4)))


def test_damaged_files_are_named(tmp_path):
    saved(tmp_path)
    data = tmp_path / "ckpt-7.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(LowlightError, match="ckpt-7 is damaged"):
        checkpoint.Store(tmp_path, *variables()).restore()


@pytest.mark.parametrize(
    "text, words", [("{", "not valid JSON"), ("[]", "says no camera"), ('{"camera": {}, "network": {"x": 1}}', "does not describe")]
)
def test_damaged_configs_are_named(tmp_path, text, words):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(LowlightError, match=words):
        model.from_description(checkpoint.read_config(tmp_path), tmp_path)


def test_a_failed_save_keeps_the_one_before(tmp_path, monkeypatch):
    params, state = saved(tmp_path)
    store = checkpoint.Store(tmp_path, params, state)
    store.restore()

    def full(prefix):
        (tmp_path / ".unfinished" / "ckpt-8_temp").mkdir(parents=True)
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(store._checkpoint, "write", full)
    with pytest.raises(LowlightError, match="No space left on device"):
        store.save(8)
    assert checkpoint.Store(tmp_path, *variables()).restore() == 7
    assert not list(tmp_path.glob("*8*")) and not (tmp_path / ".unfinished").exists()


def test_an_interrupted_save_leaves_nothing_that_counts(tmp_path, monkeypatch):
    params, state = saved(tmp_path)
    store = checkpoint.Store(tmp_path, params, state)
    write = store._checkpoint.write

    def interrupted(prefix):
        write(prefix)
        raise KeyboardInterrupt

    monkeypatch.setattr(store._checkpoint, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.save(8)
    assert checkpoint.Store(tmp_path, *variables()).restore() == 7 and not (tmp_path / ".unfinished").exists()


def test_what_a_kill_between_renames_leaves_is_no_checkpoint(tmp_path):
    saved(tmp_path)
    (tmp_path / "ckpt-8.data-00000-of-00001").write_bytes(b"the index is put into place last")
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "ckpt-8.index").write_bytes(b"half")
    store = checkpoint.Store(tmp_path, *variables())
    assert store.restore() == 7
    store.save(8)
    assert checkpoint.Store(tmp_path, *variables()).restore() == 8


@pytest.mark.parametrize("content", [None, "", 'model_checkpoint_path: "ckpt-9"\nall_model_checkpoint_paths: "ckpt-9"\n'])
def test_the_state_file_may_be_lost_or_wrong(tmp_path, content):
    saved(tmp_path)
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("ckpt-7")
    (tmp_path / "checkpoint").unlink()
    if content is not None:
        (tmp_path / "checkpoint").write_text(content)
    store = checkpoint.Store(tmp_path, *variables())
    assert store.restore() == 7
    store.save(8)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-7.index", "ckpt-8.index"]


def test_a_damaged_newest_one_falls_back_aloud(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(prefixes, "warn", told.append)
    params, state = saved(tmp_path)
    store = checkpoint.Store(tmp_path, params, state)
    store.restore()
    store.save(8)
    store.save(9)
    data = tmp_path / "ckpt-9.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    (tmp_path / "ckpt-8.index").write_bytes(b"damaged, too")
    others = variables(seed=2)
    store = checkpoint.Store(tmp_path, *others)
    assert store.restore() == 7 == store.saved
    np.testing.assert_array_equal(others[0]["conv10/weights"], params["conv10/weights"])
    assert len(told) == 2 and "ckpt-9 is damaged" in told[0] and told[1].endswith(f"the one before it, {tmp_path / 'ckpt-7'}")
    assert checkpoint.load_parameters(tmp_path, initialize_parameters(SMALL, 3)) == 7
    assert sorted(tmp_path.glob("*.index")) == [tmp_path / f"ckpt-{step}.index" for step in (7, 8, 9)]  # reading removes nothing
    store.save(8)
    assert sorted(tmp_path.glob("ckpt-*")) == sorted(
        tmp_path / f"ckpt-{step}.{end}" for step in (7, 8) for end in ("index", "data-00000-of-00001")
    )
    assert checkpoint.Store(tmp_path, *variables()).restore() == 8


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["conv1_1/weights", "conv1_1/weights/v"])
def test_what_is_not_finite_is_not_gone_on_from(tmp_path, value, name):
    params, state = saved(tmp_path)
    both = {**params, **state}
    both[name].assign(tf.fill(both[name].shape, np.float32(value)))
    assert checkpoint.not_finite(both) == [name]
    checkpoint.Store(tmp_path, params, state).save(8)
    assert checkpoint.Store(tmp_path, *variables()).restore() == 7
    for index in tmp_path.glob("ckpt-7.*"):
        index.unlink()
    with pytest.raises(LowlightError, match=f"not finite: {name}.*no other checkpoint in .* is whole"):
        checkpoint.Store(tmp_path, *variables()).restore()


def test_names_that_are_not_ours_are_no_checkpoints_and_orphans_go(tmp_path):
    params, state = saved(tmp_path)
    strangers = ["ckpt-².index", "ckpt-007.index", "ckpt-x.index", "ckpt-9.index.bak", f"ckpt-{10**30}.index", "ckpt-5.data-1"]
    for name in [*strangers, "ckpt-3.data-00000-of-00001"]:
        (tmp_path / name).write_bytes(b"x")
    store = checkpoint.Store(tmp_path, params, state)
    assert store.restore() == 7
    store.save(8)
    assert not (tmp_path / "ckpt-3.data-00000-of-00001").exists()  # a killed removal's: its index had gone first
    assert all((tmp_path / name).exists() for name in strangers)


def test_what_a_killed_save_left_is_not_put_into_place_by_the_next(tmp_path):
    params, state = saved(tmp_path)
    (tmp_path / ".unfinished").mkdir()
    for name in ("ckpt-9.index", "ckpt-9.data-00000-of-00001"):
        (tmp_path / ".unfinished" / name).write_bytes(b"of another life")
    checkpoint.Store(tmp_path, params, state).save(8)
    assert not list(tmp_path.glob("ckpt-9*")) and not (tmp_path / ".unfinished").exists()


@pytest.mark.skipif(not pathlib.Path("/proc/self/fd").is_dir(), reason="asks the system which file a number is")
def test_a_checkpoint_is_on_the_disk_before_its_index_is(tmp_path, monkeypatch):
    params, state = variables()
    seen, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (seen.append(pathlib.Path(os.readlink(f"/proc/self/fd/{number}")).name), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append(f"rename {pathlib.Path(names[1]).name}"), replace(*names)))
    tmp_path.joinpath("model").mkdir()
    checkpoint.Store(tmp_path / "model", params, state).save(5)
    data, index = "ckpt-5.data-00000-of-00001", "ckpt-5.index"
    assert seen[:6] == [data, f"rename {data}", "model", index, f"rename {index}", "model"]


def test_shapes_are_compared_before_anything_is_made(tmp_path):
    saved(tmp_path)
    checkpoint.check_shapes(tmp_path, model.parameter_shapes(SMALL))
    huge = model.parameter_shapes(model.network_for(CAMERAS["sony"], base_width=512))
    with pytest.raises(LowlightError, match=r"conv1_1/weights is \[3, 3, 4, 2\], expected \[3, 3, 4, 512\]"):
        checkpoint.check_shapes(tmp_path, huge)
    checkpoint.check_shapes(tmp_path / "nothing there", huge)


def test_only_the_last_three_are_kept(tmp_path):
    params, state = variables()
    store = checkpoint.Store(tmp_path, params, state)
    for step in range(1, 6):
        store.save(step)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-3.index", "ckpt-4.index", "ckpt-5.index"]


@pytest.mark.parametrize(
    "camera, options, words", [("fuji", {}, "model of --camera=sony, not of fuji"), ("sony", {"base_width": 4}, "base_width=2, not 4")]
)
def test_another_model_is_refused(tmp_path, camera, options, words):
    saved(tmp_path)
    wanted = model.network_for(CAMERAS[camera], **{"base_width": 2} | options)
    with pytest.raises(LowlightError, match=words):
        model.check_same(json.loads((tmp_path / "config.json").read_text()), CAMERAS[camera], wanted, SID, tmp_path)
