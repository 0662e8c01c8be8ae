"""Our own exports in their own runtimes: contenders of the benchmark."""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np


def write_export(kind, values, folder):
    """Writes a model with these weights as ONNX or LiteRT; returns the file."""
    from lowlight_tf.checkpoints import checkpoint
    from lowlight_tf.errors import Problems
    from lowlight_tf.export.export import ExportConfig, export
    from lowlight_tf.network import model
    from lowlight_tf.raw.cameras import CAMERAS

    camera = CAMERAS["sony"]
    network = model.network_for(camera)
    params = model.initialize_parameters(network)
    for name, value in values.items():
        params[name].assign(value)
    checkpoint.write_config(folder / "model", model.describe(camera, network))
    checkpoint.Store(folder / "model", params).save(1)
    path = folder / f"model.{kind}"
    export(ExportConfig(str(folder / "model"), kind, output=str(path)), Problems())
    return path


def _onnx(path, packed, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"packed": packed})[0]


def _openvino(path, packed, threads):
    import openvino

    # In float32 like the others: where a processor has bfloat16, OpenVINO takes that by itself, and outputs are off by 2e-3.
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    return lambda: np.array(compiled({"packed": packed})[0])


def _litert(path, packed, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    runner = interpreter.get_signature_runner()
    return lambda: next(iter(runner(packed=packed).values()))


RUNTIMES = {"onnx": ("onnx", _onnx), "openvino": ("onnx", _openvino), "litert": ("litert", _litert)}


def load(name, values, packed):
    """Returns a function that runs our export of `values` on float32 [1, h, w, 4] in a runtime and returns [1, 2h, 2w, 3]."""
    kind, prepare = RUNTIMES[name]
    with tempfile.TemporaryDirectory() as folder:
        # A process of its own makes the file, so that the runtime's memory is not TensorFlow's.
        values_path = pathlib.Path(folder) / "values.npz"
        np.savez(values_path, **values)
        code = (
            "import pathlib, sys, numpy as np, benchmarks.exported as exported; case = np.load(sys.argv[2]); "
            "exported.write_export(sys.argv[1], {name: case[name] for name in case.files}, pathlib.Path(sys.argv[3]))"
        )
        subprocess.run([sys.executable, "-c", code, kind, str(values_path), folder], check=True, stdout=subprocess.DEVNULL)
        return prepare(pathlib.Path(folder) / f"model.{kind}", packed, len(os.sched_getaffinity(0)))
