"""Counts -> a network's input, what its output is a correction to, and what config.json says of both."""

import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, expect_failure, run_script, shared, write_frame

from lowlight_tf.datasets import bright, cache, photographs, pipeline, sid
from lowlight_tf.datasets.examples import ExampleConfig, Simulation, make_example
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.datasets.turns import turned_in_phase
from lowlight_tf.enhancement import engine, tiling
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.evaluation import classic, evaluate
from lowlight_tf.isp import noise
from lowlight_tf.isp.color import linear_to_bt709, signed_bt709
from lowlight_tf.isp.demosaic import packed_demosaic
from lowlight_tf.isp.noise_estimate import frame_noise, measure_noise
from lowlight_tf.network import model
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import write_png
from lowlight_tf.raw import light, packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import SID, Interface

BAYER, XTRANS = CAMERAS["bayer"], CAMERAS["xtrans"]
LEVELS = types.SimpleNamespace(black_level=(512,) * 4, white_level=10512, noise_profile=None)
CODED = Interface(white_balance=True, signed=True, curve="bt709", noise_planes=True, skip="demosaic", target="camera_rgb")
FLAGS = ("--target=camera_rgb", "--signed_input", "--curve=bt709", "--noise_planes", "--skip=demosaic")


def zeroed(network):
    return {name: tf.zeros_like(value) for name, value in model.initialize_parameters(network).items()}


def test_the_curve_is_odd_and_linear_around_zero():
    values = np.array([-0.5, -0.01, 0.0, 0.001, 0.01, 0.5, 1.0], np.float32)
    coded = signed_bt709(values).numpy()
    np.testing.assert_allclose(coded[1:5], 4.5 * values[1:5], rtol=1e-6)
    np.testing.assert_allclose(coded[[5, 6]], linear_to_bt709(values[[5, 6]]), rtol=1e-6)
    assert coded[0] == -coded[5]


def test_noise_channels_by_hand():
    """Ratio 64, K = 0.5 and read noise 2 of 16384 counts: 2^6 2^-1 2^-14 = 2^-9, and (2^6 2^1 2^-14)^2 = 2^-14."""
    np.testing.assert_allclose(light.noise_channels(64.0, 0.5 / 16384, 2.0 / 16384), [-0.9, -1.4], rtol=1e-6)
    assert np.isfinite(light.noise_channels(1.0, 0.0, 0.0)).all()


def test_a_coded_input_by_hand():
    """Counts 512 + 100 of 10000 at ratio 10 under a red gain of 2: 0.1, red 0.2; one below black is -0.001 and coded -0.0045."""
    packed = np.array([[[[612, 612, 612, 511]]]], np.uint16)
    facts = {"black_level": (512,) * 4, "white_level": 10512, "wb_gains": (2.0, 1.0, 1.0), "ratio": 10.0}
    seen = light.network_input(packed, BAYER, CODED, 6, noise=(1e-4, 1e-3), **facts)[0, 0, 0].numpy()
    np.testing.assert_allclose(seen[:4], [*linear_to_bt709(np.array([0.2, 0.1, 0.1], np.float32)), -0.0045], rtol=1e-5)
    np.testing.assert_allclose(seen[4:], light.noise_channels(10.0, 1e-4, 1e-3))
    plain = light.network_input(packed, BAYER, SID, 4, **facts)[0, 0, 0].numpy()
    np.testing.assert_allclose(plain, [0.1, 0.1, 0.1, 0.0], rtol=1e-6)
    with pytest.raises(ValueError, match="noise"):
        light.packed_input(packed, BAYER, CODED, **facts)


