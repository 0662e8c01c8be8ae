"""The convolutional layer: by hand, inputs as if concatenated, odd sizes on the way up, and where Winograd's algorithm is chosen."""

import importlib.util
import platform

import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf import devices
from lowlight_tf.network import convolution
from lowlight_tf.network.convolution import conv, up_conv, winograd_pays, without_winograd
from lowlight_tf.network.sid import NetworkConfig, forward, initialize_parameters


@pytest.fixture(autouse=True)
def _without_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


def _layer(name, shape, seed=1):
    return {
        f"{name}/weights": tf.random.stateless_normal(shape, (seed, 1)),
        f"{name}/biases": tf.random.stateless_normal(shape[-1:], (seed, 2)),
    }


def test_a_layer_by_hand():
    """A 1x1 convolution of the pixels 1 and 3 with weight 2 and bias -4: -2 and 2, of which the activation leaves a fifth and all."""
    params = {"a/weights": tf.constant([[[[2.0]]]]), "a/biases": tf.constant([-4.0])}
    x = tf.constant([[[[1.0], [3.0]]]])
    np.testing.assert_allclose(tf.reshape(conv(params, "a", x, activation=None), [-1]), [-2, 2])
    np.testing.assert_allclose(tf.reshape(conv(params, "a", x), [-1]), [-0.4, 2], rtol=1e-6)
    np.testing.assert_allclose(tf.reshape(conv(params, "a", x, stride=2), [-1]), [-0.4], rtol=1e-6)


@pytest.mark.parametrize("number", [2, 3])
def test_inputs_are_as_if_concatenated(number):
    params = _layer("a", [3, 3, 4 * number, 5])
    inputs = [tf.random.stateless_normal([2, 7, 6, 4], (3, part)) for part in range(number)]
    np.testing.assert_allclose(conv(params, "a", *inputs), conv(params, "a", tf.concat(inputs, axis=-1)), atol=1e-5)


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_the_way_up_takes_the_size_of_the_skip(size):
    """Each pixel becomes the filter, times its value; of odd sizes the last row and column are cut off."""
    params = {"up6/weights": tf.reshape(tf.constant([1.0, 2, 3, 4]), [2, 2, 1, 1])}
    x = tf.random.stateless_uniform([1, 3, 4, 1], (1, 1))
    expected = np.kron(x[0, :, :, 0], [[1, 2], [3, 4]])[: size[0], : size[1]]
    np.testing.assert_allclose(up_conv(params, "up6", x, like=tf.zeros([1, *size, 1]))[0, :, :, 0], expected, rtol=1e-6)


def _case(monkeypatch):
    """A small network all of whose 3x3 convolutions are taken, and what is to be compared of it."""
    monkeypatch.setattr(convolution, "_LEAST_CHANNELS", 1)
    monkeypatch.setattr(convolution, "_LEAST_PIXELS", 1)
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
    with without_winograd():
        plain = _case(monkeypatch)()
    assert any(not np.array_equal(a, b) for a, b in zip(ours, plain, strict=True)), "the case does not use it"
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * max(float(tf.reduce_max(tf.abs(b))), 1e-3))


@pytest.mark.parametrize(
    "shape, filters, dtype, expected",
    [
        ([1, 64, 64, 256], [3, 3, 256, 256], tf.float32, True),
        ([8, 8, 8, 256], [3, 3, 256, 256], tf.float32, False),  # few pixels: those of the batch do not count
        ([1, 64, 64, 256], [3, 3, 256, 64], tf.float32, False),  # few channels
        ([1, 64, 64, 256], [1, 1, 256, 256], tf.float32, False),
        ([1, 64, 64, 256], [3, 3, 256, 256], tf.bfloat16, False),
    ],
)
def test_where_it_pays(shape, filters, dtype, expected):
    x, filters = tf.zeros(shape, dtype), tf.zeros(filters, dtype)
    assert winograd_pays(x, filters) == expected
    with without_winograd():
        assert not winograd_pays(x, filters)


@pytest.mark.parametrize("intel, least", [(True, 256), (False, 128)])
def test_the_maker_of_the_processor_decides_how_wide_a_layer_must_be(intel, least, monkeypatch):
    monkeypatch.setattr(devices, "is_intel", lambda: intel)
    fresh = importlib.util.module_from_spec(convolution.__spec__)
    convolution.__spec__.loader.exec_module(fresh)
    x = tf.zeros([1, 64, 64, 256])
    assert [fresh.winograd_pays(x, tf.zeros([3, 3, 256, width])) for width in (least - 1, least)] == [False, True]


@pytest.mark.parametrize(
    "facts, elsewhere, name, intel",
    [
        ("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: QEMU Virtual CPU\n", "x86_64", "QEMU Virtual CPU", True),
        ("vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC: one\n", "x86_64", "AMD EPYC: one", False),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n", "aarch64", "aarch64", False),  # ARM names none
        (None, "Intel64 Family 6 Model 85, GenuineIntel", "Intel64 Family 6 Model 85, GenuineIntel", True),  # Windows
        (None, "", "", False),
    ],
)
def test_what_the_system_says_of_its_processor(facts, elsewhere, name, intel, tmp_path, monkeypatch):
    if facts is not None:
        (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(devices, "_CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: elsewhere)
    assert (devices.processor(), devices.is_intel()) == (name, intel)


def test_with_a_gpu_its_libraries_choose(monkeypatch):
    x, filters = tf.zeros([1, 64, 64, 256]), tf.zeros([3, 3, 256, 256])
    assert winograd_pays(x, filters)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"] if kind in (None, "GPU") else [])
    assert not winograd_pays(x, filters)


def test_a_function_of_any_size_takes_it():
    chosen = []

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 256])])
    def run(x):
        chosen.append(winograd_pays(x, tf.zeros([3, 3, 256, 256])))
        return x

    run.get_concrete_function()
    assert chosen == [True]
