"""How long a run is and how its learning rate falls. Steps count from 0; an epoch visits each training scene once."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A run's length and learning rate.

    Attributes:
      steps, epochs: length of the run; steps wins where both are given.
      learning_rate: Adam's, until decay_step or decay_epoch (the step wins; 0: never), and times learning_rate_decay from then on.
      kind: one of training.SCHEDULES; "cosine" lets the rate fall to 0 by half a cosine over the whole run, and knows no decay.
    """

    steps: int = 0
    epochs: int = 0
    learning_rate: float = 1e-4
    learning_rate_decay: float = 0.1
    decay_step: int = 0
    decay_epoch: int = 0
    kind: str = "step"


def epochs_to_steps(epochs, scenes, batch_size):
    """Returns how many batches visit each of `scenes` scenes `epochs` times, rounded up once at the end."""
    return -(-epochs * scenes // batch_size)


def total_steps(schedule, scenes, batch_size):
    """Returns the run's length in steps."""
    return schedule.steps or epochs_to_steps(schedule.epochs, scenes, batch_size)


def learning_rate_at(step, schedule, scenes, batch_size):
    """Returns the learning rate of a step (counted from 0)."""
    if schedule.kind == "cosine":
        return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * step / total_steps(schedule, scenes, batch_size)))
    decay_at = schedule.decay_step or epochs_to_steps(schedule.decay_epoch, scenes, batch_size)
    return schedule.learning_rate * (schedule.learning_rate_decay if decay_at and step >= decay_at else 1.0)
