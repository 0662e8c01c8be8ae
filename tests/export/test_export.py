"""Exported models in their own runtimes: the same pictures as ours, what the files say of themselves, and what is refused."""

import dataclasses
import json
import math
import pathlib
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from conftest import run_script

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.enhancement import engine
from lowlight_tf.errors import LowlightError, Problems, UsageError
from lowlight_tf.export.export import FORMATS, ExportConfig, calibration_feeds, export
from lowlight_tf.export.graph import make_graph
from lowlight_tf.network import model
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import SID, Interface

WHAT = ("model", "network", "interface", "camera", "target")
CODED = Interface(white_balance=True, signed=True, curve="bt709", noise_planes=True, skip="demosaic", target="camera_rgb")
LEVELS = {
    "black_level": np.array([500, 511, 520, 512], np.float32),
    "white_level": np.array(15000, np.float32),
    "wb_gains": np.array([2.0, 1.0, 1.5], np.float32),
    "ratio": np.array(40, np.float32),
}


def write_lively_model(folder, camera="bayer", **options):
    """Writes a model whose every layer matters to its output, which an untrained one's deep layers hardly do."""
    network = model.network_for(CAMERAS[camera], **options)
    params = model.initialize_parameters(network)
    rng = np.random.RandomState(0)
    for name, value in params.items():
        fan_in = value.shape[-1] if name.startswith("up") else math.prod(value.shape[:-1])
        spread = 0.05 if name.endswith("biases") else (1 / fan_in) ** 0.5
        value.assign(rng.normal(scale=spread, size=value.shape).astype(np.float32))
    checkpoint.write_config(folder, model.describe(CAMERAS[camera], network, options.get("interface", SID)))
    checkpoint.Store(folder, params).save(7)
    return folder


@pytest.fixture(scope="module")
def lively(tmp_path_factory):
    """The folder of a Bayer model that takes levels and gains from each file."""
    return write_lively_model(tmp_path_factory.mktemp("lively"), base_width=4, interface=Interface(white_balance=True))


def in_tensorflow(path):
    loaded = tf.saved_model.load(str(path))
    run = loaded.signatures["serving_default"]
    said = pathlib.Path(loaded.metadata.asset_path.numpy().decode()).read_text()
    return lambda feed: run(**{name: tf.constant(value) for name, value in feed.items()})["picture"].numpy(), json.loads(said)


def in_litert(path):
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    found = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    (entry,) = (entry for entry in found.metadata if entry.name == b"lowlight_tf")
    said = json.loads(bytes(bytearray(found.buffers[entry.buffer].data)))
    return lambda feed: interpreter.get_signature_runner()(**feed)["picture"], said


