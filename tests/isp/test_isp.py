"""The camera's pipeline backwards and what low light does: numbers by hand, LibRaw as the reference, statistics against the formulas."""

import math

import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf.isp import CAMERA_NOISES, capture, color, noise, unprocess
from lowlight_tf.isp.noise import SONY_A7S2, Noise, add_noise, random_noise
from lowlight_tf.pictures.image_file import write_dng
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.rendering import render

LEVELS = {"black_level": 512, "white_level": 16383}


def test_mixed_colours_are_a_pictures_own_in_another_order():
    orders = {tuple(capture.random_capture([3, i], CAMERAS["sony"], mix_colors=True).channels.numpy()) for i in range(80)}
    assert orders == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)}
    picture = tf.constant(np.random.RandomState(1).uniform(0, 1, (4, 6, 3)).astype(np.float32))
    plain, mixed = (capture.random_capture([3, 5], CAMERAS["sony"], "poisson", mix_colors=mix) for mix in (False, True))
    assert tuple(plain.channels.numpy()) == (0, 1, 2) != tuple(mixed.channels.numpy())
    (_, target), (_, other) = (capture.expose_picture(picture, taken, CAMERAS["sony"]) for taken in (plain, mixed))
    np.testing.assert_array_equal(tf.gather(target, mixed.channels, axis=-1), other)


def test_srgb_curve_by_hand():
    values = tf.constant([0.0, 0.04, 0.5, 1.0])
    np.testing.assert_allclose(color.srgb_to_linear(values), [0, 0.04 / 12.92, 0.2140411, 1], rtol=1e-5)


def _bt709(x):
    return np.where(x < 0.018050156, 4.5 * x, 1.099257806 * np.maximum(x, 0.018) ** (1 / 2.222) - 0.099257806)


def _from_bt709(x):
    return np.where(x < 4.5 * 0.018050156, x / 4.5, ((np.maximum(x, 0) + 0.099257806) / 1.099257806) ** 2.222)


def _srgb(x):
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 0.003) ** (1 / 2.4) - 0.055)


def _from_srgb(x):
    return np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0) + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    "curve, expected",
    [
        (color.linear_to_bt709, _bt709),
        (color.bt709_to_linear, _from_bt709),
        (color.linear_to_srgb, _srgb),
        (color.srgb_to_linear, _from_srgb),
    ],
)
@pytest.mark.parametrize("dtype, within", [(np.float32, 1e-6), (np.float64, 2e-8)])
def test_a_curve_is_its_two_branches(curve, expected, dtype, within):
    """Negative light goes on along the line, and light above 1 along the power: an output that is not clipped has both."""
    values = np.linspace(-0.2, 3, 120_001)
    np.testing.assert_allclose(curve(tf.constant(values.astype(dtype))), expected(values), rtol=within, atol=within)


def test_black_stays_black_however_it_is_exposed():
    assert color.exposed_codes(1000)[0] == 0 and color.exposed_codes(1000, is_srgb=False)[0] == 0


def test_bt709_curve_by_hand_and_back():
    np.testing.assert_allclose(color.linear_to_bt709(tf.constant([0.0, 0.01, 0.18, 1.0])), [0, 0.045, 0.40884, 1], atol=5e-4)
    values = np.linspace(0, 1, 1001, dtype=np.float32)
    np.testing.assert_allclose(color.bt709_to_linear(color.linear_to_bt709(values)), values, atol=2e-6)
    np.testing.assert_allclose(color.linear_to_bt709(color.bt709_to_linear(values)), values, atol=2e-6)


def test_white_stays_white_in_camera_colour():
    matrix = color.srgb_to_camera_matrix(CAMERAS["sony"].xyz_to_camera)
    np.testing.assert_allclose(color.apply_matrix(tf.ones([2, 3]), matrix), np.ones([2, 3]), rtol=1e-6)


def test_mosaic_by_hand():
    rgb = tf.constant(np.arange(12, dtype=np.float32).reshape(2, 2, 3))
    assert unprocess.mosaic(rgb, "RGGB").numpy().tolist() == [[0, 4], [7, 11]]
    assert unprocess.mosaic(rgb, "BGGR").numpy().tolist() == [[2, 4], [7, 9]]


