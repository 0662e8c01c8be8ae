"""What a training will take, before it is paid for: a few steps and a few files are timed on this machine, and the rest is arithmetic."""

import dataclasses
import math
import os
import resource
import statistics
import sys
import time

import tensorflow as tf

from lowlight_tf.console import counted, progress, say
from lowlight_tf.datasets import DataConfig, resolve, sources, subset
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError
from lowlight_tf.network.model import initialize_parameters, network_for
from lowlight_tf.network.optimizer import initialize_adam
from lowlight_tf.raw.cameras import Camera
from lowlight_tf.raw.raw_file import visible_size
from lowlight_tf.training.config import TrainingConfig
from lowlight_tf.training.replicas import make_strategy, make_train_step
from lowlight_tf.training.schedule import epochs_to_steps

SUBSETS = (2, 6, 12, 50, 500)
_TIMED_STEPS, _TIMED_FILES = 3, 3
_CHECKPOINTS, _BYTES_A_PARAMETER = 3, 12  # kept; the value and Adam's two moments
# SID's training split, first bursts: pairs, scenes, and the frame's height and width. Counted from the authors' list files.
_SID = {"Sony": (280, 161, 2848, 4256), "Fuji": (286, 135, 4032, 6032)}


@dataclasses.dataclass(frozen=True)
class PlanConfig:
    """The run to plan.

    Attributes:
      camera, data: as for training.
      epochs: an epoch visits each training scene once.
      patch_size, batch_size, num_replicas: as for training; batch_size 0 stands for one example a replica.
      price_per_hour: of the machine; 0 where it costs nothing.
      max_hours: what to fit a run into; 0 for no limit.
    """

    camera: Camera
    data: DataConfig
    epochs: int
    patch_size: int = 512
    batch_size: int = 0
    num_replicas: int = 0
    price_per_hour: float = 0.0
    max_hours: float = 0.0


@dataclasses.dataclass(frozen=True)
class Workload:
    """What there is to train on: numbers of pairs and scenes, the pixels of all shorts and longs, and seconds to decode a pair."""

    pairs: int
    scenes: int
    short_pixels: int
    long_pixels: int
    decode_seconds: float

    @property
    def cache_bytes(self):
        """2 bytes a photosite, 6 a target pixel."""
        return 2 * self.short_pixels + 6 * self.long_pixels

    @property
    def decode_hours(self):
        """Of all pairs, on all cores."""
        return self.decode_seconds * self.pairs / min(os.cpu_count() or 1, 8) / 3600


def _time_decoding(pairs, camera):
    """Returns the median seconds that a few pairs take to decode, on one core, and the megapixels of such a frame."""
    seconds, pixels = [], []
    for pair in progress(pairs[:_TIMED_FILES], total=min(len(pairs), _TIMED_FILES), unit="pair", description="decoding"):
        start = time.perf_counter()
        short = read_short(pair.short, camera)
        read_target(pair.long, camera, short.visible_size, short.origin)
        seconds.append(time.perf_counter() - start)
        pixels.append(math.prod(short.visible_size))
    return statistics.median(seconds), statistics.median(pixels)


def measure_workload(config, problems):
    """Looks at the data, and times the decoding of a few pairs. Without a SID folder the samples are timed and SID's numbers assumed.

    Returns:
      Workload, and whether it is assumed.
    Raises:
      LowlightError: where there are no training pairs.
    """
    camera = config.camera
    located = sources.locate_pairs(config.data, camera)
    pairs = sources.find_pairs(located, camera, "train", problems)
    if not pairs:
        raise LowlightError(f"no training pairs in {located.data_dir}; expected shorts whose names begin with 0 in short/")
    seconds, pixels = _time_decoding(pairs, camera)
    if resolve(config.data.dataset, config.data.data_dir, camera) == "samples":
        count, scenes, height, width = _SID.get(camera.folder, _SID["Sony"])
        return Workload(count, scenes, count * height * width, scenes * height * width, seconds * height * width / pixels), True
    size = {path: math.prod(visible_size(path)) for path in (pair.short for pair in pairs)}
    longs = {pair.long: size[pair.short] for pair in pairs}
    return Workload(len(pairs), len({pair.id for pair in pairs}), sum(size.values()), sum(longs.values()), seconds), False


def subset_workload(workload, count, scenes):
    """Returns the Workload of `count` pairs of `scenes` scenes, of frames as large as the mean."""
    return Workload(
        count,
        scenes,
        workload.short_pixels * count // workload.pairs,
        workload.long_pixels * scenes // workload.scenes,
        workload.decode_seconds,
    )


def _share(batch_size, replicas):
    """Examples of each replica."""
    if batch_size % replicas:
        raise LowlightError(f"--batch_size={batch_size} cannot be shared by {replicas} replicas; use a multiple of {replicas}")
    return batch_size // replicas or 1