def in_onnxruntime(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda feed: session.run(None, feed)[0], json.loads(session.get_modelmeta().custom_metadata_map["lowlight_tf"])


RUNTIMES = {"saved_model": in_tensorflow, "litert": in_litert, "onnx": in_onnxruntime}


def exported(folder, path, form, **options):
    """Exports a model; returns its runtime's function from inputs to picture, and what the file says."""
    config = ExportConfig(str(folder), form, output=str(path / f"model{FORMATS[form].suffix}"), **options)
    export(config, Problems())
    assert list(path.glob(".*")) == []  # nothing half-written
    return RUNTIMES[form](config.path)


def random_light(height, width, channels):
    return np.random.RandomState(height).uniform(size=(1, height, width, channels)).astype(np.float32)


def assert_same_pictures(run, folder, sizes):
    loaded = load_network(folder)
    for size in sizes:
        light = random_light(*size, loaded.network.input_channels)
        expected = model.run(loaded.params, tf.constant(light), loaded.camera, loaded.network, loaded.interface).numpy()
        assert np.std(expected) > 0.01 or size == (1, 1)
        np.testing.assert_allclose(run({"packed": light}), expected, atol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
def test_packed_light_gives_our_pictures_at_any_size(tmp_path, lively, form):
    run, said = exported(lively, tmp_path, form)
    assert_same_pictures(run, lively, ((1, 1), (7, 13), (33, 17), (64, 48)))
    config = checkpoint.read_config(lively)
    assert {name: said[name] for name in WHAT} == {name: config[name] for name in WHAT}
    assert said["step"] == 7 and said["quantize"] == "none" and list(said["inputs"]) == ["packed"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_mosaic_gives_the_pictures_of_enhance(tmp_path, lively, form):
    run, said = exported(lively, tmp_path, form, kind="mosaic")
    assert set(said["inputs"]) == {"mosaic", *LEVELS} and said["inputs"]["mosaic"]["shape"] == [1, None, None]
    loaded, frame = engine.load_model(str(lively)), types.SimpleNamespace(**LEVELS)
    for height, width in ((2, 2), (7, 13), (66, 35), (64, 48)):
        mosaic = np.random.RandomState(height).randint(400, 900, (height, width)).astype(np.uint16)
        light = engine.network_inputs(packing.pack(mosaic, loaded.camera), frame, LEVELS["ratio"], loaded)
        expected = loaded.run(light).numpy()[:, :height, :width]
        np.testing.assert_allclose(run({"mosaic": mosaic[None], **LEVELS}), expected, atol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("camera", ["bayer", "xtrans"])
def test_a_coded_input_and_a_skip_are_part_of_the_file(tmp_path, form, camera):
    """The noise of the whole frame goes in beside the counts; everything else the file knows."""
    folder = write_lively_model(tmp_path / "model", camera, base_width=4, interface=CODED)
    run, said = exported(folder, tmp_path, form, kind="mosaic")
    assert said["inputs"]["noise"]["shape"] == [2] and said["interface"]["skip"] == "demosaic"
    loaded, frame = engine.load_model(str(folder)), types.SimpleNamespace(**LEVELS)
    for height, width in ((7, 13), (66, 36)):
        mosaic = np.random.RandomState(height).randint(400, 900, (height, width)).astype(np.uint16)
        light = engine.network_inputs(packing.pack(mosaic, loaded.camera), frame, LEVELS["ratio"], loaded, noise=(1e-4, 2e-3))
        expected = loaded.run(light).numpy()[:, :height, :width]
        feed = {"mosaic": mosaic[None], **LEVELS, "noise": np.array([1e-4, 2e-3], np.float32)}
        np.testing.assert_allclose(run(feed), expected, atol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["packed", "mosaic"])
def test_the_best_quality_is_part_of_the_file(tmp_path, form, kind):
    folder = write_lively_model(tmp_path / "model", base_width=4, interface=CODED)
    run, said = exported(folder, tmp_path, form, kind=kind, quality="best")
    assert said["quality"] == "best"
    loaded, frame = engine.load_model(str(folder), quality="best"), types.SimpleNamespace(**LEVELS)
    mosaic = np.random.RandomState(5).randint(400, 900, (34, 46)).astype(np.uint16)
    light = engine.network_inputs(packing.pack(mosaic, loaded.camera), frame, LEVELS["ratio"], loaded, noise=(1e-4, 2e-3))
    feed = (
        {"mosaic": mosaic[None], **LEVELS, "noise": np.array([1e-4, 2e-3], np.float32)} if kind == "mosaic" else {"packed": light.numpy()}
    )
    expected = loaded.run(light).numpy()
    np.testing.assert_allclose(run(feed), expected, atol=1e-4)
    assert np.abs(expected - loaded.run_once(light).numpy()).max() > 1e-3


def test_fixed_levels_and_unused_gains_are_no_inputs(tmp_path):
    folder = write_lively_model(tmp_path / "model", "fuji", base_width=4, downsample="strided")
    run, said = exported(folder, tmp_path, "onnx", kind="mosaic")
    assert list(said["inputs"]) == ["mosaic", "ratio"] and said["camera"]["black_level"] == 1024
    mosaic = np.random.RandomState(0).randint(1000, 1500, (30, 20)).astype(np.uint16)
    loaded = engine.load_model(str(folder))
    frame = types.SimpleNamespace(black_level=(1024,) * 4, white_level=16383)
    expected = loaded.run(engine.network_inputs(packing.pack(mosaic, loaded.camera), frame, 40.0, loaded)).numpy()[:, :30, :20]
    np.testing.assert_allclose(run({"mosaic": mosaic[None], "ratio": LEVELS["ratio"]}), expected, atol=1e-4)


@pytest.mark.parametrize("camera", ["bayer", "sony"])
def test_black_offsets_are_part_of_the_file(tmp_path, camera):
    """What goes in is what the raw file says, whether the levels are an input or the camera's."""
    folder = write_lively_model(tmp_path / "model", camera, base_width=4)
    config = json.loads((folder / "config.json").read_text())
    config["camera"]["black_offsets"] = [-3.5, 2.0, 1.25, 2.5]
    (folder / "config.json").write_text(json.dumps(config))
    run, said = exported(folder, tmp_path, "onnx", kind="mosaic")
    assert said["camera"]["black_offsets"] == [-3.5, 2.0, 1.25, 2.5] and ("black_level" in said["inputs"]) == (camera == "bayer")
    mosaic = np.random.RandomState(0).randint(480, 900, (30, 20)).astype(np.uint16)
    loaded, levels = engine.load_model(str(folder)), LEVELS["black_level"] if camera == "bayer" else np.float32([512] * 4)
    white = LEVELS["white_level"] if camera == "bayer" else 16383
    frame = types.SimpleNamespace(black_level=loaded.camera.with_offsets(levels), white_level=white)
    expected = loaded.run(engine.network_inputs(packing.pack(mosaic, loaded.camera), frame, 40.0, loaded)).numpy()[:, :30, :20]
    feed = {name: LEVELS[name] for name in said["inputs"] if name != "mosaic"}
    np.testing.assert_allclose(run({"mosaic": mosaic[None], **feed}), expected, atol=1e-4)


VARIATIONS = {
    "window3_extra_head": {"pool_window": 3, "extra_blocks": 1, "head": "fc", "head_units": 8, "base_width": 4},
    "strided3_rgb": {"downsample": "strided", "pool_window": 3, "network_input": "rgb", "base_width": 4},
    "denoise20": {"network": "denoise20"},
    "coded": {"base_width": 4, "interface": CODED},
    "mosaic": {"base_width": 4, "interface": dataclasses.replace(CODED, skip="mosaic")},
    "mosaic_xtrans": {"camera": "xtrans", "base_width": 4, "place_planes": True, "interface": dataclasses.replace(CODED, skip="mosaic")},
}


@pytest.mark.parametrize("form", ["litert", "onnx"])
@pytest.mark.parametrize("options", VARIATIONS.values(), ids=VARIATIONS)
def test_every_variation_of_the_network(tmp_path, form, options):
    folder = write_lively_model(tmp_path / "model", **options)
    run, _ = exported(folder, tmp_path, form)
    whole_tiles = options.get("camera") == "xtrans"  # a skip wants them: two packed pixels a side
    assert_same_pictures(run, folder, ((8, 14), (32, 18)) if whole_tiles else ((7, 13), (32, 17)))


def test_openvino_runs_the_onnx_file(tmp_path, lively):
    openvino = pytest.importorskip("openvino", reason="needs OpenVINO: pip install openvino")
    exported(lively, tmp_path, "onnx")
    compiled = openvino.Core().compile_model(str(tmp_path / "model.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert_same_pictures(lambda feed: compiled(feed["packed"])[0].copy(), lively, ((1, 1), (7, 13), (33, 17)))


@pytest.mark.parametrize("form, quantize", [(form, quantize) for form, made in FORMATS.items() for quantize in made.quantize])
def test_quantised_models_stay_near(tmp_path, small_set, form, quantize):
    folder = write_lively_model(tmp_path / "model", "sony", base_width=8)
    run, said = exported(folder, tmp_path, form, quantize=quantize, data_dir=str(small_set) if quantize == "int8" else "")
    assert said["quantize"] == quantize
    loaded = load_network(folder)
    params = loaded.params
    (feed, *_) = calibration_feeds(make_graph(params, loaded.camera, loaded.network, "packed"), str(small_set), Problems())
    expected = model.forward(params, tf.constant(feed["packed"]), loaded.network).numpy()
    error = np.sqrt(np.mean((run(feed) - expected) ** 2)) / np.ptp(expected)
    assert 1e-7 < error < (0.02 if quantize == "int8" else 1e-3)
    weights = sum(value.shape.num_elements() for value in params.values())
    files = [path for path in tmp_path.glob("model?*") for path in ([path] if path.is_file() else path.rglob("variables.data*"))]
    assert sum(path.stat().st_size for path in files) < (3.6 if form != "saved_model" else 2.2) * weights


def test_int8_from_the_mosaic(tmp_path, small_set):
    folder = write_lively_model(tmp_path / "model", base_width=4, interface=Interface(white_balance=True), downsample="strided")
    run, _ = exported(folder, tmp_path, "litert", kind="mosaic", quantize="int8", data_dir=str(small_set / "Sony"))
    loaded = load_network(folder)
    graph = make_graph(loaded.params, loaded.camera, loaded.network, "mosaic", loaded.interface)
    (feed, *_) = calibration_feeds(graph, str(small_set / "Sony"), Problems())
    expected = graph.function(*feed.values())["picture"].numpy()
    assert np.sqrt(np.mean((run(feed) - expected) ** 2)) < 0.02 * np.ptp(expected)


def test_the_command(tmp_path, lively):
    arguments = ("export", f"--checkpoint_dir={lively}", "--format=saved_model", "--input=mosaic", "--output=out/model")
    result = run_script("lowlight_tf", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Step 7" in result.stdout and "mosaic uint16 [1, any, any]" in result.stdout and result.stderr == ""
    assert (tmp_path / "out/model/saved_model.pb").is_file() and (tmp_path / "out/model/assets/lowlight_tf.json").is_file()


def test_overwrite_replaces(tmp_path, lively):
    for form in ("saved_model", "litert"):
        exported(lively, tmp_path, form, kind="mosaic")
        with pytest.raises(LowlightError, match="is there already"):
            exported(lively, tmp_path, form)
        _, said = exported(lively, tmp_path, form, overwrite=True)
        assert said["input"] == "packed"


@pytest.mark.parametrize(
    "options, kind, words",
    [
        ({"format": "saved_model", "quantize": "int8"}, UsageError, "--format=litert or onnx"),
        ({"format": "onnx", "data_dir": "pairs"}, UsageError, "give --quantize=int8"),
        ({"format": "onnx", "checkpoint_dir": "missing"}, LowlightError, "no model in missing"),
        ({"format": "litert", "quantize": "int8", "data_dir": "missing"}, LowlightError, "missing does not exist"),
        ({"format": "saved_model", "output": ".", "overwrite": True}, LowlightError, "a folder of something else"),
        ({"format": "saved_model", "output": "file", "overwrite": True}, LowlightError, "of another format"),
        ({"format": "litert", "output": "file", "overwrite": True}, LowlightError, "file was not written by lowlight_tf and stays"),
        ({"format": "saved_model", "output": "stranger", "overwrite": True}, LowlightError, "a folder of something else"),
    ],
)
def test_what_is_refused(tmp_path, lively, monkeypatch, options, kind, words):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("file").write_text("x")
    pathlib.Path("stranger").mkdir()
    pathlib.Path("stranger/saved_model.pb").write_text("another program's")
    with pytest.raises(kind, match=words):
        export(ExportConfig(**{"checkpoint_dir": str(lively), **options}), Problems())
    assert pathlib.Path("file").read_text() == "x"


@pytest.mark.parametrize("package, quantize", [("tf2onnx", ""), ("onnxruntime.quantization", "int8")])
def test_missing_packages_name_the_command(tmp_path, lively, monkeypatch, package, quantize):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(LowlightError, match=f"pip install tf2onnx onnx{' onnxruntime' if quantize else ''}$"):
        exported(lively, tmp_path, "onnx", quantize=quantize)


def test_denoise20_is_not_made_int8(tmp_path, small_set):
    folder = write_lively_model(tmp_path / "model", network="denoise20")
    with pytest.raises(LowlightError, match="--quantize=float16"):
        exported(folder, tmp_path, "litert", quantize="int8", data_dir=str(small_set / "Sony"))


def test_the_default_name_says_what_it_is():
    config = ExportConfig("checkpoints/sony", "litert", "int8", "mosaic")
    assert str(config.path) == "exports/sony-mosaic-int8.tflite"
    assert str(dataclasses.replace(config, format="saved_model", quantize="", kind="packed").path) == "exports/sony_saved_model"
