"""The 20-layer denoiser: its sums by hand, its sizes, and a training through the entry scripts."""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import expect_failure, run_script

from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
from lowlight_tf.network.denoise20 import Denoise20Config, forward, initialize_parameters, parameter_shapes
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import SID

INPUTS = pytest.mark.parametrize("network_input", ["packed", "rgb"])
RUN = ("--camera=sony", "--network=denoise20", "--checkpoint_dir=model", "--patch_size=16", "--save_every=2", "--picture_every=2")


def config_for(camera, network_input="packed"):
    return model.network_for(CAMERAS[camera], network="denoise20", network_input=network_input)


def zeroed(config):
    """Returns parameters that are all 0."""
    return {name: tf.zeros(shape) for name, shape in parameter_shapes(config).items()}


@pytest.mark.parametrize(
    "camera, network_input, parameters",
    [
        # 9 * 4 * 64 + 64, then 18 of 9 * 52 * 64 + 64, then 9 * 52 * 12 + 12
        ("sony", "packed", 2_368 + 18 * 30_016 + 5_628),
        # 9 * 9 * 64 + 64, then 18 of 9 * 37 * 64 + 64, then 9 * 37 * 27 + 27
        ("fuji", "packed", 5_248 + 18 * 21_376 + 9_018),
        # 9 * 3 * 64 + 64, then 18 of 9 * 61 * 64 + 64, then 9 * 61 * 3 + 3
        ("sony", "rgb", 1_792 + 18 * 35_200 + 1_650),
    ],
)
def test_parameter_counts(camera, network_input, parameters):
    shapes = parameter_shapes(config_for(camera, network_input))
    assert len(shapes) == 40
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == parameters


@INPUTS
@pytest.mark.parametrize("camera", CAMERAS)
def test_without_corrections_the_superpixels_come_out(camera, network_input):
    row, config = CAMERAS[camera], config_for(camera, network_input)
    packed = tf.random.stateless_uniform([2, 5, 7, row.channels], [1, 2])
    inputs = packing.with_channels(packed, row, config.input_channels)
    output = forward(zeroed(config), inputs, config)
    assert output.shape == (2, 5 * row.upscale, 7 * row.upscale, 3) and output.dtype == tf.float32
    np.testing.assert_allclose(output, packing.with_channels(packed, row, 3), atol=1e-6)


def test_every_layers_correction_is_added_to_its_output_pixel():
    # Map 3 * (2 * 1 + 0) + 2 is blue of the lower left of a packed pixel's four; each of 20 layers adds a tenth of its number.
    config = config_for("sony")
    params = zeroed(config)
    for layer in range(1, 21):
        bias = np.zeros(params[f"conv{layer}/biases"].shape, np.float32)
        bias[8] = layer / 10
        params[f"conv{layer}/biases"] = tf.constant(bias)
    output = forward(params, tf.zeros([1, 2, 2, 4]), config).numpy()
    expected = np.zeros([1, 4, 4, 3])
    expected[:, 1::2, 0::2, 2] = 21.0
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize("value, expected", [(0.5, 1.0), (-0.5, 0.0)])
def test_features_pass_through_relu_and_corrections_do_not(value, expected):
    config = config_for("sony", "rgb")
    params = {name: np.zeros(shape, np.float32) for name, shape in parameter_shapes(config).items()}
    params["conv1/weights"][1, 1, 0, 3] = 1.0  # the first feature that is passed on is red
    params["conv2/weights"][1, 1, 0, 1] = 2.0  # and twice that corrects green
    red = tf.constant([value, 0.0, 0.0], shape=[1, 1, 1, 3])
    np.testing.assert_allclose(forward(params, red, config), [[[[value, expected, 0.0]]]])
    params["conv1/weights"][1, 1, 0, 0] = 1.0
    np.testing.assert_allclose(forward(params, red, config), [[[[2 * value, expected, 0.0]]]])


