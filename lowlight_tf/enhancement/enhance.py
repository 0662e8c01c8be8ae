"""Dark photographs in, bright ones out: a model on single files of any camera, without a ground truth."""

import contextlib
import dataclasses
import functools
import math
import os
import pathlib
import threading
import time

from tqdm import tqdm

from lowlight_tf import memory
from lowlight_tf.console import counted, progress, say, visible
from lowlight_tf.enhancement.choice import check_takes_strength, choose
from lowlight_tf.enhancement.engine import develop, free_memory, is_whole, memory_said, window_pixels
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.enhancement.jobs import missing_results, plan_jobs
from lowlight_tf.enhancement.ratio_sheet import make_ratio_sheet
from lowlight_tf.enhancement.settings import with_settings
from lowlight_tf.enhancement.shipped_model import by_model, load_models
from lowlight_tf.files import check_writable, sweep
from lowlight_tf.pictures.finishing import Finish, color_matrix
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.pictures.photo_file import write_photo
from lowlight_tf.pictures.provenance import may_replace, not_ours
from lowlight_tf.raw import packing
from lowlight_tf.raw.balancing import balanced, check_takes_balance
from lowlight_tf.raw.frame import as_seen
from lowlight_tf.reporting.entries import BYTES_PER_PHOTOSITE, photograph_entry
from lowlight_tf.reporting.page import PAGE_NAME, Collector
from lowlight_tf.stages import of_its_file, run_stages


@dataclasses.dataclass(frozen=True)
class Developed:
    """A file between the stages: its Job (None where nothing is written), Frame, packed counts and at last its upright picture; ratio,
    reason, Finish, seconds so far; and where they are asked for its plain renderings [H, W, 3], with `gain` and without the ratio."""

    job: object
    frame: object
    packed: object
    ratio: float
    reason: str
    finish: Finish
    seconds: float
    plain: object = None
    as_shot: object = None
    picture: object = None

    @property
    def gain(self):
        """What the light is multiplied by."""
        return self.ratio * self.frame.light_gain


class _Stages:
    """What is done to a file, each part in a thread of its own: decode, network, encode."""

    def __init__(self, loaded, config, files, bar, page, most_pixels=math.inf, told=lambda share: None):
        self._told = told
        self._loaded, self._config, self._bar, self._page, self._most = loaded, config, bar, page, most_pixels
        self._free, self._has_neighbours = free_memory(config.memory_limit), files > 1
        self._memory = threading.Lock()  # held by what cannot share it: LibRaw at one frame, the network in tiles at the one before

    @of_its_file
    def decode(self, job):
        """Reads a Job's file and chooses its ratio."""
        started = time.monotonic()
        return self.prepare(read_frame(job.source, self._loaded.camera), job, started)

    def prepare(self, frame, job=None, started=None):
        """Balances and packs a Frame, chooses its ratio, and renders it plainly where that is asked for, once for network and page."""
        started, camera = started or time.monotonic(), self._loaded.camera
        config = self._config.of(job and job.asked)
        check_takes_balance(self._loaded.interface, config.white_balance, config.checkpoint_dir)
        check_takes_strength(self._loaded, config.finish.strength)
        frame = balanced(frame, config.white_balance)
        packed = packing.pack_frame(frame.mosaic, camera, frame.offset)
        ratio, reason, finish = choose(frame, packed, config, camera)
        is_blended = finish.strength < 1 and not self._config.ratio_sheet
        with self._memory, memory_said(frame.path):
            plain = frame.plain(ratio * frame.light_gain) if is_blended or self._page else None
            as_shot = to_uint8(frame.plain(frame.light_gain)) if self._page and ratio != 1 else None
        return Developed(job, frame, packed, ratio, reason, finish, time.monotonic() - started, plain, as_shot)

    @of_its_file
    def develop(self, file):
        """Runs the network."""
        started, frame = time.monotonic(), file.frame
        self._bar.set_description(visible(frame.path.name), refresh=False)
        with memory_said(frame.path):
            if self._config.ratio_sheet:
                picture = make_ratio_sheet(file.packed, frame, file.ratio, self._loaded)
            else:
                picture = as_seen(self._run(file), frame)
        return dataclasses.replace(
            file,
            packed=None,
            plain=to_uint8(file.plain) if self._page else None,
            picture=picture,
            seconds=file.seconds + time.monotonic() - started,
        )

    def _run(self, file):
        """Runs the network on the whole frame while the next one is rendered, where there is memory for both; else one after the other."""
        free = self._free - (BYTES_PER_PHOTOSITE * file.frame.mosaic.size if self._page else 0)
        plan = functools.partial(window_pixels, self._loaded, file.frame, file.finish, free, self._has_neighbours)
        with contextlib.nullcontext() if is_whole(file.packed, self._loaded, min(plan(renders_next=True), self._most)) else self._memory:
            return develop(file.frame, file.packed, file.gain, self._loaded, file.finish, min(plan(), self._most), file.plain, self._tell)

    def _tell(self, done, tiles):
        self._bar.set_postfix_str(f"tile {done} of {tiles}", refresh=False)
        self._bar.update(1 / tiles)
        self._told(done / tiles)

    @of_its_file
    def encode(self, file):
        """Writes the result and says so."""
        started = time.monotonic()
        config, frame = self._config, file.frame
        if config.ratio_sheet:
            self._bar.update(1)
        kind = "jpeg" if config.ratio_sheet else config.kind
        write_photo(
            file.job.output,
            file.picture,
            kind,
            frame.metadata,
            quality=config.jpeg_quality,
            ccm=color_matrix(self._loaded.target, frame.ccm),
        )
        seconds = file.seconds + time.monotonic() - started
        say(_line(file, seconds))
        if self._page:
            self._page.add(photograph_entry(file, file.job.output, file.finish, seconds, self._loaded, config.result_dir))


