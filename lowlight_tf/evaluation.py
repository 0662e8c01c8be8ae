"""Scores a model on pairs by a named protocol, and writes the pictures and the numbers."""

import csv
import dataclasses
import math
import os
import pathlib
import statistics

import numpy as np
import tensorflow as tf

from lowlight_tf import checkpoint, light, model, packing
from lowlight_tf.cameras import Camera
from lowlight_tf.console import progress, say, warn
from lowlight_tf.datasets import sid, sources
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.files import atomic_path, check_writable, write_json
from lowlight_tf.finishing import Finish, finish
from lowlight_tf.html_report import PAGE_NAME, write_page
from lowlight_tf.image_file import to_uint8, write_png
from lowlight_tf.isp.noise_estimate import frame_noise
from lowlight_tf.metrics import SSIM_WINDOW, aligned_psnr, psnr, ssim
from lowlight_tf.overview import write_overview
from lowlight_tf.provenance import check_replaceable
from lowlight_tf.rendering import render
from lowlight_tf.report_entries import pair_entry
from lowlight_tf.versions import versions


@dataclasses.dataclass(frozen=True)
class Score:
    """One image's row of metrics.csv.

    input_* score LibRaw's rendering of the amplified short, None where LibRaw cannot render it; aligned_psnr is the output's after a gain
    for each colour.
    """

    name: str
    ratio: str
    width: int
    height: int
    psnr: float
    ssim: float
    input_psnr: float | None
    input_ssim: float | None
    aligned_psnr: float | None = None


def predictor_of(run, camera, network, interface=light.SID):
    """Returns Short, ratio -> float32 [H, W, 3] numpy, sRGB, unclipped: pack, turn into the network's input, `run`.

    Args:
      run: the model, float32 [1, h, w, C] -> [1, H, W, 3].
      camera, network, interface: the model's.
    """
    def predict(short, ratio):
        packed = packing.pack(short.mosaic[None], camera)
        noise = frame_noise(packed[0].numpy(), short, camera) if interface.noise_planes else None
        output = run(light.frame_input(packed, short, ratio, camera, interface, network.input_channels, noise))[0]
        if interface.target == "camera_rgb":
            return finish(output, None, short.ccm, interface.target, Finish(curve="bt709")) / np.float32(65535)
        return np.asarray(output)

    return predict


def make_predictor(params, camera, network, interface=light.SID, mixed_precision=False):
    """Returns `predictor_of` a model with parameters."""

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, network.input_channels], tf.float32)])
    def run(inputs):
        return model.run(params, inputs, camera, network, interface, mixed_precision)

    return predictor_of(run, camera, network, interface)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A model's parts: its parameters, what it is, config.json's content, and the step of its checkpoint."""

    params: dict
    camera: Camera
    network: object
    interface: light.Interface
    config: dict
    step: int


def load_network(checkpoint_dir):
    """Loads a trained or imported model's parts.

    Returns:
      A Loaded.
    Raises:
      LowlightError: where there is no whole checkpoint.
    """
    config = checkpoint.read_config(checkpoint_dir)
    camera, network, interface = model.from_description(config, checkpoint_dir)
    params = model.initialize_parameters(network)
    return Loaded(params, camera, network, interface, config, checkpoint.load_parameters(checkpoint_dir, params))


def load_model(checkpoint_dir, mixed_precision=False):
    """Loads a trained or imported model.

    Args:
      checkpoint_dir: its folder.
      mixed_precision: run it in bfloat16.
    Returns:
      predict (see `make_predictor`), its Camera, its config.json and its step.
    Raises:
      LowlightError: where there is no whole checkpoint.
    """
    loaded = load_network(checkpoint_dir)
    predict = make_predictor(loaded.params, loaded.camera, loaded.network, loaded.interface, mixed_precision)
    return predict, loaded.camera, loaded.config, loaded.step


def score_output(predict, pair, camera):
    """Runs the model on one pair.

    Returns:
      short: the Short.
      output, target: uint8 [H, W, 3].
    Raises:
      LowlightError: where a file cannot be used.
    """
    short = read_short(pair.short, camera)
    if min(short.mosaic.shape) < SSIM_WINDOW:
        raise LowlightError(f"{pair.short} is {short.mosaic.shape[1]}x{short.mosaic.shape[0]}; SSIM needs {SSIM_WINDOW} pixels a side")
    target = read_target(pair.long, camera, short.visible_size, short.offset)
    return short, to_uint8(predict(short, pair.ratio)), to_uint8(target)


def _scaled_input(pair, short, camera):
    """LibRaw's rendering of the amplified short, uint8, or None where LibRaw cannot make one."""
    try:
        return to_uint8(packing.crop_to_phase(render(pair.short, pair.ratio), camera, short.offset))
    except LowlightError as error:
        warn(f"{pair.name}: no scaled-input picture: {error}")
        return None


def evaluate_pair(predict, pair, camera, result_dir, entries=None):
    """Scores one pair and writes its `_out`, `_gt` and `_scaled-input` PNGs into result_dir; returns its Score.

    Where there is a list of `entries`, what the page says of the pair is added to it.
    """
    short, output, target = score_output(predict, pair, camera)
    scaled = _scaled_input(pair, short, camera)
    for picture, what in ((output, "out"), (target, "gt"), (scaled, "scaled-input")):
        if picture is not None:
            write_png(pathlib.Path(result_dir) / f"{pair.name}_{what}.png", picture)
    score = Score(pair.name, pair.ratio_label, output.shape[1], output.shape[0], psnr(output, target), ssim(output, target),
                  None if scaled is None else psnr(scaled, target), None if scaled is None else ssim(scaled, target),
                  aligned_psnr(output, target))
    if entries is not None:
        entries.append(pair_entry(pair, short, output, target, scaled, score, camera))
    return score


