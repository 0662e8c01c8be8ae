"""Speed on a device: our network with and without XLA and in bfloat16, against PyTorch with the same weights. A part of benchmarks.gpu.

Each contender is a process of its own, as in benchmarks.contenders. Their outputs (losses, in training) are compared before anything is
timed: one that differs too much is not timed. float32 is what both libraries make of it as they come: on a GPU that has TF32 both compute
convolutions in it.
"""

import dataclasses
import importlib.util
import json
import pathlib
import sys
import tempfile

import numpy as np

from benchmarks.contenders import NotPreparedError, answer, resident_peak, start, take_turns

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = "lowlight_tf"
PRECISIONS = ("float32", "bfloat16")
NETWORKS = ("sid", "bayer")
# How far outputs may be apart: root mean square of the difference over that of our output. TF32 has 10 bits, bfloat16 has 7.
_AGREE = {("cpu", "float32"): 1e-4, ("gpu", "float32"): 2e-2, ("cpu", "bfloat16"): 0.1, ("gpu", "bfloat16"): 0.1}


@dataclasses.dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes:
      kind: "step", a training step of batch 1, "frame", the network on a picture, from array to array, or "replicas", steps by several.
      size: packed height and width.
      network: "sid", SID's own at width 32 with random weights, or "bayer", that of models/bayer without its skip.
      precision: one of PRECISIONS.
      device: "gpu" or "cpu".
    """

    kind: str
    size: tuple
    network: str
    precision: str
    device: str


def _network(name):
    """Returns a network's config, and its parameters as {name: array}."""
    from lowlight_tf.checkpoints.load import load_network
    from lowlight_tf.network.model import initialize_parameters, network_for
    from lowlight_tf.network.sid import parameter_shapes
    from lowlight_tf.raw.cameras import CAMERAS

    if name == "bayer":
        loaded = load_network(ROOT / "models" / "bayer")
        # Without the skip there is no mosaic to correct: block 10's first outputs are the picture's.
        network = dataclasses.replace(loaded.network, mosaic_channels=0)
        params = {name: loaded.params[name][..., : shape[-1]] for name, shape in parameter_shapes(network).items()}
    else:
        network = network_for(CAMERAS["sony"])
        params = initialize_parameters(network, 1)
    return network, {name: value.numpy() for name, value in params.items()}


def _arrays(case, values, batch=1):
    rng = np.random.RandomState(0)
    height, width = case.size
    packed = rng.uniform(0, 1, (batch, height, width, values["conv1_1/weights"].shape[2])).astype(np.float32)
    return packed, rng.uniform(0, 1, (batch, 2 * height, 2 * width, 3)).astype(np.float32)


def _ours(case, values, *, xla=False, batch=1, replicas=1):
    from lowlight_tf.devices import prepare_devices

    prepare_devices()
    import tensorflow as tf

    from benchmarks import our_network
    from lowlight_tf.training.replicas import make_strategy

    make_strategy(replicas)  # logical CPUs are made before anything else runs
    network, _ = _network(case.network)
    packed, target = _arrays(case, values, batch)
    options = {"mixed_precision": case.precision == "bfloat16", "xla": xla}
    if case.kind == "frame":
        run = our_network.inference(values, packed, network, **options)
    else:
        run = our_network.step(packed, target, network, values=values, replicas=replicas, **options)[0]
    if case.device == "cpu":
        return run, lambda: None, resident_peak
    experimental = tf.config.experimental
    return run, lambda: experimental.reset_memory_stats("GPU:0"), lambda: experimental.get_memory_info("GPU:0")["peak"] / 2**30


