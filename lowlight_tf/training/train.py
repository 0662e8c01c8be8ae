"""Trains a network on the pairs of a dataset, from the first step or from where it was stopped."""

import contextlib
import math

import numpy as np
import tensorflow as tf

from lowlight_tf import __version__, memory
from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.console import StopRequest, counted, say
from lowlight_tf.datasets import sources
from lowlight_tf.errors import LowlightError, NonFiniteError, OutputError, disk_fault, first_line
from lowlight_tf.network import model
from lowlight_tf.network.optimizer import initialize_adam, initialize_averages
from lowlight_tf.raw.packing import network_input
from lowlight_tf.training import transfer
from lowlight_tf.training.agreement import check_agreement, digest, facts_of
from lowlight_tf.training.config import describe_run, tell_changes
from lowlight_tf.training.data import prepare_source
from lowlight_tf.training.folder import held
from lowlight_tf.training.history import TrainingReport, side_by_side
from lowlight_tf.training.replicas import (
    distributed_batches,
    is_alone,
    is_chief,
    local_example,
    lost_workers_explained,
    make_strategy,
    make_train_step,
)
from lowlight_tf.training.schedule import learning_rate_at, total_steps
from lowlight_tf.training.validation import Validator

_BYTES_A_PARAMETER = 16  # its value, gradient, and Adam's two moments


def _check_size(network):
    """Refuses a network that does not fit into memory with its gradients and Adam's state, before it is made."""
    count = sum(math.prod(shape) for shape in model.parameter_shapes(network).values())
    memory.check(f"a network of {count:,} parameters with Adam's state", _BYTES_A_PARAMETER * count, remedy="use a smaller --base_width")


class _Run:
    """The state of one training run and what happens to it around the loop."""

    def __init__(self, config, strategy, problems):
        self.config, self.strategy, self.problems = config, strategy, problems
        self.chief = is_chief(strategy)
        self.located = sources.locate(config.data, config.camera)
        self.source = prepare_source(config, self.located, problems)
        self.scenes = self.source.scenes
        self.last = total_steps(config.schedule, self.scenes, config.batches.batch_size)
        _check_size(config.network)
        with strategy.scope():
            self.params = model.initialize_parameters(config.network, config.seed)
            self.state = initialize_adam(self.params)
            self.averages = initialize_averages(self.params) if config.updates.average else None
            self.store = checkpoint.Store(config.checkpoint_dir, self.params, self.state, self.averages)
            self.trainable = transfer.trainable_names(self.params, config.transfer, config.updates.freeze_up_filters)
            restored = self.store.restore()
            self.parts = self._start(restored)
        self.step = self.first = restored or 0
        self.report = self.validate = None
        if not is_alone(strategy):
            check_agreement(
                strategy,
                {
                    "the step in --checkpoint_dir": self.first,
                    "the last step": self.last,
                    "the training pairs": self.source.identity,
                    "the parameters to start from": digest(self.kept),
                },
            )

    def _start(self, restored):
        """Loads what the first step starts from, unless an earlier run did; returns config.json's `transfer` or None."""
        config = self.config
        if restored is not None:
            start = checkpoint.read_config(config.checkpoint_dir).get("transfer")
        elif config.transfer.init_from:
            start = transfer.load_start(self.params, config.transfer, config.seed)
        else:
            start = None
        if start and restored is None:
            for name, average in (self.averages or {}).items():
                average.assign(self.params[name])
        return start and transfer.describe_parts(self.params, self.trainable, start, config.transfer)

    @property
    def kept(self):
        """What a checkpoint keeps: {name: variable}."""
        return {**self.params, **self.state, **{f"average of {name}": value for name, value in (self.averages or {}).items()}}

    def begin(self):
        """Opens the reports and writes config.json; a worker that is not the chief writes nothing."""
        if self.chief:
            described = describe_run(self.config, self.located.data_dir, self.scenes, self.last, self.parts)
            tell_changes(self.config.checkpoint_dir, described)
            checkpoint.write_config(self.config.checkpoint_dir, described)
            self.report = TrainingReport(self.config.checkpoint_dir, self.first, self.last)
            self.validate = Validator(self.averages or self.params, self.config, self.located, self.problems)
            if self.parts:
                transfer.tell_parts(self.parts, self.params)

    def end(self):
        """Closes the reports."""
        if self.report:
            self.report.close()

    def finish_step(self, loss, rate, batch):
        """Counts a step, refuses a loss that is not finite, and does what is due."""
        if not np.isfinite(loss):
            raise NonFiniteError(f"the loss became {loss} at step {self.step + 1}; {self._way_on()}")
        self.step += 1
        if self.chief:
            self.report.step(self.step, loss, rate)
            if self._due(self.config.watching.picture_every):
                self._show(batch)
        if self._due(self.config.saving.save_every):
            self.save(batch)
        validate_every = self.config.watching.validate_every
        if self.chief and validate_every and (self._due(validate_every) or self.step == self.last):
            self.validate(self.step, self.report)

    def _way_on(self):
        folder = self.config.checkpoint_dir
        if checkpoint.latest(folder):
            return f"the last good checkpoint in {folder} is kept: go on from it with a smaller --learning_rate"
        return f"there is no checkpoint in {folder} yet: start again with a smaller --learning_rate"

    def _due(self, every):
        return every and self.step % every == 0

    def _output(self, batch):
        """The network's input of this machine's first example, the model's output, and the target."""
        packed, target = local_example(self.strategy, batch)
        config = self.config
        inputs = network_input(packed, config.camera, config.network.input_channels)
        return inputs, model.run(self.averages or self.params, inputs, config.camera, config.network, config.interface), target

    def _show(self, batch):
        self.report.picture(self.step, side_by_side(*self._output(batch), self.config.camera, self.config.interface))

    def save(self, batch):
        """Writes a checkpoint, unless it would be none to go on from: a number in it, or what it makes of the batch, is not finite."""
        if self.step == self.store.saved:
            return
        bad = checkpoint.not_finite(self.kept)
        if bad or not np.isfinite(self._output(batch)[1]).all():
            what = f"{', '.join(bad[:5])} became" if bad else "what the network returns became"
            raise NonFiniteError(f"{what} not finite by step {self.step}; {self._way_on()}")
        if self.chief:
            failed = self.report.write_history()  # before the checkpoint, so that none has steps that the history lacks
            self.store.save(self.step)
            self.report.flush()
            if failed:
                raise failed


