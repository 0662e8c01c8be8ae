"""The same simulation where one machine is not enough: a scene is an element of an Apache Beam pipeline, on whatever runner.

The workers need this package with its requirements, and must see the photographs and the output by the same paths: a shared disk.
"""

import dataclasses
import os

from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.simulation import simulate_scene, tell
from lowlight_tf.simulation_plan import prepare

RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")
_BAD = "bad"


def _beam():
    try:
        import apache_beam
    except ModuleNotFoundError as error:
        raise LowlightError("--runner needs Apache Beam; run: pip install apache-beam") from error
    return apache_beam


def _simulate_element(scene, config):
    """Turns a scene into its files; yields its id, or to the side output why its photograph cannot be used."""
    import apache_beam as beam
    try:
        simulate_scene(scene, config)
        yield scene.id
    except OutputError:
        raise  # the next scene would fail the same way
    except LowlightError as error:
        yield beam.pvalue.TaggedOutput(_BAD, f"{scene.id}\t{error}")


def _absolute(config, scenes):
    """Workers have folders of their own to stand in: every path from the root."""
    scenes = [dataclasses.replace(scene, photograph=dataclasses.replace(scene.photograph, path=scene.photograph.path.absolute()))
              for scene in scenes]
    return dataclasses.replace(config, output=os.path.abspath(config.output)), scenes


def simulate_on_beam(config, problems, runner, arguments):
    """Simulates every photograph of a folder on a Beam runner; the files are those of `simulation.simulate`, byte for byte.

    Scenes that are done are left alone, so the same command goes on with what a stopped job left. Photographs that cannot be used are
    a side output, written to <output>/<camera>/skipped_<split>.tsv.

    Args:
      config: a SimulationConfig.
      problems: Problems, told of each photograph that cannot be used.
      runner: one of RUNNERS.
      arguments: list of the runner's own options, such as "--flink_master=host:8081".
    Raises:
      LowlightError: as `simulation.simulate`, where Beam is missing, or where the runner fails.
    """
    beam = _beam()
    scenes, missing = prepare(config)
    if missing:
        shared, elements = _absolute(config, missing)
        skipped = shared.folder / f"skipped_{config.split}.tsv"
        try:
            options = beam.options.pipeline_options.PipelineOptions([*arguments, f"--runner={runner}"])
            with beam.Pipeline(options=options) as pipeline:
                results = (pipeline | beam.Create(elements) | beam.Reshuffle()
                           | beam.FlatMap(_simulate_element, shared).with_outputs(_BAD, main="done"))
                results[_BAD] | beam.io.WriteToText(str(skipped), shard_name_template="")
        except Exception as error:  # whatever a runner raises, a person wants its last line
            raise LowlightError(f"the {runner} failed: {str(error).strip().splitlines()[-1][:300]}; check --beam_args, then run the same "
                                "command again: it goes on from what is done") from error
        for line in sorted(skipped.read_text().splitlines()):
            problems.add(line.split("\t", 1)[1])
    tell(scenes, config)
