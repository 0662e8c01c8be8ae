"""What a GPU does with our networks, for whoever has one at hand. Without one it says so in a line and ends with 0.

    make gpu                            # installs what it needs first
    python -m benchmarks.gpu            # tensorflow[and-cuda] and pytest are needed; PyTorch takes part where it is installed
    python -m benchmarks.gpu --fresh    # forgets what was measured before

It runs the tests that are skipped without a GPU, the recipe of the shipped models for a minute, steps by two GPUs where there are two, and
times training steps and whole frames. Each part's result is kept beside the page (RESULTS_GPU.json) once it is there. After --minutes it
stops, and the same command goes on with what is missing. --device=cpu with another --report is a trial of all this where there is no GPU.
Exit code: 1 where a part failed, 2 for wrong options, else 0.
"""

import argparse
import contextlib
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NO_GPU = (
    "No GPU: {}, so nothing was measured. It takes Linux (or WSL2), an NVIDIA GPU with its driver, and "
    "pip install 'tensorflow[and-cuda]', for tensorflow alone has no CUDA libraries."
)
# packed height and width of the steps' patches and of the frame; minutes of the recipe
SIZES = {"full": ((512, 512), (128, 128), (1424, 2128), 1.5), "tiny": ((32, 32), (16, 16), (32, 48), 0.2)}


def has_driver():
    """Tells whether the system shows an NVIDIA GPU: its devices on Linux, DirectX's on WSL2. It needs no package of ours."""
    return any(pathlib.Path("/dev").glob("nvidia[0-9]*")) or pathlib.Path("/dev/dxg").exists()


def parts(device, sizes, rounds, gpus):
    """Returns {name: function that measures it and returns a dict for JSON}, in the order in which they are run."""
    from benchmarks import gpu_checks, gpu_speed

    wide, small, frame, minutes = SIZES[sizes]
    found = {"tests": gpu_checks.run_tests, "recipe": functools.partial(gpu_checks.run_recipe, minutes)}
    if device == "gpu" and gpus < 2:
        found["replicas"] = lambda: {"why_not": f"TensorFlow sees {gpus} GPU, and it takes two"}
    else:
        found["replicas"] = functools.partial(gpu_speed.measure, gpu_speed.Case("replicas", small, "sid", "float32", device), rounds)
    for kind, size in (("step", wide), ("frame", frame), ("step", small)):
        for network in gpu_speed.NETWORKS:
            for precision in gpu_speed.PRECISIONS:
                case = gpu_speed.Case(kind, size, network, precision, device)
                found[f"{kind} {size[0]}x{size[1]} {network} {precision}"] = functools.partial(gpu_speed.measure, case, rounds)
    return found


def settings_of(asked):
    """Returns what results must have in common to stand on one page, and how many GPUs there are; None where TensorFlow sees none."""
    from lowlight_tf.devices import prepare_devices

    prepare_devices()
    import tensorflow as tf

    from benchmarks.__main__ import machine
    from benchmarks.contenders import versions

    said = f"{machine()}, {versions(('torch',))}"
    common = {"rounds": asked.rounds, "sizes": asked.sizes}
    if asked.device == "cpu":
        return {"device": "the CPU, as a trial of what is for GPUs", "machine": said, "memory": "of the whole process", **common}, 0
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details = tf.config.experimental.get_device_details(gpus[0])
    capability = ".".join(map(str, details.get("compute_capability", ("unknown",))))
    name = f"{len(gpus)} x {details.get('device_name', 'a GPU')}" if len(gpus) > 1 else details.get("device_name", "a GPU")
    build = tf.sysconfig.get_build_info()
    said += f", built for CUDA {build.get('cuda_version')} and cuDNN {build.get('cudnn_version')}, compute capability {capability}"
    return {"device": name, "machine": said, "memory": "of the GPU, while it is timed, as each library counts its own", **common}, len(gpus)


def run_within(seconds, name, asked):
    """Measures a part in processes of its own; whatever they started is gone when this returns.

    Returns:
      its result.
    Raises:
      RuntimeError: with the last line of what it said, where it failed. subprocess.TimeoutExpired.
    """
    words = [f"--device={asked.device}", f"--sizes={asked.sizes}", f"--rounds={asked.rounds}", f"--part={name}"]
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if asked.device == "cpu" else {}
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu", *words, f"--report={result}"],
            cwd=HERE.parent,
            env=os.environ | hidden | {"TMPDIR": folder},  # what a killed part leaves there goes with the folder
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            raise RuntimeError((said.strip().splitlines() or [f"it ended with {process.returncode}"])[-1].removeprefix("error: "))
        return json.loads(result.read_text())


