"""Turns an original TF1 slim checkpoint into one of ours."""

import pathlib

from lowlight_tf import __version__
from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.checkpoints.prefixes import check_new
from lowlight_tf.checkpoints.slim_checkpoint import read_slim_checkpoint
from lowlight_tf.console import say
from lowlight_tf.files import atomic_folder, sweep
from lowlight_tf.network import model
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.network.sid import initialize_parameters, parameter_shapes


def import_slim(camera, slim_checkpoint, checkpoint_dir):
    """Writes the parameters and optimizer state of a slim checkpoint as step 0 of a new model.

    Args:
      camera: a Camera.
      slim_checkpoint: the prefix of the Saver's files, .../model.ckpt.
      checkpoint_dir: a new or empty folder.
    Raises:
      LowlightError: where the file does not fit the camera's network, or the folder holds anything already.
    """
    check_new(checkpoint_dir, "--checkpoint_dir")
    network = model.network_for(camera)
    values, slots, updates = read_slim_checkpoint(slim_checkpoint, parameter_shapes(network))
    params = initialize_parameters(network)
    state = initialize_adam(params)
    for name, value in values.items():
        params[name].assign(value)
    for name, (m, v) in slots.items():
        state[f"{name}/m"].assign(m)
        state[f"{name}/v"].assign(v)
    state["t"].assign(updates)
    sweep(pathlib.Path(checkpoint_dir).parent)
    with atomic_folder(checkpoint_dir, may_replace=False) as temporary:
        checkpoint.write_config(
            temporary, model.describe(camera, network) | {"imported_from": str(slim_checkpoint), "versions": {"lowlight_tf": __version__}}
        )
        checkpoint.Store(temporary, params, state).save(0)
    without = [name for name in values if name not in slots]
    say(f"Imported {len(values)} tensors with {sum(value.size for value in values.values()):,} parameters into {checkpoint_dir}")
    if without:
        say(f"Without Adam's slots, so these start from zero when trained further: {', '.join(without) if slots else 'all of them'}")
