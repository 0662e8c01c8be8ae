"""Scores a model on pairs by a named protocol, and writes the pictures and the numbers."""

import dataclasses
import os
import pathlib

import numpy as np

from lowlight_tf.checkpoints.load import Loaded
from lowlight_tf.console import counted, progress, say, warn
from lowlight_tf.datasets import PROTOCOLS, sources
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.enhancement.engine import free_memory, make_model, memory_said, network_tiles
from lowlight_tf.enhancement.tiling import most_pixels
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.evaluation.metrics import SSIM_WINDOW, aligned_psnr, psnr, ssim
from lowlight_tf.evaluation.overview import OVERVIEW_NAME, write_overview
from lowlight_tf.evaluation.scores import Score, rows, summarise, table, write_csv
from lowlight_tf.files import check_writable, sweep, write_json
from lowlight_tf.pictures.finishing import Finish, finish
from lowlight_tf.pictures.image_file import to_uint8, write_png
from lowlight_tf.pictures.provenance import check_replaceable, is_our_json, may_replace
from lowlight_tf.raw import light, packing
from lowlight_tf.raw.rendering import render
from lowlight_tf.reporting.entries import pair_entry
from lowlight_tf.reporting.page import PAGE_NAME, write_page
from lowlight_tf.stages import line_of
from lowlight_tf.versions import versions

METRICS_CSV, METRICS_JSON = "metrics.csv", "metrics.json"
# Memory that a pair takes for each photosite while it is scored, measured: the mosaic, three pictures of 8 bits, and PSNR's differences in
# float32 with what TensorFlow makes of them. While the network runs there are fewer: its output, and no differences.
_BYTES_PER_PHOTOSITE = 2 + 9 + 37


def predictor_of(loaded, memory_limit=0):
    """Returns Frame, ratio -> float32 [H, W, 3] numpy, sRGB, unclipped: pack, turn into the network's input, run.

    The network runs on the whole frame where memory allows it, else on tiles with the same result.

    Args:
      loaded: an engine.Model.
      memory_limit: bytes that the process may take; 0 for half of what is free.
    """
    free = free_memory(memory_limit)

    def predict(frame, ratio):
        most = most_pixels(loaded.network, free - _BYTES_PER_PHOTOSITE * frame.mosaic.size, loaded.quality)
        with memory_said(frame.path):
            packed, picture = packing.pack_frame(frame.mosaic, loaded.camera), np.empty([*frame.mosaic.shape, 3], np.float32)
            for where, output, _ in network_tiles(frame, packed, ratio, loaded, most):
                if loaded.target == "camera_rgb":
                    output = finish(output, None, frame.ccm, loaded.target, Finish(curve="bt709")) / np.float32(65535)
                picture[where] = output
        return picture

    return predict


def make_predictor(params, camera, network, interface=light.SID):
    """Returns `predictor_of` a model whose parameters are at hand."""
    return predictor_of(make_model(Loaded(params, camera, network, interface, config={}, step=0)))


def score_output(predict, pair, camera):
    """Runs the model on one pair.

    Returns:
      short: the Frame of the short exposure.
      output, target: uint8 [H, W, 3].
    Raises:
      LowlightError: where a file cannot be used.
    """
    short = read_short(pair.short, camera)
    if min(short.mosaic.shape) < SSIM_WINDOW:
        raise LowlightError(f"{pair.short} is {short.mosaic.shape[1]}x{short.mosaic.shape[0]}; SSIM needs {SSIM_WINDOW} pixels a side")
    target = to_uint8(read_target(pair.long, camera, short.visible_size, short.origin))
    return short, to_uint8(predict(short, pair.ratio)), target


