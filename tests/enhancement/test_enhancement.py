"""What becomes of a photograph: against worked values, LibRaw's rendering and the model's own whole-frame output."""

import dataclasses
import functools
import os
import signal
import threading
import time

import numpy as np
import pytest
from conftest import shared, write_frame, write_model, write_unmarked_png

from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.datasets.frames import read_short
from lowlight_tf.enhancement import engine, tiling
from lowlight_tf.enhancement import enhance as enhancement
from lowlight_tf.enhancement.choice import choose
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.exposure import Darkness, auto_strength, plain_noise
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.enhancement.ratio_sheet import make_ratio_sheet, sheet_ratios
from lowlight_tf.errors import LowlightError, OutputError, Problems
from lowlight_tf.evaluation.evaluate import make_predictor
from lowlight_tf.isp.color import bt709_to_linear, linear_to_bt709, srgb_to_linear
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import read_picture, to_uint8, write_png
from lowlight_tf.raw import packing
from lowlight_tf.raw.frame import Frame
from lowlight_tf.raw.libraw import opened
from lowlight_tf.raw.light import Interface
from lowlight_tf.stages import run_stages

ALL = 10**9
# Values coded as the copying model's output is: a picture's light can then be compared without a curve between.
Coded = functools.partial(Finish, curve="bt709")


def developed(path, loaded, ratio=50.0, settings=None, most=ALL):
    frame = read_frame(path, loaded.camera)
    packed = packing.pack(frame.mosaic, loaded.camera, frame.offset).numpy()
    settings = settings or Coded()
    return engine.develop(frame, packed, ratio, loaded, settings, most, frame.plain(ratio) if settings.strength < 1 else None)


@pytest.fixture(scope="module")
def copying(copying_model):
    return engine.load_model(copying_model)


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_each_pixel_comes_from_its_photosites(tmp_path, copying, cfa):
    mosaic = write_frame(tmp_path / "a.dng", size=(37, 45), cfa=cfa, scale=300)
    picture = developed(tmp_path / "a.dng", copying)
    assert picture.shape == (37, 45, 3) and picture.dtype == np.uint16
    light = np.minimum((mosaic - 512.0) / (16383 - 512) * 50, 1)
    # In the model's phase a red photosite's pixel has that photosite's red, and so has blue.
    for channel, color in ((0, "R"), (2, "B")):
        row, column = divmod(cfa.index(color), 2)
        np.testing.assert_allclose(picture[row::2, column::2, channel], light[row::2, column::2] * 65535, atol=1)


@pytest.mark.parametrize("camera, size", [("bayer", (611, 333)), ("xtrans", (912, 500))])
def test_a_tiled_picture_is_the_whole_frames(tmp_path, camera, size):
    loaded = engine.load_model(write_model(tmp_path / "model", camera, copying=False))
    write_frame(tmp_path / "a.dng", camera, size=size, scale=400)
    frame = read_frame(tmp_path / "a.dng", loaded.camera)
    height, width = packing.pack(frame.mosaic, loaded.camera).shape[:2]
    assert len(tiling.plan(height, width, 96, 44000)) == 2
    whole, tiled = (developed(tmp_path / "a.dng", loaded, most=pixels).astype(int) for pixels in (ALL, 44000))
    assert np.abs(whole - tiled).max() == 0


def test_the_whole_frame_is_what_test_py_makes_of_it(tmp_path):
    write_model(tmp_path / "model", copying=False)
    write_frame(tmp_path / "a.dng", size=(96, 120), scale=400)
    loaded = load_network(tmp_path / "model")
    camera = loaded.camera
    predicted = make_predictor(loaded.params, camera, loaded.network)(read_short(tmp_path / "a.dng", camera), 50.0)
    picture = developed(tmp_path / "a.dng", engine.load_model(tmp_path / "model"))
    np.testing.assert_allclose(picture, np.clip(predicted, 0, 1) * 65535, atol=1)


def test_a_model_that_takes_rgb(tmp_path):
    loaded = engine.load_model(write_model(tmp_path / "model", copying=False, network_input="rgb"))
    write_frame(tmp_path / "a.dng", size=(251, 243), cfa="GBRG", scale=400)
    whole, tiled = (developed(tmp_path / "a.dng", loaded, most=pixels).astype(int) for pixels in (ALL, 58000))
    assert whole.shape == (251, 243, 3) and np.abs(whole - tiled).max() == 0


