"""A trained model made small enough to ship: its parameters as float16, and what config.json must say to run them."""

import pathlib

import numpy as np

from lowlight_tf.checkpoints import checkpoint, weights
from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.checkpoints.prefixes import check_new
from lowlight_tf.console import say
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import atomic_folder, sweep

_KEPT = ("model", "camera", "network", "interface", "target", "versions")  # nothing of the machine that it was trained on


def _mean(checkpoint_dirs):
    """Averages the parameters of models of one network: dict from name to float32 array; the first's config.json; the largest step."""
    first = load_network(checkpoint_dirs[0])
    step, sums = first.step, {name: parameter.numpy().astype(np.float64) for name, parameter in first.params.items()}
    for folder in checkpoint_dirs[1:]:
        other = load_network(folder)
        if (other.camera, other.network, other.interface) != (first.camera, first.network, first.interface):
            raise LowlightError(
                f"{folder} holds another kind of model than {checkpoint_dirs[0]}; only models of one camera and network, "
                "adapted from one another, can be averaged"
            )
        step = max(step, other.step)
        for name, parameter in other.params.items():
            sums[name] += parameter.numpy()
    return {name: (value / len(checkpoint_dirs)).astype(np.float32) for name, value in sums.items()}, first.config, step


def _is_there(output, params, config, step):
    """Tells whether a folder holds just this model."""
    if not (pathlib.Path(output) / weights.NAME).is_file() or checkpoint.latest(output):
        return False
    try:
        values, other_step = weights.read_weights(output)
        same = checkpoint.read_config(output) == config and other_step == step and set(values) == set(params)
        return same and all(np.array_equal(values[name], value.astype(np.float16)) for name, value in params.items())
    except LowlightError:
        return False


def ship(checkpoint_dirs, output):
    """Writes a model's weights.npz and config.json into a folder that enhance.py, test.py and --init_from take like any model's.

    Of several models the parameters are averaged: half-way between a model and what a few real pairs of one camera made of it lies one
    that keeps most of what it knew of others (Wortsman et al., "Robust Fine-tuning of Zero-shot Models", CVPR 2022).

    Args:
      checkpoint_dirs: list of folders of trained models, usually one.
      output: the new folder.
    Raises:
      LowlightError: where there is no model, they differ in kind, or the output holds anything already but this very model.
    """
    params, config, step = _mean(checkpoint_dirs)
    write_small(params, config, step, output, " and ".join(checkpoint_dirs))


def write_small(params, config, step, output, of):
    """Writes parameters as float16, and of config.json's content what it takes to run them.

    Args:
      params: dict from name to float32 array.
      config: config.json's content.
      step: their age.
      output: the new folder.
      of: what they were made of, in words.
    Raises:
      LowlightError: where the output holds anything already but this very model.
    """
    kept = {name: config[name] for name in _KEPT if name in config}
    if _is_there(output, params, kept, step):
        say(f"{output} holds this model already.")
        return
    check_new(output, "--output")
    sweep(pathlib.Path(output).absolute().parent)
    with atomic_folder(output, may_replace=False) as temporary:
        weights.write_weights(temporary, params, step)
        checkpoint.write_config(temporary, kept)
    size = (pathlib.Path(output) / weights.NAME).stat().st_size
    say(f"{of}: {output}, {size / 1e6:.1f} MB.")
