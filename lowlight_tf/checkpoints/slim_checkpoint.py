"""The original TF1 checkpoints: their names and what they may lack -> our parameters and optimizer state."""

import math

import numpy as np
import tensorflow as tf

from lowlight_tf.checkpoints.checkpoint import name_differences
from lowlight_tf.errors import LowlightError
from lowlight_tf.network.optimizer import BETA2

_UP_FILTERS = {"up6/weights": "Variable", "up7/weights": "Variable_1", "up8/weights": "Variable_2", "up9/weights": "Variable_3"}
# Beyond this many updates Adam's bias correction is 1 to float32's last bit, and TF1's beta2_power has underflowed or soon will.
_MANY_UPDATES = 100_000


def slim_name(name):
    """Returns the original graph's name of a parameter: conv1_1/weights -> g_conv1_1/weights, up6/weights -> Variable."""
    return _UP_FILTERS.get(name, f"g_{name}")


def _updates_made(beta2_power):
    """TF1 stores beta2^(t + 1) after t updates; it underflows to 0 in a long training."""
    if beta2_power <= 0:
        return _MANY_UPDATES
    return min(max(round(math.log(beta2_power) / math.log(BETA2)) - 1, 0), _MANY_UPDATES)


def _check(reader_shapes, shapes, path):
    """Names every parameter that is missing, extra or of another shape."""
    slots = {f"{slim_name(name)}/{slot}" for name in shapes for slot in ("Adam", "Adam_1")}
    expected = {slim_name(name): list(shape) for name, shape in shapes.items()}
    allowed = set(expected) | slots | {"beta1_power", "beta2_power"}
    missing = sorted(name for name in expected if name not in reader_shapes)
    extra = sorted(name for name in reader_shapes if name not in allowed)
    wrong = [
        f"{name} is {reader_shapes[name]}, expected {shape}"
        for name, shape in sorted(expected.items())
        if name in reader_shapes and reader_shapes[name] != shape
    ]
    wrong += [
        f"{slot} is {reader_shapes[slot]}, expected {expected[slot.rsplit('/', 1)[0]]}"
        for slot in sorted(slots)
        if slot in reader_shapes and reader_shapes[slot] != expected[slot.rsplit("/", 1)[0]]
    ]
    complaints = name_differences(missing, extra, wrong)
    if complaints:
        raise LowlightError(f"{path} is not the original network of this camera: {complaints}; check --camera and --slim_checkpoint")


def read_slim_checkpoint(path, shapes):
    """Reads a Saver checkpoint of the original graph.

    Args:
      path: the prefix, .../model.ckpt.
      shapes: {name: shape} of our parameters, from `network.parameter_shapes`.
    Returns:
      values: {name: float32 array} for every parameter.
      slots: {name: (m, v)} for the parameters that have Adam's slots. The released files have none for the up-filters, since the first
        published script did not train them; a file saved for inference has none at all.
      updates: how many updates Adam had made, for its bias correction; 0 without slots.
    Raises:
      LowlightError: where there is no checkpoint, it cannot be read, or tensors are missing, extra or wrongly shaped, each named.
    """
    try:
        reader = tf.train.load_checkpoint(str(path))
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise LowlightError(
            f"no readable TF1 checkpoint at {path}; expected the prefix of {path}.index and {path}.data-00000-of-00001"
        ) from error
    reader_shapes = {name: list(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    _check(reader_shapes, shapes, path)
    try:
        values = {name: np.asarray(reader.get_tensor(slim_name(name)), np.float32) for name in shapes}
        slots = {
            name: (reader.get_tensor(f"{slim_name(name)}/Adam"), reader.get_tensor(f"{slim_name(name)}/Adam_1"))
            for name in shapes
            if {f"{slim_name(name)}/Adam", f"{slim_name(name)}/Adam_1"} <= set(reader_shapes)
        }
        power = float(reader.get_tensor("beta2_power")) if "beta2_power" in reader_shapes else None
    except (tf.errors.OpError, RuntimeError, LookupError) as error:
        raise LowlightError(f"{path} is damaged or truncated; download it again") from error
    if not all(np.isfinite(value).all() for value in values.values()):
        raise LowlightError(f"{path} holds values that are not finite; download it again")
    return values, slots, _updates_made(power) if slots and power is not None else 0