def test_strength_leads_from_the_plain_rendering_to_the_networks(tmp_path, copying):
    path = tmp_path / "a.dng"
    write_frame(path, size=(64, 80), cfa="GRBG", scale=300)
    plain, network = read_frame(path, copying.camera).plain(50.0), developed(path, copying)
    np.testing.assert_array_equal(developed(path, copying, settings=Finish(strength=0.0)), plain)
    half = developed(path, copying, settings=Finish(strength=0.5)) / np.float32(65535)
    light = srgb_to_linear(plain / np.float32(65535)).numpy(), bt709_to_linear(network / np.float32(65535)).numpy()
    np.testing.assert_allclose(srgb_to_linear(half), (light[0] + light[1]) / 2, atol=1e-4)


def test_a_stop_doubles_the_light(tmp_path, copying):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=100)
    usual, brighter, linear = (
        developed(tmp_path / "a.dng", copying, settings=settings) / np.float32(65535)
        for settings in (Coded(), Coded(stops=1.0), Finish(linear=True))
    )
    np.testing.assert_allclose(bt709_to_linear(brighter), 2 * bt709_to_linear(usual).numpy(), atol=2e-4)
    np.testing.assert_allclose(linear, bt709_to_linear(usual), atol=1e-4)


def test_the_white_balance_a_model_was_trained_with(tmp_path):
    loaded = engine.load_model(write_model(tmp_path / "model", interface=Interface(white_balance=True)))
    write_frame(tmp_path / "a.dng", mosaic=np.full([64, 64], 512 + 100, np.uint16))
    level = 100 / (16383 - 512) * 10 * 65535
    np.testing.assert_allclose(developed(tmp_path / "a.dng", loaded, 10.0)[30, 30], level * np.array([2.0, 1.0, 2.4]), rtol=1e-3)


def test_levels_of_another_camera_come_from_the_file_and_it_is_said(tmp_path):
    loaded = engine.load_model(write_model(tmp_path / "model", "sony"))
    write_frame(tmp_path / "a.dng", black=256, mosaic=np.full([64, 64], 256 + 100, np.uint16))
    frame = read_frame(tmp_path / "a.dng", loaded.camera)
    assert frame.black_level == (256,) * 4 and "camera sony" in frame.notes[0]
    write_frame(tmp_path / "b.dng", black=540)
    frame = read_frame(tmp_path / "b.dng", loaded.camera)
    assert frame.black_level == (512,) * 4 and frame.notes == ()


def test_a_picture_comes_back_as_it_was(tmp_path, copying_model):
    # Through the simulator's inverse and a model that changes nothing: the colours of large areas survive.
    loaded = engine.load_model(write_model(tmp_path / "model", interface=Interface(white_balance=True)))
    picture = np.full([60, 90, 3], 30000, np.uint16)
    write_png(tmp_path / "a.png", picture)
    frame = read_frame(tmp_path / "a.png", loaded.camera)
    assert "lesser substitute" in frame.notes[0] and frame.kind == "PNG"
    light = np.asarray(developed(tmp_path / "a.png", loaded, 1.0), np.float32) / 65535  # linear: the model returns its input
    assert light[30, 45] == pytest.approx([((30000 / 65535 + 0.055) / 1.055) ** 2.4] * 3, rel=2e-3)
    plain = frame.plain(1.0)[30, 45] / np.float32(65535)
    assert srgb_to_linear(plain).numpy() == pytest.approx(light[30, 45], rel=2e-3)
    np.testing.assert_array_equal(developed(tmp_path / "a.png", loaded, 1.0, Finish(strength=0.0)), picture)


def run(names, model, tmp_path, **options):
    problems = Problems(lambda message: None)
    enhance(list(map(str, names)), EnhanceConfig(str(model), str(tmp_path / "out"), **options), problems)
    return problems.messages


