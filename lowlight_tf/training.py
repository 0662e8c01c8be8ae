"""Trains a network on the pairs of a dataset, from the first step or from where it was stopped."""

import dataclasses
import os
import platform
import statistics

import numpy as np
import tensorflow as tf

from lowlight_tf import __version__, checkpoint, datasets, evaluation, model
from lowlight_tf.cameras import Camera
from lowlight_tf.console import StopRequest, say
from lowlight_tf.datasets import cache, pipeline, sources
from lowlight_tf.errors import LowlightError, NonFiniteError
from lowlight_tf.files import check_writable
from lowlight_tf.metrics import psnr, ssim
from lowlight_tf.network import NetworkConfig, forward, initialize_parameters
from lowlight_tf.optimizer import initialize_adam
from lowlight_tf.packing import network_input
from lowlight_tf.replicas import distributed_batches, is_chief, local_example, make_strategy, make_train_step
from lowlight_tf.report import TrainingReport, side_by_side


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A training run. Steps count from 0; an epoch visits each training scene once.

    Attributes:
      camera, network, data: what to train, and on which pairs.
      checkpoint_dir: where checkpoints, config.json, history.csv and TensorBoard events go.
      patch_size: side of the training crops, packed pixels.
      batch_size: examples of the global batch.
      steps, epochs: length of the run; steps wins where both are given.
      learning_rate: Adam's, until decay_step or decay_epoch (the step wins; 0: never), and times learning_rate_decay from then on.
      seed: of the parameters and of every example drawn.
      num_replicas: GPUs to use, or logical CPUs where there is no GPU; 0 for all GPUs or one CPU.
      save_every, validate_every, picture_every: steps; 0 for never (a checkpoint is always written at the end).
      validation_images: how many of the val split's images; 0 for all.
      max_hours: stop and save after so many hours; 0 for no limit.
      freeze_up_filters: leave the up-filters as they were initialised: the recipe of the released checkpoints (protocol, fact 13).
    """

    camera: Camera
    network: NetworkConfig
    data: datasets.DataConfig
    checkpoint_dir: str
    patch_size: int = 512
    batch_size: int = 1
    steps: int = 0
    epochs: int = 0
    learning_rate: float = 1e-4
    learning_rate_decay: float = 0.1
    decay_step: int = 0
    decay_epoch: int = 0
    seed: int = 0
    num_replicas: int = 0
    save_every: int = 1000
    validate_every: int = 0
    validation_images: int = 0
    picture_every: int = 500
    max_hours: float = 0.0
    freeze_up_filters: bool = False


def steps_per_epoch(scenes, batch_size):
    """Returns how many batches visit each of `scenes` scenes once, rounded up."""
    return -(-scenes // batch_size)


def total_steps(config, scenes):
    """Returns the run's length in steps."""
    return config.steps or config.epochs * steps_per_epoch(scenes, config.batch_size)


def learning_rate_at(step, config, scenes):
    """Returns the learning rate of a step (counted from 0)."""
    decay_at = config.decay_step or config.decay_epoch * steps_per_epoch(scenes, config.batch_size)
    return config.learning_rate * (config.learning_rate_decay if decay_at and step >= decay_at else 1.0)


def trainable_names(params, freeze_up_filters):
    """Returns the names of the parameters to train."""
    return [name for name in params if not (freeze_up_filters and name.startswith("up"))]


class _Validator:
    """Scores the current parameters on the val split; quiet where the dataset has none."""

    def __init__(self, params, config, located, problems):
        self._pairs = []
        if config.validate_every:
            self._pairs = sources.find_pairs(located, config.camera, "val", problems)[:config.validation_images or None]
        self._predict = evaluation.make_predictor(params, config.camera, config.network)
        self._camera, self._problems = config.camera, problems
        if config.validate_every and not self._pairs:
            say("No val split (names that begin with 2) in the data: training without validation.")

    def __call__(self, step, report):
        scores, usable = [], []
        for pair in self._pairs:
            try:
                _, output, target = evaluation.score_output(self._predict, pair, self._camera)
            except LowlightError as error:
                self._problems.add(error)
                continue
            usable.append(pair)
            scores.append((psnr(output, target), ssim(output, target)))
        self._pairs = usable
        if scores:
            report.validation(step, statistics.fmean(p for p, _ in scores), statistics.fmean(s for _, s in scores), len(scores))


def prepare_table(config, located, problems):
    """Finds and decodes the training pairs; returns the pipeline's Table.

    Raises:
      LowlightError: where none can be used.
    """
    pairs = sources.find_pairs(located, config.camera, "train", problems)
    cached = cache.build(pairs, config.camera, config.data.cache_dir, problems)
    if not cached:
        raise LowlightError(f"no training pairs in {located.data_dir}: {len(pairs)} found, none usable; expected shorts "
                            "whose names begin with 0 in short/, and their longs in long/")
    return pipeline.make_table(cached, config.camera, config.patch_size)


def describe_run(config, scenes, steps):
    """Returns config.json's content."""
    training = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)
                if field.name not in ("camera", "network", "data")}
    return model.describe(config.camera, config.network) | {
        "data": dataclasses.asdict(config.data) | {"scenes": scenes}, "training": training, "total_steps": steps,
        "versions": {"lowlight_tf": __version__, "tensorflow": tf.__version__, "numpy": np.__version__,
                     "python": platform.python_version()}}


