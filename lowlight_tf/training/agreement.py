"""What the workers of one training must have in common, held against each other before they begin."""

import dataclasses
import hashlib
import zlib

import tensorflow as tf

from lowlight_tf.errors import LowlightError
from lowlight_tf.training.replicas import is_alone

_FLAGS = {"kind": "schedule", "white_balance": "white_balance_input", "signed": "signed_input"}  # whose names are not their flags'
_PLACES = ("checkpoint_dir", "data_dir", "cache_dir", "simulated_data_dir", "init_from")


def digest(variables):
    """Returns a number that stands for {name: variable}, bit by bit."""
    total = 0
    for name in sorted(variables):
        total = zlib.crc32(variables[name].numpy().tobytes(), zlib.crc32(name.encode(), total))
    return total


def facts_of(config):
    """Returns {what a person would call it: value} of all that a frozen config says of a run, and of the configs in it; not where its
    folders are, which may differ from machine to machine."""
    facts = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and field.name != "camera":
            facts |= facts_of(value)
        elif field.name not in _PLACES:
            facts[f"--{_FLAGS.get(field.name, field.name)}"] = value
    return facts


def _number(value):
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big", signed=True)


def check_agreement(strategy, facts):
    """Makes sure that all workers are about to train the same thing: each reads checkpoints and data from its own disk.

    Args:
      strategy: from `make_strategy`.
      facts: {what a person would call it: value whose repr says what it is}; the same names on every worker of one version.
    Raises:
      LowlightError: naming what differs.
    """
    if is_alone(strategy):
        return
    values = tf.constant([[_number(value) for value in facts.values()]], tf.int64)

    @tf.function
    def gather():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(values, axis=0))

    rows = strategy.experimental_local_results(gather())[0].numpy()
    different = [name for name, column in zip(facts, rows.T, strict=True) if len(set(column)) > 1]
    if different:
        raise LowlightError(
            f"the workers do not agree on {', '.join(different)}; give all of them the same flags, data and "
            "--checkpoint_dir (a folder that all of them see)"
        )
