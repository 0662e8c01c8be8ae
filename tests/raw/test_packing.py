import numpy as np
import pytest
import tensorflow as tf

from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS


def original_pack_bayer(mosaic):
    """docs/protocol.md, "Bayer: four channels", in numpy."""
    return np.stack([mosaic[0::2, 0::2], mosaic[0::2, 1::2], mosaic[1::2, 1::2], mosaic[1::2, 0::2]], axis=-1)


def original_pack_xtrans(mosaic):
    """docs/protocol.md, "X-Trans: nine channels", in numpy, sentence by sentence and independent of cameras.py."""
    height, width = mosaic.shape
    packed = np.zeros((height // 3, width // 3, 9), mosaic.dtype)
    sources = {
        0: [(0, 0), (0, 4), (3, 1), (3, 3)],
        1: [(0, 2), (0, 5), (3, 2), (3, 5)],
        2: [(0, 1), (0, 3), (3, 0), (3, 4)],
        3: [(1, 2), (2, 5), (5, 2), (4, 5)],
        4: [(2, 2), (1, 5), (4, 2), (5, 5)],
    }
    for channel, positions in sources.items():
        for cell, (row, column) in zip([(0, 0), (0, 1), (1, 0), (1, 1)], positions, strict=True):
            packed[cell[0] :: 2, cell[1] :: 2, channel] = mosaic[row::6, column::6]
    for channel, (row, column) in {5: (1, 0), 6: (1, 1), 7: (2, 0), 8: (2, 1)}.items():
        packed[:, :, channel] = mosaic[row::3, column::3]
    return packed


@pytest.mark.parametrize("camera, reference, size", [("sony", original_pack_bayer, (14, 18)), ("fuji", original_pack_xtrans, (18, 30))])
def test_pack_equals_the_original(camera, reference, size):
    mosaic = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size)
    np.testing.assert_array_equal(packing.pack(mosaic, CAMERAS[camera]), reference(mosaic))


def test_four_photosites_by_hand():
    assert packing.pack([[1, 2], [3, 4]], CAMERAS["sony"]).numpy().tolist() == [[[1, 2, 4, 3]]]


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("size", [(12, 18), (37, 41)])
@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (1, 1)])
def test_unpack_inverts_pack(name, lead, size, offset):
    camera = CAMERAS[name]
    mosaic = np.random.RandomState(0).randint(0, 65536, (*lead, *size)).astype(np.uint16)
    packed = packing.pack(mosaic, camera, offset)
    assert packed.dtype == tf.uint16 and packed.shape[-1] == camera.channels
    np.testing.assert_array_equal(packing.unpack(packed, camera, size, offset), mosaic)


@pytest.mark.parametrize("cfa, offset", [("GRBG", (0, 1)), ("GBRG", (1, 0)), ("BGGR", (1, 1))])
def test_other_bayer_orders_arrive_as_rgbg(cfa, offset):
    letters = np.array([[cfa[0], cfa[1]], [cfa[2], cfa[3]]])
    mosaic = np.vectorize({"R": 10, "G": 20, "B": 30}.get)(np.tile(letters, (4, 5)))
    packed = packing.pack(mosaic, CAMERAS["sony"], offset).numpy()
    assert (packed == [10, 20, 30, 20]).all()
    cropped = packing.crop_to_phase(mosaic, CAMERAS["sony"], offset)
    assert (packing.pack(cropped, CAMERAS["sony"]).numpy() == [10, 20, 30, 20]).all()


def test_eager_graph_and_tf_data_agree():
    camera = CAMERAS["fuji"]
    mosaic = np.random.RandomState(1).randint(0, 65536, (25, 31)).astype(np.uint16)
    eager = packing.pack(mosaic, camera, (2, 3)).numpy()
    graph = tf.function(lambda m: packing.pack(m, camera, (2, 3)), input_signature=[tf.TensorSpec([None, None], tf.uint16)])
    np.testing.assert_array_equal(graph(mosaic), eager)
    dataset = tf.data.Dataset.from_tensors(mosaic).map(lambda m: packing.pack(m, camera, (2, 3)))
    np.testing.assert_array_equal(next(iter(dataset)), eager)
    back = tf.function(lambda p: packing.unpack(p, camera, (25, 31), (2, 3)), input_signature=[tf.TensorSpec([None, None, 9], tf.uint16)])
    np.testing.assert_array_equal(back(eager), mosaic)


@pytest.mark.parametrize("name", ["bayer", "fuji"])
@pytest.mark.parametrize("rows", [1, 5, 768, 770, 1537])
def test_a_frame_in_strips_is_the_frame(name, rows):
    camera = CAMERAS[name]
    mosaic = np.random.RandomState(0).randint(0, 65535, (rows + camera.tile, 13)).astype(np.uint16)
    for offset in ((0, 0), (1, 1), (camera.tile - 1, 0)):
        np.testing.assert_array_equal(packing.pack_frame(mosaic, camera, offset), packing.pack(mosaic, camera, offset))


def test_normalise_by_hand():
    packed = np.array([[[500, 512, 8447, 16383]]], np.uint16)
    values = packing.normalise(packed, CAMERAS["sony"], (512,) * 4, 16383).numpy()[0, 0]
    np.testing.assert_allclose(values, [0, 0, 7935 / 15871, 1], atol=1e-7)
    assert packing.amplify(values, 3.0).numpy().tolist() == [0, 0, 1, 1]


def test_black_levels_belong_to_their_colours():
    packed = np.full([1, 1, 4], 100, np.uint16)
    values = packing.normalise(packed, CAMERAS["bayer"], (10, 20, 30, 40), 1010).numpy()[0, 0]
    np.testing.assert_allclose(values, [90 / 1000, 80 / 990, 70 / 980, 60 / 970], rtol=1e-6)
    xtrans = packing.normalise(np.full([1, 1, 9], 100, np.uint16), CAMERAS["xtrans"], (10, 20, 30, 20), 1010).numpy()[0, 0]
    np.testing.assert_allclose(xtrans[:3], [90 / 1000, 80 / 990, 70 / 980], rtol=1e-6)


def test_crop_follows_sids_sizes():
    assert packing.crop_to_phase(np.zeros([4032, 6032], np.uint8), CAMERAS["fuji"]).shape == (4032, 6030)
    assert packing.crop_to_phase(np.zeros([2848, 4256], np.uint8), CAMERAS["sony"]).shape == (2848, 4256)
    assert packing.crop_to_phase(np.zeros([7, 8, 3], np.uint8), CAMERAS["sony"], (1, 1)).shape == (6, 6, 3)


def test_superpixels_average_colours():
    np.testing.assert_allclose(packing.superpixels(tf.constant([[[1.0, 2, 3, 4]]]), CAMERAS["sony"]), [[[1, 3, 3]]])
    packed = tf.constant([[[1.0, 2, 3, 5, 7, 2, 2, 2, 12]]])
    np.testing.assert_allclose(packing.superpixels(packed, CAMERAS["fuji"]), [[[3, 4, 5]]], rtol=1e-6)


def test_network_input_of_an_rgb_network_has_full_resolution():
    packed = tf.random.stateless_uniform([2, 4, 5, 4], [1, 2])
    assert packing.with_channels(packed, CAMERAS["sony"], 4) is packed
    rgb = packing.with_channels(packed, CAMERAS["sony"], 3)
    assert rgb.shape == (2, 8, 10, 3)
    np.testing.assert_array_equal(rgb[:, 1::2, ::2], packing.superpixels(packed, CAMERAS["sony"]))
