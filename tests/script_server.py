"""Runs entry scripts in forks of a process that has TensorFlow imported already: hundreds of runs need not import it hundreds of times.

What a script does is what it does when a shell starts it: its own process, arguments, folder, output, signals and exit code. The server
holds no tensor and has started no operation when it forks.
"""

import atexit
import json
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent
_PRELOADED = (
    "numpy",
    "tensorflow",
    "scipy.ndimage",
    "skimage.restoration",
    "PIL.Image",
    "absl.flags",
    "psutil",
    "tqdm",
    "rawpy",
    "imageio.v3",
)


def _exit_code(stop):
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    print(stop.code, file=sys.stderr)
    return 1


def _run_script(script, arguments):
    """Runs the script as __main__ and returns its exit code; what was not caught is printed, as the interpreter does."""
    sys.argv = [script, *arguments]
    try:
        if script.endswith(".py"):
            sys.path[0] = os.path.dirname(script)
            runpy.run_path(script, run_name="__main__")
        else:
            sys.path[0] = os.getcwd()
            runpy.run_module(script, run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        return _exit_code(stop)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0


def _child(job):
    for number, path in ((0, os.devnull), (1, job["stdout"]), (2, job["stderr"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setpgid(0, 0)
    code = _run_script(job["script"], job["arguments"])
    threading._shutdown()  # waits for threads, as the interpreter does at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child, seconds):
    """Returns a child's exit code, negative for a signal's, or None where it had to be killed."""
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.005)


def _serve():
    import importlib

    import lowlight_tf  # noqa: F401  (sets TensorFlow's environment)

    for name in _PRELOADED:
        importlib.import_module(name)
    requests, replies = sys.stdin, os.fdopen(os.dup(1), "w")
    print("ready", file=replies, flush=True)
    for line in requests:
        job = json.loads(line)
        child = os.fork()
        if not child:
            _child(job)
        print(json.dumps(_wait(child, job["timeout"])), file=replies, flush=True)


class ScriptServer:
    """The server, from a test's side; started when the first script is run."""

    def __init__(self):
        self._process = None

    def _started(self):
        if self._process is None or self._process.poll() is not None:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            assert self._process.stdout.readline() == "ready\n"
        return self._process

    def run(self, command, cwd, timeout, environment):
        """As subprocess.run(command, capture_output=True, text=True) of a Python script or `-m module`.

        Args:
          command: a script's path or a module's name, and its arguments.
          cwd, timeout, environment: its folder, the seconds it may take, all of its environment.
        Raises:
          subprocess.TimeoutExpired: it was killed after that time.
        """
        with tempfile.TemporaryDirectory() as folder:
            streams = {name: os.path.join(folder, name) for name in ("stdout", "stderr")}
            job = {"script": command[0], "arguments": command[1:], "cwd": str(cwd), "timeout": timeout, "environment": environment}
            server = self._started()
            server.stdin.write(json.dumps(job | streams) + "\n")
            server.stdin.flush()
            code = json.loads(server.stdout.readline())
            texts = [pathlib.Path(path).read_text() for path in streams.values()]
        if code is None:
            raise subprocess.TimeoutExpired(command, timeout, *texts)
        return subprocess.CompletedProcess(command, code, *texts)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _serve()
