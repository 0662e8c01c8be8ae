"""--quality=fast: the narrower model beside the one that is named, in scripts, library, page and exports; and the ones that ship."""

import json

import numpy as np
import pytest
from conftest import run_script, shared, write_frame, write_model, write_pairs

from lowlight_tf import DEFAULT_MODEL, api
from lowlight_tf.app.serve import AppConfig, models_of
from lowlight_tf.app.session import Session
from lowlight_tf.checkpoints.load import fast_folder, load_network
from lowlight_tf.datasets import DataConfig, sources
from lowlight_tf.enhancement import shipped_model
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.jobs import Job
from lowlight_tf.enhancement.settings import PhotoSettings, Settings, write_settings
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.evaluation.evaluate import score_output
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.evaluation.subjects import trained_subject
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import read_picture

FAST = sorted(path for path in DEFAULT_MODEL.parent.iterdir() if path.name.endswith("_fast"))


@pytest.fixture
def pair(tmp_path):
    """Two models, one in the other's place for fast, and a frame."""
    write_model(tmp_path / "model", copying=False)
    write_model(tmp_path / "model_fast", copying=False, base_width=2)
    write_frame(tmp_path / "a.dng", "sony", size=(96, 132), scale=300)
    return tmp_path


def test_enhance_and_the_library_run_the_model_beside_it(pair):
    common = ["a.dng", "--ratio=20", "--strength=1", "--format=png"]
    for folder, quality in (("model", "fast"), ("model/", "fast"), ("model_fast", "normal")):
        asked = [f"--checkpoint_dir={folder}", f"--quality={quality}", f"--result_dir={len(folder)}-{quality}"]
        result = run_script("enhance.py", *common, *asked, cwd=pair)
        assert result.returncode == 0 and "step 1 of" in result.stdout and "model_fast" in result.stdout, result.stderr
    pictures = [read_picture(path) for path in pair.glob("*/a.png")]
    pictures.append(api.load(pair / "model", quality="fast")(pair / "a.dng", ratio=20, strength=1, output="uint16"))
    assert len(pictures) == 4 and all(np.array_equal(picture, pictures[0]) for picture in pictures)
    assert np.any(api.load(pair / "model")(pair / "a.dng", ratio=20, strength=1, output="uint16") != pictures[0])


def test_where_there_is_none_a_line_says_so(pair):
    for script, *asked in (("enhance.py", "a.dng"), ("lowlight_tf", "export", "--format=saved_model", "--output=exported")):
        result = run_script(script, *asked, "--checkpoint_dir=model_fast", "--quality=fast", cwd=pair)
        (line,) = [line for line in result.stderr.splitlines() if line]
        assert result.returncode == 1 and "model_fast_fast beside it, and there is none" in line
    with pytest.raises(LowlightError, match="narrower model than .*model_fast"):
        load_network(pair / "model_fast", "fast")
    for none in (pair / "typo", "/"):
        with pytest.raises(LowlightError, match="there is no checkpoint|no model|config.json"):
            load_network(none, "fast")
    with pytest.raises(ValueError, match="quality is 'bset'"):
        load_network(pair / "model", "bset")


def test_it_lies_beside_the_link_that_was_named(pair):
    (pair / "runs").mkdir()
    (pair / "model").rename(pair / "runs" / "a")
    (pair / "model").symlink_to(pair / "runs" / "a")
    assert load_network(pair / "model", "fast").folder == str(pair / "model_fast")


def test_where_only_one_sensor_has_one_its_photographs_are_made(pair, monkeypatch):
    """A Bayer and an X-Trans file, and the narrower model for Bayer alone."""
    write_model(pair / "xtrans", "xtrans", copying=False)
    (pair / "model").rename(pair / "bayer")
    (pair / "model_fast").rename(pair / "bayer_fast")
    monkeypatch.setattr(shipped_model, "DEFAULT_MODEL", pair / "bayer")
    write_frame(pair / "x.dng", "xtrans", size=(96, 132), scale=300)
    problems = Problems(lambda line: None)
    config = EnhanceConfig("", str(pair / "out"), quality="fast", finish=Finish(1.0, eight_bits=True), ratio=20.0)
    enhance([str(pair / "a.dng"), str(pair / "x.dng")], config, problems)
    assert [path.name for path in (pair / "out").iterdir()] == ["a.jpg"]
    assert len(problems.messages) == 1 and "x.dng: quality fast" in problems.messages[0] and "xtrans_fast" in problems.messages[0]


