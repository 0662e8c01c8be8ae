"""python -m lowlight_tf simulate and simulation_figure: files on disk, the same whatever interrupts or shares the work."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import imageio.v3 as imageio
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, SMALL_RUN, expect_failure, run_script, shared, write_frame

from lowlight_tf.datasets import sid
from lowlight_tf.errors import LowlightError, OutputError, Problems, UsageError
from lowlight_tf.isp.color import apply_matrix, bt709_to_linear, srgb_to_camera_matrix
from lowlight_tf.pictures.image_file import read_picture, write_dng
from lowlight_tf.pictures.provenance import is_ours, is_simulated
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.rendering import render
from lowlight_tf.simulation import plan, simulate
from lowlight_tf.simulation.figure import stages, write_figure

SONY = CAMERAS["sony"]


def make_photos(folder):
    """Three photographs: a PNG, a JPEG of odd size, a bright raw file whose CFA stands in another phase; and one that is no picture."""
    folder.mkdir(parents=True, exist_ok=True)
    ramp = np.add.outer(np.linspace(20, 150, 101), np.linspace(0, 90, 141))[..., None] * np.array([1.0, 0.8, 0.6])
    imageio.imwrite(folder / "b.jpg", ramp.astype(np.uint8), quality=95)
    imageio.imwrite(folder / "a.png", ramp[:96, :120, ::-1].astype(np.uint8))
    write_frame(folder / "c.dng", mosaic=(1000 + 40 * ramp[..., 1]).astype(np.uint16), black=1000, cfa="GRBG")
    (folder / "bad.jpg").write_bytes(b"no picture")
    return folder


def config_for(photos, output, **changes):
    settings = {"camera": SONY, "input": str(photos), "output": str(output), "ratios": (100, 300)}
    return plan.SimulationConfig(**settings | changes)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in (".dng", ".png")}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("simulation") / "photos")


@pytest.fixture(scope="module")
def simulated(photos, tmp_path_factory):
    """The photographs simulated on one worker, and what was reported."""
    output, problems = tmp_path_factory.mktemp("simulated"), Problems(report=lambda message: None)
    simulate.simulate(config_for(photos, output), problems, workers=1)
    return output, problems


def test_the_files_are_a_sid_folder(simulated):
    output, problems = simulated
    assert len(problems.messages) == 1 and "bad.jpg is damaged or no JPEG file" in problems.messages[0]
    assert sorted(contents(output)) == [
        f"Sony/{kind}"
        for kind in (
            *(f"long/{scene}_00_10s.png" for scene in ("00001", "00002", "00004")),
            *(f"short/{scene}_00_{seconds}s.dng" for scene in ("00001", "00002", "00004") for seconds in ("0.03333", "0.1")),
        )
    ]
    pairs = sid.find_pairs(output, SONY, "train", problems)
    assert sorted({pair.ratio for pair in pairs}) == [100, 300] and len(pairs) == 6
    raw = read_raw(pairs[0].short)
    assert (raw.cfa, raw.black_level[0], raw.white_level) == ("RGGB", 512, 16383) and raw.mosaic.shape == (96, 120)
    assert read_picture(pairs[0].long).dtype == np.uint16


def test_the_record_says_what_was_drawn(simulated):
    record = json.loads((simulated[0] / "Sony" / "simulated" / "00001.json").read_text())
    assert record["photograph"] == "a.png" and len(record["shorts"]) == 2 and 0.1 <= record["brightness"] <= 1
    raw = read_raw(simulated[0] / "Sony" / "short" / "00001_00_0.1s.dng")
    assert raw.wb_gains == pytest.approx(record["wb_gains"], rel=1e-4) and raw.exposure_seconds == pytest.approx(0.1)
    short = record["shorts"]["00001_00_0.03333s.dng"]
    assert short["exposure_ratio"] == 300 and 0.1 <= short["gain"] <= 0.5 and -1.2 <= short["black_offset"] <= 0.2
    assert json.loads((simulated[0] / "Sony" / "simulated" / "00004.json").read_text())["brightness"] is None


def test_short_and_long_are_the_same_light(photos, tmp_path):
    """A picture's short, amplified and balanced, is its target in the camera's colours; without drift, up to the noise of the mean."""
    simulate.simulate(config_for(photos, tmp_path, ratios=(2,), noise="poisson"), Problems(report=lambda message: None))
    raw = read_raw(tmp_path / "Sony" / "short" / "00001_00_5s.dng")
    light = packing.normalise(packing.pack(raw.mosaic, SONY), SONY, raw.black_level, raw.white_level) * 2
    seen = packing.superpixels(packing.white_balance(light, SONY, raw.wb_gains), SONY).numpy().mean((0, 1))
    target = bt709_to_linear(read_picture(tmp_path / "Sony" / "long" / "00001_00_10s.png").astype(np.float32) / 65535)
    expected = apply_matrix(tf.reduce_mean(target, (0, 1)), srgb_to_camera_matrix(SONY.xyz_to_camera))
    np.testing.assert_allclose(seen, expected, rtol=0.02)


def test_a_raw_frame_keeps_its_mosaic_gains_and_rendering(photos, tmp_path):
    simulate.simulate(config_for(photos, tmp_path, ratios=(1.01,), noise="poisson"), Problems(report=lambda message: None))
    source, short = read_raw(photos / "c.dng"), read_raw(tmp_path / "Sony" / "short" / "00004_00_9.901s.dng")
    assert short.wb_gains == pytest.approx(source.wb_gains, rel=1e-4)
    expected = (source.mosaic[:100, 1:141].astype(float) - 1000) / (16383 - 1000)  # GRBG: the first RGGB tile begins a column later
    recorded = (short.mosaic.astype(float) - 512) / 15871 * 1.01
    assert recorded.shape == expected.shape == (100, 140) and abs(recorded.mean() / expected.mean() - 1) < 0.005
    np.testing.assert_allclose(recorded, expected, atol=0.02)
    np.testing.assert_array_equal(read_picture(tmp_path / "Sony" / "long" / "00004_00_10s.png"), render(photos / "c.dng")[:100, 1:141])


def test_a_raw_frame_keeps_its_own_cameras_colours(tmp_path):
    """The short is developed with the matrix that its target was rendered with, not with that of the camera that is simulated."""
    (tmp_path / "photos").mkdir()
    counts, matrix = np.full((64, 64), 4000, np.uint16), CAMERAS["fuji"].xyz_to_camera
    options = dict(black_level=512, white_level=16383, wb_gains=(2.0, 1.0, 1.5), exposure_seconds=1, make="Fujifilm", model="X-A1")
    write_dng(tmp_path / "photos" / "a.dng", counts, "RGGB", xyz_to_camera=matrix, **options)
    simulate.simulate(config_for(tmp_path / "photos", tmp_path, ratios=(2,), noise="poisson"), Problems())
    short = tmp_path / "Sony" / "short" / "00001_00_5s.dng"
    np.testing.assert_allclose(read_raw(short).ccm, read_raw(tmp_path / "photos" / "a.dng").ccm, atol=1e-3)
    developed, target = render(short, 2), read_picture(tmp_path / "Sony" / "long" / "00001_00_10s.png")
    np.testing.assert_allclose(developed.mean((0, 1)), target.mean((0, 1)), rtol=0.01)


def test_two_workers_and_a_second_run_write_the_same_bytes(photos, simulated, tmp_path):
    simulate.simulate(config_for(photos, tmp_path), Problems(report=lambda message: None), workers=2)
    assert contents(tmp_path) == contents(simulated[0])
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dng")}
    gone = tmp_path / "Sony" / "short" / "00002_00_0.1s.dng"
    gone.unlink()
    simulate.simulate(config_for(photos, tmp_path), Problems(report=lambda message: None))
    assert contents(tmp_path) == contents(simulated[0])
    assert {path for path, time_then in times.items() if path.stat().st_mtime_ns != time_then} == {
        gone,
        gone.with_name("00002_00_0.03333s.dng"),
    }


def test_new_photographs_get_new_ids_and_the_known_keep_theirs(photos, tmp_path):
    own = tmp_path / "photos"
    shutil.copytree(photos, own)
    first = {scene.photograph.name: scene.id for scene in plan.plan(config_for(own, tmp_path / "out"))}
    imageio.imwrite(own / "aa.png", np.zeros((32, 32, 3), np.uint8))
    second = {scene.photograph.name: scene.id for scene in plan.plan(config_for(own, tmp_path / "out"))}
    assert first == {"a.png": "00001", "b.jpg": "00002", "bad.jpg": "00003", "c.dng": "00004"} and second == {**first, "aa.png": "00005"}


def test_other_settings_and_other_peoples_frames_are_refused(photos, simulated, tmp_path):
    with pytest.raises(LowlightError, match="was begun with seed 0, not 1; name another --output"):
        plan.plan(config_for(photos, simulated[0], seed=1))
    (tmp_path / "Sony" / "short").mkdir(parents=True)
    (tmp_path / "Sony" / "short" / "00001_00_0.1s.ARW").write_bytes(b"a real photograph")
    with pytest.raises(LowlightError, match="holds frames that were not simulated"):
        plan.plan(config_for(photos, tmp_path))
    for ratios, words in (((1000,), "at most 300"), ((100, 100), "one shutter time"), ((100, 99.9999), "one shutter time")):
        with pytest.raises(UsageError, match=words):
            config_for(photos, tmp_path, ratios=ratios)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        plan.plan(config_for(photos, tmp_path / "file" / "out"))


def test_train_and_test_take_a_simulated_set(photos, tmp_path):
    for split in ("train", "test"):
        arguments = [f"--input={photos}", "--camera=sony", "--output=set", f"--split={split}", "--ratios=100"]
        result = run_script("lowlight_tf", "simulate", *arguments, cwd=tmp_path)
        assert result.returncode == 1 and "1 skipped" in result.stderr and "Traceback" not in result.stderr
        assert "3 of 4 photographs are simulated, 1 short exposures each" in result.stdout
    result = run_script("train.py", "--camera=sony", "--data_dir=set", "--checkpoint_dir=model", *SMALL_RUN, "--steps=2", cwd=tmp_path)
    assert result.returncode == 0 and "3 pairs of 3 scenes" in result.stdout, result.stderr
    result = run_script("test.py", "--checkpoint_dir=model", cwd=tmp_path)
    assert result.returncode == 0 and "3 images scored" in result.stdout, result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_simulation_goes_on(photos, simulated, tmp_path, number):
    many = tmp_path / "photos"
    shutil.copytree(photos, many)
    for copy in range(40):
        os.link(many / "a.png", many / f"d{copy:02}.png")
    command = [sys.executable, "-m", "lowlight_tf", "simulate", f"--input={many}", "--camera=sony", "--output=out", "--ratios=100,300"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 120
    while not list((tmp_path / "out").glob("Sony/simulated/*.json")):
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "Run the same command again" in err and "Traceback" not in err
    for scene, data in contents(tmp_path / "out").items():  # what is there is whole, and what the undisturbed run wrote
        assert contents(simulated[0]).get(scene, data) == data
    assert len(list((tmp_path / "out").glob("Sony/simulated/*.json"))) < 43
    litter = [tmp_path / "out" / "Sony" / "long" / f".00001_00_10s.lowlight_tf-{name}.tmp.png" for name in ("01234567", "89abcdef")]
    for path, age in zip(litter, (2 * 24 * 3600, 0), strict=False):  # of a process that was killed; what is new may be another worker's
        path.write_bytes(b"half a picture")
        os.utime(path, (time.time() - age,) * 2)
    simulate.simulate(config_for(many, tmp_path / "out"), Problems(report=lambda message: None))
    whole = contents(tmp_path / "out")
    assert [path.exists() for path in litter] == [False, True] and whole.pop(litter[1].relative_to(tmp_path / "out").as_posix())
    assert len(whole) == 43 * 3 and contents(simulated[0]).items() <= whole.items()


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--input=missing", "--camera=sony"], 1, "missing does not exist"),
        (["--input=.", "--camera=sony"], 1, "holds no photographs"),
        (["--input=.", "--camera=sony", "--ratios=dark"], 2, "expected such as --ratios=100,250,300"),
        (["--input=gs://bucket/photos", "--camera=sony"], 2, "gs://bucket/photos is an address; expected a folder"),
        (["--input=.", "--camera=sony", "--beam_args=--x"], 2, "give --runner"),
        (["--input=.", "--camera=sony", "--runner=DirectRunner", "--workers=2"], 2, "--workers is of the local job"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, arguments, code, words):
    expect_failure(run_script("lowlight_tf", "simulate", "--output=out", *arguments, cwd=tmp_path), code, words)


@pytest.mark.parametrize(
    "tool", ["simulate --camera=sony --workers=-1", "simulate --camera=sony --seed=-1", f"simulation_figure --seed={2**70}"]
)
def test_numbers_out_of_range_are_usage_errors(tmp_path, tool):
    result = run_script("lowlight_tf", *tool.split(), "--input=x", "--output=out", cwd=tmp_path)
    assert result.returncode == 2 and "is out of range; expected 0 to" in result.stderr and "Traceback" not in result.stderr


def test_a_picture_smaller_than_a_tile_is_skipped(tmp_path):
    (tmp_path / "photos").mkdir()
    for name, size in (("a", 2), ("b", 1)):
        imageio.imwrite(tmp_path / "photos" / f"{name}.png", np.full((size, 40, 3), 99, np.uint8))
    problems = Problems(report=lambda message: None)
    simulate.simulate(config_for(tmp_path / "photos", tmp_path), problems)
    assert len(problems.messages) == 1 and "b.png is smaller than a CFA tile of 2 pixels" in problems.messages[0]


def test_a_real_raw_file_is_simulated(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(shared("raw/canon_kiss_x4_ML_colorchart.dng"), folder)
    simulate.simulate(config_for(folder, tmp_path / "out", ratios=(100,)), Problems())
    (pair,) = sid.find_pairs(tmp_path / "out", SONY, "train", Problems())
    raw, source = read_raw(pair.short), read_raw(next(folder.iterdir()))
    light = (source.mosaic.astype(float) - source.black_level[0]).mean() / (source.white_level - source.black_level[0])
    # Brightness within the range of the drift of the black level, -1.2 to 0.2 counts, and of clipping at it.
    assert -1.4 < raw.mosaic.mean() - 512 - light * 15871 / 100 < 0.6


def test_the_figure_has_five_panels_the_first_of_which_is_the_picture(photos, tmp_path):
    result = run_script("lowlight_tf", "simulation_figure", f"--input={photos / 'a.png'}", "--output=figure.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    figure = imageio.imread(tmp_path / "figure.png")
    assert figure.shape == (320 + 22, 5 * 400 + 4 * 6, 3)
    source = imageio.imread(photos / "a.png")
    assert np.abs(figure[22:, :400].mean((0, 1)) - source.mean((0, 1))).max() < 1
    means = [figure[22:, left : left + 400].mean() for left in range(0, 5 * 406 - 6, 406)]
    assert means[0] > means[1] > means[2] > means[4] and abs(means[3] - means[2]) < 2
    expect_failure(
        run_script("lowlight_tf", "simulation_figure", "--input=no.jpg", "--output=f.png", cwd=tmp_path), 1, "cannot read no.jpg"
    )


def test_the_figure_replaces_its_like_only(tmp_path):
    path = tmp_path / "a.png"
    imageio.imwrite(path, np.full((40, 60, 3), 90, np.uint8))
    before = path.read_bytes()
    with pytest.raises(LowlightError, match="a.png was not written by lowlight_tf and stays; name another --output"):
        write_figure(path, path)
    assert path.read_bytes() == before
    figures = []
    for seed in (0, 1):
        write_figure(path, tmp_path / "figure.png", seed)
        figures.append((tmp_path / "figure.png").read_bytes())
    assert figures[0] != figures[1]


def test_the_stages_are_a_function_of_the_seed():
    picture = np.full((8, 8, 3), 0.5, np.float32)
    first, again, other = ([stage.numpy() for _, stage in stages(tf.constant(picture), seed)] for seed in (1, 1, 2))
    assert len(first) == 5 and (first[0] == 0.5).all()
    for one, two in zip(first, again, strict=False):
        np.testing.assert_array_equal(one, two)
    assert all((one != two).any() for one, two in zip(first[1:], other[1:], strict=False))


def test_own_results_are_not_simulated_from(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(plan, "warn", lambda *lines: told.extend(lines))
    photos = tmp_path / "photos"
    photos.mkdir()
    imageio.imwrite(photos / "a.png", np.full((48, 60, 3), 90, np.uint8))
    config = config_for(photos, photos / "data", ratios=(100,))
    simulate.simulate(config, Problems())
    other = config_for(photos, tmp_path / "other", ratios=(100,))
    for again in (config, other):  # inside its own output, and marked files in another's
        scenes = plan.plan(again, Problems())
        assert [scene.photograph.name for scene in scenes] == ["a.png"]
    assert len(told) == 2 and all("2 files in" in line and "lowlight_tf's own results" in line for line in told)
    assert is_simulated(photos / "data" / "Sony" / "short" / "00001_00_0.1s.dng")
    assert not is_ours(photos / "data" / "Sony" / "short" / "00001_00_0.1s.dng")  # to be enhanced like any photograph
    with pytest.raises(LowlightError, match="all 2 pictures in .* are lowlight_tf's own results"):
        plan.plan(config_for(photos / "data", tmp_path / "third"), Problems())


@pytest.mark.parametrize("content", ["[]", '{"scenes": {}}', '{"settings": [], "scenes": {}}', '{"settings": {}, "scenes": {"a": 7}}'])
def test_a_damaged_manifest_is_one_line(photos, tmp_path, content):
    config = config_for(photos, tmp_path)
    config.folder.mkdir(parents=True)
    (config.folder / "simulation_train.json").write_text(content)
    with pytest.raises(LowlightError, match="simulation_train.json is damaged; restore it from a backup"):
        plan.plan(config, Problems())
