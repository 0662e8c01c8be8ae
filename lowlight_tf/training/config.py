"""What a training run is: its settings, and what config.json says of them."""

import dataclasses
import os

from lowlight_tf import datasets
from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.console import say
from lowlight_tf.datasets.examples import ExampleConfig, Simulation
from lowlight_tf.network import model
from lowlight_tf.network.denoise20 import Denoise20Config
from lowlight_tf.network.sid import NetworkConfig
from lowlight_tf.raw.cameras import Camera
from lowlight_tf.raw.light import SID, Interface
from lowlight_tf.training.schedule import Schedule, total_steps
from lowlight_tf.training.transfer import Transfer
from lowlight_tf.versions import versions


@dataclasses.dataclass(frozen=True)
class Batches:
    """What the batch of a step holds.

    Attributes:
      patch_size: side of the training crops, packed pixels.
      batch_size: examples of the global batch.
      turns_in_phase: turn real pairs so that their mosaics keep the CFA's phase.
      black_drift: counts of the file, 0 to which the black level of a real short is raised by, drawn for each example.
    """

    patch_size: int = 512
    batch_size: int = 1
    turns_in_phase: bool = False
    black_drift: float = 0.0


@dataclasses.dataclass(frozen=True)
class Updates:
    """What a step makes of its batch.

    Attributes:
      clip_norm: the most that the gradients' common norm may be; 0 for no limit.
      average: decay of the running means of the parameters, which are then what the model is run with; 0 for none.
      freeze_up_filters: leave the up-filters as they were initialised: the recipe of the released checkpoints (docs/protocol.md).
      mixed_precision: compute in bfloat16; parameters, gradients, Adam's state and loss stay float32.
      xla: compile the whole step with XLA, for one device.
    """

    clip_norm: float = 0.0
    average: float = 0.0
    freeze_up_filters: bool = False
    mixed_precision: bool = False
    xla: bool = False


@dataclasses.dataclass(frozen=True)
class Saving:
    """When a run saves, and when it does so and stops.

    Attributes:
      save_every: steps; 0 for never before the end.
      max_hours: stop and save after so many hours; 0 for no limit.
    """

    save_every: int = 1000
    max_hours: float = 0.0


@dataclasses.dataclass(frozen=True)
class Watching:
    """What is seen of a run on its way.

    Attributes:
      validate_every, picture_every: steps; 0 for never.
      validation_images: how many of the val split's images; 0 for all.
    """

    validate_every: int = 0
    validation_images: int = 0
    picture_every: int = 500


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
      camera, network, interface: the model: what takes the pictures, the network, what it is fed and what it is to return.
      data: what it is trained on.
      checkpoint_dir: where checkpoints, config.json, history.csv and TensorBoard events go.
      seed: of the parameters and of every example drawn.
      num_replicas: GPUs to use, or logical CPUs where there is no GPU; 0 for all GPUs or one CPU.
      batches, schedule, updates: what a step is, and how many there are.
      saving, watching: what is kept and what is seen of the run.
      transfer: what the run starts from, and which part of it is trained.
    """

    camera: Camera
    network: NetworkConfig | Denoise20Config
    data: datasets.DataConfig
    checkpoint_dir: str
    interface: Interface = SID
    seed: int = 0
    num_replicas: int = 0
    batches: Batches = Batches()
    schedule: Schedule = dataclasses.field(default_factory=Schedule)
    updates: Updates = Updates()
    saving: Saving = Saving()
    watching: Watching = Watching()
    transfer: Transfer = dataclasses.field(default_factory=Transfer)

    @property
    def example(self):
        """The ExampleConfig of this run: SID's long exposures are as dim as they are, photographs are dimmed."""
        config = ExampleConfig(
            self.batches.patch_size, self.interface, turns_in_phase=self.batches.turns_in_phase, black_drift=self.batches.black_drift
        )
        if not self.data.simulated:
            return config
        simulation = self.simulation(photographs=not self.data.corrupt_targets)
        return dataclasses.replace(config, simulation=simulation, direct_rgb=self.network.upscale == 1)

    def simulation(self, photographs):
        """Returns the Simulation of bright frames: photographs are dimmed and their colours mixed, long exposures are not; of sensors at
        large for a model of every camera."""
        light, many = self.data.light, self.interface.target == "camera_rgb"
        if photographs:
            return Simulation(light.noise, light.darkest, light.mix_colors, many)
        return Simulation(light.noise, 1.0, many_cameras=many)


def is_complete(config, step):
    """Tells whether a run that has begun, and so left a config.json, is at its end."""
    scenes = checkpoint.read_config(config.checkpoint_dir)["data"]["scenes"]
    return step >= total_steps(config.schedule, scenes, config.batches.batch_size)


def _flat(*parts):
    """Returns {field: value} of dataclasses and of those in them: config.json has no groups, and had none before there were any here."""
    found = {}
    for part in parts:
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            found |= _flat(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def training_settings(config):
    """Returns config.json's `training`: {name: value} of all settings but the model's, the data's and the transfer's."""
    found = _flat(config.batches, config.schedule, config.updates, config.saving, config.watching)
    return {
        "checkpoint_dir": config.checkpoint_dir,
        "seed": config.seed,
        "num_replicas": config.num_replicas,
        "schedule": found.pop("kind"),
        **found,
    }


def describe_run(config, data_dir, scenes, steps, parts=None):
    """Returns config.json's content: with it, test.py needs nothing else, from whatever folder it is run.

    Args:
      config: a TrainingConfig.
      data_dir: the data's folder.
      scenes, steps: of an epoch, and of the run.
      parts: from `transfer.describe_parts`, where the run starts from a model.
    """
    data = _flat(config.data) | {
        "dataset": datasets.resolve(config.data.dataset, config.data.data_dir, config.camera),
        "data_dir": os.path.abspath(data_dir),
        "scenes": scenes,
    }
    return (
        model.describe(config.camera, config.network, config.interface)
        | ({"transfer": parts} if parts else {})
        | {"data": data, "training": training_settings(config), "total_steps": steps, "versions": versions()}
    )


# What decides which examples and which updates a step makes: changed on the way, the run is no longer the one it began as.
_DECISIVE = (
    "seed",
    "batch_size",
    "patch_size",
    "freeze_up_filters",
    "dataset",
    "data_dir",
    "scenes",
    "all_bursts",
    "exclude_misaligned",
    "corrupt_targets",
    "noise",
    "darkest",
    "mix_colors",
    "expert",
    "train_pairs",
    "simulated_fraction",
    "simulated_data_dir",
    "train_only",
    "mixed_precision",
    "xla",
    "clip_norm",
    "average",
    "schedule",
    "turns_in_phase",
    "black_drift",
)


def tell_changes(checkpoint_dir, described):
    """Says which decisive settings differ from those that the newest checkpoint was made with."""
    if not checkpoint.latest(checkpoint_dir):
        return
    old = checkpoint.read_config(checkpoint_dir)
    before, now = ({**config.get("training", {}), **config.get("data", {}), **config.get("transfer", {})} for config in (old, described))
    before = {"black_drift": 0.0, "xla": False} | before  # which runs begun before 0.2.0 do not say
    for name in _DECISIVE:
        if name in before and name in now and before[name] != now[name]:
            say(f"Note: {name} was {before[name]} so far and is {now[name]} from here on.")
