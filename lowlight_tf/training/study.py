"""How many real pairs does it take? The same network adapted in several ways to ever more real pairs: a grid of runs, a table, a plot.

Every cell of the grid is a training as train.py makes it and a test as test.py makes it, in folders of their own: what is finished is
not made again, and a training that was stopped goes on.
"""

import dataclasses
import math
import pathlib

from lowlight_tf.console import say
from lowlight_tf.datasets import DataConfig, sources, subset
from lowlight_tf.errors import LowlightError
from lowlight_tf.evaluation.evaluate import evaluate
from lowlight_tf.evaluation.overview import OVERVIEW_NAME
from lowlight_tf.evaluation.subjects import classic_subject, trained_subject
from lowlight_tf.files import atomic_path, check_writable, read_json, sweep, write_json
from lowlight_tf.network import HEAD_UNITS
from lowlight_tf.pictures.provenance import check_replaceable, is_our_json, may_replace
from lowlight_tf.raw.cameras import Camera
from lowlight_tf.training import transfer
from lowlight_tf.training.config import Batches, Saving, TrainingConfig, Watching
from lowlight_tf.training.schedule import Schedule
from lowlight_tf.training.strategies import STRATEGIES
from lowlight_tf.training.study_report import FILES, METRICS, write_study
from lowlight_tf.training.train import train


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """A study.

    Attributes:
      camera: the Camera.
      init_from: folder of the pretrained model.
      data: DataConfig of the real pairs: its train split is adapted to, its test split is scored.
      output: folder of the study.
      pairs: numbers of real pairs; 0 stands for zero_shot.
      strategies: keys of STRATEGIES.
      steps: of each training; the learning rate falls to a tenth after four fifths of them.
      patch_size, batch_size, learning_rate, seed, head_units: of each training.
      baseline: folder of a model to draw as a horizontal line, such as SID's own; "" for none.
      protocol: a key of datasets.PROTOCOLS.
    """

    camera: Camera
    init_from: str
    data: DataConfig
    output: str
    pairs: tuple
    strategies: tuple
    steps: int
    patch_size: int = 128
    batch_size: int = 1
    learning_rate: float = 1e-4
    seed: int = 0
    head_units: int = HEAD_UNITS
    baseline: str = ""
    protocol: str = "sid-00"

    def __post_init__(self):
        unknown = [name for name in self.strategies if name not in STRATEGIES]
        if unknown:
            raise LowlightError(f"unknown strategy {', '.join(unknown)}; expected some of {', '.join(STRATEGIES)}")
        if not self.strategies or not self.pairs or min(self.pairs) < 0:
            raise LowlightError("a study needs strategies, and numbers of pairs from 0 on, such as --pairs=0,2,6,12")

    @property
    def cells(self):
        """(strategy, number of pairs) of every cell; without a real pair there is only zero_shot, which needs none."""
        zero = [("zero_shot", 0)] if "zero_shot" in self.strategies else []
        return zero + [(name, count) for count in sorted(set(self.pairs)) if count for name in self.strategies if name != "zero_shot"]


