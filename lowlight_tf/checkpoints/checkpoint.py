"""Checkpoints: a tf.train.Checkpoint folder with a config.json that says all a reader needs to know of the model."""

import pathlib
import shutil

import tensorflow as tf

from lowlight_tf.checkpoints import weights
from lowlight_tf.errors import LowlightError, OutputError, first_line
from lowlight_tf.files import atomic_path, read_json, write_json

CONFIG_NAME = "config.json"
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
        raise LowlightError(f"no model in {checkpoint_dir}: expected {CONFIG_NAME} there; "
                            "check --checkpoint_dir, or train one with train.py")
    config = read_json(path)
    if not isinstance(config, dict) or not {"camera", "network"} <= set(config):
        raise LowlightError(f"{path} says no camera and network; it is not of this program or was edited: restore it from a backup")
    return config


def _name(key):
    # tf.train.Checkpoint spells an entry of a dict attribute root/entry/.ATTRIBUTES/..., its "/" as ".S" and its "." as "..".
    escaped = key.split("/")[1]
    return escaped.replace("..", "\0").replace(".S", "/").replace("\0", ".")


def _steps(checkpoint_dir):
    """Returns the steps of the whole checkpoints, ascending. Whole: the .index is there, which is put into place last."""
    found = (path.stem.removeprefix("ckpt-") for path in pathlib.Path(checkpoint_dir).glob("ckpt-*.index"))
    return sorted(int(step) for step in found if step.isdigit())


def latest(checkpoint_dir):
    """Returns the path prefix of the newest whole checkpoint, or None where there is none yet.

    The files themselves are asked: TensorFlow's file `checkpoint` may be older than they are, or lost in a copy.
    """
    steps = _steps(checkpoint_dir)
    return str(pathlib.Path(checkpoint_dir) / f"ckpt-{steps[-1]}") if steps else None


def name_differences(missing, extra, wrong):
    """Returns "missing: a, b; extra: c; wrongly shaped: d", leaving out what is empty."""
    kinds = (("missing:", missing), ("extra:", extra), ("wrongly shaped:", wrong))
    return "; ".join(f"{word} {', '.join(names)}" for word, names in kinds if names)


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

    def save(self, step):
        """Writes a checkpoint; whatever stops the writing, older ones stay and no half one is left that counts.

        Raises:
          OutputError: where the folder cannot be written or the disk is full.
        """
        self.step.assign(step)
        unfinished = self.checkpoint_dir / _UNFINISHED
        try:
            self._checkpoint.write(str(unfinished / f"ckpt-{step}"))
            for part in sorted(unfinished.iterdir(), key=lambda path: path.suffix == ".index"):
                part.replace(self.checkpoint_dir / part.name)
            self._forget_old()
        except (tf.errors.OpError, OSError) as error:
            raise OutputError(f"cannot write checkpoint {step} into {self.checkpoint_dir}: {first_line(error)}; free some space and "
                              "run the same command again") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        self.saved = step

    def _forget_old(self):
        """Keeps the last three, and tells TensorFlow's own tools which they are."""
        steps = _steps(self.checkpoint_dir)
        for step in steps[:-_KEPT]:
            (self.checkpoint_dir / f"ckpt-{step}.index").unlink()  # first: without it the rest counts as no checkpoint
            for path in self.checkpoint_dir.glob(f"ckpt-{step}.*"):
                path.unlink()
        names = [f"ckpt-{step}" for step in steps[-_KEPT:]]
        lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names)]
        with atomic_path(self.checkpoint_dir / "checkpoint") as temporary:
            temporary.write_text("\n".join(lines) + "\n")

    def _begin_averages(self, found):
        """Lets running means that a checkpoint does not hold begin at its parameters."""
        if not any(key.startswith(f"{_AVERAGES}/") for key in found):
            for name, average in self._roots.get(_AVERAGES, {}).items():
                average.assign(self._roots["parameters"][name])

    def restore(self):
        """Loads the newest checkpoint, strictly: the tensors in the file are exactly the variables' names and shapes.

        Returns:
          The step it was written at, or None where the folder holds no checkpoint.
        Raises:
          LowlightError: for a damaged file, or missing, extra or wrongly shaped tensors, each named.
        """
        prefix = latest(self.checkpoint_dir)
        if prefix is None:
            return None
        try:
            found = dict(tf.train.list_variables(prefix))
            for root, variables in self._roots.items():
                expected = {name: list(variable.shape) for name, variable in variables.items()}
                keys = {key: shape for key, shape in found.items() if key.startswith(f"{root}/")}
                if root == _AVERAGES and not keys and len(self._roots) > 1:  # they were not kept so far
                    continue
                _compare({_name(key): shape for key, shape in keys.items()}, expected, prefix)
            self._checkpoint.restore(prefix).expect_partial()
            self._begin_averages(found)
        except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
            raise LowlightError(f"checkpoint {prefix} is damaged ({first_line(error)}); delete the files {pathlib.Path(prefix).name}.* to "
                                "go on from the one before") from error
        self.saved = int(self.step.numpy())
        return self.saved


def _averaged(prefix):
    """Tells whether a checkpoint holds running means of the parameters; False for a damaged one, whose restoring says so."""
    try:
        return any(name.startswith(f"{_AVERAGES}/") for name, _ in tf.train.list_variables(prefix))
    except (tf.errors.OpError, ValueError, RuntimeError):
        return False


def _restore_averages(prefix, params):
    """Loads the running means into the parameters; returns their step, or None where the checkpoint has none."""
    if not _averaged(prefix):
        return None
    return Store(pathlib.Path(prefix).parent, params, root=_AVERAGES).restore()


def _load_shipped(checkpoint_dir, params):
    """Loads what `shipping.ship` wrote; returns its step, or None where there is nothing of the kind."""
    shipped = weights.read_weights(checkpoint_dir)
    if shipped is None:
        return None
    values, step = shipped
    _compare({name: list(value.shape) for name, value in values.items()}, {name: list(value.shape) for name, value in params.items()},
             pathlib.Path(checkpoint_dir) / weights.NAME)
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
    prefix = latest(checkpoint_dir)
    step = _restore_averages(prefix, params) if prefix else None
    if step is None:
        step = Store(checkpoint_dir, params).restore()
    if step is None:
        step = _load_shipped(checkpoint_dir, params)
    if step is None:
        raise LowlightError(f"no checkpoint in {checkpoint_dir} yet; train further or name another --checkpoint_dir")
    return step
