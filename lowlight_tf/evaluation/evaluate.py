"""Scores a model on pairs by a named protocol, and writes the pictures and the numbers."""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.console import progress, say, warn
from lowlight_tf.datasets import PROTOCOLS, sources
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.evaluation.metrics import SSIM_WINDOW, aligned_psnr, psnr, ssim
from lowlight_tf.evaluation.overview import OVERVIEW_NAME, write_overview
from lowlight_tf.evaluation.scores import Score, rows, summarise, table, write_csv
from lowlight_tf.files import check_writable, sweep, write_json
from lowlight_tf.isp.noise_estimate import frame_noise
from lowlight_tf.network import model
from lowlight_tf.pictures.finishing import Finish, check_finite, finish
from lowlight_tf.pictures.image_file import to_uint8, write_png
from lowlight_tf.pictures.provenance import check_replaceable, is_our_json, may_replace
from lowlight_tf.raw import light, packing
from lowlight_tf.raw.rendering import render
from lowlight_tf.reporting.entries import pair_entry
from lowlight_tf.reporting.page import PAGE_NAME, write_page
from lowlight_tf.stages import line_of
from lowlight_tf.versions import versions

METRICS_CSV, METRICS_JSON = "metrics.csv", "metrics.json"


def predictor_of(run, camera, network, interface=light.SID):
    """Returns Frame, ratio -> float32 [H, W, 3] numpy, sRGB, unclipped: pack, turn into the network's input, `run`.

    Args:
      run: the model, float32 [1, h, w, C] -> [1, H, W, 3].
      camera, network, interface: the model's.
    """
    def predict(short, ratio):
        packed = packing.pack(short.mosaic[None], camera)
        noise = frame_noise(packed[0].numpy(), short, camera) if interface.noise_planes else None
        output = run(light.frame_input(packed, short, ratio, camera, interface, network.input_channels, noise))[0]
        check_finite(output, getattr(short, "path", "a short exposure"))
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
      short: the Frame of the short exposure.
      output, target: uint8 [H, W, 3].
    Raises:
      LowlightError: where a file cannot be used.
    """
    short = read_short(pair.short, camera)
    if min(short.mosaic.shape) < SSIM_WINDOW:
        raise LowlightError(f"{pair.short} is {short.mosaic.shape[1]}x{short.mosaic.shape[0]}; SSIM needs {SSIM_WINDOW} pixels a side")
    target = read_target(pair.long, camera, short.visible_size, short.origin)
    return short, to_uint8(predict(short, pair.ratio)), to_uint8(target)


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
    score = Score(pair.name, pair.ratio_label, output.shape[1], output.shape[0], psnr(output, target), ssim(output, target),
                  None if scaled is None else psnr(scaled, target), None if scaled is None else ssim(scaled, target),
                  aligned_psnr(output, target))
    if entries is not None:
        entries.append(pair_entry(pair, short, output, target, scaled, score, camera))
    return score


def _write_report(path, subject, metrics, entries):
    lead = [f"Protocol {metrics['protocol']}, {metrics['images']} images scored. PSNR in dB and SSIM are of 8-bit sRGB, whole frames. "
            "Aligned PSNR is that after a gain for each colour. "
            "The input is the short exposure, amplified by LibRaw."]
    write_page(path, f"Test of {subject.label}", lead, entries, summary=rows(metrics), left_out=metrics["skipped"])


def _write_results(result_dir, subject, scored, scores, metrics, entries):
    """Writes everything but the pictures, which are there already, and says so; the page only where there are entries."""
    folder = pathlib.Path(result_dir)
    write_csv(folder / METRICS_CSV, scores)
    lines = [f"Protocol {metrics['protocol']}, {len(scores)} images scored:", *table(metrics), f"Pictures and metrics are in {result_dir}",
             f"Look at {write_overview(scored, result_dir)} first: short exposure, amplified, output, ground truth"]
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
    say(f"Scoring {subject.label} on {len(pairs)} images, protocol {protocol}.")
    scored, scores, entries = [], [], [] if report else None
    for pair in progress(pairs, unit="image", description="testing"):
        try:
            with line_of(pair.short):
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
