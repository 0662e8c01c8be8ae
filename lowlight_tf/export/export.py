"""A trained model as a file that other programs run: TensorFlow's SavedModel, LiteRT or ONNX."""

import dataclasses
import json
import mmap
import pathlib
import tempfile
from collections.abc import Callable

import tensorflow as tf

from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.checkpoints.weights import check_half
from lowlight_tf.console import progress, quiet_libraries, say
from lowlight_tf.datasets import DataConfig, sources
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.export import litert_file, onnx_file
from lowlight_tf.export.graph import METADATA, describe, make_feed, make_graph
from lowlight_tf.files import atomic_folder, atomic_path, sweep
from lowlight_tf.network.denoise20 import Denoise20Config
from lowlight_tf.pictures.provenance import not_ours
from lowlight_tf.stages import line_of

_CALIBRATION_FRAMES, _CALIBRATION_SIDE = 16, 512  # photosites a side, divides by both CFAs' tiles but for a rest


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What is asked for.

    Attributes:
      checkpoint_dir: the model's folder.
      format: a key of FORMATS.
      quantize: "" for float32, "float16" or "int8".
      kind: what goes in, one of export.INPUTS.
      output: the file or folder to write; "" for one in exports/ that is named after the model.
      data_dir: pairs whose training shorts calibrate int8; "" for dataset/ or the embedded samples.
      overwrite: replace what is there.
      quality: how the network is run, one of network.QUALITIES.
    """

    checkpoint_dir: str
    format: str
    quantize: str = ""
    kind: str = "packed"
    output: str = ""
    data_dir: str = ""
    overwrite: bool = False
    quality: str = "normal"

    @property
    def path(self):
        """Where the result goes."""
        name = pathlib.Path(self.checkpoint_dir).resolve().name
        unusual = (self.kind if self.kind != "packed" else "", self.quality if self.quality != "normal" else "", self.quantize)
        parts = [name, *filter(None, unusual)]
        return pathlib.Path(self.output or f"exports/{'-'.join(parts)}{FORMATS[self.format].suffix}")


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of file: what its name ends with, how it is written, what it may be quantised to, what is checked before."""

    suffix: str
    write: Callable
    quantize: tuple
    check_packages: Callable = lambda quantize: None
    atomic: Callable = atomic_path


def write_saved_model(path, graph, quantize, metadata, feeds):
    """Writes a SavedModel: a folder with the signature serving_default and assets/lowlight_tf.json. As `write_onnx`, without int8."""
    module = tf.Module()
    module.kept, module.function = graph.variables, graph.function
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        facts = pathlib.Path(folder) / f"{METADATA}.json"
        facts.write_text(metadata)
        module.metadata = tf.saved_model.Asset(str(facts))
        tf.saved_model.save(module, str(path), signatures=graph.function.get_concrete_function())


FORMATS = {
    "saved_model": Format("_saved_model", write_saved_model, ("float16",), atomic=atomic_folder),
    "litert": Format(".tflite", litert_file.write_litert, ("float16", "int8"), litert_file.check_packages),
    "onnx": Format(".onnx", onnx_file.write_onnx, ("float16", "int8"), onnx_file.check_packages),
}


