"""A model made small to ship: what is kept, what runs it, and what is refused."""

import errno
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script

from lowlight_tf.checkpoints import checkpoint, weights
from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.checkpoints.shipping import ship
from lowlight_tf.enhancement import engine
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.network import model
from lowlight_tf.raw.cameras import CAMERAS

NETWORK = model.network_for(CAMERAS["bayer"], base_width=4)


@pytest.fixture
def trained(tmp_path):
    """A model's folder and its parameters."""
    params = model.initialize_parameters(NETWORK, 3)
    described = model.describe(CAMERAS["bayer"], NETWORK) | {"data": {"cache_dir": "private"}, "versions": {"numpy": "2"}}
    checkpoint.write_config(tmp_path / "trained", described)
    checkpoint.Store(tmp_path / "trained", params).save(7)
    return tmp_path / "trained", params


def test_what_ships_is_the_model_to_half_precision(tmp_path, trained):
    folder, params = trained
    ship([str(folder)], tmp_path / "small")
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == ["config.json", "weights.npz"]
    loaded = model.initialize_parameters(NETWORK, 4)
    assert checkpoint.load_parameters(tmp_path / "small", loaded) == 7
    for name, parameter in params.items():
        np.testing.assert_array_equal(loaded[name], parameter.numpy().astype(np.float16).astype(np.float32))
    kept = json.loads((tmp_path / "small" / "config.json").read_text())
    assert set(kept) == {"model", "camera", "network", "interface", "target", "versions"}
    inputs = np.random.RandomState(0).uniform(0, 1, (1, 17, 21, 4)).astype(np.float32)
    whole, small = (engine.load_model(path).run(inputs).numpy() for path in (folder, tmp_path / "small"))
    assert 0 < np.abs(whole - small).max() < 2e-3


def test_sizes_and_values_by_hand(tmp_path):
    weights.write_weights(tmp_path, {"a/b": np.array([1.0, 1 / 3], np.float32)}, 12)
    values, step = weights.read_weights(tmp_path)
    # 1/3 in float16: the nearest multiple of 2^-12.
    assert step == 12 and values["a/b"].dtype == np.float32 and values["a/b"].tolist() == [1.0, 1365 / 4096]
    assert weights.read_weights(tmp_path / "none") is None
    with pytest.raises(LowlightError, match="1e\\+05, which float16 cannot hold"):
        weights.write_weights(tmp_path, {"a": np.array([1e5], np.float32)}, 1)
    with pytest.raises(LowlightError, match="float16 cannot hold"):
        weights.write_weights(tmp_path, {"a": np.array([np.nan], np.float32)}, 1)


