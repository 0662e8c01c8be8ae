"""The embedded samples."""

import pytest

from lowlight_tf.datasets import DataConfig, resolve, samples, sid, sources
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.rendering import render


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
