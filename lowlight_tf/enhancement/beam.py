"""The same enhancement where one machine is not enough: a photograph is an element of an Apache Beam pipeline."""

import dataclasses
import functools
import operator
import os
import pathlib
import threading

from lowlight_tf.beam_jobs import find_runner, run_elements
from lowlight_tf.console import counted, say
from lowlight_tf.devices import prepare_devices
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.enhancement.enhance import make_enhancer
from lowlight_tf.enhancement.jobs import missing_results, plan_jobs
from lowlight_tf.enhancement.shipped_model import model_of
from lowlight_tf.files import check_writable, sweep

SKIPPED = "skipped.tsv"
_ONE_AT_A_TIME = threading.Lock()


@functools.lru_cache(maxsize=2)  # one for each kind of sensor
def _loaded_enhancer(config):
    """Loads the model, once in each worker process; returns it and what enhances a Job with it."""
    prepare_devices()
    loaded = load_model(config.checkpoint_dir, config.mixed_precision, config.quality)
    return loaded, make_enhancer(loaded, config)


def _enhance_job(job, config):
    """Makes a Job's result, unless it is there."""
    # A runner may call from several threads, and memory is reckoned for one frame; TensorFlow has the cores busy with that one.
    with _ONE_AT_A_TIME:
        if config.overwrite or not job.output.exists():
            _loaded_enhancer(dataclasses.replace(config, checkpoint_dir=model_of(job, config)))[1](job)


def _absolute(config, jobs):
    """Workers have folders of their own to stand in: every path from the root."""
    jobs = [dataclasses.replace(job, source=job.source.absolute(), output=job.output.absolute()) for job in jobs]
    folder = config.checkpoint_dir and os.path.abspath(config.checkpoint_dir)
    return dataclasses.replace(config, checkpoint_dir=folder), jobs


def enhance_on_beam(names, config, problems, runner, arguments):
    """Enhances photographs on a Beam runner; the results are those of `enhancement.enhance`, byte for byte.

    This process lists the files and passes on their names. Results that are there are left alone, so the same command goes on with what
    a stopped job left. Photographs that cannot be used are a side list, written to <result_dir>/skipped.tsv.

    Args:
      names, config, problems: as `enhancement.enhance`.
      runner, arguments: as `beam_jobs.run_elements`.
    Raises:
      LowlightError: as `enhancement.enhance`, `beam_jobs.find_runner` and `beam_jobs.run_elements`.
    """
    find_runner(runner)  # what is missing is missed before anything is listed
    jobs = plan_jobs(names, config.result_dir, config.suffix, problems, config.overwrite)
    missing = missing_results(jobs, config.overwrite)
    if missing:
        shared, elements = _absolute(config, missing)
        folder = model_of(elements[0], shared)
        loaded, _ = _loaded_enhancer(dataclasses.replace(shared, checkpoint_dir=folder))  # a model that is none is said once
        by = f"step {loaded.step} of {loaded.folder}" if config.checkpoint_dir else "the models that ship"
        by += f", quality {config.quality}" if config.quality != "normal" else ""
        check_writable(config.result_dir)
        for folder in {job.output.parent for job in missing}:
            sweep(folder)
        skipped = pathlib.Path(config.result_dir).absolute() / SKIPPED
        say(f"Enhancing {counted(len(missing), 'photograph')} with {by} on the {runner}.")
        for reason in run_elements(
            elements, functools.partial(_enhance_job, config=shared), operator.attrgetter("source"), skipped, runner, arguments
        ):
            problems.add(reason)
    done = sum(job.output.exists() for job in jobs)
    say(f"{done:,} of {len(jobs):,} photographs have their result in {config.result_dir}.")