def _pytorch(case, values, *, compiled=False):
    import torch  # never beside TensorFlow: on CPU its backward pass then crashed

    from benchmarks import torch_network

    device = "cuda" if case.device == "gpu" else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch sees no GPU: it was built without CUDA, or for a newer driver")
    packed, target = _arrays(case, values)
    options = (compiled, device, case.precision == "bfloat16")
    run = (
        torch_network.inference(values, packed, *options) if case.kind == "frame" else torch_network.step(values, packed, target, *options)
    )
    if device == "cpu":
        return run, lambda: None, resident_peak
    return run, torch.cuda.reset_peak_memory_stats, lambda: torch.cuda.max_memory_allocated() / 2**30


ALONE, SAME_BATCH, SHARED = "one device, batch 1", "one device, batch 2", "two devices, batch 2"
CONTENDERS = {
    OURS: _ours,
    "lowlight_tf, XLA": lambda *case: _ours(*case, xla=True),
    "PyTorch, channels_last": _pytorch,
    "PyTorch, torch.compile": lambda *case: _pytorch(*case, compiled=True),
}
REPLICAS = {
    SAME_BATCH: lambda *case: _ours(*case, batch=2),
    SHARED: lambda *case: _ours(*case, batch=2, replicas=2),
    ALONE: _ours,
}
_ALL = CONTENDERS | REPLICAS


def serve(name, folder):
    """Prepares a contender, leaves its first results in the folder and then runs once for each line that comes in."""
    described = json.loads((folder / "case.json").read_text())
    case = Case(**described | {"size": tuple(described["size"])})
    run, forget_peak, peak = _ALL[name](case, dict(np.load(folder / "values.npz")))
    results = [run() for _ in range(3)]
    np.save(folder / f"{list(_ALL).index(name)}.npy", results[-1] if case.kind == "frame" else np.asarray(results))
    forget_peak()
    answer(run, peak)


def distance(found, expected):
    """Returns the root mean square of the difference over that of what is expected; not a number where one of them is not."""
    return float(np.sqrt(np.mean(np.square(found - expected, dtype=np.float64)) / np.mean(np.square(expected, dtype=np.float64))))


def measure(case, rounds):
    """Times the contenders of a case.

    Args:
      case: a Case.
      rounds: how often each takes its turn.
    Returns:
      {"case": its fields, "rows": {contender: {"seconds": [...], "gib": peak}}, "apart": {contender: distance from our output},
      "left_out": {contender: why}}.
      Peaks are of the GPU's memory while timed, or of the process's where the device is the CPU.
    Raises:
      NotPreparedError: where our own cannot be run.
    """
    contenders, reference = (REPLICAS, SAME_BATCH) if case.kind == "replicas" else (CONTENDERS, OURS)
    running, apart, left_out = {}, {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "case.json").write_text(json.dumps(dataclasses.asdict(case)))
        np.savez(folder / "values.npz", **_network(case.network)[1])
        for contender in contenders:
            if contender.startswith("PyTorch") and not importlib.util.find_spec("torch"):
                left_out[contender] = "PyTorch is not installed"
                continue
            try:
                process = start(contender, folder, "benchmarks.gpu_speed")
            except NotPreparedError as error:
                if contender == reference:
                    raise
                left_out[contender] = str(error)
                continue
            found, expected = (np.load(folder / f"{list(_ALL).index(name)}.npy") for name in (contender, reference))
            running[contender], apart[contender] = process, distance(found, expected)
            # Another batch has another loss.
            if contender != ALONE and not apart[contender] <= _AGREE[case.device, case.precision]:
                running.pop(contender).communicate()
                left_out[contender] = f"its output is not ours: {apart[contender]:.1e} apart"
        told = take_turns(running, rounds)
        left_out |= dict.fromkeys(running.keys() - told.keys(), "it ended while it was timed")
    rows = {name: {"seconds": [turn["seconds"] for turn in turns], "gib": turns[-1]["gib"]} for name, turns in told.items()}
    return {"case": dataclasses.asdict(case), "rows": rows, "apart": apart, "left_out": left_out}


if __name__ == "__main__" and sys.argv[1:2] == ["--serve"]:
    serve(sys.argv[2], pathlib.Path(sys.argv[3]))