def time_step(config):
    """Times a few training steps on random light.

    Args:
      config: a PlanConfig.
    Returns:
      median seconds of a step, number of replicas, number of parameters.
    Raises:
      LowlightError: where the batch cannot be shared by the replicas, or memory does not suffice.
    """
    strategy = make_strategy(config.num_replicas)
    replicas = strategy.num_replicas_in_sync
    local = _share(config.batch_size, replicas)
    network = network_for(config.camera)
    training = TrainingConfig(camera=config.camera, network=network, data=config.data, checkpoint_dir="")
    with strategy.scope():
        params = initialize_parameters(network)
        state = initialize_adam(params)
    step = make_train_step(strategy, params, state, training, list(params))
    side, scale = config.patch_size, config.camera.upscale
    light = tf.random.stateless_uniform([local, side, side, network.input_channels], [1, 2])
    target = tf.random.stateless_uniform([local, side * scale, side * scale, 3], [3, 4])
    batch = tuple(strategy.experimental_distribute_values_from_function(lambda _, part=part: part) for part in (light, target))
    seconds = []
    try:
        for _ in progress(range(1 + _TIMED_STEPS), unit="step", description="training steps"):
            start = time.perf_counter()
            float(step(batch, tf.constant(1e-4), tf.constant(0))[0])
            seconds.append(time.perf_counter() - start)
    except tf.errors.ResourceExhaustedError as error:
        raise LowlightError("out of memory; use a smaller --patch_size or --batch_size") from error
    return statistics.median(seconds[1:]), replicas, sum(parameter.shape.num_elements() for parameter in params.values())


def peak_memory():
    """Returns the most resident memory that this process has had, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def hours(workload, config, step_seconds):
    """Returns the hours of a run: decoding and all steps."""
    return workload.decode_hours + epochs_to_steps(config.epochs, workload.scenes, config.batch_size) * step_seconds / 3600


def _line(label, steps, total_hours, workload, config, checkpoint_bytes):
    cost = f"{config.price_per_hour * total_hours:,.2f}" if config.price_per_hour else "-"
    disk = (workload.cache_bytes + checkpoint_bytes) / 1e9
    return f"{label:24}{steps:>12,}{total_hours:>12,.2f}{cost:>14}{disk:>10.2f}"


def _subset_scenes(count, workload, config, assumed, problems):
    if assumed:
        return min(count, workload.scenes)
    pairs = sources.find_pairs(sources.locate_pairs(config.data, config.camera), config.camera, "train", problems)
    return len({pair.id for pair in subset.choose(pairs, count)})


def _table(config, workload, assumed, step_seconds, checkpoint_bytes, problems):
    lines = [f"{f'{config.epochs:,} epochs of':24}{'steps':>12}{'hours':>12}{'cost':>14}{'disk GB':>10}"]
    for count in [count for count in SUBSETS if count < workload.pairs] + [workload.pairs]:
        part = workload
        if count < workload.pairs:
            part = subset_workload(workload, count, _subset_scenes(count, workload, config, assumed, problems))
        steps = epochs_to_steps(config.epochs, part.scenes, config.batch_size)
        label = f"{counted(count, 'pair')}, {counted(part.scenes, 'scene')}"
        lines.append(_line(label, steps, hours(part, config, step_seconds), part, config, checkpoint_bytes))
    return lines


def _within(config, workload, step_seconds):
    steps = max(0, int((config.max_hours - workload.decode_hours) * 3600 / step_seconds))
    cost = f", for {config.price_per_hour * config.max_hours:,.2f}" if config.price_per_hour else ""
    epochs = steps * config.batch_size / workload.scenes
    return f"In {config.max_hours:g} hours{cost}: {steps:,} steps, {epochs:,.1f} epochs of all pairs."


def plan(config, problems):
    """Prints hours, cost and disk of the run, of the same epochs on fewer pairs, and what fits into max_hours; and the memory measured.

    Args:
      config: a PlanConfig.
      problems: Problems, told of every file that cannot be used.
    Raises:
      LowlightError: where there is nothing to time.
    """
    workload, assumed = measure_workload(config, problems)
    step_seconds, replicas, parameters = time_step(config)
    config = dataclasses.replace(config, batch_size=config.batch_size or replicas)
    side = config.patch_size
    say(
        f"Measured here: a step of {config.batch_size} x {side}x{side} packed pixels takes {step_seconds:.2f} s on {replicas} "
        f"replica{'s' * (replicas > 1)}; a pair decodes in {workload.decode_seconds:.2f} s; peak memory {peak_memory() / 2**30:.1f} GiB."
    )
    if assumed:
        say(f"No SID folder: the numbers are those of SID's {config.camera.folder} training split, decoding is scaled from the samples.")
    say(*_table(config, workload, assumed, step_seconds, _CHECKPOINTS * _BYTES_A_PARAMETER * parameters, problems))
    if config.max_hours:
        say(_within(config, workload, step_seconds))
