"""Loss, metrics and optimizer against numbers worked by hand and independent references."""

import math

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lowlight_tf.evaluation.metrics import psnr, ssim
from lowlight_tf.network.losses import l1
from lowlight_tf.network.optimizer import adam_update, initialize_adam


def test_l1_by_hand():
    assert float(l1(tf.constant([[1.5, -1.0]]), tf.constant([[1.0, 0.0]]))) == pytest.approx(0.75)


def test_psnr_by_hand():
    black = np.zeros([4, 4, 3], np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + 255) == pytest.approx(0)
    assert psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)


def test_metrics_agree_with_scikit_image():
    rng = np.random.RandomState(0)
    reference = (np.add.outer(np.arange(60), np.arange(80))[:, :, None] + rng.randint(0, 30, (60, 80, 3))).clip(0, 255).astype(np.uint8)
    picture = (reference.astype(int) + rng.randint(-20, 20, reference.shape)).clip(0, 255).astype(np.uint8)
    assert psnr(picture, reference) == pytest.approx(peak_signal_noise_ratio(reference, picture), abs=1e-4)
    # TensorFlow averages over the places where the whole window fits; scikit-image crops 5 pixels for the same effect.
    expected = structural_similarity(
        reference, picture, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(picture, reference) == pytest.approx(expected, abs=1e-4)
    assert ssim(picture, picture) == pytest.approx(1)


def test_ssim_needs_its_window():
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(np.zeros([10, 20, 3], np.uint8), np.zeros([10, 20, 3], np.uint8))


def test_the_first_adam_step_is_the_learning_rate():
    params = {"a": tf.Variable([1.0, -2.0])}
    state = initialize_adam(params)
    adam_update(params, state, {"a": tf.constant([0.5, -3.0])}, 0.1)
    np.testing.assert_allclose(params["a"].numpy(), [0.9, -1.9], atol=1e-6)
    np.testing.assert_allclose(state["a/m"].numpy(), [0.05, -0.3], rtol=1e-5)
    np.testing.assert_allclose(state["a/v"].numpy(), [0.00025, 0.009], rtol=1e-4)
    assert int(state["t"]) == 1


@pytest.mark.parametrize("graph", [False, True])
def test_adam_equals_algorithm_1_over_many_steps(graph):
    rng = np.random.RandomState(0)
    start, gradients = rng.standard_normal(20), rng.standard_normal((50, 20))
    params = {"a": tf.Variable(start.astype(np.float32))}
    state = initialize_adam(params)
    update = tf.function(adam_update) if graph else adam_update
    value, m, v = start.copy(), np.zeros(20), np.zeros(20)
    for t, gradient in enumerate(gradients, 1):
        if graph:
            update(params, state, {"a": tf.constant(gradient, tf.float32)}, tf.constant(0.01))
        else:
            update(params, state, {"a": tf.constant(gradient, tf.float32)}, 0.01)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        value -= 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(params["a"].numpy(), value, atol=2e-6)


def test_adam_equals_tf1s():
    rng = np.random.RandomState(1)
    start, gradients = rng.standard_normal(8).astype(np.float32), rng.standard_normal((10, 8)).astype(np.float32)
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        variable = tf.compat.v1.get_variable("x", initializer=start, use_resource=True)
        feed = tf.compat.v1.placeholder(tf.float32, [8])
        step = tf.compat.v1.train.AdamOptimizer(1e-2).apply_gradients([(feed, variable)])
        session.run(tf.compat.v1.global_variables_initializer())
        for gradient in gradients:
            session.run(step, {feed: gradient})
        expected = session.run(variable)
    params = {"x": tf.Variable(start)}
    state = initialize_adam(params)
    for gradient in gradients:
        adam_update(params, state, {"x": tf.constant(gradient)}, 1e-2)
    np.testing.assert_allclose(params["x"].numpy(), expected, rtol=0, atol=1e-6)


def test_parameters_without_a_gradient_keep_every_bit():
    params = {"a": tf.Variable([1.0]), "b": tf.Variable([1.0])}
    state = initialize_adam(params)
    adam_update(params, state, {"a": tf.constant([1.0])}, 0.1)
    assert params["b"].numpy() == 1 and not state["b/m"].numpy().any()
