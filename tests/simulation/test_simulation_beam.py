"""The simulation as an Apache Beam job: the files of the local job, byte for byte."""

import sys

import pytest
from conftest import expect_failure, run_script
from test_simulation import config_for, contents, make_photos

from lowlight_tf import beam_jobs
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.simulation import beam, simulate


def test_without_beam_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(LowlightError, match="pip install apache-beam"):
        beam.simulate_on_beam(config_for(tmp_path, tmp_path), Problems(), "DirectRunner", [])


def test_the_command_line_knows_the_runners():
    result = run_script("lowlight_tf", "simulate", "--help", cwd=".")
    assert all(runner in result.stdout for runner in beam_jobs.RUNNERS)


def test_the_direct_runner_writes_what_the_local_job_writes(tmp_path):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    photos = make_photos(tmp_path / "photos")
    simulate.simulate(config_for(photos, tmp_path / "local"), Problems(report=lambda message: None))
    arguments = [f"--input={photos}", "--camera=sony", "--output=beam", "--ratios=100,300", "--runner=DirectRunner"]
    for deleted in ((), ("short/00002_00_0.1s.dng", "simulated/00004.json")):  # the second run makes again what is gone
        for name in deleted:
            (tmp_path / "beam" / "Sony" / name).unlink()
        result = run_script("lowlight_tf", "simulate", *arguments, cwd=tmp_path)
        assert result.returncode == 1 and "1 skipped" in result.stderr and "bad.jpg is damaged" in result.stderr, result.stderr
        assert "3 of 4 photographs are simulated" in result.stdout
        assert contents(tmp_path / "beam") == contents(tmp_path / "local")
        skipped = (tmp_path / "beam" / "Sony" / "skipped_train.tsv").read_text()
        assert skipped.startswith("00003\t") and skipped.count("\n") == 1


def test_a_runner_that_cannot_be_reached_is_one_line(tmp_path):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    make_photos(tmp_path / "photos")
    arguments = ["--input=photos", "--camera=sony", "--output=out", "--runner=DataflowRunner"]
    expect_failure(run_script("lowlight_tf", "simulate", *arguments, cwd=tmp_path), 1, "the DataflowRunner failed")
