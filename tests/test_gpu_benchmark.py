"""The benchmark of a GPU, tried on the CPU: its line without a GPU, what is kept and gone on with, its parts at tiny sizes, its page."""

import json
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from benchmarks import gpu, gpu_checks, gpu_report, gpu_speed

CASE = {"kind": "step", "size": [512, 512], "network": "sid", "precision": "float32", "device": "gpu"}
SETTINGS = {"device": "a GPU", "machine": "a machine", "memory": "of the GPU", "rounds": 2, "sizes": "full"}


def row(*seconds):
    return {"seconds": list(seconds), "gib": 1.5}


@pytest.fixture()
def trial(tmp_path, monkeypatch):
    """A function that runs the benchmark with two parts that are made up, and the list of those that were measured."""
    measured = []

    def run_within(seconds, name, asked):
        measured.append(name)
        if name in broken:
            raise RuntimeError("out of memory")
        return {"outcomes": {"a": "passed"}, "why": {}, "failed": ""} if name == "tests" else {"why_not": "it takes two"}

    broken = set()
    monkeypatch.setattr(gpu.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(gpu, "run_within", run_within)
    monkeypatch.setattr(gpu, "parts", lambda *options: {"tests": None, "replicas": None})
    monkeypatch.setattr(gpu, "settings_of", lambda asked: (SETTINGS | {"rounds": asked.rounds}, 0))
    page = tmp_path / "page.md"

    def run(*words):
        measured.clear()
        return gpu.main(["--device=cpu", f"--report={page}", *words])

    run.measured, run.page, run.broken = measured, page, broken
    return run


def test_without_a_gpu_it_says_so_in_a_line_by_any_python():
    """-S hides all packages: `make gpu` installs nothing before it knows of a GPU."""
    if gpu.has_driver():
        pytest.skip("this machine has a GPU")
    ended = subprocess.run([sys.executable, "-S", "-m", "benchmarks.gpu"], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stderr == "" and ended.stdout.count("\n") == 1
    assert ended.stdout.startswith("No GPU: ") and "pip install 'tensorflow[and-cuda]'" in ended.stdout


def test_a_driver_without_cuda_libraries_is_a_line_too(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "has_driver", lambda: True)
    monkeypatch.setattr(gpu, "settings_of", lambda asked: None)
    assert gpu.main([]) == 0 and "TensorFlow sees no GPU" in capsys.readouterr().out


def test_wrong_options_are_a_line(capsys, tmp_path):
    for words, said in ((["--device=cpu"], "name another --report"), (["--rounds=0"], "at least 1")):
        with pytest.raises(SystemExit) as stopped:
            gpu.parse(words)
        assert stopped.value.code == 2 and said in capsys.readouterr().err


def test_what_is_there_is_not_measured_again(trial, capsys):
    assert trial() == 0 and trial.measured == ["tests", "replicas"]
    assert "2 of 2 parts" in capsys.readouterr().out
    assert "## Tests" in trial.page.read_text() and "Left out: it takes two." in trial.page.read_text()
    assert trial() == 0 and trial.measured == []
    kept = json.loads(trial.page.with_suffix(".json").read_text())
    del kept["done"]["tests"]
    trial.page.with_suffix(".json").write_text(json.dumps(kept))
    assert trial() == 0 and trial.measured == ["tests"]
    assert trial("--fresh", "--only=repl") == 0 and trial.measured == ["replicas"]
    assert "- tests: not reached yet" in trial.page.read_text()


def test_a_part_that_fails_stops_no_other_and_is_tried_again(trial, capsys):
    trial.broken.add("tests")
    assert trial() == 1 and trial.measured == ["tests", "replicas"]
    assert "tests failed: out of memory" in capsys.readouterr().out and "- tests: out of memory" in trial.page.read_text()
    trial.broken.clear()
    assert trial() == 0 and trial.measured == ["tests"] and "Not measured" not in trial.page.read_text()


def test_results_of_another_machine_or_other_rounds_are_not_mixed(trial, capsys):
    trial()
    assert trial("--rounds=3") == 1
    assert "holds results of rounds 15, not 3; --fresh forgets them" in capsys.readouterr().err
    assert trial("--rounds=3", "--fresh") == 0 and trial.measured == ["tests", "replicas"]


def test_no_part_begins_when_the_time_is_over(trial, capsys):
    assert trial("--minutes=0") == 0 and trial.measured == []
    assert "0 minutes are over; the same command goes on with tests" in capsys.readouterr().out


def test_the_table_by_hand():
    """Ours takes 2 and 4 s, the other 1 and 1 s: the median of 2 and 4 is 3."""
    result = {
        "case": CASE,
        "rows": {"lowlight_tf": row(2, 4), "PyTorch, channels_last": row(1, 1)},
        "apart": {"lowlight_tf": 0.0, "PyTorch, channels_last": 0.002},
        "left_out": {"PyTorch, torch.compile": "no compiler"},
    }
    rows = {name: row(seconds) for name, seconds in ((gpu_speed.ALONE, 0.1), (gpu_speed.SAME_BATCH, 0.2), (gpu_speed.SHARED, 0.125))}
    replicas = {"case": CASE | {"kind": "replicas"}, "rows": rows, "apart": dict.fromkeys(rows, 0.0), "left_out": {}}
    recipe = {"minutes": 1.5, "steps": 20, "loss": [0.5, 0.25], "bytes": 9}
    text = gpu_report.page({"settings": SETTINGS, "done": {"s": result, "replicas": replicas, "recipe": recipe}, "failed": {}}, ["x"])
    assert text.startswith("# Measured on a GPU\n")
    assert "## A training step, 512x512 packed, batch 1" in text
    assert "| sid | float32 | lowlight_tf | 3.00 s | 2.00 s | 1.00 | 1.50 GiB | 0e+00 |" in text
    assert "| sid | float32 | PyTorch, channels_last | 1.00 s | 1.00 s | 3.00 | 1.50 GiB | 2e-03 |" in text
    assert "PyTorch, torch.compile was not timed (sid float32): no compiler." in text
    assert f"| {gpu_speed.ALONE} | 10.00 | 10.00 |  |" in text and f"| {gpu_speed.SHARED} | 8.00 | 16.00 | 0e+00 |" in text
    assert "20 steps, mean loss 0.5000" in text and "- x: not reached yet" in text


def test_outcomes_of_tests_are_read(tmp_path):
    (tmp_path / "report.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.test_gpu" name="a"/>'
        '<testcase classname="tests.test_gpu" name="b"><failure message="assert 1 &lt; 0&#10;more"/></testcase>'
        '<testcase classname="tests.test_gpu" name="c"><skipped message="needs two GPUs"/></testcase></testsuite></testsuites>'
    )
    found, why = gpu_checks.outcomes(tmp_path / "report.xml")
    assert found == {"test_gpu.a": "passed", "test_gpu.b": "failed", "test_gpu.c": "skipped"}
    assert why == {"test_gpu.b": "assert 1 < 0", "test_gpu.c": "needs two GPUs"}
    assert ROOT / "tests" / "test_gpu.py" in gpu_checks.gpu_tests()


def test_every_part_that_a_gpu_is_asked_for_is_there():
    names = list(gpu.parts("gpu", "full", 15, 1))
    speed = [
        f"{kind} {network} {precision}"
        for kind in ("step 512x512", "frame 1424x2128", "step 128x128")
        for network in ("sid", "bayer")
        for precision in ("float32", "bfloat16")
    ]
    assert names == ["tests", "recipe", "replicas", *speed]
    assert gpu.parts("gpu", "full", 15, 1)["replicas"]() == {"why_not": "TensorFlow sees 1 GPU, and it takes two"}


def test_a_contender_with_another_output_is_not_timed(monkeypatch, tmp_path):
    class Ended:
        def communicate(self):
            ended.append(self)

    ended, outputs = [], {gpu_speed.OURS: 1.0, "lowlight_tf, XLA": 1.1}

    def start(name, folder, module):
        if name not in outputs:
            raise gpu_speed.NotPreparedError("out of memory")
        gpu_speed.np.save(folder / f"{list(gpu_speed._ALL).index(name)}.npy", gpu_speed.np.full(3, outputs[name]))
        return Ended()

    monkeypatch.setattr(gpu_speed, "start", start)
    monkeypatch.setattr(gpu_speed.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(gpu_speed, "take_turns", lambda running, rounds: {name: [{"seconds": 1.0, "gib": 1.0}] for name in running})
    result = gpu_speed.measure(gpu_speed.Case("frame", (16, 16), "sid", "float32", "gpu"), 1)
    assert list(result["rows"]) == [gpu_speed.OURS] and len(ended) == 1
    assert result["left_out"]["lowlight_tf, XLA"] == "its output is not ours: 1.0e-01 apart"
    assert result["left_out"]["PyTorch, channels_last"] == "out of memory"


def test_a_part_that_takes_too_long_is_killed_with_what_it_started(monkeypatch, tmp_path):
    """A child of a child that would write a file two seconds later does not."""
    (tmp_path / "benchmarks").mkdir()
    late = "import time; time.sleep(2); open('late', 'w').close()"
    (tmp_path / "benchmarks" / "gpu.py").write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {late!r}])\n")
    monkeypatch.setattr(gpu, "HERE", tmp_path / "benchmarks")
    asked = gpu.parse(["--device=cpu", "--report=page.md"])
    with pytest.raises(subprocess.TimeoutExpired):
        gpu.run_within(0.7, "tests", asked)
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()
    (tmp_path / "benchmarks" / "gpu.py").write_text("import sys\nsys.exit('error: out of memory')\n")
    with pytest.raises(RuntimeError, match="^out of memory$"):
        gpu.run_within(30, "tests", asked)


def test_a_stop_says_that_the_same_command_goes_on(trial, monkeypatch, capsys):
    def stopped(seconds, name, asked):
        if name == "replicas":
            raise KeyboardInterrupt
        return {"outcomes": {}, "why": {}, "failed": ""}

    monkeypatch.setattr(gpu, "run_within", stopped)
    assert trial() == 130 and "the same command goes on" in capsys.readouterr().out
    assert list(json.loads(trial.page.with_suffix(".json").read_text())["done"]) == ["tests"]


@pytest.mark.slow
def test_the_parts_run_on_a_cpu(tmp_path):
    """Real processes, real numbers: a step and a frame in both precisions, with and without XLA, and two replicas."""
    page = tmp_path / "page.md"
    parts = ("tests", "recipe", "replicas", "step 16x16 bayer bfloat16", "frame 32x48 bayer float32")
    words = ["--device=cpu", "--sizes=tiny", "--rounds=2", f"--report={page}", *(f"--only={part}" for part in parts)]
    ended = subprocess.run([sys.executable, "-m", "benchmarks.gpu", *words], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0 and "5 of 15 parts" in ended.stdout, ended.stdout + ended.stderr
    text = page.read_text()
    assert text.startswith("# Measured on the CPU, as a trial of what is for GPUs\n")
    for precision in ("float32", "bfloat16"):
        assert f"| bayer | {precision} | lowlight_tf, XLA | " in text
    assert "## A frame of 64x96" in text and f"| {gpu_speed.SHARED} | " in text and "of the whole process" in text
    kept = json.loads(page.with_suffix(".json").read_text())["done"]
    assert set(kept["tests"]["outcomes"].values()) == {"skipped"} and kept["recipe"]["steps"] > 0 and kept["recipe"]["bytes"] > 10**5
    assert kept["replicas"]["apart"][gpu_speed.SHARED] < 1e-4
    assert not list(tmp_path.glob(".*"))
