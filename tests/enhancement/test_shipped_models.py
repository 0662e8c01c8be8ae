"""Each photograph gets the model that ships for its sensor, in the script, on Beam's workers, in the page and in words."""

import json

import numpy as np
import pytest
from conftest import run_script, shared, write_frame
from PIL import Image

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.app.session import Session
from lowlight_tf.datasets import DataConfig, sources
from lowlight_tf.enhancement import shipped_model
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.enhancement.jobs import Job
from lowlight_tf.enhancement.settings import PhotoSettings
from lowlight_tf.enhancement.shipped_model import model_of
from lowlight_tf.errors import Problems
from lowlight_tf.evaluation.evaluate import score_output
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.evaluation.subjects import trained_subject
from lowlight_tf.isp.color import srgb_to_linear
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw.cameras import CAMERAS

XTRANS = DEFAULT_MODEL.parent / "xtrans"


@pytest.fixture
def mixed(tmp_path):
    """A folder with a Bayer raw file, an X-Trans one, a picture, and one that cannot be read."""
    folder = tmp_path / "in"
    folder.mkdir()
    write_frame(folder / "bayer.dng", "bayer", cfa="GBRG", scale=300)
    write_frame(folder / "xtrans.dng", "xtrans", mosaic=_grey_card())
    Image.fromarray(np.full((64, 80, 3), 9, np.uint8)).save(folder / "picture.jpg")
    (folder / "broken.dng").write_bytes(b"II*\0 no raw file")
    return folder


def _grey_card():
    """Counts of a grey card at 0.004 of white, gain 0.3 counts an electron, under write_frame's white balance of (2, 1, 2.4)."""
    rng = np.random.RandomState(1)
    letters = np.tile(np.reshape(list(CAMERAS["xtrans"].cfa), (6, 6)), (24, 27))
    light = 0.004 * (16383 - 512) / np.select([letters == "R", letters == "B"], [2.0, 2.4], 1.0)
    return np.clip(np.round(512 + 0.3 * rng.poisson(light / 0.3) + rng.normal(0, 2, light.shape)), 0, 16383).astype(np.uint16)


def test_the_head_of_the_file_decides(mixed):
    found = {path.name: shipped_model.shipped_model(path) for path in mixed.iterdir()}
    assert found == {"bayer.dng": DEFAULT_MODEL, "xtrans.dng": XTRANS, "picture.jpg": DEFAULT_MODEL, "broken.dng": DEFAULT_MODEL}
    job = Job(mixed / "xtrans.dng", mixed / "out.jpg", "xtrans.dng")
    assert model_of(job, EnhanceConfig("", "out")) == str(XTRANS) and model_of(job, EnhanceConfig("mine", "out")) == "mine"


def test_where_no_x_trans_model_ships_the_other_one_says_so(mixed, monkeypatch, tmp_path):
    monkeypatch.setattr(shipped_model, "DEFAULT_MODEL", tmp_path / "models" / "bayer")
    assert shipped_model.model_for(CAMERAS["xtrans"].cfa) == tmp_path / "models" / "bayer"


@pytest.mark.parametrize("runner", [[], ["--beam_runner=DirectRunner"]])
def test_a_mixed_folder_in_one_run(mixed, tmp_path, runner):
    if runner:
        pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install apache-beam")
    result = run_script("enhance.py", "in", "--ratio=50", "--format=png", *runner, cwd=tmp_path)
    assert result.returncode == 1 and "broken.dng" in result.stderr, result.stderr
    results = tmp_path / "results" / "enhanced"
    assert {path.name for path in results.glob("*.png")} == {"bayer.png", "xtrans.png", "picture.png"}
    if not runner:
        assert "step" in result.stdout and "bayer and step" in result.stdout and str(XTRANS) in result.stdout
    picture = read_picture(results / "xtrans.png") / 65535
    linear = srgb_to_linear(picture.astype(np.float32)).numpy()[18:-18, 18:-18]
    np.testing.assert_allclose(linear.mean((0, 1)), 0.2, rtol=0.12)
    assert picture[18:-18, 18:-18].std() < 0.03


def test_inspect_names_it(mixed, tmp_path):
    result = run_script("lowlight_tf", "inspect", "in/xtrans.dng", "in/bayer.dng", "--json", cwd=tmp_path)
    said = {entry["file"]: entry["model"] for entry in json.loads(result.stdout)}
    assert all(model["fits"] for model in said.values()) and str(XTRANS) in said["in/xtrans.dng"]["why"]


def test_the_page_takes_it_too(mixed, tmp_path):
    session = Session(mixed, tmp_path / "out", {"auto": "", "xtrans": str(XTRANS)}, tmp_path / "uploads")
    for name, camera in (("bayer.dng", "bayer"), ("xtrans.dng", "xtrans")):
        assert session.model("", mixed / name).camera.name == camera
    job = Job(mixed / "xtrans.dng", tmp_path / "out" / "a.jpg", "xtrans.dng", PhotoSettings())
    made = session._model_of(job, "best")
    assert made.camera.name == "xtrans" and made.quality == "best" and session.model("", mixed / "xtrans.dng").quality == "normal"


def test_the_page_measures_and_shows_an_x_trans_file(mixed, tmp_path):
    session = Session(mixed, tmp_path / "out", {"auto": ""}, tmp_path / "uploads")
    session.find()
    session.measure("xtrans.dng")
    assert session.entry("xtrans.dng").problem == "" and session.entry("xtrans.dng").is_measured
    _, opened, decided = session.look("xtrans.dng", lambda *seen: None)
    assert opened.loaded.camera.name == "xtrans" and decided.ratio > 1


def test_the_page_takes_up_settings_of_before(mixed, tmp_path):
    """What they called bayer was the only model that shipped, and quality a JPEG's."""
    said = {"lowlight_tf": "0.1.0", "version": 1, "folder": str(mixed), "format": "jpeg", "quality": 80}
    said["photographs"] = {"bayer.dng": {"ratio": 20, "model": "bayer"}}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lowlight.json").write_text(json.dumps(said))
    session = Session(mixed, tmp_path / "out", {"auto": ""}, tmp_path / "uploads")
    session.find()
    assert session.state.of("bayer.dng") == PhotoSettings(ratio=20) and session._written[str(tmp_path / "out")].jpeg_quality == 80


def test_the_x_trans_model_is_whole_and_described():
    loaded = load_model(XTRANS)
    assert loaded.camera == CAMERAS["xtrans"] and loaded.interface.skip == "mosaic" and loaded.network.place_planes
    assert sum(path.stat().st_size for path in XTRANS.iterdir()) < 12e6
    card = (XTRANS / "README.md").read_text()
    assert all(word in card for word in ("Licences", "Measured", "Limits", "train_models xtrans"))


def test_it_beats_the_classic_pipeline():
    """28.8 dB is that pipeline's at its best strength, on eight frames of photographs and cameras that the training never met."""
    camera = CAMERAS["xtrans"]
    located = sources.locate_pairs(DataConfig(data_dir=str(shared("other_cameras_xtrans"))), camera)
    subject = trained_subject(XTRANS)
    pairs = sources.find_pairs(located, camera, "test", Problems())
    scores = [psnr(*score_output(subject.predict, pair, camera)[1:]) for pair in pairs]
    assert len(scores) == 8 and np.mean(scores) > 32.3