def test_results_that_are_there_are_kept_unless_asked(tmp_path, copying_model, capsys):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=200)
    assert run([tmp_path / "a.dng"], copying_model, tmp_path, ratio=20.0, kind="png") == []
    write_png(tmp_path / "out" / "a.png", np.zeros([2, 2, 3], np.uint8))
    run([tmp_path / "a.dng"], copying_model, tmp_path, ratio=20.0, kind="png")
    assert read_picture(tmp_path / "out" / "a.png").shape == (2, 2, 3) and "is there already; --overwrite" in capsys.readouterr().out
    run([tmp_path / "a.dng"], copying_model, tmp_path, ratio=20.0, kind="png", overwrite=True)
    assert read_picture(tmp_path / "out" / "a.png").shape == (64, 80, 3)
    assert "x20 (as asked)" in capsys.readouterr().out


def test_what_cannot_be_done_is_named_and_the_rest_is_done(tmp_path, copying_model):
    write_frame(tmp_path / "good.dng", size=(64, 80), scale=200)
    write_frame(tmp_path / "xtrans.dng", "fuji")
    write_frame(tmp_path / "black.dng", mosaic=np.full([64, 64], 512, np.uint16))
    write_frame(tmp_path / "white.dng", mosaic=np.full([64, 64], 16383, np.uint16))
    write_unmarked_png(tmp_path / "dot.png", np.full([1, 1, 3], 99, np.uint16))
    (tmp_path / "foreign.nef").write_text("no raw file")
    (tmp_path / "half.dng").write_bytes((tmp_path / "good.dng").read_bytes()[:5000])
    messages = run([tmp_path], copying_model, tmp_path)
    words = (
        "black.dng is black",
        "dot.png is 1x1, smaller than a CFA tile",
        "foreign.nef is damaged, truncated or no raw file",
        "half.dng is truncated",
        "white.dng is white all over",
        "xtrans.dng is X-Trans, the model is of Bayer cameras",
    )
    assert len(messages) == len(words)
    for message, expected in zip(messages, words, strict=True):
        assert expected in message
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.jpg"]


@pytest.mark.parametrize("stage", ["read_frame", "develop", "write_photo"])
def test_what_nobody_foresaw_is_that_files_line(tmp_path, copying_model, monkeypatch, stage):
    for name in ("a", "b", "c"):
        write_frame(tmp_path / f"{name}.dng", size=(64, 80), scale=200)
    whole = getattr(enhancement, stage)

    def breaking(first, *arguments, **options):
        if "b." in str(getattr(first, "path", first)):
            raise ZeroDivisionError("division by zero")
        return whole(first, *arguments, **options)

    monkeypatch.setattr(enhancement, stage, breaking)
    (message,) = run([tmp_path], copying_model, tmp_path, ratio=20.0)
    assert "b.dng: unforeseen ZeroDivisionError: division by zero" in message
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpg", "c.jpg"]


@pytest.mark.parametrize(
    "strength, report, ratio, gains",
    [
        (0.5, True, 30.0, [30.0, 1.0]),
        (1.0, True, 30.0, [30.0, 1.0]),
        (0.5, True, 1.0, [1.0]),
        (0.5, False, 30.0, [30.0]),
        (1.0, False, 30.0, []),
    ],
)
def test_a_plain_rendering_is_made_once_and_in_decode(tmp_path, copying_model, monkeypatch, strength, report, ratio, gains):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=200)
    made, threads, plain, decode = [], set(), Frame.plain, enhancement.read_frame

    def counting(frame, gain):
        made.append((gain, threading.current_thread()))
        return plain(frame, gain)

    def decoding(*arguments):
        threads.add(threading.current_thread())
        return decode(*arguments)

    monkeypatch.setattr(Frame, "plain", counting)
    monkeypatch.setattr(enhancement, "read_frame", decoding)
    assert run([tmp_path / "a.dng"], copying_model, tmp_path, ratio=ratio, finish=Finish(strength), report=report) == []
    assert [gain for gain, _ in made] == gains and {thread for _, thread in made} <= threads and len(threads) == 1


