"""What a network is made of: worked numbers, the real network's shapes, and TensorFlow's own count of its operations."""

import argparse

import pytest
import tensorflow as tf
from conftest import run_script, write_model
from tensorflow.python.framework import ops

from lowlight_tf import arguments
from lowlight_tf.describe import blocks, chosen, table
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.network.convolution import without_winograd
from lowlight_tf.network.model import forward, initialize_parameters, network_for
from lowlight_tf.raw.cameras import CAMERAS

VARIATIONS = {
    "sony": {},
    "fuji": {},
    "strided": {"downsample": "strided", "pool_window": 3, "extra_blocks": 2},
    "pool3": {"pool_window": 3, "base_width": 8},
    "head": {"head": "fc", "head_units": 16},
    "rgb": {"network_input": "rgb"},
    "denoise20": {"network": "denoise20"},
}


def network_of(name):
    camera = CAMERAS["fuji" if name == "fuji" else "sony"]
    return camera, network_for(camera, **VARIATIONS[name])


def test_worked_numbers():
    """SID's Sony network at its training patch."""
    found = {block.name: block for block in blocks(network_of("sony")[1], (512, 512))}
    assert list(found) == [*map(str, range(1, 11))]
    # 3x3 over 4, then over 32 channels: 9 * 4 * 32 + 32 + 9 * 32 * 32 + 32; a multiplication for each weight at each of 512 * 512 pixels
    assert (found["1"].parameters, found["1"].multiplications) == (10432, 512 * 512 * (9 * 4 * 32 + 9 * 32 * 32))
    assert found["5"].output == (32, 32, 512) and found["5"].layers == "3x3 256-512, 3x3 512-512"
    # at 64 * 64: each pixel of the up-filter sees one of its 2x2 positions, then 3x3 over 512 and over 256 channels
    assert found["6"].multiplications == 64 * 64 * (512 * 256 + 9 * 512 * 256 + 9 * 256 * 256)
    assert found["6"].parameters == 4 * 512 * 256 + 9 * 512 * 256 + 256 + 9 * 256 * 256 + 256
    assert found["10"].output == (1024, 1024, 3) and found["10"].parameters == 32 * 12 + 12
    assert found["1"].layers.endswith("pool 2x2") and "pool" not in found["5"].layers


@pytest.mark.parametrize("name, parameters", [("sony", 7_760_268), ("fuji", 7_762_203), ("denoise20", 548_284)])
def test_the_sum_of_the_parameters(name, parameters):
    camera, network = network_of(name)
    assert sum(block.parameters for block in blocks(network, (512, 512))) == parameters
    assert table(camera, network, (512, 512)).splitlines()[-1].split()[:2] == ["all", f"{parameters:,}"]


def test_odd_sizes_are_rounded_up():
    found = blocks(network_of("sony")[1], (99, 33))
    assert [block.output[:2] for block in found[:5]] == [(99, 33), (50, 17), (25, 9), (13, 5), (7, 3)]
    assert [block.output[:2] for block in found[5:]] == [(13, 5), (25, 9), (50, 17), (99, 33), (198, 66)]


@pytest.mark.parametrize("name", VARIATIONS)
@pytest.mark.parametrize("size", [(32, 48), (37, 21)])
def test_it_is_what_tensorflow_counts(name, size):
    """TensorFlow's own figures for the operations of the network's graph: a multiplication and an addition each."""
    _, network = network_of(name)
    found = blocks(network, size)
    params = initialize_parameters(network)
    assert sum(block.parameters for block in found) == sum(int(tf.size(value)) for value in params.values())
    with without_winograd():
        graph = (
            tf.function(lambda packed: forward(params, packed, network))
            .get_concrete_function(tf.TensorSpec([1, *size, network.input_channels]))
            .graph
        )
    assert graph.outputs[0].shape[1:] == found[-1].output
    kinds = ("Conv2D", "Conv2DBackpropInput", *(["BatchMatMulV2"] if name == "head" else []))
    counted = sum(ops.get_stats_for_node_def(graph, node.node_def, "flops").value for node in graph.get_operations() if node.type in kinds)
    assert sum(block.multiplications for block in found) == counted / 2


def test_the_table_of_a_camera_and_of_a_model(tmp_path):
    write_model(tmp_path / "model", "sony", base_width=4, extra_blocks=1)
    asked = run_script("lowlight_tf", "describe", "--camera=sony", "--base_width=4", "--extra_blocks=1", "--size=48x64", cwd=tmp_path)
    found = run_script("lowlight_tf", "describe", "--checkpoint_dir=model", "--size=48x64", cwd=tmp_path)
    assert asked.returncode == 0 and asked.stdout == found.stdout, asked.stderr
    lines = asked.stdout.splitlines()
    assert "input 48 x 64 x 4, output 96 x 128 x 3" in lines[0] and len(lines) == 2 + 1 + 11 + 1
    assert [line.split()[0] for line in lines[3:]] == [*"123456789", "extra", "10", "all"]


@pytest.mark.parametrize(
    "given, words",
    [
        ([], "name a model by --checkpoint_dir, or a camera"),
        (["--checkpoint_dir=m", "--base_width=4"], "says all of its network"),
        (["--camera=sony", "--network=denoise20", "--base_width=4"], "--base_width is of the SID network"),
        (["--camera=sony", "--pool_window=7"], "pool_window is 7; expected one of 2, 3"),
    ],
)
def test_what_is_no_network(given, words):
    with pytest.raises(UsageError, match=words):
        options = {name: int(value) if value.isdigit() else value for name, value in (text.lstrip("-").split("=") for text in given)}
        chosen(options.pop("checkpoint_dir", ""), options.pop("camera", ""), options)


def test_a_head_has_train_pys_units_where_none_are_named(tmp_path):
    assert chosen("", "sony", {"head": "fc"})[1].head_units == 64
    with pytest.raises(LowlightError, match=r"no model in .*nowhere"):
        chosen(str(tmp_path / "nowhere"), "", {})
    with pytest.raises(argparse.ArgumentTypeError, match="3 is no size; expected HEIGHTxWIDTH"):
        arguments.size("3")
    assert arguments.size("48x64") == (48, 64)
