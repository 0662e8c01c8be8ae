"""What an exported model gives in its own runtime: PSNR on real pairs, largest difference from TensorFlow, CPU seconds, size of the file.

    python -m benchmarks.export_quality MODEL PAIRS [CALIBRATION]

MODEL is a checkpoint's folder, PAIRS a folder with Sony/short and Sony/long whose test split is scored. int8 is calibrated on the training
shorts of CALIBRATION, by default of PAIRS. The seconds are medians of ROUNDS (5) rounds, the runtimes in turn, on packed 512x768, one
thread each. Needs the packages of requirements-dev.txt.
"""

import dataclasses
import os
import pathlib
import statistics
import sys
import tempfile
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import numpy as np
import tensorflow as tf

from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.datasets import sid
from lowlight_tf.enhancement import engine
from lowlight_tf.errors import Problems
from lowlight_tf.evaluation.evaluate import predictor_of, score_output
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.export.export import ExportConfig, export

SIZE = (512, 768)


def in_tensorflow(path):
    loaded = tf.saved_model.load(str(path)).signatures["serving_default"]
    return lambda light: loaded(packed=tf.convert_to_tensor(light))["picture"].numpy()


def in_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    return lambda light: runner(packed=np.asarray(light))["picture"]


def in_onnxruntime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda light: session.run(None, {"packed": np.asarray(light)})[0]


def in_openvino(path):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    return lambda light: compiled(np.asarray(light))[0].copy()


RUNTIMES = (
    ("saved_model", "TensorFlow", in_tensorflow),
    ("litert", "LiteRT", in_litert),
    ("onnx", "onnxruntime", in_onnxruntime),
    ("onnx", "OpenVINO", in_openvino),
)


def export_all(model, calibration, folder):
    """Exports every kind of file; returns {(format, quantize): path}."""
    paths = {}
    for form in ("saved_model", "litert", "onnx"):
        for quantize in ("", "float16", "int8"):
            if (form, quantize) != ("saved_model", "int8"):
                config = ExportConfig(model, form, quantize, data_dir=calibration if quantize == "int8" else "")
                config = dataclasses.replace(config, output=str(folder / config.path.name))
                export(config, Problems())
                paths[form, quantize] = config.path
    return paths


def cpu_seconds(runs, channels):
    """Returns the median CPU seconds of each run, the runs in turn."""
    light = np.random.RandomState(0).rand(1, *SIZE, channels).astype(np.float32)
    seconds = {name: [] for name in runs}
    for turn in range(1 + int(os.environ.get("ROUNDS", "5"))):
        for name, run in runs.items():
            started = time.process_time()
            run(light)
            if turn:  # the first one prepares
                seconds[name].append(time.process_time() - started)
    return {name: statistics.median(found) for name, found in seconds.items()}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    checkpoint_dir, pairs_dir, calibration = sys.argv[1], sys.argv[2], sys.argv[-1]
    loaded = load_network(checkpoint_dir)
    camera, network = loaded.camera, loaded.network
    pairs = sid.find_pairs(pairs_dir, camera, "test", Problems())
    with tempfile.TemporaryDirectory() as name:
        paths = export_all(checkpoint_dir, calibration, pathlib.Path(name))
        runs, sizes = {}, {}
        for form, runtime, load in RUNTIMES:
            for quantize in ("", "float16", "int8"):
                if (form, quantize) in paths:
                    path = paths[form, quantize]
                    runs[runtime, quantize or "float32"] = load(path)
                    sizes[runtime, quantize or "float32"] = sum(part.stat().st_size for part in (path, *path.rglob("*")) if part.is_file())
        seconds = cpu_seconds(runs, network.input_channels)
        models = {name: engine.Model(camera, network, loaded.interface, loaded.step, run) for name, run in runs.items()}
        outputs = {name: [score_output(predictor_of(made), pair, camera)[1:] for pair in pairs] for name, made in models.items()}
    reference = outputs["TensorFlow", "float32"]
    print(f"{len(pairs)} pairs, {os.path.basename(checkpoint_dir)}\n")
    print("| runtime | weights | MB | PSNR | loss | 8-bit difference, largest | CPU s |\n|---|---|---|---|---|---|---|")
    scores = {name: statistics.fmean(psnr(*pair) for pair in found) for name, found in outputs.items()}
    for (runtime, kind), found in outputs.items():
        off = max(int(np.abs(ours.astype(int) - theirs).max()) for (ours, _), (theirs, _) in zip(found, reference, strict=True))
        score, loss = scores[runtime, kind], scores["TensorFlow", "float32"] - scores[runtime, kind]
        print(
            f"| {runtime} | {kind} | {sizes[runtime, kind] / 1e6:.1f} | {score:.2f} | {loss:.3f} | {off} | {seconds[runtime, kind]:.2f} |"
        )


if __name__ == "__main__":
    main()
