"""Trains a network on the pairs of a dataset, from the first step or from where it was stopped."""

import contextlib

import tensorflow as tf

from lowlight_tf import __version__
from lowlight_tf.console import StopRequest, counted, say
from lowlight_tf.errors import LowlightError, OutputError, UsageError, disk_fault, first_line
from lowlight_tf.training.agreement import check_agreement, facts_of
from lowlight_tf.training.folder import held
from lowlight_tf.training.replicas import (
    distributed_batches,
    is_chief,
    lost_workers_explained,
    make_strategy,
    make_train_step,
)
from lowlight_tf.training.run import Run
from lowlight_tf.training.schedule import learning_rate_at


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
      UsageError: for --xla with more than one replica. LowlightError: for what else a person can mend. NonFiniteError: where the loss or
        a parameter stopped being finite.
    """
    strategy = make_strategy(config.num_replicas)
    replicas, batch_size = strategy.num_replicas_in_sync, config.batches.batch_size
    if batch_size % replicas:
        raise LowlightError(f"--batch_size={batch_size} cannot be shared by {replicas} replicas; use a multiple of {replicas}")
    if config.updates.xla and replicas > 1:
        raise UsageError(f"--xla compiles the step of one device, and there are {replicas} replicas; leave it out, or use --num_replicas=1")
    check_agreement(strategy, {"the version of lowlight_tf": __version__, "the version of TensorFlow": tf.__version__})
    check_agreement(strategy, facts_of(config))
    with held(config, is_chief(strategy)):
        return _go_on(Run(config, strategy, problems))