@pytest.mark.parametrize("free, overlap", [(10**9, True), (48 * 10**4, False)])
def test_the_next_frame_is_rendered_beside_the_network_where_there_is_memory(tmp_path, copying_model, monkeypatch, free, overlap):
    """Where there is not, it waits for the network; the pictures are the same."""
    for name in ("a", "b"):
        write_frame(tmp_path / f"{name}.dng", size=(64, 80), scale=200)
    events, plain, develop = [], Frame.plain, enhancement.develop

    def rendering(frame, gain):
        events.append(("rendered", frame.path.name))
        return plain(frame, gain)

    def slow(frame, *arguments):
        time.sleep(1.5)
        events.append(("developed", frame.path.name))
        return develop(frame, *arguments)

    monkeypatch.setattr(Frame, "plain", rendering)
    monkeypatch.setattr(enhancement, "develop", slow)
    monkeypatch.setattr(enhancement, "free_memory", lambda limit: free)
    assert run([tmp_path], copying_model, tmp_path, ratio=20.0, finish=Finish(0.5)) == []
    assert (events.index(("rendered", "b.dng")) < events.index(("developed", "a.dng"))) == overlap and len(events) == 4


def test_memory_that_does_not_suffice(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=200)
    (message,) = run([tmp_path / "a.dng"], copying_model, tmp_path, memory_limit=1000)
    assert "a.dng does not fit into memory" in message and "raise --memory_limit" in message


def test_what_memory_is_planned_for(tmp_path, copying):
    write_frame(tmp_path / "a.dng", size=(100, 100), scale=200)
    frame, each = read_frame(tmp_path / "a.dng", copying.camera), tiling.bytes_per_pixel(copying.network)
    assert engine.window_pixels(copying, frame, Finish(), 10**6, False) == (10**6 - 14 * 10**4) / each
    assert engine.window_pixels(copying, frame, Finish(strength=0.5), 10**6, True) == (10**6 - 38 * 10**4) / each
    assert engine.window_pixels(copying, frame, Finish(eight_bits=True), 10**6, True) == (10**6 - 18 * 10**4) / each
    assert engine.window_pixels(copying, frame, Finish(), 10**6, True, renders_next=True) == (10**6 - (14 + 16 + 18) * 10**4) / each
    assert engine.window_pixels(copying, frame, Finish(), 10, False) == 0


def test_eight_bits_are_those_of_sixteen_rounded(tmp_path, copying):
    write_frame(tmp_path / "a.dng", size=(37, 45), scale=300)
    sixteen, eight = (developed(tmp_path / "a.dng", copying, settings=Finish(0.7, eight_bits=eight)) for eight in (False, True))
    np.testing.assert_array_equal(eight, to_uint8(sixteen))
    assert eight.dtype == np.uint8 and eight.std() > 1