@pytest.mark.parametrize("name", ["sony", "fuji"])
def test_a_picture_taken_backwards_is_what_libraw_takes_forwards(tmp_path, name):
    """The target that goes with a simulated mosaic is LibRaw's rendering of that mosaic without noise: colours and curve."""
    camera, size = CAMERAS[name], 516
    y, x = np.mgrid[0:size, 0:size] / size
    light = np.stack([0.05 + 0.25 * x, 0.3 - 0.2 * y, 0.1 + 0.1 * x * y], axis=-1).astype(np.float32)
    gains, (black, white) = (2.0, 1.0, 2.4), camera.levels
    sensor = unprocess.mosaic(unprocess.to_sensor(light, color.srgb_to_camera_matrix(camera.xyz_to_camera), gains), camera.cfa).numpy()
    counts = np.round(sensor * (white - black) + black).astype(np.uint16)
    names = {"make": camera.make, "model": camera.model, "xyz_to_camera": camera.xyz_to_camera}
    dng = tmp_path / "a.dng"
    write_dng(dng, counts, camera.cfa, black_level=black, white_level=white, wb_gains=gains, exposure_seconds=1, **names)
    rendered, target = render(dng)[30:-30, 30:-30] / 65535, color.linear_to_bt709(light).numpy()[30:-30, 30:-30]
    np.testing.assert_allclose(rendered.mean((0, 1)), target.mean((0, 1)), rtol=0.01)
    assert np.abs(rendered - target).mean() < 0.01


def scalars(**values):
    return Noise(**{name: None if value is None else tf.constant(value) for name, value in values.items()})


def frames(frame_noise, signals, number=200, size=128):
    """Records flat frames of some signals in counts: float64 [signals, number, size, size], less the black level of 512."""
    light = tf.constant(signals, tf.float32) * 100.0 / 15871
    clean = tf.tile(tf.reshape(light, [-1, 1, 1]), [1, size, size])
    recorded = [add_noise(clean, frame_noise, [1, i], exposure_ratio=100.0, **LEVELS) for i in range(number)]
    return np.stack(recorded, axis=1).astype(np.float64) - 512


def tukey_variance(shape):
    """Variance of the Tukey-lambda distribution, from its published moments."""
    return 2 / shape**2 * (1 / (1 + 2 * shape) - math.gamma(shape + 1) ** 2 / math.gamma(2 * shape + 2))


@pytest.mark.parametrize("shape", [None, 0.1, -0.1])
def test_noise_has_the_statistics_of_the_formulas(shape):
    """Mean, variance against signal, row variance and autocorrelation, each within 2 percent."""
    gain, read, row, offset, signals = 0.4, 1.4, 2.0, 0.25, [20.0, 50.0, 100.0]
    recorded = frames(scalars(gain=gain, read_noise=read, read_shape=shape, row_noise=row, black_offset=offset), signals)
    np.testing.assert_allclose(recorded.mean((1, 2, 3)), np.add(signals, offset), rtol=0.02)
    independent = read**2 * (1 if shape is None else tukey_variance(shape)) + 1 / 12  # and quantisation, uniform over one count
    variances = recorded.var((1, 2, 3))
    np.testing.assert_allclose(variances, gain * np.array(signals) + independent + row**2, rtol=0.02)
    assert np.polyfit(signals, variances, 1)[0] == pytest.approx(gain, rel=0.02)

    centred = recorded - recorded.mean((1, 2, 3), keepdims=True)
    for lag in (1, 5):  # along a row all photosites share its noise; down a column none do
        assert (centred[..., lag:] * centred[..., :-lag]).mean() == pytest.approx(row**2, rel=0.02)
        assert abs((centred[..., lag:, :] * centred[..., :-lag, :]).mean()) < 0.02 * row**2
    row_means = centred.mean(axis=3).var(axis=(1, 2))
    np.testing.assert_allclose(row_means, row**2 + (variances - row**2) / 128, rtol=0.02)


@pytest.mark.parametrize("shape", [None, 0.1, -0.1])
def test_in_the_dark_read_noise_and_quantisation_remain(shape):
    """Where no shot and row noise hide them: whole counts, and the mean and variance that rounding leaves, within 2 percent."""
    read = 0.6
    recorded = frames(scalars(gain=0.4, read_noise=read, read_shape=shape, row_noise=0.0, black_offset=-0.25), [0.0])
    np.testing.assert_array_equal(recorded, np.round(recorded))
    assert recorded.mean() == pytest.approx(-0.25, rel=0.02)
    assert recorded.var() == pytest.approx(read**2 * (1 if shape is None else tukey_variance(shape)) + 1 / 12, rel=0.02)


def test_logistic_noise_is_the_limit_of_tukey_lambda():
    uniform = tf.constant([0.1, 0.5, 0.9])
    np.testing.assert_allclose(noise.tukey_lambda(uniform, 0.0), np.log([1 / 9, 1, 9]), atol=1e-5)
    np.testing.assert_allclose(noise.tukey_lambda(uniform, 0.001), np.log([1 / 9, 1, 9]), atol=5e-3)
    np.testing.assert_allclose(noise.tukey_lambda(uniform, 1.0), [-0.8, 0, 0.8], atol=1e-6)