def test_settings_of_the_page_say_it_too(pair):
    write_settings(pair, Settings({"a.dng": PhotoSettings(20.0, 1.0, model=str(pair / "model"))}, str(pair), "png", quality="fast"))
    result = run_script("enhance.py", "--settings=lowlight.json", "--result_dir=out", cwd=pair)
    assert result.returncode == 0 and "model_fast, quality fast" in result.stdout, result.stderr
    made = api.load(pair / "model_fast")(pair / "a.dng", ratio=20, strength=1, output="uint16")
    np.testing.assert_array_equal(read_picture(pair / "out" / "a.png"), made)


def test_on_beam(pair):
    pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install apache-beam")
    asked = ["a.dng", "--checkpoint_dir=model", "--quality=fast", "--format=png", "--ratio=20", "--strength=1"]
    for more in ([], ["--beam_runner=DirectRunner", "--result_dir=beam"]):
        result = run_script("enhance.py", *asked, *more, cwd=pair)
        assert result.returncode == 0 and "model_fast, quality fast" in result.stdout, result.stderr
    assert (pair / "beam" / "a.png").read_bytes() == (pair / "results" / "enhanced" / "a.png").read_bytes()


def test_scores_and_exports_name_it(pair):
    write_pairs(pair / "set", ids=("10001",), camera="bayer")
    result = run_script("test.py", "--checkpoint_dir=model", "--quality=fast", "--data_dir=set", cwd=pair)
    assert result.returncode == 0, result.stderr
    (metrics,) = (json.loads(path.read_text()) for path in pair.glob("results/**/metrics.json"))
    assert metrics["checkpoint"] == str(pair / "model") and metrics["quality"] == "fast"
    asked = ["--format=saved_model", "--checkpoint_dir=model", "--quality=fast", "--output=out"]
    result = run_script("lowlight_tf", "export", *asked, cwd=pair)
    assert result.returncode == 0 and "model_fast" in result.stdout, result.stderr


def test_the_page_develops_with_it(pair):
    session = Session(pair, pair / "out", {"mine": str(pair / "model")}, pair / "uploads")
    job = Job(pair / "a.dng", pair / "out" / "a.jpg", "a.dng", PhotoSettings(model=str(pair / "model")))
    assert [session._model_of(job, quality).network.base_width for quality in ("normal", "fast", "best")] == [4, 2, 4]
    assert session._model_of(job, "best").quality == "best"


def test_the_page_offers_it_as_a_quality_and_not_as_a_model():
    assert [path.name for path in FAST] == ["a7s2_fast", "bayer_fast", "xtrans_fast"]
    assert not any(name.endswith("_fast") for name in models_of(AppConfig()))


@pytest.mark.parametrize("folder", FAST, ids=lambda folder: folder.name)
def test_what_ships_is_whole_and_described(folder):
    normal, fast = load_network(folder.with_name(folder.name.removesuffix("_fast"))), load_network(folder)
    assert fast_folder(normal.folder) == folder and (fast.camera, fast.interface) == (normal.camera, normal.interface)
    assert fast.network.base_width <= normal.network.base_width / 2
    made = f"--output=models/{folder.name}" if any(fast.camera.black_offsets) else f"train_models {folder.name}"
    card = (folder / "README.md").read_text()
    assert all(word in card for word in ("Licences", "Measured", "Limits", made))


@pytest.mark.parametrize(
    "name, pairs, decibels",
    [
        ("bayer", "other_cameras", 31.0),
        ("bayer", "sid_mini/Sony", 31.0),
        ("a7s2", "sid_mini/Sony", 33.5),
        ("xtrans", "other_cameras_xtrans", 30.8),
    ],
)
def test_what_it_costs(name, pairs, decibels):
    """Mean PSNR."""
    folder = DEFAULT_MODEL.parent / name
    subject = trained_subject(str(folder), quality="fast")
    located = sources.locate_pairs(DataConfig(data_dir=str(shared(pairs))), subject.camera)
    found = sources.find_pairs(located, subject.camera, "test", Problems())
    assert np.mean([psnr(*score_output(subject.predict, pair, subject.camera)[1:]) for pair in found]) > decibels