def test_a_sheet_of_ratios(tmp_path, copying_model, copying):
    assert sheet_ratios(40.0) == [5, 10, 20, 40, 80, 160] and sheet_ratios(1.0) == [1, 2, 4] and max(sheet_ratios(200.0)) == 300
    write_frame(tmp_path / "a.dng", size=(64, 96), scale=200)
    frame = read_frame(tmp_path / "a.dng", copying.camera)
    sheet = make_ratio_sheet(packing.pack(frame.mosaic, copying.camera).numpy(), frame, 40.0, copying)
    assert sheet.shape == (2 * (64 + 26 + 8), 3 * (96 + 8), 3)
    places = [(26 + row, column) for row in (0, 98) for column in (0, 104, 208)]
    panels = [srgb_to_linear(sheet[row : row + 64, column : column + 96] / 65535).numpy() for row, column in places]
    panels = [linear_to_bt709(panel).numpy().mean() for panel in panels]  # what the model that copies was given
    assert panels == sorted(panels) and panels[3] == pytest.approx(2 * panels[2], rel=0.1)
    run([tmp_path / "a.dng"], copying_model, tmp_path, ratio_sheet=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_ratios.jpg"]


def test_stages_overlap_and_keep_the_order():
    events, lock = [], threading.Lock()

    def stage(name):
        def work(item):
            with lock:
                events.append((name, item, "begins"))
            time.sleep(0.05)
            with lock:
                events.append((name, item, "ends"))
            return item

        return work

    run_stages([1, 2, 3], stage("decode"), stage("develop"), stage("encode"), Problems())
    assert [item for name, item, what in events if (name, what) == ("encode", "ends")] == [1, 2, 3]
    assert events.index(("decode", 2, "begins")) < events.index(("develop", 1, "ends"))
    assert events.index(("encode", 1, "begins")) < events.index(("develop", 2, "ends"))


def test_a_full_disk_ends_the_run_and_a_bad_file_does_not():
    done, problems = [], Problems(lambda message: None)

    def refuse(item):
        if item == 1:
            raise LowlightError("bad")
        return item

    run_stages([1, 2], refuse, refuse, done.append, problems)
    assert done == [2] and problems.messages == ["bad"]

    def full(item):
        raise OutputError("full")

    with pytest.raises(OutputError):
        run_stages([2, 3, 4], refuse, refuse, full, problems)


def test_ctrl_c_waits_for_what_is_being_written_and_nothing_else():
    written = []

    def slow(item):
        time.sleep(3 if item == 2 else 0)
        return item

    def write(item):
        time.sleep(0.4)
        written.append(item)

    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_stages([1, 2, 3], lambda item: item, slow, write, Problems())
    assert written == [1] and time.monotonic() - started < 2


def test_the_plain_rendering_of_a_real_file_is_libraws(copying):
    path = shared("raw/canon_kiss_x4_ML_colorchart.dng")
    black = read_frame(path, copying.camera).black_level  # measured on the masked border, 7 counts below the file's
    with opened(path) as raw:
        libraws = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, output_bps=16, user_flip=0, adjust_maximum_thr=0.0, user_black=round(np.mean(black))
        ).astype(int)
    ours = developed(path, copying, 1.0, Coded(strength=0.0)).astype(int)
    assert ours.shape == libraws.shape and np.median(np.abs(ours - libraws)) < 100
    means = [bt709_to_linear(picture / 65535).numpy().mean((0, 1)) for picture in (ours, libraws)]
    np.testing.assert_allclose(*means, rtol=0.01)


def test_strength_follows_the_noise(tmp_path, copying):
    """A clean frame keeps the plain rendering, a dark one is the network's, and more light needs less of it."""
    strengths = []
    for expected_ratio, photons in ((1, 1e6), (1, 4000), (2, 2000), (20, 2000), (100, 2000)):  # of white
        light = np.random.RandomState(1).poisson(photons * 0.2 / expected_ratio, (128, 160)) / photons
        write_frame(tmp_path / "a.dng", mosaic=np.clip(512 + light * (16383 - 512), 0, 16383).astype(np.uint16))
        frame = read_frame(tmp_path / "a.dng", copying.camera)
        packed = packing.pack(frame.mosaic, copying.camera).numpy()
        config = EnhanceConfig("", "", ratio=float(expected_ratio), auto_strength=True)
        ratio, reason, settings = choose(frame, packed, config, copying.camera)
        strengths.append(settings.strength)
        assert ("strength" in reason) == (settings.strength < 1) and ratio == expected_ratio
        assert choose(frame, packed, EnhanceConfig("", "", ratio=1.0, finish=Finish(0.3)), copying.camera)[2].strength == 0.3
    assert strengths == sorted(strengths) and strengths[0] == 0 and strengths[-1] == 1 and 0 < strengths[1] < 1, strengths


def test_the_best_blend_by_hand():
    """Light 0.25, variance 1/1024 of it, no read noise: deviation 1/64, 0.0165 after the curve; a sixteenth of it is nothing yet."""
    darkness = Darkness(np.array([0.25], np.float32), 0.0, 1 / 1024, 1.0, 0.0)
    low, high = (1.099258 * (0.25 + offset) ** 0.45 - 0.099258 for offset in (-1 / 64, 1 / 64))
    assert plain_noise(darkness, 1.0) == pytest.approx((high - low) / 2, abs=1e-4)
    assert auto_strength(darkness, 1.0) == pytest.approx(0.0165**2 / (0.0165**2 + 0.010**2), abs=0.02)
    assert auto_strength(dataclasses.replace(darkness, shot_noise=1 / 16384), 1.0) == 0
    only_read = dataclasses.replace(darkness, shot_noise=0.0, read_noise=1 / 192, color_noise=3.0)
    assert plain_noise(only_read, 1.0) == pytest.approx(plain_noise(darkness, 1.0), abs=1e-6)
