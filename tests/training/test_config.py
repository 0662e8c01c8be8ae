"""A run's settings in their groups, and config.json, which has none: older runs' files are read, and written in the same form."""

import dataclasses
import json

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.datasets import DataConfig, Mixing, Selection, SimulatedLight
from lowlight_tf.network.model import from_description, initialize_parameters, network_for
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.config import Batches, Saving, TrainingConfig, Updates, Watching, describe_run, is_complete, tell_changes
from lowlight_tf.training.schedule import Schedule

SONY = CAMERAS["sony"]
RUN = TrainingConfig(
    camera=SONY,
    network=network_for(SONY, base_width=4),
    checkpoint_dir="model",
    seed=7,
    num_replicas=2,
    data=DataConfig(
        "sid",
        "pairs",
        "cache",
        selection=Selection(all_bursts=True),
        mixing=Mixing(12, 0.5, "photos"),
        light=SimulatedLight("poisson", 0.2, True),
    ),
    batches=Batches(64, 4, True, 0.5),
    schedule=Schedule(900, learning_rate=3e-4, decay_step=700, kind="cosine"),
    updates=Updates(1.0, 0.998, True, True, True),
    saving=Saving(50, 2.5),
    watching=Watching(100, 3, 20),
)
# As version 0.1.0 wrote them, when every setting was a field of one class.
TRAINING = {
    "checkpoint_dir": "model",
    "patch_size": 64,
    "batch_size": 4,
    "steps": 900,
    "epochs": 0,
    "learning_rate": 3e-4,
    "learning_rate_decay": 0.1,
    "decay_step": 700,
    "decay_epoch": 0,
    "schedule": "cosine",
    "clip_norm": 1.0,
    "average": 0.998,
    "seed": 7,
    "num_replicas": 2,
    "save_every": 50,
    "validate_every": 100,
    "validation_images": 3,
    "picture_every": 20,
    "max_hours": 2.5,
    "freeze_up_filters": True,
    "turns_in_phase": True,
    "black_drift": 0.5,
    "mixed_precision": True,
    "xla": True,
}
DATA = {
    "dataset": "sid",
    "data_dir": "/pairs",
    "cache_dir": "cache",
    "all_bursts": True,
    "exclude_misaligned": False,
    "corrupt_targets": False,
    "noise": "poisson",
    "expert": "",
    "darkest": 0.2,
    "mix_colors": True,
    "train_pairs": 12,
    "simulated_fraction": 0.5,
    "simulated_data_dir": "photos",
    "scenes": 6,
}


def test_config_json_has_the_keys_and_values_that_it_had():
    described = describe_run(RUN, "/pairs", 6, 900)
    assert described["training"] == TRAINING and described["data"] == DATA and described["total_steps"] == 900


def _older_run(folder):
    """A folder as an older version left it: config.json in the form of that time, and a checkpoint."""
    described = describe_run(RUN, "/pairs", 6, 900) | {"training": TRAINING, "data": DATA}
    checkpoint.write_config(folder, json.loads(json.dumps(described)))
    checkpoint.Store(folder, initialize_parameters(RUN.network)).save(900)


def test_an_older_run_is_gone_on_with(tmp_path, capsys):
    _older_run(tmp_path)
    assert from_description(checkpoint.read_config(tmp_path), tmp_path) == (SONY, RUN.network, RUN.interface)
    tell_changes(tmp_path, describe_run(RUN, "/pairs", 6, 900))
    assert "Note:" not in capsys.readouterr().out
    here = dataclasses.replace(RUN, checkpoint_dir=str(tmp_path))
    assert is_complete(here, 900) and not is_complete(here, 899)


def test_what_changed_since_an_older_run_is_said(tmp_path, capsys):
    _older_run(tmp_path)
    changed = dataclasses.replace(
        RUN, updates=dataclasses.replace(RUN.updates, average=0.5), data=dataclasses.replace(RUN.data, mixing=Mixing(6, 0.5, "photos"))
    )
    tell_changes(tmp_path, describe_run(changed, "/pairs", 6, 900))
    said = capsys.readouterr().out
    assert "Note: average was 0.998 so far and is 0.5" in said and "Note: train_pairs was 12 so far and is 6" in said
    assert said.count("Note:") == 2


def test_every_setting_has_one_name():
    """config.json has no groups, so no two of them may share a name."""
    parts = (Batches, Schedule, Updates, Saving, Watching, DataConfig, Selection, Mixing, SimulatedLight)
    names = [field.name for part in parts for field in dataclasses.fields(part)]
    assert len(names) == len(set(names))