def _scaled_input(pair, short, camera):
    """LibRaw's rendering of the amplified short, uint8, or None where LibRaw cannot make one."""
    try:
        return to_uint8(packing.crop_to_phase(render(pair.short, pair.ratio), camera, short.origin))
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
            write_png(pathlib.Path(result_dir) / f"{pair.name}_{what}.png", picture, may_replace)
    score = Score(
        pair.name,
        pair.ratio_label,
        output.shape[1],
        output.shape[0],
        psnr(output, target),
        ssim(output, target),
        None if scaled is None else psnr(scaled, target),
        None if scaled is None else ssim(scaled, target),
        aligned_psnr(output, target),
    )
    if entries is not None:
        entries.append(pair_entry(pair, short, output, target, scaled, score, camera))
    return score


def _write_report(path, subject, metrics, entries):
    lead = [
        f"Protocol {metrics['protocol']}, {counted(metrics['images'], 'image')} scored. "
        "PSNR in dB and SSIM are of 8-bit sRGB, whole frames. "
        "Aligned PSNR is that after a gain for each colour. "
        "The input is the short exposure, amplified by LibRaw."
    ]
    write_page(path, f"Test of {subject.label}", lead, entries, summary=rows(metrics), left_out=metrics["skipped"])


def _write_results(result_dir, subject, scored, scores, metrics, entries):
    """Writes everything but the pictures, which are there already, and says so; the page only where there are entries."""
    folder = pathlib.Path(result_dir)
    write_csv(folder / METRICS_CSV, scores)
    lines = [
        f"Protocol {metrics['protocol']}, {counted(len(scores), 'image')} scored:",
        *table(metrics),
        f"Pictures and metrics are in {result_dir}",
        f"Look at {write_overview(scored, result_dir)} first: short exposure, amplified, output, ground truth",
    ]
    if entries is not None:
        _write_report(folder / PAGE_NAME, subject, metrics, entries)
        lines.append(f"and at {folder / PAGE_NAME}: every image before and after")
    write_json(folder / METRICS_JSON, metrics, is_our_json)  # last: where it is, all is there
    say(*lines)


def _check_replaceable(result_dir, report):
    """Refuses to work where a result would take the place of a file that is not ours."""
    for name in (METRICS_CSV, METRICS_JSON, OVERVIEW_NAME, *([PAGE_NAME] if report else [])):
        check_replaceable(pathlib.Path(result_dir) / name, "name another --result_dir")


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
      protocol: a key of datasets.PROTOCOLS.
      problems: Problems, told of each pair that cannot be scored.
      report: write the page too.
    Returns:
      metrics.json's content.
    Raises:
      LowlightError: where there is nothing to score, or nowhere to write.
    """
    camera = subject.camera
    located = dataclasses.replace(sources.locate_pairs(_data_of(data, subject.trained_on), camera), selection=PROTOCOLS[protocol])
    pairs = sources.find_pairs(located, camera, "test", problems)
    if not pairs:
        raise LowlightError(f"no test pairs for {protocol} in {located.data_dir}; expected shorts whose names begin with 1, in short/")
    _check_replaceable(result_dir, report)
    check_writable(result_dir)
    sweep(result_dir)
    say(f"Scoring {subject.label} on {counted(len(pairs), 'image')}, protocol {protocol}.")
    scored, scores, entries = [], [], [] if report else None
    for pair in progress(pairs, unit="image", description="testing"):
        try:
            with line_of(pair.short), memory_said(pair.short, "close other programs"):
                scores.append(evaluate_pair(subject.predict, pair, camera, result_dir, entries))
            scored.append(pair)
        except OutputError:
            raise
        except LowlightError as error:
            problems.add(error)
    if not scores:
        raise LowlightError(f"none of the {len(pairs)} test pairs could be scored; see the lines above")
    metrics = summarise(scores, protocol) | {
        "camera": camera.name,
        **subject.facts,
        "data": {"dataset": located.dataset, "data_dir": os.path.abspath(located.data_dir)},
        "versions": versions(),
        "skipped": problems.messages,
    }
    _write_results(result_dir, subject, scored, scores, metrics, entries)
    return metrics