def _mean(scores, field):
    values = [getattr(score, field) for score in scores if getattr(score, field) is not None]
    mean = statistics.fmean(values) if values else math.nan
    return mean if math.isfinite(mean) else None  # JSON has no infinity, the PSNR of equal pictures


def summarise(scores, protocol):
    """Returns metrics.json's content: means over all images and for each ratio, with the number of images."""
    fields = ("psnr", "ssim", "aligned_psnr", "input_psnr", "input_ssim")
    ratios = sorted({score.ratio for score in scores}, key=lambda label: int(label[1:]))
    groups = {ratio: [score for score in scores if score.ratio == ratio] for ratio in ratios}

    def means(group):
        return {"images": len(group), **{field: _mean(group, field) for field in fields}}

    return {"protocol": protocol, **means(scores), "per_ratio": {ratio: means(group) for ratio, group in groups.items()}}


def _write_csv(path, scores):
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Score)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(score) for score in scores)


def _rows(metrics):
    """The numbers as rows of text: the heads, each ratio, and all of them."""
    def row(label, means):
        forms = {"psnr": ".2f", "ssim": ".3f", "aligned_psnr": ".2f", "input_psnr": ".2f", "input_ssim": ".3f"}
        cells = (f"{means[field]:{form}}" if means[field] is not None else "-" for field, form in forms.items())
        return [label, str(means["images"]), *cells]

    ratios = [row(ratio, means) for ratio, means in metrics["per_ratio"].items()]
    return [["ratio", "images", "PSNR", "SSIM", "aligned PSNR", "input PSNR", "input SSIM"], *ratios, row("all", metrics)]


def _table(metrics):
    """Lays out the numbers as lines of text."""
    widths = (7, 9, 8, 15, 13, 12)
    return [f"{label:8}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths)) for label, *cells in _rows(metrics)]


def _write_report(path, subject, metrics, entries):
    lead = [f"Protocol {metrics['protocol']}, {metrics['images']} images scored. PSNR in dB and SSIM are of 8-bit sRGB, whole frames. "
            "Aligned PSNR is that after a gain for each colour. "
            "The input is the short exposure, amplified by LibRaw."]
    write_page(path, f"Test of {subject.label}", lead, entries, summary=_rows(metrics), left_out=metrics["skipped"])


def _write_results(result_dir, subject, scored, scores, metrics, entries):
    """Writes everything but the pictures, which are there already, and says so; the page only where there are entries."""
    folder = pathlib.Path(result_dir)
    _write_csv(folder / "metrics.csv", scores)
    write_json(folder / "metrics.json", metrics)
    lines = [f"Protocol {metrics['protocol']}, {len(scores)} images scored:", *_table(metrics), f"Pictures and metrics are in {result_dir}",
             f"Look at {write_overview(scored, result_dir)} first: short exposure, amplified, output, ground truth"]
    if entries is not None:
        _write_report(folder / PAGE_NAME, subject, metrics, entries)
        lines.append(f"and at {folder / PAGE_NAME}: every image before and after")
    say("\n".join(lines))


def _data_of(data, trained_on):
    """The data that was asked for, or where nothing was, what the model was trained on."""
    if data.dataset == "auto" and not data.data_dir:
        return dataclasses.replace(data, **{name: trained_on[name] for name in ("dataset", "data_dir") if name in trained_on})
    return data


def evaluate(subject, data, result_dir, protocol, problems, report=False):
    """Scores a subject on the test split.

    Args:
      subject: a subjects.Subject.
      data: DataConfig; where it names no data, what the subject was trained on; burst and alignment choices are the protocol's.
      result_dir: where pictures, metrics.csv and metrics.json go.
      protocol: a key of sid.PROTOCOLS.
      problems: Problems, told of each pair that cannot be scored.
      report: write the page too.
    Returns:
      metrics.json's content.
    Raises:
      LowlightError: where there is nothing to score, or nowhere to write.
    """
    camera, rules = subject.camera, sid.PROTOCOLS[protocol]
    located = dataclasses.replace(sources.locate_pairs(_data_of(data, subject.trained_on), camera), all_bursts=rules.all_bursts,
                                  exclude_misaligned=rules.exclude_misaligned)
    pairs = sources.find_pairs(located, camera, "test", problems)
    if not pairs:
        raise LowlightError(f"no test pairs for {protocol} in {located.data_dir}; expected shorts whose names begin with 1, in short/")
    if report:
        check_replaceable(pathlib.Path(result_dir) / PAGE_NAME, "name another --result_dir for the page")
    check_writable(result_dir)
    say(f"Scoring {subject.label} on {len(pairs)} images, protocol {protocol}.")
    scored, scores, entries = [], [], [] if report else None
    for pair in progress(pairs, unit="image", description="testing"):
        try:
            scores.append(evaluate_pair(subject.predict, pair, camera, result_dir, entries))
            scored.append(pair)
        except OutputError:
            raise
        except LowlightError as error:
            problems.add(error)
    if not scores:
        raise LowlightError(f"none of the {len(pairs)} test pairs could be scored; see the lines above")
    metrics = summarise(scores, protocol) | {
        "camera": camera.name, **subject.facts, "data": {"dataset": located.dataset, "data_dir": os.path.abspath(located.data_dir)},
        "versions": versions(), "skipped": problems.messages}
    _write_results(result_dir, subject, scored, scores, metrics, entries)
    return metrics
