"""Noise of any sensor: its statistics against the formulas, one trait at a time."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script

from lowlight_tf.isp import capture
from lowlight_tf.isp.any_sensor import SensorNoise, random_sensor_noise, record, shot_electrons
from lowlight_tf.pictures.image_file import write_png
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS

BAYER, XTRANS = CAMERAS["bayer"], CAMERAS["xtrans"]
SPAN = 16383 - 512
QUIET = SensorNoise(*(tf.constant(value, tf.float32) for value in (1, 0, 0, 0, 0, [1] * 4, [1] * 4, [0] * 4, 0, 0.2, 1)))


def recorded(clean, ratio=10.0, size=(300, 400), camera=BAYER, **traits):
    noise = dataclasses.replace(QUIET, **{name: tf.constant(value, tf.float32) for name, value in traits.items()})
    mosaic = tf.fill(size, tf.constant(clean, tf.float32))
    counts = record(mosaic, noise, [1, 2], cfa=camera.cfa, exposure_ratio=ratio, black_level=512, white_level=16383)
    return counts.numpy().astype(np.float64) - 512


def planes(counts, camera=BAYER):
    return packing.pack(counts, camera).numpy()


@pytest.mark.parametrize("gain", [0.05, 0.5, 8.0])
@pytest.mark.parametrize("clean", [0.002, 0.05, 0.6])
def test_shot_noise_is_the_gain_times_the_signal(gain, clean):
    counts = recorded(clean, gain=gain)
    signal = clean * SPAN / 10
    assert counts.mean() == pytest.approx(signal, rel=0.01, abs=0.02)
    assert counts.var() == pytest.approx(gain * signal + 1 / 12, rel=0.03)


@pytest.mark.parametrize("expected", [0.3, 5.0, 13.9, 14.1, 60.0, 2000.0])
def test_electrons_are_poissons(expected):
    """Mean, variance and third central moment are all the expectation."""
    drawn = shot_electrons(tf.fill([2_000_000], expected), [3, 4]).numpy().astype(np.float64)
    off = drawn - drawn.mean()
    assert drawn.min() >= 0 and (drawn == np.round(drawn)).all()
    assert drawn.mean() == pytest.approx(expected, rel=0.003) and off.var() == pytest.approx(expected, rel=0.015)
    assert (off**3).mean() == pytest.approx(expected, abs=4 * (15 * expected**3 / 2e6) ** 0.5 + 0.05 * expected)


@pytest.mark.parametrize("tail", [0.0, 0.04])
def test_read_noise_keeps_its_deviation_whatever_its_tails(tail):
    counts = recorded(0.0, read_noise=20.0, tail=tail)
    assert counts.std() == pytest.approx(20, rel=0.01)
    kurtosis = ((counts - counts.mean()) ** 4).mean() / counts.var() ** 2
    moments = 3 + 60 * tail + 630 * tail**2 + 3780 * tail**3 + 10395 * tail**4  # E[(x + t x^3)^4]
    assert kurtosis == pytest.approx(moments / (1 + 6 * tail + 15 * tail**2) ** 2, rel=0.05)


def test_bands():
    """Each row and each column is off by one number of its own."""
    counts = recorded(0.0, size=(1000, 1200), row_noise=6.0, column_noise=3.0)
    assert counts.mean(axis=1).std() == pytest.approx(6, rel=0.1) and counts.mean(axis=0).std() == pytest.approx(3, rel=0.1)
    rest = counts - counts.mean(axis=1, keepdims=True) - counts.mean(axis=0) + counts.mean()
    assert rest.std() < 0.5


def test_colours_have_gains_responses_and_blacks_of_their_own():
    seen = planes(recorded(0.3, color_gains=[2.0, 1.0, 1.5, 1.0]))
    assert seen.var(axis=(0, 1)) / (0.03 * SPAN) == pytest.approx([2, 1, 1.5, 1], rel=0.05)
    seen = planes(recorded(0.3, gain=0.001, response=[1.0, 1.01, 1.0, 0.99]))
    assert seen.mean(axis=(0, 1)) / (0.03 * SPAN) == pytest.approx([1, 1.01, 1, 0.99], abs=2e-3)
    seen = planes(recorded(0.0, read_noise=3.0, black_offset=[4.0, -3.0, 2.0, 0.0]))
    assert seen.mean(axis=(0, 1)) == pytest.approx([4, -3, 2, 0], abs=0.1)
    seen = planes(recorded(0.0, size=(300, 402), camera=XTRANS, read_noise=3.0, black_offset=[4.0, -3.0, 2.0, 9.0]), XTRANS)
    assert seen.mean(axis=(0, 1)) == pytest.approx(np.array([4, -3, 2])[list(XTRANS.channel_colors)], abs=0.15)


def test_hot_pixels_and_saturation():
    counts = recorded(0.0, size=(1000, 2000), hot_part=1e-3, hot_level=0.2)
    hot = counts[counts > 0]
    assert 1700 < hot.size < 2300
    expected = 0.2 * SPAN * (1 - np.exp(-1 / 0.2))  # an exponential's mean, cut off at white
    assert hot.mean() == pytest.approx(expected, rel=0.1)
    assert recorded(1.0, ratio=1.0, saturation=0.9).max() == pytest.approx(0.9 * SPAN, abs=1)
    assert recorded(1.0, ratio=1.0).max() == SPAN


def test_what_is_drawn():
    """Gains to 40 at ratio 1 and 40 / 100^0.6 = 2.5 at 100; read noise about 2.6 sqrt(K), but on no line; each trait now and then."""
    drawn = [random_sensor_noise([3, seed], tf.constant(100.0)) for seed in range(300)]
    gains, reads = (np.array([float(getattr(noise, name)) for noise in drawn]) for name in ("gain", "read_noise"))
    assert 0.02 <= gains.min() < 0.03 and 2.2 < gains.max() <= 2.53
    ratios = np.log(reads / (2.6 * np.sqrt(gains)))
    assert np.mean(ratios) == pytest.approx(0, abs=0.15) and np.std(ratios) == pytest.approx(0.7, rel=0.15)
    assert max(float(random_sensor_noise([3, seed], tf.constant(1.0)).gain) for seed in range(60)) > 20
    parts = {"column_noise": 0.4, "hot_part": 0.6}
    assert {name: np.mean([float(getattr(noise, name)) > 0 for noise in drawn]) for name in parts} == pytest.approx(parts, abs=0.1)
    assert np.mean([float(noise.saturation) < 1 for noise in drawn]) == pytest.approx(0.2, abs=0.08)
    colors = np.array([noise.color_gains.numpy() for noise in drawn])
    np.testing.assert_allclose(np.log(colors).mean(axis=1), 0, atol=1e-5)
    assert 1.5 < (colors[:, 0] / colors[:, 1]).max() < 2.8 and np.mean(colors[:, 0] == 1) == pytest.approx(0.4, abs=0.1)
    offsets = np.array([noise.black_offset.numpy() for noise in drawn])
    assert np.median(offsets.mean(axis=1)) == pytest.approx(-0.525, abs=0.15) and -2 < offsets.min() < -1.2 and 0.2 < offsets.max() < 1
    assert (offsets - offsets.mean(axis=1, keepdims=True)).std() == pytest.approx(0.25 * 0.75**0.5, rel=0.15)


def test_nearly_a_third_of_the_frames_are_calm():
    """At a ratio of 1 the gain is log-uniform from 0.02 to 40: ln(75) / ln(2000) = 0.568 of them lie below 1.5, and 0.3 are sent there."""
    gains = tf.map_fn(lambda number: random_sensor_noise(tf.stack([number, 0]), 1.0).gain, tf.range(1500), fn_output_signature=tf.float32)
    assert np.mean(gains.numpy() <= 1.5) == pytest.approx(0.3 + 0.7 * 0.568, abs=0.04)


def test_dark_deviation_is_that_of_dark_frames():
    drawn = dataclasses.replace(random_sensor_noise([5, 7], tf.constant(1.0)), hot_part=tf.constant(0.0), saturation=tf.constant(1.0))
    mosaic = tf.zeros([800, 900])
    counts = record(mosaic, drawn, [3, 4], cfa="RGGB", exposure_ratio=1.0, black_level=6000, white_level=16383).numpy().astype(float)
    spread = planes(counts).var(axis=(0, 1)).mean()
    assert spread == pytest.approx(float(drawn.dark_deviation) ** 2 + 1 / 12, rel=0.1)


def test_a_capture_of_any_sensor():
    drawn = capture.random_capture([1, 2], BAYER, "any_sensor", many_cameras=True)
    assert isinstance(drawn.noise, SensorNoise) and float(drawn.noise.step) in (1, 4, 16)
    short, target = capture.expose_picture(tf.fill([24, 36, 3], 0.5), drawn, BAYER)
    assert short.shape == (24, 36) and short.dtype == tf.uint16 and target.shape == (24, 36, 3)
    fixed = capture.random_capture([1, 2], BAYER, "any_sensor")
    assert float(fixed.exposure_ratio) in BAYER.exposure_ratios and float(fixed.noise.step) == 1


def test_training_on_any_sensor(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    write_png(photos / "a.png", np.random.RandomState(4).randint(0, 65535, (60, 66, 3)).astype(np.uint16))
    run = ["--camera=bayer", "--dataset=folder", f"--data_dir={photos}", "--checkpoint_dir=model", *SMALL_RUN, "--noise=any_sensor"]
    result = run_script("train.py", *run, "--target=camera_rgb", "--steps=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    expect_failure(run_script("train.py", *run, "--network_input=rgb", "--steps=1", cwd=tmp_path), 2, "--noise=any_sensor")
