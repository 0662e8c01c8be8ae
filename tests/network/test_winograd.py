"""Winograd's convolution: by hand, against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf.network import winograd


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
    run = tf.function(
        lambda x, filters: _results(winograd.conv2d, x, filters),
        input_signature=[tf.TensorSpec(x.shape if known else [None, None, None, 5]), tf.TensorSpec([3, 3, 5, 7])],
    )
    for ours, plain, eager in zip(run(x, filters), _results(_plain, x, filters), _results(winograd.conv2d, x, filters), strict=True):
        scale = float(tf.reduce_max(tf.abs(plain)))
        np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-5 * scale)
        np.testing.assert_allclose(eager, plain, rtol=0, atol=1e-5 * scale)