@pytest.mark.parametrize("camera", [BAYER, XTRANS], ids=lambda camera: camera.name)
def test_the_packed_demosaicing(camera):
    """A constant stays, a ramp stays away from the border, each photosite keeps its own value, and away from the border one convolution
    does what the classic pipeline's stages do."""
    rows, columns = np.mgrid[:36, :48].astype(np.float32)

    def demosaiced(mosaic):
        return packed_demosaic(packing.pack(mosaic[None], camera), camera)[0].numpy()

    np.testing.assert_allclose(demosaiced(np.full_like(rows, 0.3)), 0.3, rtol=1e-5)
    if camera is BAYER:  # normalised convolution bends a ramp, for its windows hold colours unevenly
        ramp = (rows + 2 * columns) / 100
        np.testing.assert_allclose(demosaiced(ramp)[4:-4, 4:-4], np.repeat(ramp[4:-4, 4:-4, None], 3, -1), rtol=1e-4)
    mosaic = np.random.RandomState(0).uniform(size=(36, 48)).astype(np.float32)
    picture = demosaiced(mosaic)
    np.testing.assert_allclose((picture * classic.color_masks(camera, 36, 48)).numpy().sum(-1), mosaic, atol=1e-5)
    linear = classic.demosaic(tf.constant(mosaic), camera).numpy()
    same = slice(None) if camera is XTRANS else slice(1, 2)  # Malvar's red and blue are gradient-corrected, the classic's only smoothed
    np.testing.assert_allclose(picture[6:-6, 6:-6, same], linear[6:-6, 6:-6, same], atol=1e-5)


def test_malvars_filters_by_hand():
    """One lit red photosite: figure 2 of the paper, in eighths."""
    mosaic = np.zeros((12, 12), np.float32)
    mosaic[4, 4] = 8
    picture = packed_demosaic(packing.pack(mosaic[None], BAYER), BAYER)[0].numpy()
    assert picture[4, 4].tolist() == [8, 4, 6]  # its own; green and blue where it stands
    assert picture[4, 5].tolist() == [4, 0, 0] and picture[5, 4].tolist() == [4, 0, 0]  # beside it
    assert picture[5, 5].tolist() == [2, 0, 0] and picture[4, 6].tolist() == [0, -1, -1.5]  # across, and the next red
    assert np.abs(picture).sum(axis=-1)[7:].sum() == 0


@pytest.mark.parametrize("camera", [BAYER, XTRANS], ids=lambda camera: camera.name)
def test_a_network_that_says_nothing_leaves_the_demosaiced_input(camera):
    network = model.network_for(camera, base_width=2, interface=CODED)
    assert network.input_channels == camera.channels + 2
    inputs = tf.random.stateless_uniform([1, 12, 16, network.input_channels], [1, 2])
    output = model.run(zeroed(network), inputs, camera, network, CODED)
    np.testing.assert_array_equal(output, packed_demosaic(inputs[..., : camera.channels], camera))
    assert np.abs(model.run(zeroed(network), inputs, camera, network, dataclasses.replace(CODED, skip="none"))).max() == 0


@pytest.mark.parametrize("camera", [BAYER, XTRANS], ids=lambda camera: camera.name)
def test_tiles_equal_the_whole_frame(camera):
    network = model.network_for(camera, base_width=2, interface=CODED)
    params = model.initialize_parameters(network)
    height, width = 262, 278
    inputs = tf.random.stateless_uniform([1, height, width, network.input_channels], [3, 4])
    whole = model.run(params, inputs, camera, network, CODED)[0].numpy()
    tiles = tiling.plan(height, width, tiling.halo(network), 250 * 250)
    assert len(tiles) > 1
    for rows, columns in tiles:
        part = model.run(params, inputs[:, rows.start : rows.stop, columns.start : columns.stop], camera, network, CODED)[0].numpy()
        kept = [slice((span.keep - span.start) * camera.upscale, (span.keep_end - span.start) * camera.upscale) for span in (rows, columns)]
        where = [slice(span.keep * camera.upscale, span.keep_end * camera.upscale) for span in (rows, columns)]
        np.testing.assert_allclose(part[tuple(kept)], whole[tuple(where)], atol=2e-6)


@pytest.mark.parametrize("camera", [BAYER, XTRANS], ids=lambda camera: camera.name)
def test_config_json_says_the_interface(camera):
    network = model.network_for(camera, base_width=2, interface=CODED)
    described = json.loads(json.dumps(model.describe(camera, network, CODED)))
    assert model.from_description(described, "config.json") == (camera, network, CODED)
    with pytest.raises(LowlightError, match=r"noise_planes=True, not False"):
        model.check_same(described, camera, model.network_for(camera, base_width=2), dataclasses.replace(CODED, noise_planes=False), "x")
    with pytest.raises(LowlightError, match="expected one of linear, bt709"):
        model.from_description(described | {"interface": described["interface"] | {"curve": "cubic"}}, "config.json")
    with pytest.raises(LowlightError, match="packed input"):
        model.from_description(described | {"network": described["network"] | {"input_channels": 3, "upscale": 1}}, "config.json")


