"""A GPU against the CPU: both networks, training steps, bfloat16, the flags. All are skipped without a GPU, and `make gpu` runs them.

On the CPU the networks take plain convolutions where a GPU is visible (`network/convolution.py`), so both sides compute the same sums.
TF32 is off where float32 is held against float32: it keeps 10 bits of a factor.
"""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import run_script, write_frame, write_model

from benchmarks.gpu_speed import distance
from lowlight_tf.datasets import DataConfig
from lowlight_tf.network import model
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.config import TrainingConfig, Updates
from lowlight_tf.training.replicas import make_train_step

pytestmark = pytest.mark.gpu
DEVICE = "GPU:0"
NETWORKS = {
    "sid": {},
    "denoise20": {"network": "denoise20"},
    "variations": {"base_width": 8, "downsample": "strided", "extra_blocks": 1, "head": "fc", "head_units": 8},
}
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


@pytest.fixture(autouse=True)
def _exact():
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


def outputs_and_gradients(device, options, mixed=False, size=(67, 49)):
    """Returns the output and the gradients of all parameters, computed on a device from the same weights and light."""
    with tf.device(device):
        network = model.network_for(CAMERAS["sony"], **options)
        params = model.initialize_parameters(network, 1)
        packed = tf.random.stateless_uniform([2, *size, network.input_channels], (1, 2))

        @tf.function
        def run():
            with tf.GradientTape() as tape:
                output = model.forward(params, packed, network, mixed)
                loss = tf.reduce_mean(tf.abs(output - 0.3))
            return output, *map(tf.convert_to_tensor, tape.gradient(loss, list(params.values())))

        output, *gradients = run()
    assert output.device.endswith(device)
    return output.numpy(), np.concatenate([gradient.numpy().ravel() for gradient in gradients])


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_outputs_and_gradients_are_the_cpus(options):
    for found, expected in zip(outputs_and_gradients(DEVICE, options), outputs_and_gradients("CPU:0", options), strict=True):
        assert distance(found, expected) < 1e-4


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_bfloat16_is_float32_to_its_8_bits(options):
    exact, exact_gradients = outputs_and_gradients(DEVICE, options)
    output, gradients = outputs_and_gradients(DEVICE, options, mixed=True)
    assert 1e-4 < distance(output, exact) < 0.02
    assert distance(gradients, exact_gradients) < 0.05


def losses(device, mixed, steps=4):
    """Returns the losses of the first steps of SID's network, trained on a device on one batch."""
    camera = CAMERAS["sony"]
    network = model.network_for(camera, base_width=8)
    config = TrainingConfig(
        camera=camera, network=network, data=DataConfig(), checkpoint_dir="", updates=Updates(mixed_precision=mixed, clip_norm=1.0)
    )
    strategy = tf.distribute.MirroredStrategy([device])
    with strategy.scope():
        params = model.initialize_parameters(network, 1)
        state = initialize_adam(params)
    step = make_train_step(strategy, params, state, config, list(params))
    batch = tf.random.stateless_uniform([1, 32, 32, 4], (1, 2)), tf.random.stateless_uniform([1, 64, 64, 3], (3, 4))
    return [float(step(batch, tf.constant(1e-3), tf.constant(0))[0]) for _ in range(steps)]


@pytest.mark.parametrize("mixed, tolerance", [(False, 1e-4), (True, 1e-2)], ids=["float32", "bfloat16"])
def test_training_steps_are_the_cpus(mixed, tolerance):
    found = losses(DEVICE, mixed)
    assert found[-1] < found[0]
    np.testing.assert_allclose(found, losses("CPU:0", mixed), rtol=tolerance)


def test_memory_is_taken_as_it_is_needed():
    assert all(tf.config.experimental.get_memory_growth(gpu) for gpu in tf.config.list_physical_devices("GPU"))
    with tf.device(DEVICE):
        kept = tf.ones([1 << 18])
    assert tf.config.experimental.get_memory_info(DEVICE)["peak"] >= kept.shape[0] * 4


def test_mixed_precision_reaches_train_and_test(tmp_path, small_set):
    run = ("--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=model", "--patch_size=16", "--base_width=4", "--picture_every=0")
    trained = run_script("train.py", *run, "--steps=6", "--mixed_precision", cwd=tmp_path)
    assert trained.returncode == 0 and "Finished at step 6" in trained.stdout, trained.stderr
    assert json.loads((tmp_path / "model" / "config.json").read_text())["training"]["mixed_precision"] is True
    scores = {}
    for words in ((), ("--mixed_precision",)):
        result = run_script("test.py", "--checkpoint_dir=model", f"--result_dir=result{len(words)}", *words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        scores[words] = json.loads((tmp_path / f"result{len(words)}" / "metrics.json").read_text())
    exact, mixed = scores.values()
    assert (exact["mixed_precision"], mixed["mixed_precision"]) == (False, True)
    assert mixed["psnr"] == pytest.approx(exact["psnr"], abs=0.2)


def test_enhance_makes_the_cpus_picture(tmp_path):
    write_model(tmp_path / "model", "sony", copying=False)
    write_frame(tmp_path / "a.dng", scale=400)
    pictures = {}
    for name, words, env in (("gpu", (), None), ("bfloat16", ("--mixed_precision",), None), ("cpu", (), WITHOUT_GPU)):
        arguments = ("a.dng", "--checkpoint_dir=model", f"--result_dir={name}", "--format=png", "--ratio=50", *words)
        result = run_script("enhance.py", *arguments, cwd=tmp_path, env=env)
        assert result.returncode == 0, result.stderr
        pictures[name] = read_picture(tmp_path / name / "a.png") / 65535
    assert np.abs(pictures["gpu"] - pictures["cpu"]).max() < 0.002  # TF32 is on in a process of its own
    assert 0 < np.abs(pictures["bfloat16"] - pictures["cpu"]).max() < 0.01


def test_two_gpus_make_the_step_of_one(tmp_path, small_set):
    if len(tf.config.list_physical_devices("GPU")) < 2:
        pytest.skip("needs two GPUs")
    found = {}
    for replicas in (1, 2):
        run = ("--camera=sony", f"--data_dir={small_set}", "--patch_size=16", "--base_width=4", "--batch_size=2", "--picture_every=0")
        result = run_script("train.py", *run, f"--num_replicas={replicas}", f"--checkpoint_dir=m{replicas}", "--steps=4", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        rows = (tmp_path / f"m{replicas}" / "history.csv").read_text().splitlines()[1:]
        found[replicas] = [float(row.split(",")[1]) for row in rows]
    np.testing.assert_allclose(found[2], found[1], rtol=1e-2)