def _check_folder(config):
    """Refuses a checkpoint folder that cannot be written or holds another model."""
    check_writable(config.checkpoint_dir)
    if os.path.exists(os.path.join(config.checkpoint_dir, checkpoint.CONFIG_NAME)):
        model.check_same(checkpoint.read_config(config.checkpoint_dir), config.camera, config.network, config.checkpoint_dir)
    elif checkpoint.latest(config.checkpoint_dir):
        raise LowlightError(f"{config.checkpoint_dir} holds checkpoints without a {checkpoint.CONFIG_NAME}; "
                            "name another --checkpoint_dir")


class _Run:
    """The state of one training run and what happens to it around the loop."""

    def __init__(self, config, strategy, problems):
        self.config, self.strategy, self.chief = config, strategy, is_chief(strategy)
        if self.chief:
            _check_folder(config)
        located = sources.locate(config.data, config.camera)
        self.table = prepare_table(config, located, problems)
        self.scenes = len(self.table.scene_count)
        self.last = total_steps(config, self.scenes)
        with strategy.scope():
            self.params = initialize_parameters(config.network, config.seed)
            self.state = initialize_adam(self.params)
            self.store = checkpoint.Store(config.checkpoint_dir, self.params, self.state)
        self.first = self.store.restore() or 0
        self.step, self.report, self.validate = self.first, None, None
        if self.chief:
            checkpoint.write_config(config.checkpoint_dir, describe_run(config, self.scenes, self.last))
            self.report = TrainingReport(config.checkpoint_dir, self.first, self.last)
            self.validate = _Validator(self.params, config, located, problems)

    def finish_step(self, loss, rate, batch):
        """Counts a step, refuses a loss that is not finite, and does what is due."""
        if not np.isfinite(loss):
            raise NonFiniteError(f"the loss became {loss} at step {self.step + 1}; the last good checkpoint in "
                                 f"{self.config.checkpoint_dir} is kept: go on from it with a smaller --learning_rate")
        self.step += 1
        if self.chief:
            self.report.step(self.step, loss, rate)
            if self._due(self.config.picture_every):
                self._show(batch)
            if self._due(self.config.save_every):
                self.save()
            if self._due(self.config.validate_every) or (self.config.validate_every and self.step == self.last):
                self.validate(self.step, self.report)

    def _due(self, every):
        return every and self.step % every == 0

    def _show(self, batch):
        packed, target = local_example(self.strategy, batch)
        inputs = network_input(packed, self.config.camera, self.config.network.input_channels)
        self.report.picture(self.step, side_by_side(inputs, forward(self.params, inputs, self.config.network), target, self.config.camera))

    def save(self):
        """Writes a checkpoint, unless a parameter is not finite."""
        if not self.chief or self.step == self.store.saved:
            return
        bad = [name for name, parameter in self.params.items() if not np.isfinite(parameter.numpy()).all()]
        if bad:
            raise NonFiniteError(f"{', '.join(bad)} became not finite by step {self.step}; the last good checkpoint in "
                                 f"{self.config.checkpoint_dir} is kept: go on from it with a smaller --learning_rate")
        self.report.save()
        self.store.save(self.step)


def _loop(run, stop):
    """Makes steps until the last one, a request to stop, or an error. Returns whether the run is complete."""
    config = run.config
    trainable = trainable_names(run.params, config.freeze_up_filters)
    train_step = make_train_step(run.strategy, run.params, run.state, config, trainable)
    batches = distributed_batches(run.strategy, run.table, config, run.first, run.last)
    while run.step < run.last:
        rate = learning_rate_at(run.step, config, run.scenes)
        batch = next(batches)
        loss, stops = train_step(batch, tf.constant(rate, tf.float32), tf.constant(int(stop.asked())))
        run.finish_step(float(loss), rate, batch)
        if int(stops):
            break
    run.save()
    return run.step >= run.last


def train(config, problems):
    """Trains, or goes on with a training that was stopped, and leaves a checkpoint.

    Args:
      config: TrainingConfig.
      problems: Problems, told of every pair that cannot be used.
    Returns:
      The step reached.
    Raises:
      LowlightError: for what a person can mend. NonFiniteError: where the loss or a parameter stopped being finite.
    """
    strategy = make_strategy(config.num_replicas)
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        raise LowlightError(f"--batch_size={config.batch_size} cannot be shared by {replicas} replicas; use a multiple of {replicas}")
    run = _Run(config, strategy, problems)
    say(f"Training {config.camera.name} on {len(run.table.pairs)} pairs of {run.scenes} scenes, {replicas} replica{'s' * (replicas > 1)}, "
        f"from step {run.first} to {run.last}.")
    if run.first >= run.last:
        say(f"Already at step {run.first}: nothing to do. Raise --steps or --epochs to train further.")
        return run.first
    try:
        with StopRequest(config.max_hours) as stop:
            complete = _loop(run, stop)
    except (tf.errors.UnknownError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        raise LowlightError(f"reading a training example failed ({error.message.splitlines()[0]}); if a file in {config.data.cache_dir} "
                            "is damaged or gone, delete that folder: it is built again") from error
    finally:
        if run.report:
            run.report.close()
    if complete:
        say(f"Finished at step {run.step}; the model is in {config.checkpoint_dir}")
    else:
        say(f"Stopped at step {run.step} of {run.last} and saved in {config.checkpoint_dir}. Run the same command again to go on.")
    return run.step
