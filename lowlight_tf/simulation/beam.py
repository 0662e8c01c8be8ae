"""The same simulation where one machine is not enough: a scene is an element of an Apache Beam pipeline."""

import dataclasses
import functools
import operator
import os

from lowlight_tf.beam_jobs import find_runner, run_elements
from lowlight_tf.simulation.plan import prepare
from lowlight_tf.simulation.simulate import simulate_scene, tell


def _absolute(config, scenes):
    """Workers have folders of their own to stand in: every path from the root."""
    scenes = [
        dataclasses.replace(scene, photograph=dataclasses.replace(scene.photograph, path=scene.photograph.path.absolute()))
        for scene in scenes
    ]
    return dataclasses.replace(config, output=os.path.abspath(config.output)), scenes


def simulate_on_beam(config, problems, runner, arguments):
    """Simulates every photograph of a folder on a Beam runner; the files are those of `simulation.simulate`, byte for byte.

    Scenes that are done are left alone, so the same command goes on with what a stopped job left. Photographs that cannot be used are
    a side list, written to <output>/<camera>/skipped_<split>.tsv.

    Args:
      config: a SimulationConfig.
      problems: Problems, told of each photograph that cannot be used.
      runner, arguments: as `beam_jobs.run_elements`.
    Raises:
      LowlightError: as `simulation.simulate`, `beam_jobs.find_runner` and `beam_jobs.run_elements`.
    """
    find_runner(runner)  # what is missing is missed before anything is listed
    scenes, missing = prepare(config, problems)
    if missing:
        shared, elements = _absolute(config, missing)
        work = functools.partial(simulate_scene, config=shared)
        skipped = shared.folder / f"skipped_{config.split}.tsv"
        for reason in run_elements(elements, work, operator.attrgetter("id"), skipped, runner, arguments):
            problems.add(reason)
    tell(scenes, config)
