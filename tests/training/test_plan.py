"""What a training will take: the arithmetic by hand, and the command on pairs and without any."""

import dataclasses
import re

import pytest
from conftest import expect_failure, run_script

from lowlight_tf.datasets import DataConfig
from lowlight_tf.errors import Problems
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.plan import PlanConfig, Workload, hours, measure_workload, subset_workload

PLAN = PlanConfig(camera=CAMERAS["sony"], data=DataConfig(), epochs=4000, batch_size=1)


def test_hours_by_hand(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    workload = Workload(pairs=280, scenes=161, short_pixels=280 * 10**7, long_pixels=161 * 10**7, decode_seconds=1.8)
    assert workload.cache_bytes == 2 * 280 * 10**7 + 6 * 161 * 10**7
    assert workload.decode_hours == pytest.approx(1.8 * 280 / 2 / 3600)
    assert hours(workload, PLAN, 0.5) == pytest.approx(0.07 + 4000 * 161 * 0.5 / 3600)
    assert hours(workload, dataclasses.replace(PLAN, batch_size=4), 0.5) == pytest.approx(0.07 + 4000 * 161 / 4 * 0.5 / 3600)
    few = subset_workload(workload, 28, 16)
    assert (few.pairs, few.scenes, few.short_pixels, few.long_pixels) == (28, 16, 28 * 10**7, 16 * 10**7)


def test_a_workload_is_counted_from_the_files(small_set):
    config = dataclasses.replace(PLAN, data=DataConfig(data_dir=str(small_set)))
    workload, assumed = measure_workload(config, Problems())
    assert not assumed and (workload.pairs, workload.scenes, workload.short_pixels) == (2, 2, 2 * 96 * 120)


def test_the_command_says_hours_cost_memory_and_disk(tmp_path, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", "--epochs=4000", "--patch_size=16", "--price_per_hour=12.24", "--max_hours=1"]
    result = run_script("lowlight_tf", "plan", *arguments, "--num_replicas=2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "on 2 replicas" in result.stdout and "peak memory" in result.stdout and "In 1 hours, for 12.24:" in result.stdout
    (row,) = re.findall(r"^2 pairs, 2 scenes +4,000 +([\d.]+) +([\d.]+) +([\d.]+)$", result.stdout, re.MULTILINE)
    assert float(row[1]) == pytest.approx(12.24 * float(row[0]), abs=0.07) and 0.27 < float(row[2]) < 0.3


def test_without_sid_its_numbers_are_assumed_aloud(tmp_path):
    result = run_script("lowlight_tf", "plan", "--camera=sony", "--epochs=1", "--patch_size=16", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "No SID folder: the numbers are those of SID's Sony training split" in result.stdout
    assert re.search(r"^280 pairs, 161 scenes +161 ", result.stdout, re.MULTILINE) and re.search(r"18\.\d\d$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--data_dir=missing"], 1, "missing does not exist"),
        (["--batch_size=3", "--num_replicas=2", "--patch_size=16"], 1, "--batch_size=3 cannot be shared by 2 replicas"),
    ],
)
def test_bad_input_is_one_line(tmp_path, small_set, arguments, code, words):
    result = run_script("lowlight_tf", "plan", "--camera=sony", f"--data_dir={small_set}", *arguments, cwd=tmp_path)
    expect_failure(result, code, words)
