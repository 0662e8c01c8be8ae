"""Checkpoints of the original kind, written by tf.compat.v1's own Saver, come in whole and run."""

import os
import resource

import numpy as np
import pytest
import tensorflow as tf
from conftest import expect_failure, run_script

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.checkpoints.importing import import_slim
from lowlight_tf.checkpoints.slim_checkpoint import slim_name
from lowlight_tf.errors import LowlightError
from lowlight_tf.network.model import network_for
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.network.sid import initialize_parameters, parameter_shapes
from lowlight_tf.raw.cameras import CAMERAS


def slim_values(camera="sony", *, slots="all", updates=3, change=None):
    """Returns {original name: array}: random parameters, with Adam's slots ("all", "none", or "released": none for up-filters)."""
    rng = np.random.RandomState(0)
    values = {}
    for name, shape in parameter_shapes(network_for(CAMERAS[camera])).items():
        values[slim_name(name)] = rng.standard_normal(shape).astype(np.float32) * 0.02
        if slots == "all" or (slots == "released" and not name.startswith("up")):
            values[f"{slim_name(name)}/Adam"] = np.full(shape, 0.25, np.float32)
            values[f"{slim_name(name)}/Adam_1"] = np.full(shape, 0.5, np.float32)
    if slots != "none":
        values["beta1_power"], values["beta2_power"] = np.float32(0.9 ** (updates + 1)), np.float32(0.999 ** (updates + 1))
    return (change or (lambda v: v))(values)


def save(folder, values):
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        variables = [tf.compat.v1.Variable(value, name=name) for name, value in values.items()]
        session.run(tf.compat.v1.variables_initializer(variables))
        return tf.compat.v1.train.Saver(variables).save(session, str(folder / "model.ckpt"))


def load(folder, camera):
    params = initialize_parameters(network_for(CAMERAS[camera]), seed=9)
    state = initialize_adam(params)
    assert checkpoint.Store(folder, params, state).restore() == 0
    return params, state


@pytest.mark.parametrize("camera", ["sony", "fuji"])
@pytest.mark.parametrize("slots, entries", [("all", 128), ("none", 42), ("released", 120)])
def test_every_tensor_arrives(tmp_path, camera, slots, entries):
    values = slim_values(camera, slots=slots)
    assert len(values) == entries
    import_slim(CAMERAS[camera], save(tmp_path, values), tmp_path / "ours")
    params, state = load(tmp_path / "ours", camera)
    for name in params:
        np.testing.assert_array_equal(params[name].numpy(), values[slim_name(name)])
        has_slots = f"{slim_name(name)}/Adam" in values
        assert state[f"{name}/m"].numpy().flat[0] == (0.25 if has_slots else 0)
        assert state[f"{name}/v"].numpy().flat[-1] == (0.5 if has_slots else 0)
    assert int(state["t"]) == (0 if slots == "none" else 3)


def test_a_beta_power_that_underflowed_means_a_long_training(tmp_path):
    values = slim_values(change=lambda v: v | {"beta1_power": np.float32(0), "beta2_power": np.float32(0)})
    import_slim(CAMERAS["sony"], save(tmp_path, values), tmp_path / "ours")
    _, state = load(tmp_path / "ours", "sony")
    assert 0.999 ** int(state["t"]) < 1e-30


def without(*names):
    return lambda values: {name: value for name, value in values.items() if name not in names}


@pytest.mark.parametrize(
    "change, words",
    [
        (without("Variable_2", "g_conv3_1/biases"), "missing: Variable_2, g_conv3_1/biases"),
        (lambda v: v | {"g_conv11/weights": np.zeros([1], np.float32)}, "extra: g_conv11/weights"),
        (lambda v: v | {"g_conv10/biases": np.zeros([27], np.float32)}, r"wrongly shaped: g_conv10/biases is \[27\], expected \[12\]"),
        (
            lambda v: v | {"g_conv1_1/biases/Adam": np.zeros([5], np.float32)},
            r"wrongly shaped: g_conv1_1/biases/Adam is \[5\], expected \[32\]",
        ),
        (lambda v: v | {"g_conv1_1/biases": np.full([32], np.nan, np.float32)}, "not finite"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, words):
    with pytest.raises(LowlightError, match=words):
        import_slim(CAMERAS["sony"], save(tmp_path, slim_values(slots="released", change=change)), tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_the_command_imports_what_test_py_runs(tmp_path, small_set):
    path = save(tmp_path, slim_values(slots="released"))
    result = run_script("lowlight_tf", "import_slim", "--camera=sony", f"--slim_checkpoint={path}", "--checkpoint_dir=ours", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "42 tensors with 7,760,268 parameters" in result.stdout and "up6/weights, up7/weights, up8/weights, up9/weights" in result.stdout
    result = run_script("test.py", "--checkpoint_dir=ours", f"--data_dir={small_set}", "--result_dir=out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "10001_00_0.1s_out.png").is_file()
    again = run_script("lowlight_tf", "import_slim", "--camera=sony", f"--slim_checkpoint={path}", "--checkpoint_dir=ours", cwd=tmp_path)
    expect_failure(again, 1, "holds a model already")


def test_an_import_that_cannot_be_written_leaves_nothing(tmp_path):
    path = save(tmp_path, slim_values(slots="none"))
    result = run_script(
        "lowlight_tf",
        "import_slim",
        "--camera=sony",
        f"--slim_checkpoint={path}",
        "--checkpoint_dir=ours",
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (80000, 80000)),
    )
    expect_failure(result, 1, "cannot write checkpoint 0 into ours: ", "free some space and run the same command again")
    assert "{{" not in result.stderr and "[Op:" not in result.stderr
    assert [name for name in os.listdir(tmp_path) if "ours" in name] == []


def test_a_model_in_the_folder_stays(tmp_path):
    (tmp_path / "ours").mkdir()
    for name in ("config.json", "weights.npz"):
        (tmp_path / "ours" / name).write_text("a model that shipped")
    with pytest.raises(LowlightError, match="ours holds a model already; name a new --checkpoint_dir"):
        import_slim(CAMERAS["sony"], "not even read", tmp_path / "ours")
    assert {path.name: path.read_text() for path in (tmp_path / "ours").iterdir()} == dict.fromkeys(
        ("config.json", "weights.npz"), "a model that shipped"
    )


def test_the_command_on_bad_input(tmp_path):
    expect_failure(
        run_script("lowlight_tf", "import_slim", "--camera=sony", "--slim_checkpoint=nothing", "--checkpoint_dir=ours", cwd=tmp_path),
        1,
        "no readable TF1 checkpoint at nothing",
    )
    path = save(tmp_path, slim_values("fuji", slots="none"))
    expect_failure(
        run_script("lowlight_tf", "import_slim", "--camera=sony", f"--slim_checkpoint={path}", "--checkpoint_dir=ours", cwd=tmp_path),
        1,
        "g_conv10/weights is [1, 1, 32, 27], expected [1, 1, 32, 12]",
    )
    assert run_script("lowlight_tf", "import_slim", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "ours").exists()
