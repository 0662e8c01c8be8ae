"""beam_jobs.py: runners by their names, how Dask divides the elements, what workers note of failures."""

import itertools
import subprocess
import sys

import pytest
from conftest import ROOT, expect_failure, run_script

from lowlight_tf import beam_jobs
from lowlight_tf.errors import LowlightError, OutputError, UsageError


def needs_beam():
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")


@pytest.mark.parametrize(
    "name, path",
    [
        ("DirectRunner", "apache_beam.runners.direct.direct_runner.DirectRunner"),
        ("flinkrunner", "apache_beam.runners.portability.flink_runner.FlinkRunner"),
        ("Spark", "apache_beam.runners.portability.spark_runner.SparkRunner"),
        ("apache_beam.runners.portability.fn_api_runner.FnApiRunner", "apache_beam.runners.portability.fn_api_runner.FnApiRunner"),
    ],
)
def test_a_runner_is_found_by_any_of_its_names(name, path):
    needs_beam()
    assert beam_jobs.find_runner(name) == path


def test_the_dask_runner_which_beam_does_not_list_is_found():
    needs_beam()
    pytest.importorskip("distributed", reason="dask and distributed are optional and not installed")
    assert beam_jobs.find_runner("DaskRunner") == beam_jobs.find_runner("dask") == "apache_beam.runners.dask.dask_runner.DaskRunner"


@pytest.mark.parametrize(
    "name, words",
    [
        ("Slow", "Beam has no runner 'Slow'; expected one such as DirectRunner, DaskRunner"),
        ("", "Beam has no runner ''"),
        ("a..B", "Beam has no runner 'a..B'"),
        ("nowhere.my.Runner", "there is no module nowhere.my that holds a Beam runner"),
        ("apache_beam.runners.nowhere.Runner", "there is no module apache_beam.runners.nowhere"),
        ("json.JSONDecoder", "json.JSONDecoder is no Beam runner"),
        ("json.Runner", "the module json has no Beam runner Runner"),
    ],
)
def test_what_is_no_runner_is_a_mistake_in_the_flags(name, words):
    needs_beam()
    with pytest.raises(UsageError) as raised:
        beam_jobs.find_runner(name)
    assert str(raised.value).startswith(words)


def test_a_runner_whose_packages_are_missing_says_what_to_install(tmp_path, monkeypatch):
    needs_beam()
    for name in [name for name in sys.modules if name.startswith("apache_beam.runners.dask")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dask.bag", None)
    with pytest.raises(LowlightError, match="the DaskRunner needs more than Apache Beam; run: pip install dask distributed"):
        beam_jobs.find_runner("DaskRunner")
    for file, content, words in (
        ("needy", "import package_that_is_not_there.part", "run: pip install package_that_is_not_there$"),
        ("broken", "1 / 0", "the Runner cannot be loaded: division by zero"),
    ):
        (tmp_path / f"{file}.py").write_text(content)
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(LowlightError, match=words) as raised:
            beam_jobs.find_runner(f"{file}.Runner")
        assert not isinstance(raised.value, UsageError)


def test_mistakes_in_flags_end_the_commands_with_code_2(tmp_path):
    needs_beam()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes((ROOT / "docs" / "simulation_study.png").read_bytes())
    simulate = ("lowlight_tf", "simulate", "--input=photos", "--camera=sony", "--output=out")
    expect_failure(run_script(*simulate, "--runner=Slow", cwd=tmp_path), 2, "Beam has no runner 'Slow'")
    result = run_script(*simulate, "--runner=DirectRunner", "--beam_args=--direct_num_workers=many", cwd=tmp_path)
    expect_failure(result, 2, "--beam_args: argument --direct_num_workers: invalid int value: 'many'")
    expect_failure(run_script("enhance.py", "a.dng", "--beam_runner=json.Nothing", cwd=tmp_path), 2, "the module json has no Beam runner")


def test_beam_is_not_imported_where_no_runner_is_asked_for():
    code = "import sys, lowlight_tf.__main__, flags.enhance_flags; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=240).returncode == 0


@pytest.mark.parametrize(
    "count, arguments, expected",
    [
        (1, [], ["--dask_partition_size=1"]),
        (10_000, ["--dask_client_address=a"], ["--dask_client_address=a", "--dask_partition_size=1"]),
        (10_001, [], ["--dask_partition_size=2"]),
        (100_000, [], ["--dask_partition_size=10"]),
        (30, ["--dask_npartitions=3"], ["--dask_npartitions=3"]),
        (30, ["--dask_partition_size", "7"], ["--dask_partition_size", "7"]),
    ],
)
def test_one_element_is_one_of_dasks_tasks_up_to_ten_thousand(count, arguments, expected):
    assert beam_jobs._spread(beam_jobs._DASK, arguments, count) == expected
    assert beam_jobs._spread("apache_beam.runners.direct.direct_runner.DirectRunner", arguments, count) == arguments


def test_a_failure_is_noted_once_and_what_was_half_written_is_no_line(tmp_path):
    def work(element):
        raise LowlightError(f"is damaged, look {element}")

    notes = tmp_path / "notes"
    for element in ("again", "once more"):  # a runner may do an element twice
        assert beam_jobs._attempt_and_note(element, work, lambda element: "b.dng", notes) == ()
    assert beam_jobs._attempt_and_note("", work, lambda element: "a.dng", notes) == ()
    assert beam_jobs._attempt_and_note("", lambda element: None, lambda element: "c.dng", notes) == ()
    (notes / ".0.lowlight_tf-00000000.tmp.line").write_bytes(b"d.dng\tis da")
    assert beam_jobs._noted_lines(notes) == [b"a.dng\tis damaged, look ", b"b.dng\tis damaged, look once more"]
    assert beam_jobs._noted_lines(tmp_path / "none") == []


def test_of_nested_errors_the_line_that_says_most():
    def chained(*errors):
        for error, cause in itertools.pairwise(errors):
            error.__cause__ = cause
        return errors[0]

    link = RuntimeError("The graph cannot be read.\nFor more, see\nhttps://example.com")
    assert beam_jobs._said(chained(link, ModuleNotFoundError("No module named 'lowlight_tf'"))) == "No module named 'lowlight_tf'"
    assert beam_jobs._said(chained(OSError("no scheduler at a:1"), ConnectionRefusedError("refused"))) == "no scheduler at a:1"
    assert beam_jobs._said(chained(RuntimeError("a worker failed"), OutputError("disk full"), OSError("28"))) == "disk full"
    assert beam_jobs._said(ValueError()) == "ValueError"
