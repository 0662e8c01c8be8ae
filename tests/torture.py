"""Every tool, killed or refused the disk at every file that it opens, renames or removes: python -m tests.torture --seconds=600

A trial runs a tool in a process of its own, which an audit hook (PEP 578) ends at the n-th such event: by SIGKILL, or by the error of a
full or broken disk. Then the same command is given again, and must end with the very files of a run that nothing disturbed. What
TensorFlow writes by itself, the data of a checkpoint, has no such events; the renames that put it into place have.

Processes are forked from one that has imported everything and started nothing of TensorFlow.
"""

import argparse
import collections
import errno
import mmap
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from torture_tools import MAKERS, TOOLS

ROOT = pathlib.Path(__file__).resolve().parent.parent
_EVENTS = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate", "lowlight_tf.exchange")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_ENDS = {"kill": None, "full": errno.ENOSPC, "broken": errno.EIO}
_LITTER = re.compile(r"\..*\.lowlight_tf-[0-9a-f]{8}\.(tmp|old)(\..*)?|\.lowlight_tf-training\.lock|\.unfinished", re.DOTALL)
_PATIENCE = 600


def _command(arguments):
    """Runs a command as a user's shell would, in this process; ends it."""
    program, *rest = arguments
    sys.argv = [f"{program}.py", *rest]
    if program == "lowlight_tf":
        from lowlight_tf.__main__ import main

        os._exit(main())
    if program == "train":
        from flags.train_command import main
    elif program == "enhance":
        from flags.enhance_command import main
    else:
        from flags.test_command import main
    main()


def _hook(count, stop_at, end, folder):
    """Returns an audit hook that counts what happens to files in `folder`, and ends the process, or refuses, at one of them."""
    inside = os.fsencode(folder) + b"/"

    def hook(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITING:
                return
        elif event not in _EVENTS:
            return
        else:
            path = arguments[0]
        if not isinstance(path, (str, bytes, os.PathLike)) or not os.path.abspath(os.fsencode(path)).startswith(inside):
            return
        number = int.from_bytes(count[:8], "little") + 1
        count[:8] = number.to_bytes(8, "little")
        if number == stop_at:
            if _ENDS[end] is None:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(_ENDS[end], os.strerror(_ENDS[end]), os.fspath(path))

    return hook


def forked(folder, work, stop_at=0, end="kill"):
    """Runs a function in a process of its own, in `folder`; returns (exit code, events counted, what it printed)."""
    count, log = mmap.mmap(-1, 8), folder.parent / "log"
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1), os.dup2(output, 2)
            from lowlight_tf import console

            console.TERMINAL = sys.stderr
            if stop_at >= 0:
                sys.addaudithook(_hook(count, stop_at, end, folder))
            work()
            sys.stdout.flush()
            os._exit(0)
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(99)
    deadline = time.monotonic() + _PATIENCE
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 98, 0, "it hung"
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(ended[1]), int.from_bytes(count[:8], "little"), log.read_text(errors="replace")


def _files(folder, tool):
    """Returns {path: content} of what a tool left, and the names of litter."""
    found, litter = {}, []
    for name in tool.results:
        for path in sorted((folder / name).rglob("*")):
            place = path.relative_to(folder / name).as_posix()
            if any(_LITTER.fullmatch(part) for part in path.relative_to(folder).parts):
                litter.append(place)
            elif path.is_file() and not re.fullmatch(tool.left_out, place):
                found[f"{name}/{place}"] = path.read_bytes()
    return found, litter


class Bench:
    """One tool, the files of its undisturbed run, and its trials."""

    def __init__(self, name, place):
        self.tool, self.folder, self._inputs = TOOLS[name], place / "trial", place / f"inputs_{name}"
        self._inputs.mkdir(parents=True)
        makers = [MAKERS[what] for what in self.tool.inputs]
        code, _, said = forked(self._inputs, lambda: [make(self._inputs) for make in makers], stop_at=-1)
        assert code == 0, said
        self._fresh()
        code, self.events, said = self._run()
        assert code == 0, said
        self.expected, _ = _files(self.folder, self.tool)
        assert self.expected, f"{name} left nothing"

    def _fresh(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._inputs, self.folder)

    def _run(self, stop_at=0, end="kill"):
        return forked(self.folder, lambda: _command(self.tool.command), stop_at, end)

    def trial(self, stop_at, end):
        """Stops a run at an event and gives the command again; returns what is wrong, or ""."""
        self._fresh()
        code, _, said = self._run(stop_at, end)
        if end == "kill" and code != -signal.SIGKILL:
            return f"it was not killed: exit code {code}"
        if "Traceback" in said or (end != "kill" and code not in (0, 1)):
            return f"exit code {code}: {said[-1500:]}"
        code, _, said = self._run()
        found, _ = _files(self.folder, self.tool)
        finished = code == 0 or (code == 1 and self.tool.there_already and self.tool.there_already in said)
        if not finished or "Traceback" in said:
            return f"given again, exit code {code}: {said[-1500:]}"
        different = [name for name in {*found, *self.expected} if found.get(name) != self.expected.get(name)]
        return f"other files than undisturbed: {sorted(different)}" if different else ""


def torture(place, options):
    """Runs trials until the time is over or all are made; returns {tool: (trials, events)} and the list of what was wrong."""
    rng, wrong, made = random.Random(options.seed), [], collections.Counter()
    benches = {name: Bench(name, place / name) for name in options.tools}
    trials = [(name, number, end) for name, bench in benches.items() for end in options.ends for number in range(1, bench.events + 1)]
    rng.shuffle(trials)
    end = time.monotonic() + options.seconds
    for name, number, how in trials[: options.trials or None]:
        if time.monotonic() > end:
            break
        fault = benches[name].trial(number, how)
        made[name] += 1
        if fault:
            wrong.append(f"{name}, {how} at event {number} of {benches[name].events}: {fault}")
            print(wrong[-1], flush=True)
    return {name: (made[name], bench.events) for name, bench in benches.items()}, len(trials), wrong


def main():
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--trials", type=int, default=0, help="at most so many; 0: as many as there is time for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tools", type=lambda text: text.split(","), default=list(TOOLS))
    parser.add_argument("--ends", type=lambda text: text.split(","), default=list(_ENDS))
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import conftest  # noqa: F401 - all that the forked processes need, imported once

    import lowlight_tf.training.study  # noqa: F401

    with tempfile.TemporaryDirectory() as name:
        made, possible, wrong = torture(pathlib.Path(name).resolve(), options)
    for tool, (trials, events) in made.items():
        print(f"{tool}: {trials} trials; {events} events in an undisturbed run")
    print(f"{sum(trials for trials, _ in made.values())} of {possible} trials (seed {options.seed}): {len(wrong)} went wrong.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
