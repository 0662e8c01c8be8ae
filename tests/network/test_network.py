import itertools

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from lowlight_tf.checkpoints.slim_checkpoint import slim_name
from lowlight_tf.network.losses import l1
from lowlight_tf.network.model import network_for
from lowlight_tf.network.optimizer import adam_update, initialize_adam
from lowlight_tf.network.sid import NetworkConfig, forward, initialize_parameters, parameter_shapes
from lowlight_tf.raw.cameras import CAMERAS


def count(config):
    return sum(int(np.prod(shape)) for shape in parameter_shapes(config).values())


def golden(camera):
    """Returns the original network's data, and our parameters set to its weights (made from a seed, see tests/goldens/README.md)."""
    data = np.load(ROOT / "tests" / "goldens" / f"slim_{camera}.npz")
    config = network_for(CAMERAS[camera])
    params = initialize_parameters(config)
    ours = {slim_name(name): name for name in params}
    rng = np.random.RandomState(int(data["seed"]))
    for name, shape in sorted(zip(data["names"].tolist(), data["shapes"].tolist(), strict=True)):
        shape = tuple(map(int, shape.strip("(),").split(",")))
        assert params[ours[name]].shape == shape
        if name.endswith("/biases"):
            scale = 0.05
        elif name.startswith("Variable"):
            scale = (1 / shape[3]) ** 0.5
        else:
            scale = (2 / np.prod(shape[:3])) ** 0.5
        params[ours[name]].assign((rng.standard_normal(shape) * scale).astype(np.float32))
    return data, params, config


@pytest.mark.parametrize("camera, parameters", [("sony", 7_760_268), ("fuji", 7_762_203)])
def test_parameter_counts(camera, parameters):
    shapes = parameter_shapes(network_for(CAMERAS[camera]))
    assert len(shapes) == 42
    assert count(network_for(CAMERAS[camera])) == parameters


@pytest.mark.parametrize("camera", ["sony", "fuji"])
def test_forward_equals_the_original(camera):
    data, params, config = golden(camera)
    np.testing.assert_allclose(forward(params, data["input"], config), data["output"], rtol=0, atol=1e-5)
    graph = tf.function(lambda x: forward(params, x, config))
    np.testing.assert_allclose(graph(data["input"]), data["output"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("camera", ["sony", "fuji"])
def test_five_training_losses_equal_the_original(camera):
    # Adam's first steps are nearly the sign of the gradient, so rounding grows: in float64 Sony's losses lie 1.4e-5 from the golden
    # float32 ones, and with oneDNN's kernels, which this package switches on, within 1e-5.
    data, params, config = golden(camera)
    state = initialize_adam(params)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = l1(forward(params, data["input"], config), data["target"])
        adam_update(params, state, tape.gradient(loss, params), 1e-4)
        return loss

    np.testing.assert_allclose([float(step()) for _ in range(5)], data["losses"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(17, 23), (16, 16), (1, 1), (33, 2)])
@pytest.mark.parametrize("camera", ["sony", "fuji"])
def test_any_size_comes_out_upscaled(camera, size):
    config = network_for(CAMERAS[camera], base_width=2)
    params = initialize_parameters(config)
    output = forward(params, tf.ones([2, *size, config.input_channels]), config)
    assert output.shape == (2, size[0] * config.upscale, size[1] * config.upscale, 3) and output.dtype == tf.float32


@pytest.mark.parametrize(
    "downsample, window, extra, network_input", itertools.product(("pool", "strided"), (2, 3), (0, 3), ("packed", "rgb"))
)
def test_variations_keep_the_output_size_and_train_every_parameter(downsample, window, extra, network_input):
    config = network_for(
        CAMERAS["sony"], network_input=network_input, base_width=2, downsample=downsample, pool_window=window, extra_blocks=extra
    )
    params = initialize_parameters(config)
    with tf.GradientTape() as tape:
        output = forward(params, tf.random.stateless_uniform([1, 19, 21, config.input_channels], [1, 2]), config)
        loss = tf.reduce_mean(tf.square(output - 1))
    assert output.shape == (1, 19 * config.upscale, 21 * config.upscale, 3)
    assert all(gradient is not None for gradient in tape.gradient(loss, params).values())
    assert list(params) == list(parameter_shapes(config))


def test_variations_have_the_parameters_they_should():
    base = 7_760_268
    assert count(NetworkConfig(pool_window=3)) == base
    assert count(NetworkConfig(downsample="strided")) == base + sum(4 * w * w + w for w in (32, 64, 128, 256))
    assert count(NetworkConfig(downsample="strided", pool_window=3)) == base + sum(9 * w * w + w for w in (32, 64, 128, 256))
    assert count(NetworkConfig(extra_blocks=2)) == base + 4 * (9 * 32 * 32 + 32)
    # Direct RGB: one input channel less in conv1_1, 3 instead of 12 outputs of block 10.
    assert count(NetworkConfig(input_channels=3, upscale=1)) == base - 9 * 32 - 9 * 33


@pytest.mark.parametrize("options", [{"pool_window": 4}, {"downsample": "mean"}, {"extra_blocks": 4}, {"base_width": 0}])
def test_impossible_networks_are_refused(options):
    with pytest.raises(ValueError):
        NetworkConfig(**options)


def test_initial_values_are_slims():
    params = initialize_parameters(NetworkConfig(), seed=3)
    weights = params["conv5_2/weights"].numpy()
    limit = np.sqrt(6 / (9 * 512 + 9 * 512))
    assert np.abs(weights).max() <= limit * 1.000001 and weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    up = params["up6/weights"].numpy()
    assert np.abs(up).max() <= 0.04 + 1e-6 and up.std() == pytest.approx(0.02 * 0.88, rel=0.01)
    assert not params["conv5_2/biases"].numpy().any()


def test_initial_values_follow_the_seed_and_the_name():
    config = NetworkConfig(base_width=2)
    first, again, other = (initialize_parameters(config, seed)["conv3_1/weights"].numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    more = initialize_parameters(NetworkConfig(base_width=2, extra_blocks=1), 1)["conv3_1/weights"].numpy()
    np.testing.assert_array_equal(first, more)
