"""A network that corrects the mosaic before it is demosaiced, and knows where in its CFA tile a packed pixel lies."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import expect_failure, run_script, write_frame

from lowlight_tf.enhancement import engine, tiling
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.demosaic import packed_demosaic
from lowlight_tf.network import model, sid
from lowlight_tf.network.sid import NetworkConfig
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import write_png
from lowlight_tf.raw import light, packing
from lowlight_tf.raw.cameras import CAMERAS

CAMERA = CAMERAS["xtrans"]
CODED = light.Interface(white_balance=True, signed=True, curve="bt709", noise_planes=True, skip="mosaic", target="camera_rgb")
FLAGS = ("--target=camera_rgb", "--signed_input", "--curve=bt709", "--noise_planes", "--skip=mosaic", "--place_planes")


def network_of(**options):
    return model.network_for(CAMERA, interface=CODED, **{"base_width": 2, "place_planes": True, **options})


def random_input(height, width):
    return tf.constant(np.random.RandomState(0).random_sample((1, height, width, 11)).astype(np.float32))


def test_sizes():
    shapes = sid.parameter_shapes(network_of())
    assert shapes["conv1_1/weights"] == (3, 3, 9 + 2 + 2, 2) and shapes["conv10/weights"] == (1, 1, 2, 27 + 9)
    assert sid.parameter_shapes(network_of(head="fc", head_units=5))["head2/weights"] == (5, 36)
    assert sid.parameter_shapes(NetworkConfig()) == sid.parameter_shapes(NetworkConfig(mosaic_channels=0, place_planes=False))


def test_the_planes_say_row_and_column():
    network = NetworkConfig(input_channels=1, upscale=1, base_width=1, place_planes=True)
    params = {name: tf.zeros(shape) for name, shape in sid.parameter_shapes(network).items()}
    for plane, expected in ((1, [[0, 0, 0], [1, 1, 1]]), (2, [[0, 1, 0], [0, 1, 0]])):
        centre = np.zeros((3, 3, 3, 1), np.float32)
        centre[1, 1, plane] = 2
        middle, through = (np.zeros((3, 3, size, 1), np.float32) for size in (1, 2))
        middle[1, 1, 0] = through[1, 1, 1] = 1  # the skip connection is the second half
        seen = params | {"conv1_1/weights": centre, "conv1_1/biases": tf.ones([1]), "conv1_2/weights": middle}
        seen |= {"conv9_1/weights": through, "conv9_2/weights": middle, "conv10/weights": tf.ones([1, 1, 1, 3])}
        output = sid.forward({name: tf.constant(value) for name, value in seen.items()}, tf.fill([1, 2, 3, 1], 7.0), network)
        np.testing.assert_allclose(output[0, ..., 0], 2 * np.array(expected))  # 1 + 2 x (-0.5 or 0.5)


@pytest.mark.parametrize("name", ["bayer", "xtrans"])
def test_the_corrected_mosaic_is_demosaiced_and_the_picture_corrected(name):
    camera = CAMERAS[name]
    network, colors = model.network_for(camera, interface=CODED, base_width=2), 3 * camera.upscale**2
    inputs = random_input(8, 6)[..., : camera.channels + 2]
    params = {name: tf.zeros(shape) for name, shape in sid.parameter_shapes(network).items()}
    biases = np.concatenate([np.full(colors, 0.25), np.arange(camera.channels) / 10]).astype(np.float32)
    output = model.run(params | {"conv10/biases": tf.constant(biases)}, inputs, camera, network, CODED)
    expected = packed_demosaic(inputs[..., : camera.channels] + biases[colors:], camera) + 0.25
    np.testing.assert_allclose(output, expected, atol=1e-6)


def test_bfloat16_is_near():
    network, inputs = network_of(base_width=4), random_input(16, 16)
    params = model.initialize_parameters(network, 1)
    exact, narrow = (model.run(params, inputs, CAMERA, network, CODED, mixed) for mixed in (False, True))
    assert narrow.dtype == tf.float32 and 0 < np.abs(exact - narrow).max() < 0.05


@pytest.mark.parametrize("name, size, most_of_a_tile", [("bayer", (1000, 602), 120_000), ("xtrans", (1002, 720), 66_000)])
def test_tiles_give_the_whole_frames_picture(tmp_path, name, size, most_of_a_tile):
    camera = CAMERAS[name]
    write_frame(tmp_path / "a.dng", name, size=size, scale=300)
    network = model.network_for(camera, interface=CODED, base_width=2, place_planes=name == "xtrans")
    params = model.initialize_parameters(network, 3)
    for name, value in params.items():
        value.assign(value * (20.0 if name.startswith("up") else 1.0))  # so that the deep levels matter to the picture
    once = tf.function(lambda inputs: model.run(params, inputs, camera, network, CODED), reduce_retracing=True)
    loaded = engine.Model(camera, network, CODED, 1, once)
    frame = read_frame(tmp_path / "a.dng", camera)
    packed = packing.pack_frame(frame.mosaic, camera, frame.offset)
    told, pictures = [], []
    for most in (most_of_a_tile, 10**9):
        pictures.append(engine.develop(frame, packed, 20.0, loaded, Finish(curve="bt709"), most, tell=lambda done, of: told.append(of)))
    assert told[0] > 1 and told[-1] == 1
    np.testing.assert_allclose(pictures[0] / 65535, pictures[1] / 65535, atol=2e-5)


def test_the_skip_reaches_a_tile_further():
    network = network_of()
    assert tiling.halo(network) == tiling.halo(dataclasses.replace(network, mosaic_channels=0)) + tiling.GRID


@pytest.mark.parametrize(
    "camera, network, interface, words",
    [
        ("xtrans", {"mosaic_channels": 9}, {"skip": "demosaic"}, "mosaic_channels is 9; expected 0"),
        ("xtrans", {"mosaic_channels": 0}, {}, "mosaic_channels is 0; expected 9"),
        ("bayer", {"place_planes": True, "mosaic_channels": 4}, {}, "place planes are of packed X-Trans"),
        ("xtrans", {"place_planes": 1}, {}, "place_planes is '1'"),
    ],
)
def test_what_does_not_belong_together_is_refused(camera, network, interface, words):
    interface = dataclasses.replace(CODED, **interface)
    described = model.describe(CAMERAS[camera], model.network_for(CAMERAS[camera], base_width=2, interface=interface), interface)
    described["network"] = {**described["network"], **network}
    with pytest.raises(LowlightError, match=words):
        model.from_description(described, "config.json")


def test_trained_and_run_by_the_scripts(tmp_path):
    (tmp_path / "photos").mkdir()
    write_png(tmp_path / "photos" / "a.png", np.random.RandomState(4).randint(0, 65535, (90, 96, 3)).astype(np.uint16))
    common = ["--dataset=folder", "--data_dir=photos", "--checkpoint_dir=model", "--base_width=2", "--patch_size=10", "--steps=2"]
    result = run_script("train.py", "--camera=xtrans", *common, *FLAGS, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    said = json.loads((tmp_path / "model" / "config.json").read_text())
    assert said["network"]["mosaic_channels"] == 9 and said["network"]["place_planes"] and said["interface"]["skip"] == "mosaic"
    write_frame(tmp_path / "a.dng", "xtrans", size=(96, 132), scale=300)
    result = run_script("enhance.py", "a.dng", "--checkpoint_dir=model", "--ratio=20", "--strength=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    started = [*common, "--checkpoint_dir=other", "--init_from=model", "--patch_size=11"]
    expect_failure(run_script("train.py", "--camera=xtrans", *started, cwd=tmp_path), 2, "--patch_size=11", "--skip=mosaic wants", "of 2")
    alone = ["--camera=xtrans", *common, "--place_planes"]
    expect_failure(run_script("train.py", *alone, cwd=tmp_path), 2, "--place_planes need crops of whole CFA tiles")
    result = run_script("lowlight_tf", "describe", "--camera=sony", "--place_planes", cwd=tmp_path)
    expect_failure(result, 2, "place planes are of packed X-Trans")
    result = run_script("lowlight_tf", "describe", "--checkpoint_dir=model", cwd=tmp_path)
    assert "depth_to_space 3 and 9 for the mosaic" in result.stdout
    expect_failure(run_script("train.py", "--camera=sony", *common, *FLAGS, cwd=tmp_path), 2, "--place_planes are of X-Trans")
