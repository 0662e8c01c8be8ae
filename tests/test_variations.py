"""The benchmark of the network's variations: what is trained and scored once, the table, and how `python -m benchmarks` is asked for it."""

import argparse

import pytest

from benchmarks import variations
from benchmarks.__main__ import BENCHMARKS, HERE, OF_DATA, asked, page, read_sections
from lowlight_tf.network import DOWNSAMPLES, EXTRA_BLOCKS, NETWORKS, POOL_WINDOWS


def test_every_variation_of_the_network_is_there():
    options = list(variations.VARIATIONS.values())
    for name, values in {"downsample": DOWNSAMPLES, "pool_window": POOL_WINDOWS, "extra_blocks": EXTRA_BLOCKS, "network": NETWORKS}.items():
        assert {option[name] for option in options if name in option} == set(values[1:]), name
    assert len({str(variations.network_of(option, 4)) for option in options}) == len(options)


def test_a_variation_is_trained_and_scored_once(tmp_path, small_set, monkeypatch):
    options = argparse.Namespace(crops=small_set, work=tmp_path, steps=1, base_width=2, patch_size=16)
    first = variations.train_and_score("downsample=strided", {"downsample": "strided"}, options, 1)
    assert first["images"] == 1 and 0 < first["psnr"] < 60 and first["step"] == 1
    monkeypatch.setattr(variations, "train", None)
    assert variations.train_and_score("downsample=strided", {"downsample": "strided"}, options, 1) == first


def test_an_unfinished_training_is_not_scored(tmp_path, small_set, monkeypatch):
    monkeypatch.setattr(variations, "train", lambda config, problems: config.schedule.steps - 1)
    options = argparse.Namespace(crops=small_set, work=tmp_path, steps=2, base_width=2, patch_size=16)
    with pytest.raises(KeyboardInterrupt):
        variations.train_and_score("plain", {}, options, 1)


def test_steps_are_timed_against_the_plain_networks(monkeypatch):
    monkeypatch.setattr(variations, "VARIATIONS", {variations.PLAIN: {}, "extra_blocks=1": {"extra_blocks": 1}})
    times = variations.time_steps(2, 16, rounds=1)
    plain, wider = times[variations.PLAIN], times["extra_blocks=1"]
    assert plain[2] == 1.0 and wider[0] - plain[0] == 2 * (3 * 3 * 2 * 2 + 2)
    assert wider[2] == pytest.approx(wider[1] / plain[1])


def test_the_table():
    scores = {"as in the paper": {"psnr": 27.123, "ssim": 0.84}, "as in the paper, another seed": {"psnr": 28.0, "ssim": 0.8}}
    assert variations.table(scores, {"as in the paper": (7760, 0.0301, 1.0)})[2:] == [
        "| as in the paper | 7,760 | 27.12 / 0.840 | 30 ms | 1.00 |",
        "| as in the paper, another seed | the same | 28.00 / 0.800 | the same | |",
    ]


def test_what_python_m_benchmarks_runs():
    assert asked([]) == ([name for name in BENCHMARKS if name not in OF_DATA], [])
    assert asked(["winograd", "overlap"]) == (["winograd", "overlap"], [])
    assert asked(["variations", "CROPS", "--steps=3"]) == (["variations"], ["CROPS", "--steps=3"])
    for words in (["winograd", "speed"], ["speed"], ["speed", "--help"]):
        with pytest.raises(SystemExit, match="there is no benchmark speed"):
            asked(words)


def test_results_of_other_processors_are_kept(tmp_path):
    committed = (HERE / "RESULTS.md").read_text()
    sections = read_sections(HERE / "RESULTS.md")
    assert page(sections) == committed
    (tmp_path / "RESULTS.md").write_text(page(sections | {("winograd", "a new one, 4 GHz"): "| a | table |"}))
    assert read_sections(tmp_path / "RESULTS.md").items() - sections.items() == {(("winograd", "a new one, 4 GHz"), "| a | table |")}
    assert read_sections(tmp_path / "none") == {}
