"""The embedded samples and the pieces of the image pipeline they are made with."""

import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf.cameras import CAMERAS
from lowlight_tf.datasets import DataConfig, resolve, samples, sid, sources
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.image_file import to_uint8
from lowlight_tf.isp.color import apply_matrix, srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.isp.noise import SONY_A7S2, Noise, add_noise, random_noise
from lowlight_tf.isp.unprocess import mosaic, unprocess
from lowlight_tf.metrics import psnr
from lowlight_tf.raw_file import read_raw, render


def test_srgb_curve_by_hand():
    values = tf.constant([0.0, 0.04, 0.5, 1.0])
    np.testing.assert_allclose(srgb_to_linear(values), [0, 0.04 / 12.92, 0.2140411, 1], rtol=1e-5)


def test_white_stays_white_in_camera_colour():
    matrix = srgb_to_camera_matrix(CAMERAS["sony"].xyz_to_camera)
    np.testing.assert_allclose(apply_matrix(tf.ones([2, 3]), matrix), np.ones([2, 3]), rtol=1e-6)


def test_mosaic_by_hand():
    rgb = tf.constant(np.arange(12, dtype=np.float32).reshape(2, 2, 3))
    assert mosaic(rgb, "RGGB").numpy().tolist() == [[0, 4], [7, 11]]
    assert mosaic(rgb, "BGGR").numpy().tolist() == [[2, 4], [7, 9]]


@pytest.mark.parametrize("name", ["sony", "fuji"])
def test_unprocess_is_what_libraw_undoes(tmp_path, name):
    """A smooth picture taken to a mosaic and rendered by LibRaw comes back with its colours, up to LibRaw's own gamma curve."""
    from lowlight_tf.image_file import write_dng

    camera, size = CAMERAS[name], 516
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.stack([0.2 + 0.5 * x, 0.6 - 0.3 * y, 0.3 + 0.2 * x * y], axis=-1).astype(np.float32)
    gains, black = (2.0, 1.0, 2.4), camera.black_level
    sensor = unprocess(picture, camera, gains).numpy()
    write_dng(
        tmp_path / "a.dng",
        np.round(sensor * (16383 - black) + black).astype(np.uint16),
        camera.cfa,
        black_level=black,
        white_level=16383,
        wb_gains=gains,
        xyz_to_camera=camera.xyz_to_camera,
        exposure_seconds=1,
        make=camera.make,
        model=camera.model,
    )
    rendered = render(tmp_path / "a.dng") / 65535
    linear = np.where(rendered < 0.081, rendered / 4.5, ((rendered + 0.099) / 1.099) ** (1 / 0.45))  # LibRaw's default is BT.709's curve
    np.testing.assert_allclose(linear[30:-30, 30:-30].mean((0, 1)), srgb_to_linear(picture).numpy()[30:-30, 30:-30].mean((0, 1)), rtol=0.03)


def test_noise_has_the_moments_of_the_formulas():
    noise = Noise(gain=tf.constant(0.4), read_noise=tf.constant(2.0), row_noise=tf.constant(1.5), black_offset=tf.constant(0.25))
    frames = np.stack(
        [add_noise(tf.fill([64, 64], 0.5), noise, [1, i], exposure_ratio=100.0, black_level=512, white_level=16383) for i in range(60)]
    ).astype(np.float64)
    signal = 0.5 * 15871 / 100
    assert frames.mean() == pytest.approx(512 + signal + 0.25, abs=0.15)
    # Shot K * signal, read, row, and the rounding's 1/12.
    assert frames.var() == pytest.approx(0.4 * signal + 4 + 1.5**2 + 1 / 12, rel=0.03)
    assert frames.mean(axis=2).var() == pytest.approx(1.5**2 + (0.4 * signal + 4 + 1 / 12) / 64, rel=0.05)


