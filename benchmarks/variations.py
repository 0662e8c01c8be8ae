"""What each variation of the network is worth: all trained for the same few steps on real pairs, from the same seed, and scored on others.

    python -m benchmarks.variations CROPS [WORK] [--steps=N] [--base_width=N] [--patch_size=N]

CROPS is a folder with Sony/short and Sony/long: its training split is trained on and its test split scored. WORK (variations where not
given) keeps models and results: what is there already is not made again. The paper has no figures of these variations. The plain network
is trained with a second seed, too: a difference that is not larger than between the two says nothing. A step is timed afterwards, all
variations taking turns, in processor time: it is nearly the same on a machine that does other work meanwhile.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import tensorflow as tf

from lowlight_tf.datasets import DataConfig
from lowlight_tf.devices import limit_threads
from lowlight_tf.errors import Problems
from lowlight_tf.evaluation.evaluate import evaluate
from lowlight_tf.evaluation.subjects import trained_subject
from lowlight_tf.network.model import initialize_parameters, network_for
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.config import Batches, Saving, TrainingConfig, Watching
from lowlight_tf.training.replicas import make_strategy, make_train_step
from lowlight_tf.training.schedule import Schedule
from lowlight_tf.training.train import train

PLAIN = "as in the paper"
# what a reader calls it: the options of `network_for`
VARIATIONS = {
    PLAIN: {},
    "downsample=strided": {"downsample": "strided"},
    "pool_window=3": {"pool_window": 3},
    **{f"extra_blocks={number}": {"extra_blocks": number} for number in (1, 2, 3)},
    "denoise20": {"network": "denoise20"},
}
SEED, OTHER_SEED, RATE, THREADS, ROUNDS = 1, 2, 4e-4, 1, 15


def network_of(options, base_width):
    """Returns the config of a variation's network, base_width wide where it is SID's."""
    return network_for(CAMERAS["sony"], **options, **({} if "network" in options else {"base_width": base_width}))


def train_and_score(name, options, asked, seed):
    """Trains one variation and scores it, unless that was done before; returns metrics.json's content."""
    folder = asked.work / f"{name.replace(' ', '_')}-seed{seed}"
    if not (folder / "results" / "metrics.json").is_file():
        camera, problems = CAMERAS["sony"], Problems()
        data = DataConfig(data_dir=str(asked.crops), cache_dir=str(asked.work / "cache"))
        reached = train(
            TrainingConfig(
                camera=camera,
                network=network_of(options, asked.base_width),
                data=data,
                checkpoint_dir=str(folder / "model"),
                seed=seed,
                batches=Batches(asked.patch_size),
                schedule=Schedule(asked.steps, learning_rate=RATE, decay_step=asked.steps * 4 // 5),
                saving=Saving(save_every=100),
                watching=Watching(picture_every=0),
            ),
            problems,
        )
        if reached < asked.steps:  # it was asked to stop, and has saved
            raise KeyboardInterrupt
        evaluate(trained_subject(str(folder / "model")), data, str(folder / "results"), "sid-00", problems)
    return json.loads((folder / "results" / "metrics.json").read_text())


def make_step(network, patch_size):
    """Returns a function without arguments that makes one training step, and the number of parameters."""
    camera = CAMERAS["sony"]
    strategy = make_strategy(1)
    with strategy.scope():
        params = initialize_parameters(network, SEED)
        state = initialize_adam(params)
    config = TrainingConfig(camera=camera, network=network, data=DataConfig(), checkpoint_dir="")
    step = make_train_step(strategy, params, state, config, list(params))
    side = patch_size * camera.upscale
    batch = (
        tf.random.stateless_uniform([1, patch_size, patch_size, network.input_channels], [1, 2]),
        tf.random.stateless_uniform([1, side, side, 3], [3, 4]),
    )
    rate, stop = tf.constant(1e-4), tf.constant(0)
    return lambda: float(step(batch, rate, stop)[0]), sum(value.shape.num_elements() for value in params.values())


def time_steps(base_width, patch_size, rounds=ROUNDS):
    """Times a training step of each variation, taking turns.

    Returns:
      {variation: (parameters, median processor seconds, median of the ratios to the plain network's step of the same round)}.
    """
    steps = {name: make_step(network_of(options, base_width), patch_size) for name, options in VARIATIONS.items()}
    seconds = {name: [] for name in steps}
    for number in range(rounds + 2):
        for name, (step, _) in steps.items():
            start = time.process_time()
            step()
            if number > 1:  # the first two trace and warm up
                seconds[name].append(time.process_time() - start)
    return {
        name: (
            parameters,
            statistics.median(seconds[name]),
            statistics.median(a / b for a, b in zip(seconds[name], seconds[PLAIN], strict=True)),
        )
        for name, (_, parameters) in steps.items()
    }


def table(scores, times):
    """Returns the lines of a Markdown table: a row for each variation, and one for the plain network with another seed.

    Args:
      scores: {variation, or PLAIN and ", another seed": metrics.json's content}.
      times: from `time_steps`.
    """
    rows = ["| network | parameters | PSNR / SSIM | processor time a step | of the plain one's |", "|---|---|---|---|---|"]
    for name, score in scores.items():
        start = f"| {name} | "
        figures = f"{score['psnr']:.2f} / {score['ssim']:.3f}"
        if name in times:
            parameters, seconds, ratio = times[name]
            rows.append(f"{start}{parameters:,} | {figures} | {1000 * seconds:.0f} ms | {ratio:.2f} |")
        else:
            rows.append(f"{start}the same | {figures} | the same | |")
    return rows


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.variations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crops", type=pathlib.Path)
    parser.add_argument("work", nargs="?", default="variations", type=pathlib.Path)
    parser.add_argument("--steps", default=800, type=int, help="of each training; the learning rate falls to a tenth after four fifths")
    parser.add_argument("--base_width", default=16, type=int, help="of SID's network; the denoiser has 64 features in every layer")
    parser.add_argument("--patch_size", default=64, type=int, help="packed pixels")
    asked = parser.parse_args()
    asked.crops, asked.work = asked.crops.resolve(), asked.work.resolve()
    limit_threads(THREADS)
    scores = {}
    for name, options in VARIATIONS.items():
        scores[name] = train_and_score(name, options, asked, SEED)
        if name == PLAIN:
            scores[f"{PLAIN}, another seed"] = train_and_score(name, options, asked, OTHER_SEED)
        print(f"{name}: {scores[name]['psnr']:.2f} dB", file=sys.stderr, flush=True)
    times = time_steps(asked.base_width, asked.patch_size)
    plain = scores[PLAIN]
    print(
        f"{asked.steps:,} steps on 1 patch of {asked.patch_size}x{asked.patch_size} packed pixels each, base width {asked.base_width}, "
        f"learning rate {RATE:g} and a tenth of it after four fifths, seed {SEED} (and {OTHER_SEED}), {THREADS} thread an operation. "
        f"Scored on {plain['images']} pairs of other scenes, whose amplified shorts have {plain['input_psnr']:.2f} / "
        f"{plain['input_ssim']:.3f}. Times are medians of {ROUNDS} rounds taking turns; "
        f"load average meanwhile: {os.getloadavg()[0]:.0f}.\n"
    )
    print("\n".join(table(scores, times)))


if __name__ == "__main__":
    main()