def archive(path, **arrays):
    """Writes {name: (header's shape, bytes that are there)} as an archive of float16 arrays, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, (shape, size) in arrays.items():
            with file.open(f"{name}.npy", "w") as part:
                kind = "<i8" if name == "step" else "<f2"
                np.lib.format.write_array_header_1_0(part, {"descr": kind, "fortran_order": False, "shape": shape})
                part.write(b"\0" * size)


@pytest.mark.parametrize(
    "arrays",
    [
        {"a": ((4,), 8)},  # no step
        {"a": ((1 << 40,), 8), "step": ((), 8)},  # says to be a terabyte
        {"a": ((4,), 10**6), "step": ((), 8)},  # unpacks to more than it says
        {"step": ((2,), 16)},
        {f"a{number}": ((1,), 2) for number in range(1001)} | {"step": ((), 8)},
    ],
)
def test_an_archive_is_what_it_says(tmp_path, arrays):
    archive(tmp_path / "weights.npz", **arrays)
    with pytest.raises(LowlightError, match="weights.npz is damaged"):
        weights.read_weights(tmp_path)


def test_a_bomb_is_refused_by_its_headers(tmp_path, trained):
    folder, params = trained
    (tmp_path / "bomb").mkdir()
    shapes = {name: (tuple(value.shape), 2 * value.shape.num_elements()) for name, value in params.items()}
    archive(tmp_path / "bomb" / "weights.npz", **shapes | {"conv1_1/weights": ((3, 3, 4, 10**6), 2 * 36 * 10**6)}, step=((), 8))
    (tmp_path / "bomb" / "config.json").write_bytes((folder / "config.json").read_bytes())
    assert (tmp_path / "bomb" / "weights.npz").stat().st_size < 200_000
    with pytest.raises(LowlightError, match=r"conv1_1/weights is \[3, 3, 4, 1000000\], expected \[3, 3, 4, 4\]"):
        load_network(tmp_path / "bomb")
    assert load_network(folder).step == 7


def test_weights_that_are_not_finite_are_refused(tmp_path):
    np.savez(tmp_path / "weights.npz", **{"a/b": np.array([1, np.nan], np.float16), "step": np.int64(1)})
    with pytest.raises(LowlightError, match="not finite, in a/b"):
        weights.read_weights(tmp_path)


def test_what_does_not_fit_is_named(tmp_path, trained):
    folder, params = trained
    ship([str(folder)], tmp_path / "small")
    missing = {name: value for name, value in params.items() if name != "conv3_1/biases"}
    with pytest.raises(LowlightError, match="extra: conv3_1/biases"):
        checkpoint.load_parameters(tmp_path / "small", missing)
    path = tmp_path / "small" / "weights.npz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(LowlightError, match="weights.npz is damaged"):
        checkpoint.load_parameters(tmp_path / "small", params)
    with pytest.raises(LowlightError, match="holds a model already"):
        ship([str(folder)], folder)


def test_several_models_are_averaged(tmp_path, trained):
    folder, params = trained
    other = {name: value + 1.0 for name, value in params.items()}
    checkpoint.write_config(tmp_path / "other", model.describe(CAMERAS["bayer"], NETWORK))
    checkpoint.Store(tmp_path / "other", {name: tf.Variable(value) for name, value in other.items()}).save(9)
    ship([str(folder), str(tmp_path / "other")], tmp_path / "mean")
    values, step = weights.read_weights(tmp_path / "mean")
    assert step == 9
    for name, value in values.items():
        np.testing.assert_allclose(value, params[name] + 0.5, atol=1e-3)
    wider = model.network_for(CAMERAS["bayer"], base_width=8)
    checkpoint.write_config(tmp_path / "wider", model.describe(CAMERAS["bayer"], wider))
    checkpoint.Store(tmp_path / "wider", model.initialize_parameters(wider)).save(1)
    with pytest.raises(LowlightError, match="wider holds another kind of model"):
        ship([str(folder), str(tmp_path / "wider")], tmp_path / "mixed")


@pytest.mark.parametrize("name", ["config.json", "weights.npz"])
def test_a_file_of_something_else_stays(tmp_path, trained, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("{}")
    with pytest.raises(LowlightError, match="mine holds a model already; name a new --output"):
        ship([str(trained[0])], tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [name] and (tmp_path / "mine" / name).read_text() == "{}"


def test_another_model_and_other_files_stay(tmp_path, trained):
    folder, params = trained
    ship([str(folder)], tmp_path / "small")
    before = {path.name: path.read_bytes() for path in (tmp_path / "small").iterdir()}
    ship([str(folder)], tmp_path / "small")  # the same one: nothing to do
    params["conv10/biases"].assign_add(tf.ones_like(params["conv10/biases"]))
    checkpoint.Store(folder, params).save(8)
    with pytest.raises(LowlightError, match="small holds a model already"):
        ship([str(folder)], tmp_path / "small")
    assert {path.name: path.read_bytes() for path in (tmp_path / "small").iterdir()} == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(LowlightError, match=r"notes holds other files \(a.txt\), which stay"):
        ship([str(folder)], tmp_path / "notes")


def test_a_full_disk_leaves_no_model_and_is_said_by_the_folders_name(tmp_path, trained, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match=f"cannot write {tmp_path / 'new' / 'weights.npz'}: No space left on device"):
        ship([str(trained[0])], tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trained"]


def test_the_tool_and_what_may_be_done_with_its_model(tmp_path, trained, small_set):
    folder, _ = trained
    assert run_script("lowlight_tf", "ship", f"--checkpoint_dir={folder}", "--output=small", cwd=tmp_path).returncode == 0
    arguments = ["--camera=bayer", f"--data_dir={small_set / 'Sony'}", *SMALL_RUN, "--steps=1"]
    refused = run_script("train.py", *arguments, "--checkpoint_dir=small", cwd=tmp_path)
    expect_failure(refused, 1, "--init_from=small and another --checkpoint_dir")
    begun = run_script("train.py", *arguments, "--init_from=small", "--checkpoint_dir=new", cwd=tmp_path)
    assert begun.returncode == 0 and "From step 7 of small" in begun.stdout, begun.stderr
    expect_failure(run_script("lowlight_tf", "ship", "--checkpoint_dir=nowhere", "--output=other", cwd=tmp_path), 1, "no model in nowhere")
