"""Tiles give the whole frame's result, bit for bit, whatever the network's variation and the frame's size."""

import numpy as np
import pytest

from lowlight_tf.enhancement import tiling
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
from lowlight_tf.network.denoise20 import Denoise20Config
from lowlight_tf.network.sid import NetworkConfig

VARIATIONS = {
    "sid": NetworkConfig(base_width=2),
    "windows of 3": NetworkConfig(base_width=2, pool_window=3),
    "strided": NetworkConfig(base_width=2, downsample="strided", pool_window=3, extra_blocks=1),
    "rgb": NetworkConfig(base_width=2, input_channels=3, upscale=1),
    "denoise20": Denoise20Config(),
}


def tiled(params, inputs, config, margin, tiles):
    scale = config.upscale
    output = np.full([inputs.shape[1] * scale, inputs.shape[2] * scale, 3], np.nan, np.float32)
    for rows in tiling.spans(inputs.shape[1], tiles[0], margin):
        for columns in tiling.spans(inputs.shape[2], tiles[1], margin):
            part = model.forward(params, inputs[:, rows.start : rows.stop, columns.start : columns.stop], config)[0].numpy()
            output[rows.keep * scale : rows.keep_end * scale, columns.keep * scale : columns.keep_end * scale] = part[
                (rows.keep - rows.start) * scale : (rows.keep_end - rows.start) * scale,
                (columns.keep - columns.start) * scale : (columns.keep_end - columns.start) * scale,
            ]
    return output


@pytest.mark.parametrize("size", [(303, 269), (320, 256)])
@pytest.mark.parametrize("name", VARIATIONS)
def test_tiles_equal_the_whole_frame(name, size):
    config = VARIATIONS[name]
    if name == "denoise20":
        size = (size[0] // 3, size[1] // 3)
    params = model.initialize_parameters(config)
    inputs = np.random.RandomState(0).random_sample((1, *size, config.input_channels)).astype(np.float32)
    whole = model.forward(params, inputs, config)[0].numpy()
    np.testing.assert_allclose(tiled(params, inputs, config, tiling.halo(config), (3, 2)), whole, atol=1e-5)


def test_the_halo_is_no_wider_than_it_must_be():
    assert tiling.halo(NetworkConfig()) == 96 and tiling.halo(Denoise20Config()) == 32
    config = VARIATIONS["sid"]
    params = model.initialize_parameters(config)
    for name, value in params.items():
        if name.startswith("up"):
            value.assign(20 * value)
    inputs = np.random.RandomState(0).random_sample((1, 400, 96, 4)).astype(np.float32)
    whole = model.forward(params, inputs, config)[0].numpy()
    assert np.abs(tiled(params, inputs, config, 96, (3, 1)) - whole).max() < 1e-6
    assert np.abs(tiled(params, inputs, config, 80, (3, 1)) - whole).max() > 1e-5


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100, 1424, 2013])
@pytest.mark.parametrize("tiles", [1, 2, 5])
def test_spans_lie_side_by_side_on_the_grid(size, tiles):
    spans = tiling.spans(size, tiles, 96)
    assert [span.keep for span in spans[1:]] == [span.keep_end for span in spans[:-1]]
    assert spans[0].keep == 0 and spans[-1].keep_end == size and len(spans) <= tiles
    for span in spans:
        assert span.start % 16 == 0 and 0 <= span.start <= max(span.keep - 96, 0)
        assert span.stop == size or (span.stop >= span.keep_end + 96 and (span.stop - span.start) % 16 == size % 16)


def test_the_plan_keeps_to_the_memory_and_wastes_little():
    assert len(tiling.plan(1424, 2128, 96, 1424 * 2128)) == 1
    for most in (300_000, 900_000):
        areas = [(rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in tiling.plan(2000, 3000, 96, most)]
        assert max(areas) <= most
    assert sum(areas) < 1.5 * 2000 * 3000
    with pytest.raises(LowlightError, match="raise --memory_limit"):
        tiling.plan(2000, 3000, 96, 20000)
