"""The folder of a run: what may be in it already, and that one training at a time works there."""

import contextlib
import pathlib

from lowlight_tf import datasets
from lowlight_tf.checkpoints import checkpoint, weights
from lowlight_tf.errors import LowlightError
from lowlight_tf.files import check_writable, sweep
from lowlight_tf.network import model
from lowlight_tf.training.lock import locked


def _check_folder(config):
    """Refuses a checkpoint folder that cannot be written, or holds another model or a run on the samples."""
    if (pathlib.Path(config.checkpoint_dir) / weights.NAME).is_file():
        raise LowlightError(
            f"{config.checkpoint_dir} is a model that ships, to be run and not trained in; start from it with "
            f"--init_from={config.checkpoint_dir} and another --checkpoint_dir"
        )
    check_writable(config.checkpoint_dir)
    if checkpoint.latest(config.checkpoint_dir):
        found = checkpoint.read_config(config.checkpoint_dir)
        model.check_same(found, config.camera, config.network, config.interface, config.checkpoint_dir)
        before = found.get("data", {}).get("dataset")
        now = datasets.resolve(config.data.dataset, config.data.data_dir, config.camera)
        if before == "samples" != now:  # a trial of minutes; what follows would be no run on the data it names
            raise LowlightError(
                f"{config.checkpoint_dir} holds a run on the embedded samples, and this one is on {now}; name another --checkpoint_dir"
            )


@contextlib.contextmanager
def held(config, chief):
    """Holds --checkpoint_dir for a run; a worker that is not the chief writes nothing, and holds nothing.

    Args:
      config: a TrainingConfig.
      chief: whether this process is the one that writes.
    Raises:
      LowlightError: where the folder holds another model, or another training works there. OutputError: where it cannot be written.
    """
    if not chief:
        yield
        return
    _check_folder(config)
    with locked(config.checkpoint_dir):
        sweep(config.checkpoint_dir)
        yield
