"""Checkpoints: a tf.train.Checkpoint folder with a config.json that says all a reader needs to know of the model."""

import pathlib
import shutil

import numpy as np
import tensorflow as tf

from lowlight_tf import durable
from lowlight_tf.checkpoints import weights
from lowlight_tf.checkpoints.prefixes import CONFIG_NAME, DamagedCheckpoint, from_newest, latest, orphans, prefix_of, whole_steps
from lowlight_tf.errors import LowlightError, OutputError, first_line
from lowlight_tf.files import atomic_path, read_json, write_json

# What is read of the parts of config.json beside the model's own, which `model.from_description` checks, and of what type.
_SECTIONS = {"camera": {}, "network": {}, "data": {"dataset": str, "data_dir": str, "scenes": int}, "training": {}, "transfer": {}}
_KEPT = 3
_UNFINISHED = ".unfinished"
_AVERAGES = "averages"


def write_config(checkpoint_dir, config):
    """Writes config.json: a dict with `camera`, `network`, `target`, `data`, `training`, `versions`."""
    write_json(pathlib.Path(checkpoint_dir) / CONFIG_NAME, config)


def read_config(checkpoint_dir):
    """Reads config.json.

    Raises:
      LowlightError: where the folder holds no checkpoint of ours.
    """
    path = pathlib.Path(checkpoint_dir) / CONFIG_NAME
    if not path.is_file():
        raise LowlightError(
            f"no model in {checkpoint_dir}: expected {CONFIG_NAME} there; check --checkpoint_dir, or train one with train.py"
        )
    config = read_json(path)
    if not isinstance(config, dict) or not {"camera", "network"} <= set(config):
        raise LowlightError(f"{path} says no camera and network; it is not of this program or was edited: restore it from a backup")
    wrong = [name for name, kinds in _SECTIONS.items() if not _is_section(config.get(name, {}), kinds)]
    if wrong:
        raise LowlightError(f"{path} does not say its {wrong[0]} as this program does; it was edited or damaged: restore it from a backup")
    return config


def _is_section(values, kinds):
    """Tells a part of config.json: a dict with values of these types where it has them."""
    return isinstance(values, dict) and all(type(values[name]) is kind for name, kind in kinds.items() if name in values)


_STEP_KEY = "step/.ATTRIBUTES/VARIABLE_VALUE"


def _name(key):
    # tf.train.Checkpoint spells an entry of a dict attribute root/entry/.ATTRIBUTES/..., its "/" as ".S" and its "." as "..".
    escaped = key.split("/")[1]
    return escaped.replace("..", "\0").replace(".S", "/").replace("\0", ".")


def not_finite(variables):
    """Returns the names of those of {name: variable} that hold a NaN or an infinity."""
    return [name for name, variable in variables.items() if not np.isfinite(variable.numpy()).all()]


def name_differences(missing, extra, wrong):
    """Returns "missing: a, b; extra: c; wrongly shaped: d", leaving out what is empty."""
    kinds = (("missing:", missing), ("extra:", extra), ("wrongly shaped:", wrong))
    return "; ".join(f"{word} {', '.join(names)}" for word, names in kinds if names)


def _shapes(variables):
    return {name: list(variable.shape) for name, variable in variables.items()}


def _compare(found, expected, prefix):
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    wrong = [f"{name} is {found[name]}, expected {expected[name]}" for name in expected if name in found and found[name] != expected[name]]
    complaints = name_differences(missing, extra, wrong)
    if complaints:
        raise LowlightError(f"checkpoint {prefix} does not fit the network: {complaints}")