def test_the_receptive_field_is_41_packed_pixels():
    config = config_for("sony")
    params = {
        name: tf.fill(shape, 0.0 if name.endswith("biases") else float(1 / np.prod(shape[:3])))
        for name, shape in parameter_shapes(config).items()
    }
    dot = np.zeros([1, 61, 61, 4], np.float32)
    dot[0, 30, 30] = 1
    rows, columns = np.nonzero(forward(params, dot, config).numpy().max(axis=(0, 3)))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 101, 20, 101)


@INPUTS
def test_every_parameter_is_trained(network_input):
    config = config_for("sony", network_input)
    params = initialize_parameters(config, seed=4)
    run = tf.function(lambda x: forward(params, x, config))
    packed = tf.random.stateless_uniform([1, 19, 21, config.input_channels], [1, 2])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(run(packed) - 1))
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, params).values())
    np.testing.assert_allclose(run(packed), forward(params, packed, config), atol=1e-5)
    assert list(params) == list(parameter_shapes(config))
    assert (initialize_parameters(config, 4)["conv7/weights"].numpy() == params["conv7/weights"].numpy()).all()
    assert (initialize_parameters(config, 5)["conv7/weights"].numpy() != params["conv7/weights"].numpy()).any()


@pytest.mark.parametrize("options", [{"upscale": 0}, {"upscale": 5}, {"channel_colors": (0, 1, 1, 1)}, {"input_channels": 9}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError):
        Denoise20Config(**options)


@INPUTS
@pytest.mark.parametrize("name", ["sid", "denoise20"])
@pytest.mark.parametrize("camera", CAMERAS)
def test_config_json_says_which_network(camera, name, network_input):
    network = model.network_for(CAMERAS[camera], network=name, network_input=network_input)
    described = json.loads(json.dumps(model.describe(CAMERAS[camera], network)))
    assert described["model"] == name
    assert model.from_description(described, "config.json") == (CAMERAS[camera], network, SID)
    if name == "sid":  # files that are older than the key
        described.pop("model")
        assert model.from_description(described, "config.json") == (CAMERAS[camera], network, SID)


def test_models_are_not_mixed_up():
    described = model.describe(CAMERAS["sony"], config_for("sony"))
    with pytest.raises(LowlightError, match="holds a model of --network=denoise20, not of sid; name another"):
        model.check_same(described, CAMERAS["sony"], model.network_for(CAMERAS["sony"]), SID, "checkpoints/x")
    with pytest.raises(LowlightError, match="'unet9'; this version knows sid, denoise20"):
        model.from_description(described | {"model": "unet9"}, "config.json")
    with pytest.raises(LowlightError, match="does not describe a model of this version"):
        model.from_description(described | {"model": "sid"}, "config.json")


def test_training_going_on_and_testing(tmp_path, small_set):
    result = run_script("train.py", *RUN, f"--data_dir={small_set}", "--steps=2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model"] == "denoise20"
    more = run_script("train.py", *RUN, f"--data_dir={small_set}", "--steps=4", "--num_replicas=2", "--batch_size=2", cwd=tmp_path)
    assert more.returncode == 0 and "from step 2 to 4" in more.stdout, more.stderr
    tested = run_script("test.py", "--checkpoint_dir=model", "--result_dir=out", cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["model"], metrics["step"], metrics["images"]) == ("denoise20", 4, 1)
    other = run_script("train.py", "--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=model", "--steps=5", cwd=tmp_path)
    expect_failure(other, 1, "--network=denoise20, not of sid")


@pytest.mark.parametrize("flag", ["--base_width=32", "--downsample=pool", "--pool_window=2", "--extra_blocks=1", "--freeze_up_filters"])
def test_flags_of_the_sid_network_only(tmp_path, flag):
    expect_failure(run_script("train.py", *RUN, flag, cwd=tmp_path), 2, flag.split("=")[0], "is of the SID network")
    assert list(tmp_path.iterdir()) == []
