"""How training is shared between devices and machines: with `agreement.py` all that knows replicas. Network, loss and optimizer do not."""

import contextlib
import faulthandler
import json
import os
import re
import signal

import tensorflow as tf

from lowlight_tf.console import say
from lowlight_tf.datasets import pipeline
from lowlight_tf.errors import LowlightError, UsageError, first_line
from lowlight_tf.network.losses import l1
from lowlight_tf.network.model import run
from lowlight_tf.network.optimizer import adam_update, clip_gradients, update_averages
from lowlight_tf.raw.packing import with_channels

_START_SECONDS = 1800  # that a worker waits for the others: machines of one job may start minutes apart, and nobody should wait for ever
# What TensorFlow raises where another worker is killed (within a second), or is silent (within some twenty).
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


@contextlib.contextmanager
def lost_workers_explained():
    """Turns what TensorFlow says of a worker that was killed or cannot be reached into a line for a person."""
    try:
        yield
    except _LOST as error:
        if not os.environ.get("TF_CONFIG"):
            raise
        reason = re.search(r"aborted by: (.+)", error.message)
        raise LowlightError(
            f"another worker was lost ({reason[1][:120] if reason else first_line(error)[:120]}); see its output, then "
            "start all of them again: they go on from the last checkpoint"
        ) from error


def make_strategy(num_replicas):
    """Picks how the work is shared: MultiWorkerMirroredStrategy where TF_CONFIG is set, else MirroredStrategy over GPUs or CPUs.

    Args:
      num_replicas: GPUs, or logical CPUs where there is no GPU; 0 for all GPUs or one CPU.
    Raises:
      LowlightError: for more GPUs than there are, or for logical CPUs asked for after TensorFlow has started.
      UsageError: for a TF_CONFIG that does not describe a cluster, or one beside num_replicas.
    """
    if os.environ.get("TF_CONFIG"):
        return _multi_worker(num_replicas)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if num_replicas > len(gpus):
            raise LowlightError(f"--num_replicas={num_replicas}, but TensorFlow sees {len(gpus)} GPUs; use {len(gpus)} or less")
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(num_replicas or len(gpus))])
    replicas = num_replicas or 1
    cpu = tf.config.list_physical_devices("CPU")[0]
    if replicas > len(tf.config.get_logical_device_configuration(cpu) or [None]):
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
        except RuntimeError as error:
            raise LowlightError(
                f"--num_replicas={replicas}: logical CPUs must be set up before TensorFlow starts; start a new process"
            ) from error
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def _check_cluster(text):
    """Refuses a TF_CONFIG that TensorFlow would wait on, or end at without saying why.

    Raises:
      ValueError: saying what is wrong.
    """
    config = json.loads(text)
    cluster, task = config["cluster"], config["task"]
    addresses = [address for job in cluster.values() for address in job]
    wrong = [
        address
        for address in addresses
        if not re.fullmatch(r".+:[0-9]{1,5}", str(address)) or not 0 < int(str(address).rpartition(":")[2]) < 65536
    ]
    if wrong or not addresses:
        raise ValueError(f"{wrong[0]} is no host:port" if wrong else "it names no worker")
    kind, index = task.get("type"), task.get("index")
    if kind not in cluster or not isinstance(index, int) or not 0 <= index < len(cluster[kind]):
        raise ValueError(f"there is no {kind} with index {index}")


def _multi_worker(num_replicas):
    if num_replicas:
        raise UsageError("--num_replicas does not go with TF_CONFIG: each worker uses all its GPUs, or one CPU; leave it out")
    try:
        _check_cluster(os.environ["TF_CONFIG"])
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _no_cluster(error) from error
    say(f"Waiting for the other workers of TF_CONFIG, for {_START_SECONDS // 60} minutes at most.")
    try:
        with _ended_after(_START_SECONDS):
            return tf.distribute.MultiWorkerMirroredStrategy()
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _no_cluster(error) from error
    except tf.errors.OpError as error:
        raise LowlightError(
            f"cannot start this worker's server ({first_line(error)}): is its port in TF_CONFIG free, and its address this machine's?"
        ) from error


def _no_cluster(error):
    return UsageError(
        f"TF_CONFIG does not describe a cluster ({first_line(error)}); expected "
        '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    )


@contextlib.contextmanager
def _ended_after(seconds):
    """Ends the process (exit code 1) where the block takes longer, and lets SIGINT and SIGTERM end it at once.

    TensorFlow waits in C++ with Python's lock held: no thread and no signal handler of Python gets to run meanwhile.
    """
    previous = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            for number, handler in previous.items():
                signal.signal(number, handler)


def is_chief(strategy):
    """Tells whether this process is the one that writes."""
    resolver = strategy.cluster_resolver
    if is_alone(strategy) or resolver.task_type == "chief":
        return True
    return resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs


def is_alone(strategy):
    """Tells whether this process is the only one."""
    return strategy.cluster_resolver is None or not strategy.cluster_resolver.task_type


def distributed_batches(strategy, source, config, first_step, last_step):
    """Returns an iterator over the batches of steps first_step to last_step - 1, each replica's part on its device.

    Args:
      strategy: from `make_strategy`.
      source: a pipeline.Source.
      config: a TrainingConfig.
      first_step, last_step: steps, counted from 0.
    """

    def batches(context):
        local = context.num_replicas_in_sync // context.num_input_pipelines
        share = pipeline.Share(context.num_replicas_in_sync, context.input_pipeline_id * local, local)
        return pipeline.training_batches(
            source,
            config.camera,
            config.example,
            batch_size=config.batches.batch_size,
            seed=config.seed,
            first_step=first_step,
            last_step=last_step,
            share=share,
        )

    return iter(strategy.distribute_datasets_from_function(batches))


def make_train_step(strategy, params, state, config, trainable, averages=None):
    """Builds the training step.

    Args:
      strategy: from `make_strategy`.
      params, state: parameters and Adam's state, created in the strategy's scope.
      config: a TrainingConfig.
      trainable: names of the parameters to train.
      averages: running means of the parameters, from `optimizer.initialize_averages`; None for none.
    Returns:
      function of (batch, learning_rate, stop) -> (mean loss, sum of stop over the replicas). A request to stop that reaches one worker
      thus reaches all of them after the same step.
    """

    def replica_step(packed, target, learning_rate, stop):
        with tf.GradientTape() as tape:
            inputs = with_channels(packed, config.camera, config.network.input_channels)
            loss = l1(run(params, inputs, config.camera, config.network, config.interface, config.updates.mixed_precision), target)
        gradients = tape.gradient(loss, {name: params[name] for name in trainable})
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        gradients = clip_gradients(gradients, config.updates.clip_norm) if config.updates.clip_norm else gradients
        adam_update(params, state, gradients, learning_rate)
        if averages:
            update_averages(averages, params, state["t"], config.updates.average)
        return loss, tf.identity(stop)  # a tensor of each replica's own, which `reduce` can add up

    @tf.function(jit_compile=config.updates.xla or None)
    def train_step(batch, learning_rate, stop):
        losses, stops = strategy.run(replica_step, (*batch, learning_rate, stop))
        loss = strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)
        return loss, strategy.reduce(tf.distribute.ReduceOp.SUM, stops, axis=None)

    return train_step


def local_example(strategy, batch):
    """Returns the first example on this machine of each part of a distributed batch, as batches of one."""
    return tuple(strategy.experimental_local_results(part)[0][:1] for part in batch)