def test_noise_is_a_function_of_its_seed():
    clean, levels = tf.fill([8, 8], 0.3), dict(exposure_ratio=100.0, **LEVELS)
    first, again, other = (add_noise(clean, random_noise(seed), seed, **levels).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    assert first.dtype == np.uint16
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_drawn_noise_lies_in_the_cameras_range():
    drawn = [random_noise([7, i]) for i in range(300)]
    gains, offsets, shapes = (np.array([getattr(one, name) for one in drawn]) for name in ("gain", "black_offset", "read_shape"))
    for values, (low, high) in (
        (gains, SONY_A7S2.gain_range),
        (offsets, SONY_A7S2.black_offset),
        (shapes, SONY_A7S2.tukey_shape),
    ):
        assert low - 1e-4 <= values.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < values.max() <= high + 1e-4
    slope, bias, scatter = SONY_A7S2.tukey_read
    residual = np.log([one.read_noise for one in drawn]) - slope * np.log(gains) - bias
    assert abs(residual.mean()) < 0.06 and residual.std() == pytest.approx(scatter, rel=0.15)


def test_the_kinds_of_noise_differ_in_what_they_add():
    physical, gaussian, poisson = (random_noise([7, 1], kind) for kind in CAMERA_NOISES)
    assert float(physical.gain) == float(gaussian.gain) == float(poisson.gain)
    assert float(physical.row_noise) > 0 and float(physical.black_offset) != 0 and physical.read_shape is not None
    assert float(gaussian.read_noise) > 0 and gaussian.read_shape is None and float(gaussian.row_noise) == float(gaussian.black_offset) == 0
    assert float(poisson.read_noise) == float(poisson.row_noise) == float(poisson.black_offset) == 0
    dark = add_noise(tf.zeros([16, 16]), poisson, [0, 0], exposure_ratio=100.0, **LEVELS)
    assert (dark.numpy() == 512).all()


def test_a_capture_draws_all_ratios_and_keeps_green_at_one():
    drawn = [capture.random_capture([5, i], CAMERAS["sony"]) for i in range(60)]
    assert {float(one.exposure_ratio) for one in drawn} == {100, 250, 300}
    gains, brightness = np.array([one.wb_gains for one in drawn]), np.array([one.brightness for one in drawn])
    assert (gains[:, 1] == 1).all() and gains[:, 0].min() >= 1.4 and gains[:, 2].max() <= 3.0
    assert capture.DARKEST <= brightness.min() < 0.2 < 0.8 < brightness.max() <= 1


def test_a_batch_of_small_images_is_exposed_as_single_ones_are():
    images = np.random.RandomState(0).rand(3, 32, 32, 3).astype(np.float32)
    short, target = capture.expose_picture(images, capture.random_capture([1, 2], CAMERAS["sony"]), CAMERAS["sony"])
    assert short.shape == (3, 32, 32) and short.dtype == tf.uint16 and target.shape == (3, 32, 32, 3)
    planes, _ = capture.expose_planes(images, capture.random_capture([1, 2], CAMERAS["sony"]), CAMERAS["sony"])
    assert planes.shape == (3, 32, 32, 3)
    one, _ = capture.expose_picture(images[0], capture.random_capture([1, 2], CAMERAS["sony"]), CAMERAS["sony"])
    assert one.numpy().mean() == pytest.approx(short.numpy().mean(), rel=0.01)


def test_the_four_stages_by_hand():
    picture = tf.constant([[0.5, 1.0, 0.25]])
    darker = unprocess.gamma_distortion(picture, 2.0)
    np.testing.assert_allclose(darker, [[0.25, 1, 0.0625]])
    np.testing.assert_allclose(unprocess.white_imbalance(darker, [0.5, 1.0, 0.8]), [[0.125, 1, 0.05]])
    np.testing.assert_allclose(noise.black_level(tf.constant([0.5, 0.01]), -0.02), [0.48, 0])
    photons = noise.poisson_noise(tf.fill([400, 400], 0.3), 50.0, [1, 2]).numpy()
    assert photons.mean() == pytest.approx(0.3, rel=0.01) and photons.var() == pytest.approx(0.3 / 50, rel=0.02)
    draws = [[float(draw([3, i])) for i in range(100)] for draw in (unprocess.random_gamma, noise.random_peak, noise.random_black_bias)]
    for values, (low, high) in zip(draws, ((2, 3.5), (20, 200), (-0.03, 0)), strict=True):
        assert low <= min(values) < max(values) <= high and len(set(values)) == 100
    assert unprocess.random_imbalance([3, 1]).shape == (3,)