def test_files_of_the_first_version_are_read():
    """There white balance, sign and target stood among the network's fields, as in the model that ships."""
    described = json.loads(json.dumps(model.describe(BAYER, model.network_for(BAYER))))
    del described["interface"]
    described["network"] |= {"white_balance_input": True, "signed_input": True, "target": "camera_rgb"}
    expected = Interface(white_balance=True, signed=True, target="camera_rgb")
    assert model.from_description(described, "config.json") == (BAYER, model.network_for(BAYER), expected)
    del described["network"]["signed_input"]
    assert model.from_description(described, "config.json")[2].signed is False


@pytest.mark.parametrize("gain, read_noise", [(0.1, 0.8), (1.0, 3.0), (4.0, 30.0), (0.05, 3.0)])
def test_the_noise_of_a_frame(gain, read_noise):
    """A ramp over two hundred electrons with strong texture in a third: at each brightness the noise within an eighth, on any line."""
    rng = np.random.RandomState(1)
    clean = np.linspace(0, 200 * gain, 320)[None, :, None] * np.ones((320, 1, 4))
    clean[:100] *= rng.uniform(0.5, 2, (100, 320, 1))
    counts = np.round(512 + gain * rng.poisson(clean / gain) + read_noise * rng.standard_normal(clean.shape)).clip(0).astype(np.uint16)
    shot, read = measure_noise(counts, BAYER, LEVELS.black_level, LEVELS.white_level)
    found = shot * 10000, read * 10000
    for part in (0.1, 0.5, 1.0):
        deviations = [np.sqrt(k * part * 200 * gain + read**2) for k, read in (found, (gain, read_noise))]
        assert deviations[0] == pytest.approx(deviations[1], rel=0.125)
    assert found[1] == pytest.approx(read_noise, rel=0.5)


def test_noise_that_cannot_be_seen():
    for frame in (np.full((40, 40, 4), 512), np.full((4, 4, 4), 512), np.full((40, 40, 4), 16383)):
        shot, read = measure_noise(frame.astype(np.uint16), BAYER, LEVELS.black_level, LEVELS.white_level)
        assert 0 < shot < 1e-5 and 0 < read < 1e-4
    cut = np.maximum(np.random.RandomState(0).normal(0, 3, (200, 200, 4)) + np.linspace(0, 300, 200)[:, None, None], 0) + 512
    assert measure_noise(np.round(cut).astype(np.uint16), BAYER, LEVELS.black_level, LEVELS.white_level)[1] == pytest.approx(3e-4, rel=0.3)


def test_what_a_file_says_of_its_noise_wins():
    frame = np.full((40, 40, 4), 512, np.uint16)
    assert frame_noise(frame, LEVELS, BAYER) == measure_noise(frame, BAYER, LEVELS.black_level, LEVELS.white_level)
    told = types.SimpleNamespace(**vars(LEVELS) | {"noise_profile": (1e-4, 2e-3)})
    assert frame_noise(frame, told, BAYER) == (1e-4, 2e-3)


def test_dark_deviation_is_that_of_dark_frames():
    for number in range(4):
        drawn = noise.random_noise([number, 2], "physical")
        counts = noise.add_noise(tf.zeros([600, 400]), drawn, [3, number], exposure_ratio=1.0, black_level=4000, white_level=16383)
        expected = float(drawn.dark_deviation) ** 2 + 1 / 12
        assert np.var(counts.numpy().astype(float)) == pytest.approx(expected, rel=0.05)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    picture = np.random.RandomState(4).uniform(20000, 40000, (60, 72, 3)).astype(np.uint16)
    write_png(folder / "a.png", picture)
    return {
        camera.name: pipeline.make_table(
            bright.build(photographs.find_photographs(folder), camera, tmp_path_factory.mktemp("cache"), Problems(), 10), camera, 10
        )
        for camera in (BAYER, XTRANS)
    }


