"""What must work on a GPU before its speed matters: the tests that want one, and the recipe of the shipped models. For benchmarks.gpu."""

import csv
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from lowlight_tf.errors import LowlightError

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARK = "pytest.mark.gpu"
_STOPPED = 75  # train_models has its trainings end so where their time is over


def gpu_tests():
    """Returns the files of tests in which some are marked as wanting a GPU: to import all the others would take minutes."""
    return sorted(path for path in (ROOT / "tests").rglob("test_*.py") if MARK in path.read_text())


def outcomes(report):
    """Reads pytest's JUnit file: {test: "passed", "failed" or "skipped"} and the first line of why, {test: why}."""
    found, why = {}, {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".removeprefix("tests.")
        ends = {child.tag: child for child in case if child.tag in ("failure", "error", "skipped")}
        found[name] = "passed" if not ends else "skipped" if list(ends) == ["skipped"] else "failed"
        for end in ends.values():
            why[name] = (end.get("message") or "").splitlines()[0][:200]
    return found, why


def run_tests():
    """Runs the tests that are skipped without a GPU.

    Returns:
      {"outcomes": {test: outcome}, "why": {test: why it did not pass}, "failed": a line where some failed, else ""}.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", f"--junitxml={report}", *map(str, gpu_tests())]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        print(ended.stdout)
        if not report.is_file():
            raise LowlightError(f"pytest did not run: {(ended.stderr or ended.stdout).strip().splitlines()[-1]}")
        found, why = outcomes(report)
    failed = [name for name, outcome in found.items() if outcome == "failed"]
    return {"outcomes": found, "why": why, "failed": f"{len(failed)} tests failed: {', '.join(failed)}" if failed else ""}


def run_recipe(minutes):
    """Runs the recipe of the shipped models as it is, on the photographs at hand, for some minutes; then ships what it has made.

    Returns:
      {"minutes", "steps", "loss": means of the first and last tenth of them, "bytes": of the shipped model}.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        recipe = ["benchmarks.train_models", "bayer", str(work), f"--hours={minutes / 60}"]
        _expect(recipe, _STOPPED)
        with open(work / "bayer" / "history.csv") as file:
            losses = [float(row["loss"]) for row in csv.DictReader(file)]
        _expect(["lowlight_tf", "ship", f"--checkpoint_dir={work / 'bayer'}", f"--output={work / 'shipped'}"], 0)
        size = (work / "shipped" / "weights.npz").stat().st_size
    tenth = max(1, len(losses) // 10)
    means = [sum(part) / len(part) for part in (losses[:tenth], losses[-tenth:])]
    return {"minutes": minutes, "steps": len(losses), "loss": means, "bytes": size}


def _expect(words, code):
    ended = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(ended.stdout)
    if ended.returncode != code:
        raise LowlightError(f"{words[0]} ended with {ended.returncode}, not {code}: {(ended.stdout.strip().splitlines() or [''])[-1]}")
