"""config.json is read as what a stranger wrote: whatever is in it, one line says what is wrong."""

import copy
import json
import random

import pytest
from conftest import write_model

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
from lowlight_tf.network.validation import check_camera
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import SID, Interface

SHAPES = [(camera, network) for camera in CAMERAS for network in ({}, {"network_input": "rgb"})]


def described(camera="sony", interface=SID, **options):
    network = model.network_for(CAMERAS[camera], interface=interface, **options)
    return json.loads(json.dumps(model.describe(CAMERAS[camera], network, interface)))


@pytest.mark.parametrize("camera, options", SHAPES)
def test_every_model_of_ours_is_whole(camera, options):
    check_camera(CAMERAS[camera])
    model.from_description(described(camera, **options), "x")
    if not options:
        model.from_description(described(camera, Interface(curve="bt709", noise_planes=True, skip="demosaic")), "x")


def test_the_denoiser_is_whole():
    _, network, _ = model.from_description(described(network="denoise20"), "x")
    assert type(network).__name__ == "Denoise20Config"


@pytest.mark.parametrize(
    "section, field, value, words",
    [
        ("camera", "cfa", "RGGX", "cfa is"),
        ("camera", "cfa", "RGG", "cfa is"),
        ("camera", "cfa", "GRBG", "several colours"),
        ("camera", "pack_order", [[[0, 0], [0, 1], [1, 1], [1, 1]]], "photosite of the CFA's tile once"),
        ("camera", "pack_order", [[[0, 0], [0, 1], [1, 1], [2, 0]]], "photosite of the CFA's tile once"),
        ("camera", "pack_order", [[[0, 0], [0, 1], [1, 1], [True, 0]]], "photosite of the CFA's tile once"),
        ("camera", "pack_order", 7, "pack_order is"),
        ("camera", "black_level", "512", "black_level is '512'"),
        ("camera", "black_level", 16383, "expected white above black"),
        ("camera", "black_level", None, "expected white above black, or neither"),
        ("camera", "white_level", -1, "expected 0 to"),
        ("camera", "folder", "../../etc", "plain name"),
        ("camera", "name", "x" * 1000, "200 at most"),
        ("camera", "xyz_to_camera", [[1, 2], [3, 4]], "no matrix"),
        ("camera", "xyz_to_camera", [[1, 0, 0], [0, float("nan"), 0], [0, 0, 1]], "no matrix"),
        ("camera", "exposure_ratios", [100, "250"], "exposure_ratios"),
        ("network", "base_width", 10**9, "base_width is 1000000000; expected 0 to 1024"),
        ("network", "base_width", 32.0, "base_width is '32.0'; expected int"),
        ("network", "base_width", True, "base_width is 'True'"),
        ("network", "input_channels", 5, "input_channels is 5; expected 4"),
        ("network", "upscale", 3, "upscale is 3; expected 1, or 2"),
        ("network", "downsample", ["pool"], "downsample"),
        ("interface", "signed", 1, "signed is '1'; expected bool"),
        ("interface", "noise_planes", True, "input_channels is 4; expected 6"),
        ("interface", "target", "xyz", "target is 'xyz'"),
    ],
)
def test_what_is_wrong_is_named(section, field, value, words):
    config = described()
    config[section][field] = value
    with pytest.raises(LowlightError, match=f"does not describe a model of this version: .*{words}"):
        model.from_description(config, "x")


@pytest.mark.parametrize(
    "section, value",
    [
        ("data", []),
        ("data", {"scenes": "7"}),
        ("data", {"data_dir": None}),
        ("training", "x"),
        ("transfer", None),
        ("camera", [1]),
        ("network", "x"),
    ],
)
def test_the_other_parts_are_checked_where_they_are_read(tmp_path, section, value):
    checkpoint.write_config(tmp_path, described() | {section: value})
    with pytest.raises(LowlightError, match=f"does not say its {section} as this program does"):
        checkpoint.read_config(tmp_path)


VALUES = (None, True, -1, 0, 1, 2, 3, 7, 10**30, 1.5, float("nan"), "", "x", "\0", [], [[]], [1, "a"], {}, {"a": 1}, [[0, 0]] * 40)


def mutated(value, rng):
    """Replaces something in a JSON value by something else."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {other: part for other, part in value.items() if other != name}
        return value | {name: mutated(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], mutated(value[place], rng), *value[place + 1 :]]
    return copy.deepcopy(rng.choice(VALUES))


@pytest.mark.parametrize("camera", ["sony", "fuji"])
def test_a_thousand_mutated_configs_are_a_line_or_a_model(camera):
    rng, config, refused = random.Random(camera), described(camera), 0
    for _ in range(1000):
        changed = mutated(config, rng)
        try:
            found, network, _ = model.from_description(changed, "x") if isinstance(changed, dict) else (None, None, None)
        except LowlightError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        if network is not None:
            assert found.channels and sum(len(shape) for shape in model.parameter_shapes(network).values())
    assert refused > 500


def test_a_model_that_is_written_is_read(tmp_path):
    folder = write_model(tmp_path / "model")
    model.from_description(checkpoint.read_config(folder), folder)
