"""What `--quality` costs and brings, for each model that ships.

    python -m benchmarks qualities [SETS ...]

Cost: the network on a frame of 12 megapixels, beside the original graph at its own width. Every contender is a process of its own; they
take turns. Score: mean PSNR of `test.py` on each set, a folder with short/ and long/. FRAME may be set in the environment, as for
`benchmarks.contenders`.
"""

import contextlib
import json
import pathlib
import statistics
import sys
import tempfile

import numpy as np

from benchmarks.contenders import FRAME, NotPreparedError, answer, start, take_turns

ORIGINAL = "original graph (tf_slim)"
ROUNDS = 5


def models():
    """Returns {name: (folder, quality)} of the networks that ship, in each quality that there is; a calibrated model's is another one's."""
    from lowlight_tf import DEFAULT_MODEL
    from lowlight_tf.checkpoints.load import fast_folder
    from lowlight_tf.network import QUALITIES

    configs = {path.parent: json.loads(path.read_text()) for path in DEFAULT_MODEL.parent.glob("*/config.json")}
    folders = {folder for folder, config in configs.items() if not any(config["camera"].get("black_offsets", ()))}
    return {
        f"models/{folder.name}, {quality}": (folder, quality)
        for folder in sorted(folders - {fast_folder(folder) for folder in folders})
        for quality in QUALITIES
        if quality != "fast" or fast_folder(folder) in folders
    }


def _original():
    from benchmarks.training_step import original_inference
    from lowlight_tf.network.model import network_for
    from lowlight_tf.network.sid import initialize_parameters
    from lowlight_tf.raw.cameras import CAMERAS

    values = {name: value.numpy() for name, value in initialize_parameters(network_for(CAMERAS["sony"]), 1).items()}
    return original_inference(values, np.random.RandomState(0).uniform(0, 1, (1, *FRAME, 4)).astype(np.float32))


def _shipped(name):
    from lowlight_tf.enhancement.engine import load_model

    folder, quality = models()[name]
    loaded = load_model(str(folder), quality=quality)
    camera = loaded.camera
    size = [2 * side // camera.tile * camera.cells for side in FRAME]
    inputs = np.random.RandomState(0).uniform(0, 1, (1, *size, loaded.network.input_channels)).astype(np.float32)
    inputs[..., camera.channels :] = -1.0  # noise planes
    return lambda: loaded.run(inputs).numpy()


def _costs():
    running = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in (ORIGINAL, *models()):
            try:
                running[name] = start(name, pathlib.Path(folder), "benchmarks.qualities")
            except NotPreparedError as error:
                print(f"{name} could not be prepared: {error}\n")
        told = take_turns(running, ROUNDS)
    seconds = {name: [entry["seconds"] for entry in entries] for name, entries in told.items()}
    print(f"{2 * FRAME[0]}x{2 * FRAME[1]}, {ROUNDS} rounds taking turns.\n")
    print("| | median | of the original graph's, median of pairs | peak memory |\n|---|---|---|---|")
    for name, entries in told.items():
        pairs = zip(seconds[name], seconds.get(ORIGINAL, ()), strict=ORIGINAL in seconds)
        ratio = f"{statistics.median(a / b for a, b in pairs):.2f}" if ORIGINAL in seconds else "-"
        print(f"| {name} | {statistics.median(seconds[name]):.2f} s | {ratio} | {entries[-1]['gib']:.1f} GiB |", flush=True)


def _score(folder, quality, pairs):
    """Returns the mean PSNR of a model on a set; None where the set is of another kind of sensor."""
    from lowlight_tf.datasets import DataConfig
    from lowlight_tf.errors import LowlightError, Problems
    from lowlight_tf.evaluation.evaluate import evaluate
    from lowlight_tf.evaluation.subjects import trained_subject

    # What `evaluate` says is no part of the table.
    with tempfile.TemporaryDirectory() as results, contextlib.redirect_stdout(sys.stderr):
        try:
            problems = Problems(lambda line: None)
            evaluate(trained_subject(str(folder), quality=quality), DataConfig(data_dir=pairs), results, "sid-00", problems)
        except LowlightError:
            return None
        return json.loads((pathlib.Path(results) / "metrics.json").read_text())


def _scores(sets):
    print("\n| | " + " | ".join(pathlib.Path(pairs).name for pairs in sets) + " |\n" + "|---" * (len(sets) + 1) + "|")
    for name, (folder, quality) in models().items():
        found = [_score(folder, quality, pairs) for pairs in sets]
        print(f"| {name} | " + " | ".join("" if score is None else f"{score['psnr']:.2f}" for score in found) + " |", flush=True)


def main():
    _costs()
    if sys.argv[1:]:
        _scores(sys.argv[1:])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        answer(_original() if sys.argv[2] == ORIGINAL else _shipped(sys.argv[2]))
    else:
        main()
