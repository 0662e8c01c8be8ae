"""The same weights and inputs through us and our peers: one training step, and the network on a frame.

    python -m benchmarks.contenders          # make bench runs it too

Each contender is a process of its own, so that its peak of resident memory is its own. Before anything is timed their outputs (losses, in
training) must agree within 1e-4; then they take turns. ROUNDS, SIZES (of training patches) and FRAME (of the packed frame, multiples of
16; "1424x2128" is the A7S II's) may be set in the environment.
"""

import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil

from lowlight_tf.errors import LowlightError

ROUNDS = int(os.environ.get("ROUNDS", "7"))
SIZES = [int(size) for size in os.environ.get("SIZES", "512,128").split(",")]
FRAME = tuple(int(side) for side in os.environ.get("FRAME", "1424x2128").split("x"))
_AGREE = 1e-4
_PACKAGES = ("tensorflow", "tf_slim", "torch", "onnxruntime", "openvino", "ai-edge-litert", "numpy")
_TILE = 940_000  # packed pixels of a window: what fits into 1.5 GiB


def _ours(values, packed, target):
    from benchmarks import our_network

    return our_network.inference(values, packed) if target is None else our_network.step(packed, target)[0]


def _tiled(values, packed, target):
    """Ours as enhance.py does it where memory is short: exactly the same picture in tiles."""
    import tensorflow as tf

    from lowlight_tf.enhancement import tiling
    from lowlight_tf.network.model import forward, network_for
    from lowlight_tf.raw.cameras import CAMERAS

    network = network_for(CAMERAS["sony"])
    params = {name: tf.Variable(value) for name, value in values.items()}
    function = tf.function(lambda inputs: forward(params, inputs, network), input_signature=[tf.TensorSpec([1, None, None, 4], tf.float32)])
    tiles = tiling.plan(*packed.shape[1:3], tiling.halo(network), _TILE)
    picture = np.empty((1, 2 * packed.shape[1], 2 * packed.shape[2], 3), np.float32)

    def run():
        for rows, columns in tiles:
            output = function(packed[:, rows.start : rows.stop, columns.start : columns.stop])
            picture[:, 2 * rows.keep : 2 * rows.keep_end, 2 * columns.keep : 2 * columns.keep_end] = output[
                :,
                2 * (rows.keep - rows.start) : 2 * (rows.keep_end - rows.start),
                2 * (columns.keep - columns.start) : 2 * (columns.keep_end - columns.start),
            ]
        return picture

    return run


def _original(values, packed, target):
    from benchmarks.training_step import original_inference, original_step

    return original_inference(values, packed) if target is None else original_step(values, packed, target)


def _pytorch(values, packed, target, compiled=False):
    from benchmarks import torch_network

    return torch_network.inference(values, packed, compiled) if target is None else torch_network.step(values, packed, target, compiled)


def _exported(kind):
    """Returns a contender that runs our own export in its own runtime; it cannot train."""

    def prepare(values, packed, target):
        from benchmarks.exported import load

        return load(kind, values, packed)

    return prepare


# name -> how it is prepared, and what it can do
CONTENDERS = {
    "lowlight_tf": (_ours, "train, infer"),
    "lowlight_tf, in tiles": (_tiled, "infer"),
    "original graph (tf_slim)": (_original, "train, infer"),
    "PyTorch, channels_last": (_pytorch, "train, infer"),
    "PyTorch, torch.compile": (lambda *case: _pytorch(*case, compiled=True), "train, infer"),
    "ONNX Runtime": (_exported("onnx"), "infer"),
    "OpenVINO": (_exported("openvino"), "infer"),
    "LiteRT": (_exported("litert"), "infer"),
}


def resident_peak():
    """Returns the most memory that this process has had, in GiB."""
    peak = next(line.split()[1] for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak) / 2**20


def answer(run, peak=resident_peak):
    """Runs once for each line that comes in; seconds and the peak of memory go to standard output."""
    for _ in iter(lambda: print("ready", flush=True) or sys.stdin.readline(), ""):
        started = time.perf_counter()
        run()
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "gib": peak()}), flush=True)


def serve(name, folder):
    """Prepares a contender and runs it once for each line that comes in; the first results go to result.npy, times to standard output."""
    case = np.load(folder / "case.npz")
    values = {key.removeprefix("values/"): case[key] for key in case.files if key.startswith("values/")}
    run = CONTENDERS[name][0](values, case["packed"], case["target"] if "target" in case.files else None)
    results = [run() for _ in range(2)]
    np.save(folder / f"{list(CONTENDERS).index(name)}.npy", np.asarray(results if "target" in case.files else results[-1]))
    answer(run)