def _next_batch(batches, source):
    try:
        return next(batches)
    except (tf.errors.UnknownError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.DataLossError) as error:
        raise LowlightError(f"reading a training example failed ({first_line(error)}); {source.remedy}") from error


def _loop(run, stop):
    """Makes steps until the last one, a request to stop, or an error. Returns whether the run is complete."""
    config = run.config
    train_step = make_train_step(run.strategy, run.params, run.state, config, run.trainable, run.averages)
    batches = distributed_batches(run.strategy, run.source, config, run.first, run.last)
    batch = None
    while run.step < run.last:
        rate = learning_rate_at(run.step, config.schedule, run.scenes, config.batches.batch_size)
        batch = _next_batch(batches, run.source)
        loss, stops = train_step(batch, tf.constant(rate, tf.float32), tf.constant(int(stop.asked())))
        run.finish_step(float(loss), rate, batch)
        if int(stops):
            break
    run.save(batch)
    check_agreement(run.strategy, {"the last step": run.step})  # no worker ends before the last checkpoint is written
    return run.step >= run.last


@contextlib.contextmanager
def _explained(run):
    """Turns a second Ctrl-C and what TensorFlow says of memory into lines for a person."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise LowlightError(
            f"stopped at step {run.step} without saving; run the same command again to go on from the last checkpoint "
            f"in {run.config.checkpoint_dir}"
        ) from error
    except tf.errors.ResourceExhaustedError as error:
        if disk_fault(error):  # TensorFlow has one name for both
            raise OutputError(f"cannot write: {first_line(error)}; free some space and run the same command again") from error
        raise LowlightError("out of memory; use a smaller --patch_size or --batch_size, or more replicas") from error


def _what(run):
    """Says what a run is trained on."""
    if run.located.simulated:
        return f"simulated short exposures of {counted(run.scenes, 'scene')}"
    pairs, fraction = run.source.pairs, run.config.data.mixing.simulated_fraction
    said = f"{counted(len(pairs), 'pair')} of {counted(len({pair.id for pair in pairs}), 'scene')}"
    return said + (f", with {fraction:.0%} of the examples simulated" if fraction else "")


def _go_on(run):
    """Makes the steps that are still to be made; returns the step reached."""
    replicas, camera = run.strategy.num_replicas_in_sync, run.config.camera.name
    say(f"Training {camera} on {_what(run)}, {replicas} replica{'s' * (replicas > 1)}, from step {run.first} to {run.last}.")
    if run.first >= run.last:
        say(f"Already at step {run.first}: nothing to do. Raise --steps or --epochs to train further.")
        return run.first
    with StopRequest(run.config.saving.max_hours) as stop, _explained(run):
        try:
            run.begin()
            complete = _loop(run, stop)
        finally:
            run.end()
    if complete:
        say(f"Finished at step {run.step}; the model is in {run.config.checkpoint_dir}")
    else:
        say(f"Stopped at step {run.step} of {run.last} and saved in {run.config.checkpoint_dir}. Run the same command again to go on.")
    return run.step


@lost_workers_explained()
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
    replicas, batch_size = strategy.num_replicas_in_sync, config.batches.batch_size
    if batch_size % replicas:
        raise LowlightError(f"--batch_size={batch_size} cannot be shared by {replicas} replicas; use a multiple of {replicas}")
    check_agreement(strategy, {"the version of lowlight_tf": __version__, "the version of TensorFlow": tf.__version__})
    check_agreement(strategy, facts_of(config))
    with held(config, is_chief(strategy)):
        return _go_on(_Run(config, strategy, problems))