class Store:
    """The checkpoints of one folder, for one set of variables.

    The variables: the parameters, the optimizer's state and running means of the parameters where given, and the number of steps made.
    """

    def __init__(self, checkpoint_dir, params, optimizer_state=None, averages=None, root="parameters"):
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._roots = {root: params}
        if optimizer_state is not None:
            self._roots["optimizer"] = optimizer_state
        if averages is not None:
            self._roots[_AVERAGES] = averages
        self._checkpoint = tf.train.Checkpoint(step=self.step, **self._roots)
        self.checkpoint_dir = pathlib.Path(checkpoint_dir)
        self.saved = None  # the newest step that is on disk
        self._damaged = []

    def save(self, step):
        """Writes a checkpoint; whatever stops the writing, older ones stay and no half one is left that counts.

        Raises:
          OutputError: where the folder cannot be written or the disk is full.
        """
        self.step.assign(step)
        unfinished = self.checkpoint_dir / _UNFINISHED
        try:
            shutil.rmtree(unfinished, ignore_errors=True)  # what a killed process left
            self._checkpoint.write(str(unfinished / f"ckpt-{step}"))
            parts = [path for path in unfinished.iterdir() if path.is_file()]
            for part in sorted(parts, key=lambda path: path.suffix == ".index"):
                durable.put(part, self.checkpoint_dir / part.name)
            self._forget_old()
        except (tf.errors.OpError, OSError) as error:
            raise OutputError(
                f"cannot write checkpoint {step} into {self.checkpoint_dir}: {first_line(error)}; free some space and "
                "run the same command again"
            ) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        self.saved = step

    def _forget_old(self):
        """Keeps the last three, removes what damaged ones and killed removals left, and tells TensorFlow's own tools which there are."""
        for prefix in self._damaged:
            if prefix != prefix_of(self.checkpoint_dir, int(self.step)):
                pathlib.Path(f"{prefix}.index").unlink(missing_ok=True)
        self._damaged = []
        steps = whole_steps(self.checkpoint_dir)
        for step in steps[:-_KEPT]:
            (self.checkpoint_dir / f"ckpt-{step}.index").unlink()  # first: without it the rest counts as no checkpoint
        kept = steps[-_KEPT:]
        for path in orphans(self.checkpoint_dir, kept):
            path.unlink()
        names = [f"ckpt-{step}" for step in kept]
        lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names)]
        with atomic_path(self.checkpoint_dir / "checkpoint") as temporary:
            temporary.write_text("\n".join(lines) + "\n")

    def restore(self):
        """Loads the newest checkpoint, strictly: the tensors in the file are exactly the variables' names and shapes, and finite.

        Where it is damaged, the one before is loaded, aloud.

        Returns:
          The step it was written at, or None where the folder holds no checkpoint.
        Raises:
          LowlightError: where none is whole; for missing, extra or wrongly shaped tensors, each named.
        """
        self.saved, self._damaged = from_newest(self.checkpoint_dir, self.restore_from)
        return self.saved

    def restore_from(self, prefix):
        """Loads one checkpoint; returns its step. As `restore`."""
        values = {}
        try:
            reader = tf.train.load_checkpoint(prefix)
            found = reader.get_variable_to_shape_map()
            for root, variables in self._roots.items():
                keys = {_name(key): key for key in found if key.startswith(f"{root}/")}
                if root == _AVERAGES and not keys and len(self._roots) > 1:  # they were not kept so far, and begin at the parameters
                    keys = {_name(key): key for key in found if key.startswith("parameters/")}
                _compare({name: found[key] for name, key in keys.items()}, _shapes(variables), prefix)
                values[root] = {name: reader.get_tensor(keys[name]) for name in variables}
            step = int(reader.get_tensor(_STEP_KEY))
        except LowlightError:
            raise
        except Exception as error:  # whatever TensorFlow raises for what is not, or is no more, a checkpoint
            raise DamagedCheckpoint(f"checkpoint {prefix} is damaged ({first_line(error)})") from error
        bad = [name for tensors in values.values() for name, value in tensors.items() if not np.isfinite(value).all()]
        if bad:
            raise DamagedCheckpoint(f"checkpoint {prefix} is damaged (not finite: {', '.join(bad[:5])})")
        for root, variables in self._roots.items():
            for name, variable in variables.items():
                variable.assign(values[root][name])
        self.step.assign(step)
        return step


def _restore_parameters(prefix, params):
    """Loads the parameters of a checkpoint, or their running means where it holds some; returns its step."""
    try:
        averaged = any(name.startswith(f"{_AVERAGES}/") for name, _ in tf.train.list_variables(prefix))
    except Exception:  # a damaged one, whose restoring says so  # noqa: BLE001
        averaged = False
    return Store(pathlib.Path(prefix).parent, params, root=_AVERAGES if averaged else "parameters").restore_from(prefix)


def check_shapes(checkpoint_dir, shapes):
    """Holds what a folder's files say of their tensors against a network, before anything of their size is made.

    Args:
      checkpoint_dir: folder of a trained, imported or shipped model.
      shapes: {name: shape} of the network's parameters.
    Raises:
      LowlightError: naming what is missing, extra or of another shape. What is damaged or not there is said by `load_parameters`.
    """
    expected, prefix = {name: list(shape) for name, shape in shapes.items()}, latest(checkpoint_dir)
    if prefix is None:
        found = weights.read_shapes(checkpoint_dir)
        prefix = pathlib.Path(checkpoint_dir) / weights.NAME
    else:
        try:
            found = {_name(key): shape for key, shape in tf.train.list_variables(prefix) if key.startswith("parameters/")}
        except Exception:  # noqa: BLE001
            found = None
    if found is not None:
        _compare(found, expected, prefix)


def _load_shipped(checkpoint_dir, params):
    """Loads what `shipping.ship` wrote; returns its step, or None where there is nothing of the kind."""
    shapes = weights.read_shapes(checkpoint_dir)
    if shapes is None:
        return None
    _compare(shapes, _shapes(params), pathlib.Path(checkpoint_dir) / weights.NAME)
    values, step = weights.read_weights(checkpoint_dir)
    for name, value in values.items():
        params[name].assign(value)
    return step


def load_parameters(checkpoint_dir, params):
    """Loads the parameters alone, to run a model.

    Args:
      checkpoint_dir: folder of a trained, imported or shipped model.
      params: dict of variables to fill.
    Returns:
      The step of the checkpoint.
    Raises:
      LowlightError: as `Store.restore`, and where there is no checkpoint: an untrained network would make black pictures.
    """
    step, _ = from_newest(checkpoint_dir, lambda prefix: _restore_parameters(prefix, params))
    if step is None:
        step = _load_shipped(checkpoint_dir, params)
    if step is None:
        raise LowlightError(f"no checkpoint in {checkpoint_dir} yet; train further or name another --checkpoint_dir")
    return step
