"""What a training run is: its settings, its schedule, and what config.json says of it."""

import dataclasses
import math
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
from lowlight_tf.training.transfer import Transfer
from lowlight_tf.versions import versions

SCHEDULES = ("step", "cosine")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A training run. Steps count from 0; an epoch visits each training scene once.

    Attributes:
      camera, network, data: what to train, and on which pairs.
      interface: what the network is fed and what it is to return.
      checkpoint_dir: where checkpoints, config.json, history.csv and TensorBoard events go.
      patch_size: side of the training crops, packed pixels.
      batch_size: examples of the global batch.
      steps, epochs: length of the run; steps wins where both are given.
      learning_rate: Adam's, until decay_step or decay_epoch (the step wins; 0: never), and times learning_rate_decay from then on.
      schedule: one of SCHEDULES; "cosine" lets the rate fall to 0 by half a cosine over the whole run, and knows no decay.
      clip_norm: the most that the gradients' common norm may be; 0 for no limit.
      average: decay of the running means of the parameters, which are then what the model is run with; 0 for none.
      seed: of the parameters and of every example drawn.
      num_replicas: GPUs to use, or logical CPUs where there is no GPU; 0 for all GPUs or one CPU.
      save_every, validate_every, picture_every: steps; 0 for never (a checkpoint is always written at the end).
      validation_images: how many of the val split's images; 0 for all.
      max_hours: stop and save after so many hours; 0 for no limit.
      freeze_up_filters: leave the up-filters as they were initialised: the recipe of the released checkpoints (docs/protocol.md).
      transfer: what the run starts from, and which part of it is trained.
      turns_in_phase: turn real pairs so that their mosaics keep the CFA's phase.
      mixed_precision: compute in bfloat16; parameters, gradients, Adam's state and loss stay float32.
    """

    camera: Camera
    network: NetworkConfig | Denoise20Config
    data: datasets.DataConfig
    checkpoint_dir: str
    interface: Interface = SID
    patch_size: int = 512
    batch_size: int = 1
    steps: int = 0
    epochs: int = 0
    learning_rate: float = 1e-4
    learning_rate_decay: float = 0.1
    decay_step: int = 0
    decay_epoch: int = 0
    schedule: str = "step"
    clip_norm: float = 0.0
    average: float = 0.0
    seed: int = 0
    num_replicas: int = 0
    save_every: int = 1000
    validate_every: int = 0
    validation_images: int = 0
    picture_every: int = 500
    max_hours: float = 0.0
    freeze_up_filters: bool = False
    transfer: Transfer = dataclasses.field(default_factory=Transfer)
    turns_in_phase: bool = False
    mixed_precision: bool = False

    @property
    def example(self):
        """The ExampleConfig of this run: SID's long exposures are as dim as they are, photographs are dimmed."""
        config = ExampleConfig(self.patch_size, self.interface, turns_in_phase=self.turns_in_phase)
        if not self.data.simulated:
            return config
        simulation = self.simulation(photographs=not self.data.corrupt_targets)
        return dataclasses.replace(config, simulation=simulation, direct_rgb=self.network.upscale == 1)

    def simulation(self, photographs):
        """Returns the Simulation of bright frames: photographs are dimmed and their colours mixed, long exposures are not; of sensors at
        large for a model of every camera."""
        many = self.interface.target == "camera_rgb"
        if photographs:
            return Simulation(self.data.noise, self.data.darkest, self.data.mix_colors, many)
        return Simulation(self.data.noise, 1.0, many_cameras=many)


def epochs_to_steps(epochs, scenes, batch_size):
    """Returns how many batches visit each of `scenes` scenes `epochs` times, rounded up once at the end."""
    return -(-epochs * scenes // batch_size)


def total_steps(config, scenes):
    """Returns the run's length in steps."""
    return config.steps or epochs_to_steps(config.epochs, scenes, config.batch_size)


def is_complete(config, step):
    """Tells whether a run that has begun, and so left a config.json, is at its end."""
    return step >= total_steps(config, checkpoint.read_config(config.checkpoint_dir)["data"]["scenes"])


def learning_rate_at(step, config, scenes):
    """Returns the learning rate of a step (counted from 0)."""
    if config.schedule == "cosine":
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / total_steps(config, scenes)))
    decay_at = config.decay_step or epochs_to_steps(config.decay_epoch, scenes, config.batch_size)
    return config.learning_rate * (config.learning_rate_decay if decay_at and step >= decay_at else 1.0)


def describe_run(config, data_dir, scenes, steps, parts=None):
    """Returns config.json's content: with it, test.py needs nothing else, from whatever folder it is run.

    Args:
      config: a TrainingConfig.
      data_dir: the data's folder.
      scenes, steps: of an epoch, and of the run.
      parts: from `transfer.describe_parts`, where the run starts from a model.
    """
    training = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)
                if field.name not in ("camera", "network", "interface", "data", "transfer")}
    data = dataclasses.asdict(config.data) | {
        "dataset": datasets.resolve(config.data.dataset, config.data.data_dir, config.camera), "data_dir": os.path.abspath(data_dir),
        "scenes": scenes}
    return model.describe(config.camera, config.network, config.interface) | ({"transfer": parts} if parts else {}) | {
        "data": data,
        "training": training, "total_steps": steps,
        "versions": versions()}


# What decides which examples and which updates a step makes: changed on the way, the run is no longer the one it began as.
_DECISIVE = ("seed", "batch_size", "patch_size", "freeze_up_filters", "dataset", "data_dir", "scenes", "all_bursts", "exclude_misaligned",
             "corrupt_targets", "noise", "darkest", "mix_colors", "expert", "train_pairs", "simulated_fraction", "simulated_data_dir",
             "train_only", "mixed_precision", "clip_norm", "average", "schedule", "turns_in_phase")


def tell_changes(checkpoint_dir, described):
    """Says which decisive settings differ from those that the newest checkpoint was made with."""
    if not checkpoint.latest(checkpoint_dir):
        return
    old = checkpoint.read_config(checkpoint_dir)
    before, now = ({**config.get("training", {}), **config.get("data", {}), **config.get("transfer", {})} for config in (old, described))
    for name in _DECISIVE:
        if name in before and name in now and before[name] != now[name]:
            say(f"Note: {name} was {before[name]} so far and is {now[name]} from here on.")