@pytest.mark.parametrize("camera", [BAYER, XTRANS], ids=lambda camera: camera.name)
def test_an_example_lies_on_its_skip(table, camera):
    """Wherever the crop begins and however it is turned, without noise the demosaiced input is nearest to the target where it lies."""
    config = ExampleConfig(10, CODED, Simulation("poisson", 1.0, many_cameras=True))
    clean = dataclasses.replace(config, simulation=Simulation("poisson", 1.0))
    ratio_one = dataclasses.replace(camera, exposure_ratios=(1,))
    for index in range(4):
        inputs, target = make_example(pipeline.draw_example(index, 5, table[camera.name], 10), table[camera.name], ratio_one, clean)
        assert inputs.shape[-1] == camera.channels + 2
        picture = packed_demosaic(inputs[None, ..., : camera.channels], camera)[0].numpy()
        errors = {
            shift: np.mean(np.abs(np.roll(picture, shift, (0, 1)) - target)[6:-6, 6:-6])
            for shift in ((0, 0), (0, 1), (1, 0), (1, 1), (0, camera.upscale), (camera.upscale, 0))
        }
        assert min(errors, key=errors.get) == (0, 0), errors


def test_what_training_says_of_the_noise_is_scattered(table):
    drawn = [
        make_example(
            pipeline.draw_example(index, 5, table["bayer"], 10),
            table["bayer"],
            BAYER,
            ExampleConfig(10, CODED, Simulation(many_cameras=True)),
        )[0][0, 0, 4:].numpy()
        for index in range(40)
    ]
    assert np.std(drawn, axis=0).min() > 0.1 and np.min(drawn) > -4 and np.max(drawn) < 1


def test_a_real_pair_says_its_own_noise(small_set, tmp_path):
    pairs = cache.build(sid.find_pairs(small_set, CAMERAS["sony"], "train", Problems()), CAMERAS["sony"], tmp_path, Problems())
    pairs = cache.measure_noise(pairs, CAMERAS["sony"])
    made = pipeline.make_table(pairs, CAMERAS["sony"], 16)
    inputs = np.array(
        [
            make_example(pipeline.draw_example(index, 5, made, 16), made, CAMERAS["sony"], ExampleConfig(16, CODED))[0][0, 0, 4:]
            for index in range(30)
        ]
    )
    expected = [light.noise_channels(pair.ratio, *pair.noise) for pair in pairs]
    np.testing.assert_allclose(inputs.mean(axis=0), np.mean(expected, axis=0), atol=0.05)
    assert inputs[:, 0].std() > 0.003


def test_test_and_enhance_see_the_same(tmp_path):
    """A whole frame scored, and the same frame enhanced in tiles: one input, one picture."""
    path = tmp_path / "a.dng"
    write_frame(path, "bayer", size=(524, 556), scale=300)
    network = model.network_for(BAYER, base_width=2, interface=CODED)
    params = model.initialize_parameters(network, 3)
    predicted = evaluate.make_predictor(params, BAYER, network, CODED)(read_short(path, BAYER), 20.0)
    run = tf.function(lambda inputs: model.run(params, inputs, BAYER, network, CODED))
    loaded = engine.Model(BAYER, network, CODED, 1, run)
    frame = read_frame(path, BAYER)
    packed = packing.pack_frame(frame.mosaic, BAYER, frame.offset)
    tiles = []
    picture = engine.develop(frame, packed, 20.0, loaded, Finish(curve="bt709"), 250 * 250, tell=lambda done, of: tiles.append(of))
    assert max(tiles) > 1
    np.testing.assert_allclose(picture / 65535, predicted, atol=2e-5)


@pytest.mark.parametrize("camera, patch", [("bayer", 16), ("xtrans", 10)])
def test_trained_tested_enhanced_and_adapted(tmp_path, camera, patch):
    photos = tmp_path / "photos"
    photos.mkdir()
    write_png(photos / "a.png", np.random.RandomState(4).randint(0, 65535, (90, 96, 3)).astype(np.uint16))
    run = [f"--camera={camera}", "--dataset=folder", f"--data_dir={photos}", "--checkpoint_dir=model", *SMALL_RUN, f"--patch_size={patch}"]
    result = run_script("train.py", *run, *FLAGS, "--steps=2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "model" / "config.json").read_text())["interface"] == dataclasses.asdict(CODED)
    write_frame(tmp_path / "a.dng", camera, size=(96, 132), scale=300)
    result = run_script("enhance.py", "a.dng", "--checkpoint_dir=model", "--ratio=20", "--strength=1", "--format=png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    result = run_script("lowlight_tf", "ship", "--checkpoint_dir=model", "--output=shipped", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    again = [f"--camera={camera}", "--dataset=folder", f"--data_dir={photos}", f"--patch_size={patch}", "--init_from=shipped"]
    result = run_script("train.py", *again, "--checkpoint_dir=adapted", "--steps=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "adapted" / "config.json").read_text())["interface"] == dataclasses.asdict(CODED)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--skip=demosaic"], ["--curve=bt709"]),
        (["--noise_planes", "--network_input=rgb"], ["--noise_planes", "packed"]),
        (["--noise_planes", "--network=denoise20"], ["--noise_planes"]),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, flags, words):
    expect_failure(run_script("train.py", "--camera=bayer", "--steps=1", *flags, cwd=tmp_path), 2, *words)


