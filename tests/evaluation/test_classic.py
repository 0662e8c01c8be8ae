"""The classic pipeline: each stage by hand, the noise model on noise it made itself, LibRaw's rendering as the other reference."""

import importlib.util

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from conftest import shared, write_frame
from skimage.restoration import denoise_nl_means

from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError
from lowlight_tf.evaluation.classic import color_masks, demosaic, make_processor, process, subtract_black, white_balance
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.isp import denoise
from lowlight_tf.isp.color import bt709_to_linear, linear_to_bt709
from lowlight_tf.isp.noise import SONY_A7S2, Noise, add_noise
from lowlight_tf.isp.unprocess import mosaic, unprocess
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.rendering import render

BOTH = pytest.mark.parametrize("name", ["bayer", "xtrans"])


def photograph(size=(510, 510)):
    return tf.constant(skimage.data.astronaut()[: size[0], : size[1]] / 255, tf.float32)


def noisy_planes(gain, level, seed=0, size=256):
    """Returns counts above black of a smooth scene, recorded by the simulator with the noise model's own figures, and the truth."""
    clean = level * np.add.outer(np.linspace(0.2, 1, size), np.linspace(0.0, 1, size))
    noise = Noise(gain, SONY_A7S2.read_noise(gain), None, 0.0, 0.0)
    planes = [
        add_noise(tf.constant(clean / 15871, tf.float32), noise, [seed, i], exposure_ratio=1, black_level=512, white_level=16383)
        for i in range(4)
    ]
    return np.stack(planes, axis=-1).astype(np.float64) - 512, np.repeat(clean[..., None], 4, axis=-1)


def test_gains_of_any_scale_are_the_same_white_balance():
    """Multiplied by 0.5, 1 and 2 as they are, blown lights would be pink: none of them reached 1."""
    masks, light = color_masks(CAMERAS["bayer"], 2, 2), tf.constant([[0.2, 0.3], [0.3, 1.0]])
    for gains in ((1.0, 2.0, 4.0), (0.5, 1.0, 2.0)):
        np.testing.assert_allclose(white_balance(light, masks, gains), [[0.2, 0.6], [0.6, 1.0]], atol=1e-6)


def test_bt709_by_hand():
    values = linear_to_bt709(tf.constant([0.0, 0.01, 0.18, 1.0]))
    np.testing.assert_allclose(values, [0, 0.045, 1.099258 * 0.18**0.450045 - 0.099258, 1], atol=1e-6)


def test_bt709_goes_there_and_back_without_a_kink():
    linear = np.linspace(0, 1, 10001)
    encoded = linear_to_bt709(tf.constant(linear)).numpy()
    np.testing.assert_allclose(bt709_to_linear(tf.constant(encoded)), linear, atol=1e-12)
    slopes = np.diff(encoded) / np.diff(linear)
    assert slopes[0] == pytest.approx(4.5) and (np.diff(slopes) < 1e-6).all() and np.diff(slopes).min() > -0.02


def test_bt709_is_the_curve_of_libraws_renderings(tmp_path):
    levels = np.repeat(np.array([0.002, 0.01, 0.017, 0.02, 0.05, 0.2, 0.5, 0.7]), 16)
    grey = np.round(512 + np.tile(levels, (96, 1)) * 15871)
    tile = np.array([[2.0, 1.0], [1.0, 2.4]])  # the gains that write_frame states, taken off again
    counts = np.round(512 + (grey - 512) / np.tile(tile, (48, 64)))
    write_frame(tmp_path / "a.dng", mosaic=counts.astype(np.uint16))
    expected = linear_to_bt709(tf.constant(levels))[8::16]
    np.testing.assert_allclose(render(tmp_path / "a.dng")[48, 8::16] / 65535, np.repeat(expected[:, None], 3, axis=1), atol=2e-3)


def test_black_level_by_hand():
    packed = tf.constant([[[600, 500, 512, 530]]], tf.uint16)
    np.testing.assert_array_equal(subtract_black(packed, CAMERAS["sony"], (512, 510, 511, 520)), [[[88, -10, 1, 10]]])