def _is_exported(path):
    """Tells a file that `export` wrote, by what it says of itself."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(f'"{METADATA}": "'.encode()) >= 0  # among `describe`'s versions
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


def _check(config):
    """Refuses what cannot be, before anything is loaded."""
    if config.quantize and config.quantize not in FORMATS[config.format].quantize:
        raise UsageError(f"--quantize={config.quantize} is not of --format={config.format}; use --format=litert or onnx for it")
    if config.data_dir and config.quantize != "int8":
        raise UsageError("--data_dir is what int8 is calibrated on; give --quantize=int8 with it")
    if config.path.exists() and not config.overwrite:
        raise LowlightError(f"{config.path} is there already; give --overwrite to replace it, or another --output")
    if config.path.is_dir() and not (config.path / "assets" / f"{METADATA}.json").is_file():
        raise LowlightError(f"{config.path} is a folder of something else; name another --output")
    if config.path.is_dir() != (config.format == "saved_model") and config.path.exists():
        raise LowlightError(f"{config.path} is of another format than {config.format}; name another --output")
    if config.path.is_file() and not _is_exported(config.path):
        raise LowlightError(not_ours(config.path, "name another --output"))
    FORMATS[config.format].check_packages(config.quantize)


def _centre(short, camera):
    """Cuts the middle of a Frame, in the camera's phase."""
    starts = [max(side - _CALIBRATION_SIDE, 0) // 2 // camera.tile * camera.tile for side in short.mosaic.shape]
    part = short.mosaic[starts[0] : starts[0] + _CALIBRATION_SIDE, starts[1] : starts[1] + _CALIBRATION_SIDE]
    return dataclasses.replace(short, mosaic=part)


def calibration_feeds(graph, data_dir, problems):
    """Reads short exposures to calibrate on.

    Args:
      graph: a Graph.
      data_dir: see ExportConfig.
      problems: Problems, told of what cannot be read.
    Returns:
      list of dicts from input to array, the middle parts of up to 16 training shorts.
    Raises:
      LowlightError: where there are none.
    """
    camera = graph.camera
    located = sources.locate_pairs(DataConfig(data_dir=data_dir), camera)
    pairs = sources.find_pairs(located, camera, "train", problems)
    feeds = []
    for pair in progress(pairs[:: -(-len(pairs) // _CALIBRATION_FRAMES) or 1], unit="frame", description="calibrating"):
        try:
            with line_of(pair.short):
                feeds.append(make_feed(graph, _centre(read_short(pair.short, camera), camera), pair.ratio))
        except LowlightError as error:
            problems.add(error)
    if not feeds:
        raise LowlightError(f"no short exposures to calibrate on in {located.data_dir}; expected some whose names begin with 0 in short/")
    say(f"int8 is calibrated on {len(feeds)} short exposures of {located.data_dir}.")
    return feeds


def _size(path):
    return sum(part.stat().st_size for part in ([path] if path.is_file() else path.rglob("*")) if part.is_file()) / 1e6


def export(config, problems):
    """Writes a model as `config` asks.

    Args:
      config: an ExportConfig.
      problems: Problems, told of short exposures that could not be used.
    Raises:
      LowlightError: where there is no model, packages are missing, or the output is there already. OutputError: where it cannot be written.
    """
    _check(config)
    loaded = load_network(config.checkpoint_dir, config.quality)
    if config.quantize == "int8" and isinstance(loaded.network, Denoise20Config):
        raise LowlightError(
            "--quantize=int8 is for the SID network: all of denoise20 works at full resolution, where 8 bits show; use --quantize=float16"
        )
    if config.quantize == "float16":
        check_half(loaded.params)
    made = FORMATS[config.format]
    graph = make_graph(
        loaded.params,
        loaded.camera,
        loaded.network,
        config.kind,
        loaded.interface,
        half=config.quantize == "float16" and config.format == "saved_model",
        quality=config.quality,
    )
    feeds = calibration_feeds(graph, config.data_dir, problems) if config.quantize == "int8" else []
    sweep(config.path.parent)
    with made.atomic(config.path) as temporary:
        made.write(temporary, graph, config.quantize, json.dumps(describe(graph, loaded.step, config.quantize), indent=2), feeds)
    say(
        f"Step {loaded.step} of {loaded.folder}: {config.path} ({_size(config.path):.1f} MB). "
        f"Inputs: {', '.join(f'{spec.name} {spec.dtype.name} {spec.shape.as_list()}' for spec in graph.specs)}; "
        f"output: {loaded.interface.target}, float32 [1, H, W, 3].".replace("None", "any")
    )