def _line(file, seconds):
    """What is said of a finished file."""
    frame = file.frame
    height, width = frame.mosaic.shape
    found = filter(None, (frame.metadata.camera or "unknown camera", str(frame.exposure), f"{width}x{height}", *frame.notes))
    return f"{file.job.source} ({', '.join(found)}): x{file.ratio:.4g} ({file.reason}), {seconds:.1f} s -> {file.job.output}"


def _page(config, by, asked, kept, problems):
    """The Collector of the run's page, or a context without one."""
    path = pathlib.Path(config.result_dir) / PAGE_NAME
    if config.report and os.path.lexists(path) and not may_replace(path):
        problems.add(not_ours(path, "name another --result_dir for the page"))
    elif config.report:
        return Collector(
            path,
            "Enhanced photographs",
            f"{by[:1].upper()}{by[1:]}.",
            asked,
            [f"{job.source}: {job.output} was there already; --overwrite makes it again" for job in kept],
            problems,
        )
    return contextlib.nullcontext()


def make_enhancer(loaded, config, told=lambda share: None, most_pixels=math.inf):
    """Makes what takes one Job through all three stages, for whoever gets files one by one.

    Args:
      loaded, config: a Model and an EnhanceConfig.
      told: called after each tile with the share of the file that is done, 0 to 1. What it raises ends that file.
      most_pixels: of the network's input at a time, where memory would allow more.
    Returns:
      function of a Job that returns its Developed.
    """
    stages = _Stages(loaded, config, 1, tqdm(disable=True), None, most_pixels, told)

    def make(job):
        developed = stages.develop(stages.decode(job))
        stages.encode(developed)
        return developed

    return memory.limited(config.memory_limit)(make)


def make_developer(loaded, config):
    """Returns a function that makes of a Frame what `enhance` writes, without writing it: a Developed with its picture."""
    stages = _Stages(loaded, config, 1, tqdm(disable=True), None)
    return lambda frame: stages.develop(stages.prepare(frame))


def enhance(names, config, problems, settings=None):
    """Enhances photographs.

    Args:
      names: files, globs and folders.
      config: an EnhanceConfig.
      problems: Problems, told of each photograph that cannot be used.
      settings: a Settings that says what is asked of each photograph, instead of config; those that it does not speak of are left out.
    Raises:
      LowlightError: where there is no model, or nothing to do. OutputError: where a result cannot be written.
    """
    jobs = plan_jobs(names, config.result_dir, config.suffix, problems, config.overwrite)
    jobs = jobs if settings is None else with_settings(jobs, settings, problems)
    missing = missing_results(jobs, config.overwrite)
    kept = sorted({*jobs} - {*missing}, key=lambda job: job.source)
    for job in kept:
        say(f"{job.source}: {job.output} is there already; --overwrite makes it again")
    if not missing:
        if config.report:
            say("Nothing was made, so no page was written.")
        return
    models = by_model(missing, config)
    loaded = load_models(models, config, problems)
    if settings is None:  # else each photograph has its own
        for model in loaded.values():
            check_takes_strength(model, config.finish.strength)
    check_writable(config.result_dir)
    for folder in {job.output.parent for job in missing}:
        sweep(folder)
    by = " and ".join(f"step {model.step} of {model.folder}" for model in loaded.values())
    by += f", quality {config.quality}" if config.quality != "normal" else ""
    asked = sum(len(models[folder]) for folder in loaded)
    say(f"Enhancing {counted(asked, 'photograph')} with {by}.")
    with _page(config, by, asked, kept, problems) as page, progress(total=asked, unit="file") as bar:
        for folder, model in loaded.items():
            stages = _Stages(model, config, len(models[folder]), bar, page)
            with memory.limited(config.memory_limit):
                run_stages(models[folder], stages.decode, stages.develop, stages.encode, problems)
