"""A model calibrated for a camera, without training: pairs say where its black level lies."""

import dataclasses

import numpy as np

from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.checkpoints.shipping import write_small
from lowlight_tf.console import say
from lowlight_tf.datasets import DataConfig, sources
from lowlight_tf.datasets.black_offsets import pair_offsets
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
from lowlight_tf.network.validation import MOST_OFFSET


def _signed(values):
    return " ".join(f"{value:+.2f}" for value in values)


def calibrated(camera, offsets):
    """Returns the Camera with black offsets, to two digits behind the point; refuses those that no drift makes.

    Raises:
      LowlightError: saying which.
    """
    rounded = tuple(round(float(offset), 2) for offset in offsets)
    if not max(map(abs, rounded)) < MOST_OFFSET:
        raise LowlightError(
            f"the pairs' black levels lie {_signed(rounded)} counts from the file's, which no drift makes; expected short and long "
            "exposures of the same scene, named with the times that they were exposed for"
        )
    return dataclasses.replace(camera, black_offsets=rounded)


def calibrate(checkpoint_dir, output, data_dir, camera, problems):
    """Measures a camera's black level on the training pairs of a folder, and writes a model that knows it.

    Args:
      checkpoint_dir: the folder of the model.
      output: the new folder; the parameters are float16 there.
      data_dir: the pairs.
      camera: the Camera that they are of; None for the model's own.
      problems: Problems, told of pairs that cannot be used.
    Raises:
      LowlightError: where there is no model, no pair, or a camera of another CFA.
    """
    loaded = load_network(checkpoint_dir)
    camera = camera or dataclasses.replace(loaded.camera, black_offsets=(0.0,) * 4)
    if (camera.cfa, camera.pack_order) != (loaded.camera.cfa, loaded.camera.pack_order):
        raise LowlightError(f"{checkpoint_dir} is a model of {loaded.camera.name}, whose CFA is not that of --camera={camera.name}")
    found = []
    for pair in sources.find_pairs(sources.locate_pairs(DataConfig(data_dir=data_dir), camera), camera, "train", problems):
        try:
            offsets = pair_offsets(pair, camera)
        except LowlightError as error:
            problems.add(str(error))
            continue
        if np.isfinite(offsets).all():
            found.append(offsets)
            say(f"{pair.short}: {_signed(offsets)}")
    if not found:
        raise LowlightError(f"no training pair in {data_dir} can be measured; expected some whose long exposure is not bright all over")
    camera = calibrated(camera, np.mean(found, axis=0))
    say(
        f"Black of R, G, B, G against the files' levels, counts, mean of {len(found)} pairs: {_signed(camera.black_offsets)}; "
        f"deviations {_signed(np.std(found, axis=0))}."
    )
    params = {name: value.numpy() for name, value in loaded.params.items()}
    config = loaded.config | model.describe(camera, loaded.network, loaded.interface)
    write_small(params, config, loaded.step, output, checkpoint_dir)
