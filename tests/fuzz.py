"""Mutated copies of raw files and pictures through everything that reads them: python -m tests.fuzz --seconds=600

Each case is read, measured, developed and written by a worker of its own, which the parent watches: nothing may crash, hang or leave
half a file, and what is wrong must be said in one line. A case that fails stays in --keep, with its seed in its name.
"""

import argparse
import collections
import os
import pathlib
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
_PATIENCE = 60  # seconds for one case; real ones take less than one


def seeds(folder):
    """Returns {path: content} of the files that are mutated: synthetic ones of each kind, and real ones where they are at hand."""
    from conftest import SHARED, write_frame

    from lowlight_tf.pictures import SUFFIXES
    from lowlight_tf.pictures.metadata import Metadata
    from lowlight_tf.pictures.photo_file import write_photo
    for name, camera, cfa in (("bayer", "sony", "GBRG"), ("xtrans", "fuji", None)):
        write_frame(folder / f"{name}.dng", camera, size=(96, 120), cfa=cfa, scale=300)
    tags = Metadata({271: "Make", 272: "Model", 274: 6}, {33434: 0.1, 34855: 800, 42036: "Lens"}, {1: "N", 2: (52.0, 30.0, 12.5)})
    picture = np.random.RandomState(0).randint(0, 9000, (64, 80, 3)).astype(np.uint16)
    for kind in ("jpeg", "png", "tiff"):
        write_photo(folder / f"picture{SUFFIXES[kind]}", picture, kind, tags)
    jpeg = (folder / "picture.jpg").read_bytes()
    where = (100).to_bytes(4, "big") + len(jpeg).to_bytes(4, "big")
    (folder / "jpeg_inside.raf").write_bytes(b"FUJIFILMCCD-RAW".ljust(84, b"\0") + where + b"\0" * 8 + jpeg)
    real = [*SHARED.glob("raw/*.dng"), *SHARED.glob("raw/*.kdc"), *sorted(SHARED.glob("sid_mini/Sony/short/*.dng"))[:2]]
    return {path: path.read_bytes() for path in [*sorted(folder.iterdir()), *real]}


def mutate(content, rng):
    """Damages a file as disks, cards and people do: bits, blocks, cuts, and above all the header, where sizes and offsets are."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(min(len(content), rng.choice((64, 512, 4096, len(content)))) or 1)
        kind = rng.choice((0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 5))  # shifts and cuts spoil everything behind them: fewer
        if kind == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            number = rng.choice((0, 1, 65535, 2**31 - 1, 2**32 - 1, len(content)))
            content[place:place + 4] = number.to_bytes(4, rng.choice(("little", "big")))
        elif kind == 3:
            content[place:place + rng.randrange(1, 200)] = b""
        elif kind == 4:
            content[place:place] = rng.randbytes(rng.randrange(1, 200))
        else:
            del content[rng.randrange(len(content)) + 1:]
        if not content:
            break
    return bytes(content)


def work(model, results):
    """The worker: takes paths from stdin, answers each with one line."""
    import lowlight_tf  # noqa: F401  (before TensorFlow)
    from lowlight_tf.enhancement.enhance import EnhanceConfig, enhance
    from lowlight_tf.enhancement.inspect import in_words, inspect
    from lowlight_tf.errors import LowlightError, Problems
    for line in sys.stdin:
        path, answer = pathlib.Path(line.rstrip("\n")), "finished"
        problems = Problems(lambda message: None)
        try:
            in_words(inspect(path, model))
            enhance([str(path)], EnhanceConfig(model, results, kind=random.choice(("jpeg", "tiff", "dng")), overwrite=True), problems)
        except LowlightError as error:
            problems.add(error)
        except Exception as error:
            answer = f"BUG {type(error).__name__}: {error}".replace("\n", " ")
        if any("\n" in message for message in problems.messages):
            answer = f"BUG more than a line: {problems.messages!r}"
        # An error that nobody foresaw is a file's line, too, but it is a fault.
        answer = next((f"went wrong: {message}" for message in problems.messages if "unforeseen" in message), answer)
        print("answer", "refused" if problems.messages and answer == "finished" else answer.replace("\n", " "), flush=True)


class Worker:
    """A worker process that is started again after it crashed or hung."""

    def __init__(self, model, results):
        self._arguments, self._process = [sys.executable, "-m", "tests.fuzz", "--work", str(model), str(results)], None

    def _start(self):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(self._arguments, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process.stdout, self._lines), daemon=True).start()

    @staticmethod
    def _listen(stdout, lines):
        for line in stdout:
            lines.put(line)
        lines.put("")

    def ask(self, path):
        """Returns what became of a file: finished, refused, or what went wrong."""
        if self._process is None:
            self._start()
        self._process.stdin.write(f"{path}\n")
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


def run_case(content, path, worker, results):
    """Lets the worker take one case; returns its answer, which also tells of files that were left half-written."""
    path.write_bytes(content)
    answer = worker.ask(path)
    left = [result.name for result in results.iterdir() if ".tmp" in result.name]
    for result in results.iterdir():
        result.unlink()
    return f"LEFT {left} after {answer}" if left else answer


def fuzz(folder, options):
    """Runs cases until the time is over; returns how often each answer was given, and the number of files they come from."""
    from conftest import write_model
    for name in ("seeds", "results"):
        (folder / name).mkdir()
    contents, worker = seeds(folder / "seeds"), Worker(write_model(folder / "model"), folder / "results")
    answers, end, case = collections.Counter(), time.monotonic() + options.seconds, 0
    while time.monotonic() < end:
        rng = random.Random(f"{options.seed}/{case}")
        original = rng.choice(list(contents))
        content = mutate(contents[original], rng)
        answer = run_case(content, folder / f"case{original.suffix}", worker, folder / "results")
        answers[answer.split()[0]] += 1
        if answer not in ("finished", "refused"):
            kept = pathlib.Path(options.keep) / f"{options.seed}_{case}_{original.name}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
            print(f"{kept}: {answer}", flush=True)
        case += 1
    worker.stop()
    return answers, len(contents)


def main():
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="results/fuzz", help="where cases that fail are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        answers, files = fuzz(pathlib.Path(name), options)
    failed = answers.total() - answers["finished"] - answers["refused"]
    print(f"{answers.total()} mutated copies of {files} files in {options.seconds:.0f} s: {answers['finished']} finished, "
          f"{answers['refused']} refused in one line, {failed} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    sys.exit(work(*sys.argv[2:]) if sys.argv[1:2] == ["--work"] else main())
