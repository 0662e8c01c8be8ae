"""bfloat16 compute with float32 parameters against float32 throughout, and a GPU's memory: on CPU, for no GPU was at hand."""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import changed, expect_failure, run_script, write_frame, write_model
from test_training import config_for, history, run, values

from lowlight_tf import devices
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.enhancement import engine
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.errors import Problems
from lowlight_tf.evaluation import evaluate
from lowlight_tf.network import model
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.config import tell_changes

NETWORKS = {
    "sony": ("sony", {"base_width": 8}),
    "fuji": ("fuji", {"base_width": 4}),
    "variations": ("sony", {"base_width": 4, "downsample": "strided", "extra_blocks": 1, "head": "fc", "head_units": 8}),
    "denoise20": ("sony", {"network": "denoise20"}),
}


def distance(found, expected):
    """Returns the norm of the difference over that of what is expected."""
    return float(tf.linalg.global_norm([a - b for a, b in zip(found, expected, strict=False)]) / tf.linalg.global_norm(expected))


@pytest.mark.parametrize("camera, options", NETWORKS.values(), ids=NETWORKS)
def test_outputs_and_gradients_are_those_of_float32_to_its_8_bits(camera, options):
    network = model.network_for(CAMERAS[camera], **options)
    params = model.initialize_parameters(network)
    inputs = tf.random.stateless_uniform([1, 67, 49, network.input_channels], (1, 2))

    @tf.function
    def loss_gradients(mixed):
        with tf.GradientTape() as tape:
            output = model.forward(params, inputs, network, mixed)
            loss = tf.reduce_mean(tf.abs(output - 0.3))
        return output, [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, list(params.values()))]

    (exact, exact_gradients), (output, gradients) = loss_gradients(False), loss_gradients(True)
    assert output.dtype == tf.float32 and {gradient.dtype for gradient in gradients} == {tf.float32}
    assert 1e-4 < distance([output], [exact]) < 0.02
    assert distance(gradients, exact_gradients) < 0.02  # 0.6 with biases whose gradients are summed in bfloat16


def test_training_lowers_the_loss_and_what_is_kept_is_float32(tmp_path, small_set):
    config = config_for(tmp_path, small_set, steps=40, learning_rate=3e-3, mixed_precision=True, num_replicas=2)
    assert run(config) == 40
    losses = [float(row[1]) for row in history(tmp_path)[1:]]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    mixed = values(tmp_path, config.network)  # restored strictly: into float32 variables, by name and shape
    assert {value.dtype for name, value in mixed.items() if name != "t"} == {np.dtype(np.float32)}
    dtypes = tf.train.load_checkpoint(str(tmp_path / "model" / "ckpt-40")).get_variable_to_dtype_map()
    assert tf.bfloat16 not in dtypes.values()
    weights = mixed["conv1_1/weights"]
    assert np.any(weights != tf.cast(tf.cast(weights, tf.bfloat16), tf.float32))  # updates smaller than bfloat16's steps are kept
    exact = changed(config, checkpoint_dir=str(tmp_path / "exact" / "model"), mixed_precision=False)
    run(exact)
    exact_losses = [float(row[1]) for row in history(tmp_path / "exact")[1:]]
    assert losses != exact_losses
    np.testing.assert_allclose(losses, exact_losses, rtol=0.05)


def test_the_run_says_how_it_was_trained(tmp_path, small_set, capsys):
    run(config_for(tmp_path, small_set, mixed_precision=True))
    described = json.loads((tmp_path / "model" / "config.json").read_text())
    assert described["training"]["mixed_precision"] is True
    described["training"]["mixed_precision"] = False
    tell_changes(str(tmp_path / "model"), described)
    assert "mixed_precision was True so far and is False from here on" in capsys.readouterr().out


def test_enhancing_and_testing_with_it_give_nearly_the_same_picture(tmp_path):
    write_model(tmp_path / "model", "sony", copying=False)
    write_frame(tmp_path / "a.dng", scale=400)
    pictures = []
    for mixed in (False, True):
        config = EnhanceConfig(str(tmp_path / "model"), str(tmp_path / f"out{mixed}"), kind="png", ratio=50.0, mixed_precision=mixed)
        enhance([str(tmp_path / "a.dng")], config, Problems())
        loaded = engine.load_model(tmp_path / "model", mixed)
        predicted = evaluate.predictor_of(loaded)(read_short(tmp_path / "a.dng", loaded.camera), 50.0)
        pictures.append((read_picture(tmp_path / f"out{mixed}" / "a.png") / 65535, predicted))
    for exact, found in zip(*pictures, strict=False):
        assert 0 < np.abs(exact - found).max() < 0.01
    assert engine.load_model(tmp_path / "model", True).run(tf.zeros([1, 16, 16, 4])).dtype == tf.float32


def test_the_flags_reach_the_scripts(tmp_path, small_set, small_model):
    arguments = ("--checkpoint_dir=model", "--mixed_precision")
    result = run_script("test.py", *arguments, "--result_dir=" + str(tmp_path), cwd=small_model)
    assert result.returncode == 0 and json.loads((tmp_path / "metrics.json").read_text())["mixed_precision"] is True, result.stderr
    expect_failure(run_script("test.py", "--model=classic", "--camera=sony", "--mixed_precision", cwd=tmp_path), 2, "--mixed_precision")


def test_every_gpu_is_asked_to_take_memory_as_it_needs_it(monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["GPU:0", "GPU:1"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, enable: asked.append((gpu, enable)))
    devices.prepare_devices()
    assert asked == [("GPU:0", True), ("GPU:1", True)]