def test_white_balance_by_hand():
    # Gains whose smallest is not green's are scaled so that it is 1: a blown light stays white, as LibRaw has it.
    masks = color_masks(CAMERAS["sony"], 2, 2)
    light = tf.constant([[0.2, 0.5], [0.5, 0.9]])
    np.testing.assert_allclose(white_balance(light, masks, (2.0, 1.0, 1.5)), [[0.4, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(white_balance(light, masks, (1.0, 1.0, 0.5)), [[0.4, 1.0], [1.0, 0.9]])


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_demosaicing_keeps_flat_colours_and_what_was_seen(camera):
    flat = tf.broadcast_to(tf.constant([0.7, 0.4, 0.1]), [30, 36, 3])
    np.testing.assert_allclose(demosaic(mosaic(flat, camera.cfa), camera), flat, atol=1e-6)
    seen = tf.random.stateless_uniform([30, 36], [1, 2])
    again = mosaic(demosaic(seen, camera), camera.cfa)
    np.testing.assert_allclose(again, seen, atol=1e-6)


def test_demosaicing_bayer_follows_a_ramp():
    ramp = np.add.outer(np.linspace(0.1, 0.4, 40), np.linspace(0, 0.5, 40)).astype(np.float32)
    rgb = tf.constant(np.stack([ramp, ramp, ramp], axis=-1))
    np.testing.assert_allclose(demosaic(mosaic(rgb, "RGGB"), CAMERAS["sony"])[4:-4, 4:-4], rgb[4:-4, 4:-4], atol=1e-5)


@BOTH
def test_demosaicing_beats_superpixels(name):
    camera, rgb = CAMERAS[name], photograph()
    seen = mosaic(rgb, camera.cfa)
    blocks = packing.with_channels(packing.pack(seen[None], camera), camera, 3)[0]
    ours, simple = (psnr(to_uint8(picture.numpy()), to_uint8(rgb.numpy())) for picture in (demosaic(seen, camera), blocks))
    assert ours > simple + 4 and ours > 29, (ours, simple)


def test_the_anscombe_transform_by_hand():
    assert denoise.stabilise(0.625, 1.0, 0.0) == pytest.approx(2.0)
    assert denoise.stabilise(-100.0, 1.0, 2.0) == 0.0
    assert denoise.stabilise(3.0, 0.5, 1.5) == pytest.approx(4 * np.sqrt(1.5 + 0.09375 + 2.25))


@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("electrons", [2, 10, 100])
def test_the_transform_makes_noise_uniform_and_comes_back_unbiased(gain, electrons):
    read_noise, rng = SONY_A7S2.read_noise(gain), np.random.RandomState(electrons)
    counts = gain * rng.poisson(electrons, 200_000) + read_noise * rng.standard_normal(200_000)
    stable = denoise.stabilise(counts, gain, read_noise)
    assert stable.std() == pytest.approx(1, abs=0.06)
    assert denoise.unstabilise(stable.mean(), gain, read_noise) == pytest.approx(gain * electrons, abs=0.06 * read_noise)


def test_read_noise_is_the_calibrations():
    # ELD's lines at K = 1: exp(1.218) and exp(-0.592), added as independent noises are.
    assert SONY_A7S2.read_noise(1.0) == pytest.approx(np.sqrt(np.exp(2 * 1.218) + np.exp(-2 * 0.592)), rel=1e-6)


@pytest.mark.parametrize("gain", [0.1, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("level", [5, 60])
def test_the_gain_is_found_in_the_frame(gain, level):
    planes, _ = noisy_planes(gain, level)
    assert denoise.estimate_gain(planes) == pytest.approx(gain, rel=0.12)


def test_a_frame_without_noise_is_left_alone():
    planes = np.repeat(np.add.outer(np.arange(64.0), np.arange(64.0))[..., None], 4, axis=-1)
    assert denoise.estimate_gain(planes) == pytest.approx(0.01, rel=0.01)
    np.testing.assert_allclose(denoise.denoise(planes, "nlm")[4:-4, 4:-4], planes[4:-4, 4:-4], atol=0.5)
    assert np.isfinite(denoise.denoise(np.zeros([5, 7, 4]), "nlm")).all()


@pytest.mark.parametrize("name, gain, quieter", [("none", 0.2, 1.0), ("nlm", 0.2, 0.35), ("nlm", 2.0, 0.35), ("bm3d", 0.5, 0.35)])
def test_denoisers_remove_noise(name, gain, quieter):
    if denoise.DENOISERS[name].package:
        pytest.importorskip(denoise.DENOISERS[name].package)
    planes, clean = noisy_planes(gain, 60, size=64)
    denoised = denoise.denoise(planes, name)
    before, after = (np.sqrt(np.mean((x - clean) ** 2)) for x in (planes, denoised))
    assert after <= quieter * before
    assert np.mean(denoised - clean) == pytest.approx(0, abs=0.25 * gain + 0.1)


@pytest.mark.parametrize("strength", [1.0, 0.5, 2.0])
def test_the_denoiser_is_told_the_noise_times_the_strength(strength):
    planes, _ = noisy_planes(0.5, 60, size=48)
    gain = denoise.estimate_gain(planes)
    known = gain, SONY_A7S2.read_noise(gain)
    by_hand = {1.0: (0.8, 1.0), 0.5: (0.4, 0.5), 2.0: (1.6, 2.0)}  # h and sigma
    h, sigma = by_hand[strength]
    options = {"patch_size": 5, "patch_distance": 9, "fast_mode": True, "channel_axis": -1}
    stable = denoise_nl_means(denoise.stabilise(planes, *known), h=h, sigma=sigma, **options)
    np.testing.assert_array_equal(denoise.denoise(planes, "nlm", strength=strength), denoise.unstabilise(stable, *known))
    if strength == 1:
        np.testing.assert_array_equal(denoise.denoise(planes, "nlm"), denoise.denoise(planes, "nlm", strength=1.0))


@pytest.mark.parametrize("name", ["nlm", "bm3d"])
def test_noise_three_times_as_large_is_removed_by_three_times_the_strength(name):
    if denoise.DENOISERS[name].package:
        pytest.importorskip(denoise.DENOISERS[name].package)
    apply, noise = denoise.DENOISERS[name].apply, np.random.RandomState(1).standard_normal([32, 32, 4])
    np.testing.assert_allclose(apply(3 * noise, 3.0), 3 * apply(noise, 1.0), atol=1e-6)
    left = [apply(3 * noise, sigma).std() for sigma in (1.0, 3.0, 6.0)]
    assert left[0] > 2.5 and left[1] < 1.2 and left[2] <= left[1], left


@BOTH
def test_a_noiseless_frame_is_developed_as_libraw_renders_it(tmp_path, name):
    # Two demosaicing methods differ at edges, so the scene is smooth; colours, white balance, levels and gamma must agree.
    camera, gains = CAMERAS[name], (2.0, 1.0, 2.4)
    smooth = tf.image.resize(tf.image.resize(photograph(), [24, 24], method="area"), [516, 516], method="bicubic")
    light = unprocess(tf.clip_by_value(smooth, 0.02, 0.8), camera, gains)
    counts = np.round(512 + 0.6 * 15871 * light.numpy()).astype(np.uint16)
    write_frame(tmp_path / "a.dng", name, mosaic=counts)
    ours = process(read_short(tmp_path / "a.dng", camera), 1.0, camera, "none")
    assert psnr(to_uint8(ours), to_uint8(render(tmp_path / "a.dng"))) > 52


@pytest.mark.parametrize("camera", ["sony", "fuji"])
def test_other_sizes_and_ratios(tmp_path, camera):
    write_frame(tmp_path / "a.dng", camera, size=(31, 44))
    short = read_short(tmp_path / "a.dng", CAMERAS[camera])
    picture = make_processor(CAMERAS[camera], "nlm")(short, 300)
    assert picture.shape == (*short.mosaic.shape, 3) and picture.dtype == np.float32 and 0 <= picture.min() < picture.max() <= 1


@pytest.mark.parametrize("name, expected", [("none", 23.0), ("nlm", 31.5), ("bm3d", 32.0)])
def test_real_crops(name, expected):
    if denoise.DENOISERS[name].package:
        pytest.importorskip(denoise.DENOISERS[name].package)
    camera, scores = CAMERAS["sony"], []
    for scene in ("11809",) if name == "bm3d" else ("11523", "11526", "11800", "11809"):
        short = read_short(shared(f"sid_mini/Sony/short/{scene}_00_0.1s.dng"), camera)
        target = read_target(shared(f"sid_mini/Sony/long/{scene}_00_10s.png"), camera, short.visible_size, short.origin)
        scores.append(psnr(to_uint8(process(short, 100, camera, name)), to_uint8(target)))
    assert np.mean(scores) > expected


def test_a_missing_package_is_one_line_with_its_licence(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LowlightError, match=r"pip install bm3d \(its licence allows non-commercial use only\)"):
        make_processor(CAMERAS["sony"], "bm3d")
    assert callable(make_processor(CAMERAS["sony"], "nlm"))
