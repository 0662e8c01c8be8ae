"""The classic pipeline's strengths: the table, which camera a set is of, and that a sweep scores as test.py does."""

import sys

import pytest
from conftest import write_pairs

from benchmarks import classic_sweep
from lowlight_tf.errors import LowlightError
from lowlight_tf.raw.cameras import CAMERAS


@pytest.fixture
def fuji_set(tmp_path):
    return write_pairs(tmp_path, ["10001"], camera="fuji") / "Fuji"


def test_the_table():
    def metrics(psnr, aligned, dark):
        return {"psnr": psnr, "aligned_psnr": aligned, "per_ratio": {"x2": {"psnr": 2 * psnr - dark}, "x100": {"psnr": dark}}}

    assert classic_sweep.table({0.5: metrics(30.0, 31.0, 28.0), 1.0: metrics(30.5, 30.75, 27.25)}) == [
        "| strength | PSNR | aligned PSNR | x2 | x100 |",
        "|---|---|---|---|---|",
        "| 0.5 | 30.00 | **31.00** | 32.00 | **28.00** |",
        "| 1 | **30.50** | 30.75 | **33.75** | 27.25 |",
    ]


def test_the_camera_follows_from_the_files(small_set, fuji_set, tmp_path):
    assert classic_sweep.camera_of(small_set / "Sony") is CAMERAS["bayer"]
    assert classic_sweep.camera_of(fuji_set) is CAMERAS["xtrans"]
    with pytest.raises(LowlightError, match="has no short exposures; expected a folder with short/ and long/"):
        classic_sweep.camera_of(tmp_path)


def test_a_sweep_needs_all_pairs(tmp_path):
    folder = write_pairs(tmp_path, ["10001", "10002"]) / "Sony"
    short = folder / "short" / "10002_00_0.1s.dng"
    short.write_bytes(short.read_bytes()[:-100])
    with pytest.raises(LowlightError, match="10002_00_0.1s.dng is truncated.*; a sweep needs all pairs"):
        classic_sweep.sweep(folder, [1.0])


def test_a_sweep_scores_each_strength(small_set, capsys):
    found = classic_sweep.sweep(small_set / "Sony", [0.25, 1.0])
    assert capsys.readouterr().out == ""
    assert [metrics["denoiser_strength"] for metrics in found.values()] == list(found) == [0.25, 1.0]
    assert {metrics["camera"] for metrics in found.values()} == {"bayer"}
    assert found[0.25]["psnr"] < found[1.0]["psnr"] and found[1.0]["per_ratio"]["x100"]["psnr"] == found[1.0]["psnr"]


def test_what_is_printed(fuji_set, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classic_sweep, "sweep", lambda folder: {1.0: {"images": 2, "psnr": 30.0, "aligned_psnr": 31.0, "per_ratio": {}}})
    monkeypatch.setattr(sys, "argv", ["classic_sweep", str(fuji_set)])
    classic_sweep.main()
    told = capsys.readouterr().out
    assert "\nFuji, camera xtrans, 2 images:\n\n| strength |" in told and str(tmp_path) not in told


def test_a_set_that_is_none_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["classic_sweep", str(tmp_path)])
    with pytest.raises(SystemExit, match="^error: .* has no short exposures"):
        classic_sweep.main()
