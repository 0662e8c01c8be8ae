"""Our own network as a contender of the benchmarks: a frame, and a training step as `training/train.py` makes it."""

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import tensorflow as tf

from lowlight_tf.datasets import DataConfig
from lowlight_tf.network.model import forward, initialize_parameters, network_for
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training.config import TrainingConfig, Updates
from lowlight_tf.training.replicas import make_strategy, make_train_step


def inference(values, packed, network=None, *, mixed_precision=False, xla=False):
    """Returns a function that runs the network on float32 [1, h, w, C] and returns the picture as an array [1, 2h, 2w, 3].

    Args:
      values: {parameter: array}.
      packed: float32 [1, h, w, C].
      network: its config; SID's own for the A7S II where not given.
      mixed_precision: compute in bfloat16.
      xla: compile it with XLA.
    """
    network = network or network_for(CAMERAS["sony"])
    params = {name: tf.Variable(value) for name, value in values.items()}
    signature = [tf.TensorSpec([1, None, None, packed.shape[-1]], tf.float32)]
    function = tf.function(
        lambda inputs: forward(params, inputs, network, mixed_precision), input_signature=signature, jit_compile=xla or None
    )
    return lambda: function(packed).numpy()


def step(packed, target, network=None, *, values=None, mixed_precision=False, xla=False, replicas=1):
    """Returns a function that makes one step as `training/train.py` does, under MirroredStrategy, and the initial parameter values.

    Args:
      packed: float32 [B, h, w, C].
      target: float32 [B, 2h, 2w, 3].
      network: its config; SID's own for the A7S II where not given.
      values: {parameter: array} to start from; drawn with seed 1 where not given.
      mixed_precision: compute in bfloat16.
      xla: compile the whole step with XLA, as train.py --xla does.
      replicas: devices that share the batch.
    """
    camera = CAMERAS["sony"]
    network = network or network_for(camera)
    config = TrainingConfig(
        camera=camera, network=network, data=DataConfig(), checkpoint_dir="", updates=Updates(mixed_precision=mixed_precision, xla=xla)
    )
    strategy = make_strategy(replicas)
    with strategy.scope():
        params = initialize_parameters(network, 1)
        for name, value in (values or {}).items():
            params[name].assign(value)
        state = initialize_adam(params)
    make_step = make_train_step(strategy, params, state, config, list(params))
    batch, rate, stop = (_shared(strategy, packed, replicas), _shared(strategy, target, replicas)), tf.constant(1e-4), tf.constant(0)
    return lambda: float(make_step(batch, rate, stop)[0]), {name: value.numpy() for name, value in params.items()}


def _shared(strategy, batch, replicas):
    """Gives each replica its part of [B, ...]."""
    if replicas == 1:
        return tf.constant(batch)
    share = len(batch) // replicas

    def part(context):
        first = context.replica_id_in_sync_group * share
        return tf.constant(batch[first : first + share])

    return strategy.experimental_distribute_values_from_function(part)
