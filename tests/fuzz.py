"""Mutated copies of all that lowlight_tf reads, through everything that reads them: python -m tests.fuzz --seconds=600

Kinds of files and their mutations are in tests/fuzz_kinds.py. Each case is read by a worker of its own, a photograph also measured,
developed and written; the parent watches: nothing may crash, hang, take gigabytes or leave half a file, and what is wrong must be said in
one line. A case that fails stays in --keep, with its seed in its name.
"""

import argparse
import collections
import os
import pathlib
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import fuzz_kinds

ROOT = pathlib.Path(__file__).resolve().parent.parent
_PATIENCE = 120  # seconds for one case; real ones take less than one
_MEMORY = 3 << 30  # bytes that the worker is told it may take


def real_photographs():
    """Returns the real raw files that are at hand, and says so where there are none."""
    from conftest import SHARED

    real = [
        *SHARED.glob("raw/*.dng"),
        *SHARED.glob("raw/*.kdc"),
        *sorted(SHARED.glob("sid_mini/Sony/short/*.dng"))[:2],
        *sorted(SHARED.glob("other_cameras/*.dng"))[:3],
    ]
    if not real:
        print(f"No real raw files in {SHARED} (LOWLIGHT_TF_DATA names another folder): synthetic ones alone are mutated.")
    return real


def seeds(folder):
    """Returns {kind: {path: content}} of the files that are mutated."""
    real, found = real_photographs(), {}
    for number, (kind, (_, make, _, _)) in enumerate(fuzz_kinds.KINDS.items()):
        place = folder / str(number)
        place.mkdir(parents=True)
        found[kind] = {str(path): path.read_bytes() for path in make(place, real)}
    return found


def _take(kind, path, model, results, problems):
    """Reads one case, a photograph all the way to its result."""
    reader = fuzz_kinds.KINDS[kind][3]
    if reader:
        reader(path)
        return
    from lowlight_tf import memory
    from lowlight_tf.enhancement.config import EnhanceConfig
    from lowlight_tf.enhancement.enhance import enhance
    from lowlight_tf.enhancement.inspect import in_words, inspect

    made = ("jpeg", "tiff", "dng")[len(path.read_bytes()) % 3]
    with memory.limited(_MEMORY):
        words = in_words(inspect(path, model))
    if any(ord(letter) < 32 and letter != "\n" for letter in words):
        raise AssertionError(f"control characters in what is said: {words!r}")
    enhance([str(path)], EnhanceConfig(model, results, kind=made, overwrite=True, memory_limit=_MEMORY), problems)


def work(model, results):
    """The worker: takes kinds and paths from stdin, answers each with one line."""
    import lowlight_tf  # noqa: F401  (before TensorFlow)
    from lowlight_tf.errors import LowlightError, Problems

    for line in sys.stdin:
        kind, _, name = line.rstrip("\n").partition("\t")
        answer, problems = "finished", Problems(lambda message: None)
        try:
            _take(kind, pathlib.Path(name), model, results, problems)
        except LowlightError as error:
            problems.add(error)
        except Exception as error:  # noqa: BLE001
            answer = f"BUG {type(error).__name__}: {error}".replace("\n", " ")
        if any("\n" in message for message in problems.messages):
            answer = f"BUG more than a line: {problems.messages!r}"
        taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        if taken > _MEMORY + (1 << 30):
            answer = f"BUG took {taken / 2**30:.1f} GiB of memory"
        # An error that nobody foresaw is a file's line, too, but it is a fault.
        answer = next((f"went wrong: {message}" for message in problems.messages if "unforeseen" in message), answer)
        print("answer", "refused" if problems.messages and answer == "finished" else answer.replace("\n", " "), flush=True)


class Worker:
    """A worker process that is started again after it crashed or hung."""

    def __init__(self, model, results):
        self._arguments, self._process = [sys.executable, "-m", "tests.fuzz", "--work", str(model), str(results)], None

    def _start(self):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            self._arguments, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process.stdout, self._lines), daemon=True).start()

    @staticmethod
    def _listen(stdout, lines):
        for line in stdout:
            lines.put(line)
        lines.put("")

    def ask(self, kind, path):
        """Returns what became of a file: finished, refused, or what went wrong."""
        if self._process is None:
            self._start()
        self._process.stdin.write(f"{kind}\t{path}\n")
        self._process.stdin.flush()
        try:
            while not (line := self._lines.get(timeout=_PATIENCE)).startswith("answer "):
                if not line:
                    code = self._process.wait()
                    self._process = None
                    return f"CRASH with exit code {code}"
            return line.removeprefix("answer ").strip()
        except queue.Empty:
            self.stop()
            return f"HANG of more than {_PATIENCE} s"

    def stop(self):
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def run_case(kind, path, worker, results):
    """Lets the worker take one case; returns its answer, which also tells of files that were left half-written."""
    answer = worker.ask(kind, path)
    if "took" in answer:
        worker.stop()  # the next case has its own peak
    left = [result.name for result in results.iterdir() if ".tmp" in result.name]
    for result in results.iterdir():
        result.unlink()
    return f"LEFT {left} after {answer}" if left else answer


def fuzz(folder, options):
    """Runs cases until the time is over; returns {kind: how often each answer was given}."""
    from conftest import write_model

    (folder / "results").mkdir()
    contents, worker = seeds(folder / "seeds"), Worker(write_model(folder / "model"), folder / "results")
    answers, end, case = collections.defaultdict(collections.Counter), time.monotonic() + options.seconds, 0
    while time.monotonic() < end:
        kind, seed, content = fuzz_kinds.choose(contents, fuzz_kinds.rng_of(options.seed, case))
        if fuzz_kinds.KINDS[kind][3]:
            path = fuzz_kinds.place_case(seed, content, contents[kind], folder / "case")
        else:
            path = folder / f"case{seed.suffix}"
            path.write_bytes(content)
        answer = run_case(kind, path, worker, folder / "results")
        answers[kind][answer.split()[0]] += 1
        if answer not in ("finished", "refused"):
            kept = pathlib.Path(options.keep) / f"{options.seed}_{case}_{seed.name}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
            print(f"{kept} ({kind}): {answer}", flush=True)
        case += 1
    worker.stop()
    return answers


def main():
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="results/fuzz", help="where cases that fail are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        answers = fuzz(pathlib.Path(name).resolve(), options)
    failed = 0
    for kind, given in sorted(answers.items()):
        wrong = given.total() - given["finished"] - given["refused"]
        failed += wrong
        print(f"{kind}: {given.total()} cases, {given['finished']} finished, {given['refused']} refused in one line, {wrong} failed.")
    print(f"{sum(given.total() for given in answers.values())} cases in {options.seconds:.0f} s, seed {options.seed}: {failed} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(work(*sys.argv[2:]) if sys.argv[1:2] == ["--work"] else main())
