"""Winograd's convolution: by hand, against TensorFlow's own, and where it is chosen."""

import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf.network import winograd
from lowlight_tf.network.sid import NetworkConfig, forward, initialize_parameters


@pytest.fixture(autouse=True)
def _without_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


def _plain(x, filters):
    return tf.nn.conv2d(x, filters, strides=1, padding="SAME")


def _results(convolve, x, filters):
    """Returns output and both gradients of a loss that is not linear in the output."""
    with tf.GradientTape() as tape:
        tape.watch([x, filters])
        output = convolve(x, filters)
        loss = tf.reduce_sum(tf.sin(output))
    return output, *tape.gradient(loss, [x, filters])


def test_by_hand():
    x = tf.reshape(tf.range(1.0, 10.0), [1, 3, 3, 1])
    total, shift = tf.ones([3, 3, 1, 1]), tf.reshape(tf.constant([0.0, 0, 0, 0, 0, 1, 0, 0, 0]), [3, 3, 1, 1])
    np.testing.assert_allclose(winograd.conv2d(x, total)[0, :, :, 0], [[12, 21, 16], [27, 45, 33], [24, 39, 28]], atol=1e-5)
    np.testing.assert_allclose(winograd.conv2d(x, shift)[0, :, :, 0], [[2, 3, 0], [5, 6, 0], [8, 9, 0]], atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 12), (16, 16)])
@pytest.mark.parametrize("known", [True, False])
def test_output_and_gradients_are_those_of_the_plain_convolution(size, known):
    x = tf.random.stateless_normal([2, *size, 5], (0, 1))
    filters = tf.random.stateless_normal([3, 3, 5, 7], (0, 2))
    run = tf.function(lambda x, filters: _results(winograd.conv2d, x, filters),
                      input_signature=[tf.TensorSpec(x.shape if known else [None, None, None, 5]), tf.TensorSpec([3, 3, 5, 7])])
    for ours, plain, eager in zip(run(x, filters), _results(_plain, x, filters), _results(winograd.conv2d, x, filters)):
        scale = float(tf.reduce_max(tf.abs(plain)))
        np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-5 * scale)
        np.testing.assert_allclose(eager, plain, rtol=0, atol=1e-5 * scale)


def _case(monkeypatch):
    """A small network all of whose 3x3 convolutions are taken, and what is to be compared of it."""
    monkeypatch.setattr(winograd, "_LEAST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "_LEAST_PIXELS", 1)
    config = NetworkConfig(base_width=4, extra_blocks=1)
    params = initialize_parameters(config, 3)
    packed = tf.random.stateless_uniform([2, 19, 22, 4], (1, 1))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            output = forward(params, packed, config)
            loss = tf.reduce_mean(tf.abs(output - 0.3))
        return output, *tape.gradient(loss, list(params.values()))

    return step


def test_the_network_is_the_same_with_it(monkeypatch):
    ours = _case(monkeypatch)()
    with winograd.off():
        plain = _case(monkeypatch)()
    assert any(not np.array_equal(a, b) for a, b in zip(ours, plain)), "the case does not use it"
    for a, b in zip(ours, plain):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * max(float(tf.reduce_max(tf.abs(b))), 1e-3))


@pytest.mark.parametrize("shape, filters, dtype, expected", [
    ([1, 64, 64, 256], [3, 3, 256, 128], tf.float32, True),
    ([8, 8, 8, 256], [3, 3, 256, 128], tf.float32, False),      # few pixels: those of the batch do not count
    ([1, 64, 64, 256], [3, 3, 256, 64], tf.float32, False),     # few channels
    ([1, 64, 64, 256], [1, 1, 256, 128], tf.float32, False),
    ([1, 64, 64, 256], [3, 3, 256, 128], tf.bfloat16, False),
])
def test_where_it_pays(shape, filters, dtype, expected):
    x, filters = tf.zeros(shape, dtype), tf.zeros(filters, dtype)
    assert winograd.pays(x, filters) == expected
    with winograd.off():
        assert not winograd.pays(x, filters)


def test_with_a_gpu_its_libraries_choose(monkeypatch):
    x, filters = tf.zeros([1, 64, 64, 256]), tf.zeros([3, 3, 256, 128])
    assert winograd.pays(x, filters)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"] if kind in (None, "GPU") else [])
    assert not winograd.pays(x, filters)


def test_a_function_of_any_size_takes_it():
    chosen = []

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 128])])
    def run(x):
        chosen.append(winograd.pays(x, tf.zeros([3, 3, 128, 128])))
        return x

    run.get_concrete_function()
    assert chosen == [True]
