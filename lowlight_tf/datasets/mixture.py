"""Real pairs with simulated ones between them: a pipeline.Source of two tables."""

import dataclasses

import tensorflow as tf

from lowlight_tf.datasets.examples import Simulation
from lowlight_tf.datasets.pipeline import Table


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A pipeline.Source.

    Which examples are simulated follows from their index alone, evenly spread: number i where the whole part of i times the fraction
    grows. The real ones between them are the real table's first, second, third, ... so each epoch still visits every real scene once.

    Attributes:
      real: Table of real pairs.
      simulated: Table of bright frames.
      fraction: of the examples that are simulated, in (0, 1).
      simulation: a Simulation.
    """

    real: Table
    simulated: Table
    fraction: float
    simulation: Simulation

    @property
    def pairs(self):
        """The real pairs."""
        return self.real.pairs

    @property
    def scenes(self):
        """Examples until each real scene was visited once."""
        return round(self.real.scenes / (1 - self.fraction))

    @property
    def identity(self):
        """Both tables' names."""
        return f"{self.real.identity};{self.fraction};{self.simulated.identity}"

    @property
    def remedy(self):
        """What to do where reading fails."""
        return self.real.remedy

    def entries(self, part, seed):
        """Returns the indices of a Part."""
        return self.real.entries(part, seed)

    def split(self, index):
        """Returns how many of the examples before number `index` are simulated, int64, and whether this one is."""
        before, after = (tf.cast(tf.floor(tf.cast(number, tf.float64) * self.fraction), tf.int64) for number in (index, index + 1))
        return before, after > before

    def example(self, index, *, seed, camera, config):
        """Draws and makes an example of the one table or of the other."""
        before, is_simulated = self.split(index)
        simulating = dataclasses.replace(config, simulation=self.simulation)
        return tf.cond(
            is_simulated,
            lambda: self.simulated.example(before, seed=seed + 1, camera=camera, config=simulating),
            lambda: self.real.example(index - before, seed=seed, camera=camera, config=config),
        )