class NotPreparedError(LowlightError):
    """A contender ended before it was ready; the text is the last line of what it said."""


def start(name, folder, module="benchmarks.contenders"):
    """Starts a contender in a process of its own and waits until it is ready.

    Args:
      name, folder: which one, and where it finds its case and leaves its results.
      module: run with --serve, name and folder, it ends in `answer`.
    Raises:
      NotPreparedError: where it ends before.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with open(folder / "errors.txt", "w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--serve", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
    line = ""
    while line != "ready\n":
        line = process.stdout.readline()
        if not line:
            said = re.findall(r"^(?![IWE]0000|WARNING)\S.*$", (folder / "errors.txt").read_text(), re.MULTILINE)  # without TensorFlow's log
            raise NotPreparedError(said[-1] if said else f"it ended with {process.wait()}")
    return process


def _turn(process):
    process.stdin.write("run\n")
    process.stdin.flush()
    told = json.loads(process.stdout.readline())
    process.stdout.readline()
    return told


def take_turns(running, rounds):
    """Lets contenders, {name: process}, run one after the other, `rounds` times, and ends them.

    Returns:
      {name: [{"seconds": ..., "gib": ...}, ...]}, without those that ended on the way, as for want of memory.
    """
    told = {name: [] for name in running}
    for _ in range(rounds):
        for name in list(told):
            try:
                told[name].append(_turn(running[name]))
            except (BrokenPipeError, json.JSONDecodeError):
                del told[name]
                print(f"{name} ended while it was timed, with {running[name].wait()}: left out. Is there memory for all of them?\n")
    for name in told:
        running[name].stdin.close()
        running[name].wait()
    return told


def compare(title, folder, names, rounds=ROUNDS):
    """Starts the contenders, checks that they agree, lets them take turns and prints the table."""
    running = {}
    for name in names:
        try:
            running[name] = start(name, folder)
        except NotPreparedError as error:
            print(f"{name} could not be prepared: {error}\n")
    results = {name: np.load(folder / f"{list(CONTENDERS).index(name)}.npy") for name in running}
    first = results["lowlight_tf"]
    apart = {name: float(np.abs(result - first).max()) for name, result in results.items()}
    if max(apart.values()) > _AGREE:
        sys.exit(f"outputs differ by more than {_AGREE}: {apart}")
    print(f"### {title}\n\n{rounds} rounds taking turns; outputs within {max(apart.values()):.0e} of each other.\n")
    told = take_turns(running, rounds)
    print("| | median | minimum | ours / this, median of pairs | peak memory |\n|---|---|---|---|---|")
    ours = [entry["seconds"] for entry in told.get("lowlight_tf", ())]
    for name, entries in told.items():
        seconds = [entry["seconds"] for entry in entries]
        ratio = f"{statistics.median(a / b for a, b in zip(ours, seconds, strict=True)):.2f}" if ours else "-"
        print(f"| {name} | {statistics.median(seconds):#.3g} s | {min(seconds):#.3g} s | {ratio} | {entries[-1]['gib']:.1f} GiB |")
    print(flush=True)


def versions(packages=_PACKAGES):
    """Returns the packages with their versions, or that they are not installed, as one line."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def main():
    from lowlight_tf.network.model import network_for
    from lowlight_tf.network.sid import initialize_parameters
    from lowlight_tf.raw.cameras import CAMERAS

    values = {f"values/{name}": value.numpy() for name, value in initialize_parameters(network_for(CAMERAS["sony"]), 1).items()}
    rng = np.random.RandomState(0)
    print(
        f"Python {platform.python_version()}, {versions()}; {len(os.sched_getaffinity(0))} threads; "
        f"load average {psutil.getloadavg()[0]:.1f} before.\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        trained = [name for name, (_, does) in CONTENDERS.items() if "train" in does]
        for size in SIZES:
            packed, target = (
                rng.uniform(0, 1, (1, side, side, channels)).astype(np.float32) for side, channels in ((size, 4), (2 * size, 3))
            )
            np.savez(folder / "case.npz", **values, packed=packed, target=target)
            # a small step is soon over, so more of them are timed
            compare(f"A training step, {size}x{size} packed, batch 1", folder, trained, ROUNDS * max(1, 512 // size))
        np.savez(folder / "case.npz", **values, packed=rng.uniform(0, 1, (1, *FRAME, 4)).astype(np.float32))
        compare(f"The network on a frame of {2 * FRAME[0]}x{2 * FRAME[1]}", folder, list(CONTENDERS))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        main()
