"""Mirror images in the camera's phase: what lies where, that they come back, and what their mean is."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import run_script, write_frame, write_model

from lowlight_tf import api
from lowlight_tf.enhancement import engine, tiling
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import UsageError
from lowlight_tf.network import ensemble, model
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw import light, packing
from lowlight_tf.raw.cameras import CAMERAS

CODED = light.Interface(white_balance=True, signed=True, curve="bt709", noise_planes=True, skip="demosaic", target="camera_rgb")


def colors(camera, height, width):
    """The number of each photosite's colour, [1, H, W]."""
    tile = np.reshape(["RGB".index(letter) for letter in camera.cfa], (camera.tile, camera.tile))
    return np.tile(tile, (height // camera.tile, width // camera.tile))[None].astype(np.float32)


def nearest(camera, inputs):
    """A picture of a network's input that shows each photosite where it lies, as grey."""
    mosaic = packing.unpack(inputs[..., : camera.channels], camera)
    return tf.repeat(mosaic[..., None], 3, axis=-1)


def test_a_mirrored_row_worked_by_hand():
    camera = CAMERAS["bayer"]
    mosaic = np.float32([[[1, 2, 3, 4], [5, 6, 7, 8]]])  # R G R G over G B G B
    packed = ensemble.mirrored(packing.pack(mosaic, camera), camera, (2,))
    # From right to left it is G R G R; one column more, two further on, makes it begin with R, and another one fills the tile. Rows get a
    # tile, too: all mirror images are of one size.
    rows = [[3, 4, 3, 2, 1, 2], [7, 8, 7, 6, 5, 6]]
    np.testing.assert_array_equal(packing.unpack(packed, camera)[0], rows + rows)


@pytest.mark.parametrize("axes", ensemble.MIRRORS)
@pytest.mark.parametrize("name", ["bayer", "xtrans"])
def test_every_photosite_keeps_its_colour_and_comes_back(name, axes):
    camera = CAMERAS[name]
    size = 5 * camera.tile, 3 * camera.tile
    seen = ensemble.mirrored(packing.pack(colors(camera, *size), camera), camera, axes)
    height, width = (side * camera.upscale for side in seen.shape[1:3])
    np.testing.assert_array_equal(packing.unpack(seen, camera), colors(camera, height, width))
    mosaic = np.random.RandomState(0).random_sample((1, *size)).astype(np.float32)
    planes = tf.fill([1, size[0] // camera.upscale, size[1] // camera.upscale, 2], 0.25)
    seen = ensemble.mirrored(tf.concat([packing.pack(mosaic, camera), planes], -1), camera, axes)
    assert seen.shape[-1] == camera.channels + 2 and np.all(seen[..., camera.channels :] == 0.25)
    back = ensemble.mirrored_back(nearest(camera, seen), camera, axes, size)
    np.testing.assert_array_equal(back[..., 0], mosaic)


def test_full_resolution_colour_is_only_turned_round():
    camera = CAMERAS["bayer"]
    inputs = np.random.RandomState(0).random_sample((1, 5, 7, 3)).astype(np.float32)
    seen = ensemble.mirrored(inputs, camera, (1, 2), is_packed=False)
    np.testing.assert_array_equal(seen, inputs[:, ::-1, ::-1])
    np.testing.assert_array_equal(ensemble.mirrored_back(seen, camera, (1, 2), (5, 7), is_packed=False), inputs)


def test_the_mean_is_that_of_the_mirror_images():
    camera = CAMERAS["bayer"]
    network = model.network_for(camera, base_width=2, interface=CODED)
    params = model.initialize_parameters(network, 1)
    mosaic = np.random.RandomState(0).random_sample((1, 36, 52)).astype(np.float32)
    inputs = tf.concat([packing.pack(mosaic, camera), tf.fill([1, 18, 26, 2], -0.5)], -1)

    def run(seen):
        return model.run(params, seen, camera, network, CODED)

    assert np.array_equal(ensemble.mean_of_mirrors(run, inputs, camera, network, "normal"), run(inputs))
    four = ensemble.mean_of_mirrors(run, inputs, camera, network, "best").numpy()
    expected = []
    for rows, columns in ((0, 0), (0, 1), (1, 0), (1, 1)):  # by numpy alone: mirror, pad as the mirror image wants, run, cut, mirror
        wide = mosaic[0][:: -1 if rows else 1, :: -1 if columns else 1]
        wide = np.pad(wide, ((rows, 2 - rows), (columns, 2 - columns)), mode="reflect")
        wide[-1:] = wide[-3:-2] if not rows else wide[-1:]
        wide[:, -1:] = wide[:, -3:-2] if not columns else wide[:, -1:]
        planes = tf.fill([1, wide.shape[0] // 2, wide.shape[1] // 2, 2], -0.5)
        picture = run(tf.concat([packing.pack(wide[None], camera), planes], -1))[0].numpy()
        expected.append(picture[rows : rows + 36, columns : columns + 52][:: -1 if rows else 1, :: -1 if columns else 1])
    np.testing.assert_allclose(four[0], np.mean(expected, axis=0), atol=1e-6)
    assert np.abs(four - run(inputs).numpy()).max() > 1e-4


@pytest.mark.parametrize("name, size", [("bayer", (524, 556)), ("xtrans", (1002, 720))])
def test_tiles_give_the_whole_frames_picture(tmp_path, name, size):
    camera = CAMERAS[name]
    write_frame(tmp_path / "a.dng", name, size=size, scale=300)
    network = model.network_for(camera, base_width=2, interface=CODED)
    params = model.initialize_parameters(network, 3)
    once = tf.function(lambda inputs: model.run(params, inputs, camera, network, CODED), reduce_retracing=True)
    loaded = engine.Model(camera, network, CODED, 1, once, quality="best")
    frame = read_frame(tmp_path / "a.dng", camera)
    packed = packing.pack_frame(frame.mosaic, camera, frame.offset)
    told, pictures = [], []
    for most in (66_000, 10**9):
        pictures.append(
            engine.develop(frame, packed, 20.0, loaded, Finish(curve="bt709"), most, tell=lambda done, of: told.append(of)) / 65535
        )
    assert told[0] > 1 and told[-1] == 1
    np.testing.assert_allclose(pictures[0], pictures[1], atol=2e-5)
    assert tiling.halo(network, "best") == tiling.halo(network) + tiling.GRID


def test_the_scripts_and_the_library_make_the_same(tmp_path):
    write_model(tmp_path / "model", copying=False, interface=CODED)
    write_frame(tmp_path / "a.dng", "sony", size=(96, 132), scale=300)
    for quality in ("normal", "best"):
        asked = ["a.dng", "--checkpoint_dir=model", "--ratio=20", "--strength=1", "--format=png", f"--quality={quality}"]
        result = run_script("enhance.py", *asked, f"--result_dir={quality}", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        made = api.load(tmp_path / "model", quality=quality)(tmp_path / "a.dng", ratio=20, strength=1, output="uint16")
        np.testing.assert_array_equal(read_picture(tmp_path / quality / "a.png"), made)
    assert np.any(read_picture(tmp_path / "normal" / "a.png") != read_picture(tmp_path / "best" / "a.png"))
    with pytest.raises(UsageError, match="quality is 'finest'; expected one of"):
        api.load(tmp_path / "model", quality="finest")