def _training_config(config, name, count, folder):
    strategy = STRATEGIES[name]
    start = transfer.Transfer(config.init_from if strategy.pretrained else "", train_only=strategy.train_only)
    adding = {"head": "fc", "head_units": config.head_units} if strategy.train_only == "head" else {}
    network, interface = transfer.start_network(dataclasses.replace(start, init_from=config.init_from), config.camera, adding)
    data = dataclasses.replace(config.data, mixing=dataclasses.replace(config.data.mixing, train_pairs=count))
    return TrainingConfig(
        camera=config.camera,
        network=network,
        interface=interface,
        data=data,
        checkpoint_dir=str(folder),
        seed=config.seed,
        batches=Batches(config.patch_size, config.batch_size),
        schedule=Schedule(config.steps, learning_rate=config.learning_rate * strategy.rate, decay_step=max(1, config.steps * 4 // 5)),
        saving=Saving(save_every=250),
        watching=Watching(picture_every=0),
        transfer=start,
    )


def _is_scored(folder):
    """Tells whether a cell is done: its metrics.json is written last, but was not always, and it must be whole."""
    return (folder / OVERVIEW_NAME).is_file() and is_our_json(folder / "metrics.json")


def _score(subject, config, name, problems):
    """Scores a subject, unless that was done before; returns its metrics."""
    folder = pathlib.Path(config.output) / "results" / name
    if not _is_scored(folder):
        evaluate(subject(), config.data, str(folder), config.protocol, problems)
    return read_json(folder / "metrics.json")


def _run_cell(config, name, count, problems):
    """Trains and scores one cell; returns its metrics.

    Raises:
      KeyboardInterrupt: where the training was asked to stop: it has saved, and the study goes on with it the next time.
    """
    cell = f"{name}-{count}" if count else name
    if not count:
        return _score(lambda: trained_subject(config.init_from, config.camera.name), config, cell, problems)
    folder = pathlib.Path(config.output) / "models" / cell
    if not _is_scored(pathlib.Path(config.output) / "results" / cell):
        say(f"{STRATEGIES[name].label}, {count} real pairs:")
        if train(_training_config(config, name, count, folder), problems) < config.steps:
            raise KeyboardInterrupt
    return _score(lambda: trained_subject(str(folder)), config, cell, problems)


def _settings(config):
    kept = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {**kept, "camera": config.camera.name, "data": config.data.data_dir, "pairs": [], "strategies": [], "output": ""}


def _check_folder(config):
    """Refuses to mix cells of two studies: only the numbers of pairs and the strategies may grow."""
    check_writable(config.output)
    sweep(config.output)
    path = pathlib.Path(config.output) / "study.json"
    settings = _settings(config)
    for name in (*FILES, "best.png"):
        check_replaceable(pathlib.Path(config.output) / name, "name another --output")
    if path.is_file():
        found = read_json(path)
        if not isinstance(found, dict) or not set(found) <= set(settings):
            raise LowlightError(f"{path} is not a study's; name another --output")
        for name, value in found.items():
            if settings.get(name) != value:
                raise LowlightError(f"{config.output} holds a study with {name}={value}, not {settings.get(name)}; name another --output")
    write_json(path, settings)


def _check_pairs(config, problems):
    located = sources.locate_pairs(config.data, config.camera)
    there = sources.find_pairs(located, config.camera, "train", problems)
    subset.choose(there, max(config.pairs))


def _levels(config, problems):
    """Scores what is drawn as horizontal lines."""
    classic = _score(lambda: classic_subject(config.camera, "nlm"), config, "classic", problems)
    amplified = {**classic, **{field: classic[f"input_{field}"] for field in METRICS}}
    levels = {"amplified by LibRaw": amplified, "classic pipeline": classic}
    if config.baseline:
        levels["baseline"] = _score(lambda: trained_subject(config.baseline, config.camera.name), config, "baseline", problems)
    return levels


def run_study(config, problems):
    """Runs the grid from where it was stopped, and writes table.csv, table.md, plot.png and best.png, anew after every cell.

    Args:
      config: a StudyConfig.
      problems: Problems, told of every file that cannot be used.
    Returns:
      {(strategy, pairs): metrics}.
    Raises:
      LowlightError: before anything is trained, for more pairs than there are, or a model that does not fit.
    """
    _check_pairs(config, problems)
    for name, count in config.cells:
        _training_config(config, name, count, "")
    _check_folder(config)
    levels, scores = _levels(config, problems), {}
    for name, count in config.cells:
        scores[name, count] = _run_cell(config, name, count, problems)
        curves = {
            STRATEGIES[kind].label: {number: metrics for (other, number), metrics in scores.items() if other == kind} for kind, _ in scores
        }
        table = write_study(config.output, curves, levels)
    best = max(scores, key=lambda cell: scores[cell]["psnr"] or -math.inf)
    name = f"{best[0]}-{best[1]}" if best[1] else best[0]
    pictures = pathlib.Path(config.output) / "results" / name
    with atomic_path(pathlib.Path(config.output) / "best.png", may_replace) as temporary:
        temporary.write_bytes((pictures / OVERVIEW_NAME).read_bytes())
    say(
        *table.splitlines(),
        f"Table and plot are in {config.output}; the best is {STRATEGIES[best[0]].label} with {best[1]} real pairs: its pictures "
        f"are in {pictures}, three of them in {config.output}/best.png",
    )
    return scores