def load_kept(path, settings, fresh):
    """Returns what earlier runs have kept, or the beginning of it.

    Raises:
      LowlightError: where that is of another machine, or of other options.
    """
    from lowlight_tf.errors import LowlightError

    kept = json.loads(path.read_text()) if path.is_file() and not fresh else {"settings": settings, "done": {}, "failed": {}}
    other = [f"{name} {kept['settings'].get(name)}, not {value}" for name, value in settings.items() if kept["settings"].get(name) != value]
    if other:
        raise LowlightError(f"{path} holds results of {'; '.join(other)}; --fresh forgets them, or name another --report")
    return kept


def save(report, kept, names):
    """Writes what is kept and the page made of it; `names` are those of all parts."""
    from benchmarks.gpu_report import page
    from lowlight_tf.files import atomic_path

    text = page(kept, [name for name in names if name not in kept["done"] and name not in kept["failed"]])
    for path, content in ((report.with_suffix(".json"), json.dumps(kept, indent=1)), (report, text)):
        with atomic_path(path) as temporary:
            pathlib.Path(temporary).write_text(content + "\n")


def measure_missing(asked, kept, names, keep):
    """Measures one part after the other, as long as there is time, and keeps each.

    Args:
      asked: the options.
      kept: what there is; changed in place.
      names: of the parts.
      keep: function without arguments that saves what there is.
    """
    deadline = time.monotonic() + 60 * asked.minutes
    missing = [name for name in names if name not in kept["done"] or name in kept["failed"]]
    for name in missing:
        left = deadline - time.monotonic()
        if left <= 0:
            print(f"{asked.minutes:g} minutes are over; the same command goes on with {name}.")
            return
        print(f"{name} ...", flush=True)
        kept["failed"].pop(name, None)
        try:
            kept["done"][name] = run_within(left, name, asked)
            if kept["done"][name].get("failed"):
                kept["failed"][name] = kept["done"][name]["failed"]
        except subprocess.TimeoutExpired:
            print(f"{asked.minutes:g} minutes are over in the middle of {name}; the same command begins it again.")
            return
        except RuntimeError as error:
            kept["failed"][name] = str(error)
        if name in kept["failed"]:
            print(f"{name} failed: {kept['failed'][name]}")
        keep()


def parse(words):
    """Reads the options; wrong ones end the program with exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--sizes", choices=list(SIZES), default="full", help="tiny: what a CPU does in a minute or two, for trials")
    parser.add_argument("--rounds", type=int, default=15, help="how often each contender takes its turn")
    parser.add_argument("--minutes", type=float, default=25, help="then it stops; the same command goes on")
    parser.add_argument("--only", action="append", default=[], help="parts whose name has this word in it; may be repeated")
    parser.add_argument("--report", type=pathlib.Path, default=HERE / "RESULTS_GPU.md", help="the page; its .json is kept beside it")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # what run_within asks a process of its own for
    asked = parser.parse_args(words)
    if asked.rounds < 1:
        parser.error(f"--rounds={asked.rounds}: at least 1")
    if asked.device == "cpu" and asked.report == HERE / "RESULTS_GPU.md":
        parser.error("--device=cpu is a trial, whose page is not to be taken for a GPU's: name another --report")
    return asked


def main(words=None):
    """Returns the exit code."""
    asked = parse(words)
    if asked.device == "gpu" and not has_driver():
        print(NO_GPU.format("this machine shows no NVIDIA device"))
        return 0
    found = settings_of(asked)
    if found is None:
        print(NO_GPU.format("this machine shows an NVIDIA device, but TensorFlow sees no GPU"))
        return 0
    from lowlight_tf.errors import LowlightError

    settings, gpus = found
    everything = parts(asked.device, asked.sizes, asked.rounds, gpus)
    asked.report = asked.report.resolve()
    try:
        if asked.part:
            asked.report.write_text(json.dumps(everything[asked.part]()))
            return 0
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a part has started is ended then too
        kept = load_kept(asked.report.with_suffix(".json"), settings, asked.fresh)
        names = [name for name in everything if not asked.only or any(word in name for word in asked.only)]
        measure_missing(asked, kept, names, functools.partial(save, asked.report, kept, everything))
    except LowlightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on.")
        return 130
    print(f"{asked.report} holds {len(kept['done'])} of {len(everything)} parts.")
    return int(bool(kept["failed"]))


if __name__ == "__main__":
    sys.exit(main())
