"""The state of one training run: what it starts from, what is due after a step, and what it keeps."""

import math

import numpy as np

from lowlight_tf import memory
from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.datasets import sources
from lowlight_tf.errors import NonFiniteError
from lowlight_tf.network import model
from lowlight_tf.network.optimizer import initialize_adam, initialize_averages
from lowlight_tf.raw.packing import with_channels
from lowlight_tf.training import transfer
from lowlight_tf.training.agreement import check_agreement, digest
from lowlight_tf.training.config import describe_run, tell_changes
from lowlight_tf.training.data import prepare_source
from lowlight_tf.training.history import TrainingReport, side_by_side
from lowlight_tf.training.replicas import (
    is_alone,
    is_chief,
    local_example,
)
from lowlight_tf.training.schedule import total_steps
from lowlight_tf.training.validation import Validator

_BYTES_A_PARAMETER = 16  # its value, gradient, and Adam's two moments


def _check_size(network):
    """Refuses a network that does not fit into memory with its gradients and Adam's state, before it is made."""
    count = sum(math.prod(shape) for shape in model.parameter_shapes(network).values())
    memory.check(f"a network of {count:,} parameters with Adam's state", _BYTES_A_PARAMETER * count, remedy="use a smaller --base_width")


class Run:
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
        inputs = with_channels(packed, config.camera, config.network.input_channels)
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