def test_whole_tiles_are_asked_for(tmp_path):
    result = run_script("train.py", "--camera=xtrans", "--steps=1", "--curve=bt709", "--skip=demosaic", "--patch_size=15", cwd=tmp_path)
    expect_failure(result, 2, "--patch_size=15", "multiple of 2")


def test_the_noise_of_real_crops():
    """SID's Sony at ISO 100 and a few hundred: K of 0.05 to 1 count an electron, read noise of about one count."""
    for path in sorted(shared("sid_mini/Sony/short").glob("*.dng"))[:4]:
        short = read_short(path, BAYER)
        shot, read = measure_noise(packing.pack(short.mosaic, BAYER).numpy(), BAYER, short.black_level, short.white_level)
        assert 0.03 < shot * 15871 < 2 and 0.3 < read * 15871 < 6


@pytest.mark.parametrize("camera", [BAYER, XTRANS], ids=lambda camera: camera.name)
def test_turns_keep_the_phase(camera):
    """Photosites that carry their colour and place: however a crop is turned, each colour stands where the CFA puts it, and each pixel of
    the target is still the photosite's own."""
    height, width = 6 * camera.tile, 7 * camera.tile
    colors = np.tile(np.reshape(["RGB".index(color) for color in camera.cfa], (camera.tile, -1)), (6, 7))
    mosaic = 10000 * colors + np.arange(height * width).reshape(height, width)
    target = np.repeat(mosaic[..., None], 3, axis=-1)
    where = (slice(camera.tile, 4 * camera.tile), slice(3 * camera.tile, 6 * camera.tile))
    edge = (slice(3 * camera.tile, 6 * camera.tile), slice(4 * camera.tile, 7 * camera.tile))
    side, seen = 3 * camera.tile, set()
    for place in (where, edge):
        for turns in np.ndindex(2, 2, 2):
            cut, picture = turned_in_phase(mosaic, target, place, turns, camera)
            assert cut.shape == (side, side) and picture.shape == (side, side, 3)
            np.testing.assert_array_equal(cut, picture[..., 1])
            np.testing.assert_array_equal(cut // 10000, colors[:side, :side])
            places = cut % 10000
            seen.add((turns, int(places[1, 0] - places[0, 0]), int(places[0, 1] - places[0, 0])))
    assert len({steps for _, *steps in seen for steps in [tuple(steps)]}) == 8  # each turn was made, and none twice
    whole = (slice(0, height), slice(0, height))
    np.testing.assert_array_equal(turned_in_phase(mosaic, target, whole, (1, 0, 0), camera)[0], mosaic[whole])


def test_real_pairs_are_turned_together(small_set, tmp_path):
    """A bright ramp and its rendering: whatever the turn, brighter stands where brighter is, and some crops are turned."""
    sony, config = CAMERAS["sony"], ExampleConfig(16, Interface(white_balance=True), turns_in_phase=True)
    made = pipeline.make_table(cache.build(sid.find_pairs(small_set, sony, "train", Problems()), sony, tmp_path, Problems()), sony, 16)
    slopes = set()
    for index in range(12):
        inputs, target = make_example(pipeline.draw_example(index, 7, made, 16), made, sony, config)
        grey, aim = (packing.superpixels(inputs, sony).numpy().mean(-1), target.numpy().mean(-1))
        for axis in (0, 1):
            seen, wanted = (np.polyfit(np.arange(len(line)), line, 1)[0] for line in (grey.mean(axis), aim.mean(axis)))
            assert seen * wanted > 0
        slopes.add((aim[0, 0] < aim[-1, 0], aim[0, 0] < aim[0, -1]))
    assert len(slopes) > 2