def test_noise_is_a_function_of_its_seed():
    clean, levels = tf.fill([8, 8], 0.3), dict(exposure_ratio=100.0, black_level=512, white_level=16383)
    first, again, other = (add_noise(clean, random_noise(seed), seed, **levels).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    assert first.dtype == np.uint16
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_drawn_noise_lies_in_the_cameras_range():
    drawn = [random_noise([7, i]) for i in range(200)]
    gains = np.array([noise.gain for noise in drawn])
    assert gains.min() >= 0.1 * 0.999 and gains.max() <= 0.5 * 1.001
    slope, bias, scatter = SONY_A7S2.read
    residual = np.log([noise.read_noise for noise in drawn]) - slope * np.log(gains) - bias
    assert abs(residual.mean()) < 0.06 and residual.std() == pytest.approx(scatter, rel=0.15)


@pytest.fixture(scope="module")
def sample_dir(tmp_path_factory):
    return samples.prepare(tmp_path_factory.mktemp("samples"), CAMERAS["sony"])


def test_the_samples_are_a_sid_folder_with_three_splits(sample_dir):
    problems = Problems(report=lambda message: None)
    found = {split: sid.find_pairs(sample_dir, CAMERAS["sony"], split, problems) for split in ("train", "test", "val")}
    assert {split: len(pairs) for split, pairs in found.items()} == {"train": 36, "test": 6, "val": 3}
    assert {pair.ratio_label for pair in found["test"]} == {"x100", "x250", "x300"} and problems.messages == []
    photographs = {split: {samples.PHOTOGRAPHS[pair.id][0] for pair in pairs} for split, pairs in found.items()}
    assert not photographs["train"] & (photographs["test"] | photographs["val"])


def test_a_sample_looks_like_its_photograph_once_amplified(sample_dir):
    short, long = (sample_dir / "Sony" / kind / f"10001_00_{seconds}s.dng" for kind, seconds in (("short", "0.1"), ("long", "10")))
    assert read_raw(short).mosaic.mean() < 512 + 60 and read_raw(long).mosaic.mean() > 1000
    score = psnr(to_uint8(render(short, 100)), to_uint8(render(long)))
    assert 12 < score < 32  # noisy, but the same picture


def test_samples_are_built_once_and_always_the_same(sample_dir, tmp_path):
    path = sample_dir / "Sony" / "short" / "00003_00_0.04s.dng"
    before = path.stat().st_mtime_ns
    samples.prepare(sample_dir, CAMERAS["sony"])
    assert path.stat().st_mtime_ns == before
    other = samples.prepare(tmp_path, CAMERAS["sony"])
    assert (other / "Sony" / "short" / path.name).read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Sony"]


def test_xtrans_samples_render(tmp_path):
    samples.prepare(tmp_path, CAMERAS["fuji"])
    assert min(render(tmp_path / "Fuji" / "long" / "10002_00_10s.dng").shape[:2]) >= 512


def test_a_named_folder_is_never_replaced_by_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = CAMERAS["sony"]
    assert resolve("auto", "", camera) == "samples" and resolve("auto", "somewhere", camera) == "sid"
    (tmp_path / "dataset" / "Sony" / "short").mkdir(parents=True)
    assert resolve("auto", "", camera) == "sid"
    with pytest.raises(LowlightError, match="somewhere does not exist"):
        sources.locate(DataConfig(data_dir="somewhere"), camera)


def test_somebody_elses_folder_is_never_replaced(tmp_path):
    (tmp_path / "Sony" / "short").mkdir(parents=True)
    (tmp_path / "Sony" / "short" / "00001_00_0.1s.ARW").write_bytes(b"a real photograph")
    with pytest.raises(LowlightError, match="is not a sample set"):
        samples.prepare(tmp_path, CAMERAS["sony"])
    assert (tmp_path / "Sony" / "short" / "00001_00_0.1s.ARW").read_bytes() == b"a real photograph"


def test_an_unwritable_place_for_samples_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LowlightError, match="cannot write"):
        samples.prepare(tmp_path / "file" / "samples", CAMERAS["sony"])
