"""The parts of the page that need no browser: state, controls, the strip, what is developed, and what is written of it."""

import dataclasses
import json
import math
import threading

import numpy as np
import pytest
from conftest import write_frame, write_model
from PIL import Image

from lowlight_tf.app import catalog, controls, develop, views
from lowlight_tf.app.catalog import Entry, glance, in_order, measure
from lowlight_tf.app.controls import Controls, asked_of, shown
from lowlight_tf.app.develop import CANCELLED, DONE, FAILED, Development, Item
from lowlight_tf.app.preview import Decided, View, open_photograph
from lowlight_tf.app.session import Session
from lowlight_tf.app.state import State
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.jobs import Job
from lowlight_tf.enhancement.settings import PhotoSettings, read_settings
from lowlight_tf.errors import LowlightError, OutputError, Problems
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import write_png
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface
from lowlight_tf.raw.white_balance import parse_white_balance

AUTO = PhotoSettings()
BRIGHT, DARK = PhotoSettings(50.0), PhotoSettings(2.0)


def test_changes_are_kept_by_photograph_and_undone_one_by_one():
    state = State(AUTO).changed(["a"], BRIGHT).changed(["b"], DARK).changed(["a", "c"], DARK)
    assert [state.of(name) for name in "abcd"] == [DARK, DARK, DARK, AUTO]
    state = state.undone()
    assert [state.of(name) for name in "abc"] == [BRIGHT, DARK, AUTO]
    state = state.undone().undone()
    assert state.settings == {} and state.undone() is state
    assert State(AUTO).changed(["a"], AUTO).past == ()


def test_a_slider_that_is_drawn_is_undone_at_once():
    state = State(AUTO).changed(["a"], BRIGHT, "model")
    for ratio in (3.0, 4.0, 5.0):
        state = state.changed(["a"], PhotoSettings(ratio), "stops")
    assert state.of("a").ratio == 5 and state.undone().of("a") == BRIGHT and state.undone().undone().of("a") == AUTO
    other = state.changed(["b"], PhotoSettings(9.0), "stops").undone()
    assert other.of("a").ratio == 5 and other.of("b") == AUTO


def test_the_selection():
    state = State(AUTO).with_selected("a", True).with_selected("b", True).with_selected("a", True).with_selected("c", False)
    assert state.selected == {"a", "b"} and state.with_selected("a", False).selected == {"b"}


MODELS = {"bayer": "", "mine": "/models/mine"}
CONTROLS = Controls(True, 5.0, True, 0.5, 0.0, "As shot", 5500.0, 0.0, "bayer")


@pytest.mark.parametrize(
    "what, changes, expected",
    [
        ("stops", {"stops": 5.0}, {"ratio": 32.0}),
        ("stops", {"stops": 1e9}, {"ratio": 10000.0}),
        ("stops", {"stops": "x"}, {"ratio": 1.0}),
        ("ratio_auto", {"ratio_auto": True}, {"ratio": 0.0}),
        ("ratio_auto", {"ratio_auto": False, "stops": 3.0}, {"ratio": 8.0}),
        ("strength", {"strength": 0.33}, {"strength": 0.33}),
        ("strength", {"strength": 7}, {"strength": 2.0}),
        ("strength_auto", {"strength_auto": True}, {"strength": None}),
        ("strength_auto", {"strength_auto": False}, {"strength": 0.5}),
        ("exposure", {"exposure": -1.25}, {"exposure": -1.25}),
        ("exposure", {"exposure": None}, {"exposure": -8.0}),
        ("balance", {"balance": "Daylight"}, {"white_balance": parse_white_balance("daylight")}),
        ("balance", {"balance": "Temperature and tint"}, {"white_balance": parse_white_balance("5500K")}),
        ("kelvin", {"kelvin": 3200, "tint": 20}, {"white_balance": parse_white_balance("3200K+20")}),
        ("tint", {"tint": 1e6}, {"white_balance": parse_white_balance("5500K+150")}),
        ("model", {"model": "mine"}, {"model": "/models/mine"}),
        ("model", {"model": "/etc"}, {}),
    ],
)
def test_what_the_controls_ask_for(what, changes, expected):
    before = PhotoSettings(7.0, 0.1, 1.0)
    asked = asked_of(dataclasses.replace(CONTROLS, **changes), what, before, MODELS)
    assert asked == dataclasses.replace(before, **expected)


def test_what_the_controls_show(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=300)
    frame = open_photograph(tmp_path / "a.dng", load_model(copying_model)).frame
    decided = Decided(50.0, "auto: night", Finish(0.7))
    seen = shown(PhotoSettings(exposure=0.5, model="/models/mine"), decided, frame, MODELS)
    assert (seen.ratio_auto, seen.strength_auto, seen.strength, seen.exposure, seen.model) == (True, True, 0.7, 0.5, "mine")
    assert seen.stops == pytest.approx(math.log2(50), abs=0.01) and seen.balance == "As shot" and 1700 <= seen.kelvin <= 15000
    seen = shown(PhotoSettings(50.0, 0.7, white_balance=parse_white_balance("3200K-5")), decided, frame, MODELS)
    assert (seen.ratio_auto, seen.strength_auto, seen.kelvin, seen.tint) == (False, False, 3200, -5)
    words = dict(controls.in_words(Entry("a", tmp_path), AUTO, decided, seen, frame))
    times = "\N{MULTIPLICATION SIGN}"
    assert words["Ratio"] == f"{times}50 (auto: night)" and words["Size"] == f"80{times}64" and "by the noise" in words["Strength"]


def test_the_strip_says_what_a_photograph_is(tmp_path):
    write_frame(tmp_path / "a.dng", size=(128, 160), scale=300)
    write_frame(tmp_path / "x.dng", "fuji")
    write_frame(tmp_path / "black.dng", mosaic=np.full([64, 64], 512, np.uint16))
    (tmp_path / "text.nef").write_text("text\n" * 99)
    entry = glance("a.dng", tmp_path / "a.dng")
    assert entry.camera == "Sony ILCE-7SM2" and entry.exposure == "1/10 s" and not entry.is_measured and not entry.problem
    entry = measure(entry, CAMERAS["bayer"])
    assert entry.mean > 0 and entry.ratio > 1 and entry.thumbnail.startswith(b"\xff\xd8") and entry.is_measured
    for name, words in (("x.dng", "the model is of Bayer cameras"), ("black.dng", "lens cap"), ("text.nef", "raw file")):
        found = glance(name, tmp_path / name)
        assert words in (found.problem or measure(found, CAMERAS["bayer"]).problem), name


def test_thumbnails_are_upright_and_small(tmp_path):
    picture = np.zeros([400, 600, 3], np.uint8)
    picture[:200, :300] = 200
    tags = Image.Exif()
    tags[274] = 6  # turned clockwise: what is at the top left comes to the top right
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=tags)
    (tmp_path / "small.jpg").write_bytes(catalog.read_small(tmp_path / "a.jpg"))
    small = np.asarray(Image.open(tmp_path / "small.jpg").convert("L"))
    assert small.shape[0] == 160 and small.shape[1] < 160 and small[20, -20] > 150 > small[20, 20]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    assert catalog.read_small(tmp_path / "broken.jpg") == b""
    for flip, place in ((0, (20, 20)), (6, (20, -20)), (3, (-20, -20))):
        content = catalog._of_jpeg((tmp_path / "a.jpg").read_bytes(), flip)
        (tmp_path / "b.jpg").write_bytes(content)
        assert np.asarray(Image.open(tmp_path / "b.jpg").convert("L"))[place] > 150


def test_the_order_of_the_strip(tmp_path):
    entries = [Entry("b", tmp_path, taken="2024", mean=0.2), Entry("a", tmp_path, taken="2025", mean=0.1), Entry("c", tmp_path)]
    assert [[entry.name for entry in in_order(entries, by)] for by in ("name", "time", "darkness")] == [
        ["a", "b", "c"],
        ["b", "a", "c"],
        ["a", "b", "c"],
    ]


def test_texts_of_files_are_escaped():
    hostile = "<script>alert('\"&')</script>"
    entry = Entry(hostile, hostile, b"x", hostile, mean=0.1, ratio=2.0)
    run = Development.__new__(Development)
    run.items, run.error, run.seconds_left = [Item(Job(hostile, hostile, hostile), FAILED, line=hostile)], hostile, lambda: None
    run._thread = threading.Thread()
    view = View(np.zeros([4, 4, 3], np.uint8), np.zeros([4, 4, 3], np.uint8))
    pages = [
        views.strip([entry, dataclasses.replace(entry, problem=hostile)], {hostile}),
        views.problem(hostile),
        views.notice([hostile]),
        views.facts([(hostile, hostile)]),
        views.development(run),
        views.compared(view, hostile, hostile),
    ]
    for page in pages:
        assert "<script" not in page and "alert('" not in page and "&lt;script&gt;" in page
    assert views.text("latin\udce9.dng") == "latin\N{REPLACEMENT CHARACTER}.dng"


@pytest.fixture
def session(tmp_path):
    model = write_model(tmp_path / "copies", interface=Interface(white_balance=True))
    for name in ("a", "b", "c"):
        write_frame(tmp_path / "night" / f"{name}.dng", size=(64, 80), scale=300, seed=ord(name))
    (tmp_path / "uploads").mkdir()
    made = Session(tmp_path / "night", tmp_path / "out", {"copies": str(model), "bayer": ""}, tmp_path / "uploads")
    made.find()
    return made


def developed(session, *names, kind="png", folder=""):
    session.develop(names, kind, 95, folder)
    session.development.wait()
    return [item.state for item in session.development.items]


def test_what_is_developed_can_be_made_again(session, tmp_path):
    session.change(
        lambda state: state.changed(
            ["a.dng"], dataclasses.replace(state.of("a.dng"), ratio=20.0, strength=0.6, white_balance=parse_white_balance("daylight"))
        )
    )
    assert developed(session, "a.dng", "b.dng") == [DONE, DONE]
    assert all(item.small.startswith(b"\xff\xd8") and item.share == 1 for item in session.development.items)
    settings = read_settings(tmp_path / "out" / "lowlight.json")
    assert set(settings.photographs) == {"a.dng", "b.dng"} and settings.kind == "png"
    enhance([settings.folder], EnhanceConfig("", str(tmp_path / "again"), settings.kind), Problems(), settings)
    for name in ("a.png", "b.png"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    session.change(lambda state: state.changed(["a.dng"], dataclasses.replace(state.of("a.dng"), ratio=40.0)))
    before = (tmp_path / "out" / "a.png").read_bytes()
    assert developed(session, "a.dng") == [DONE] and (tmp_path / "out" / "a.png").read_bytes() != before  # ours, made anew
    assert set(read_settings(tmp_path / "out" / "lowlight.json").photographs) == {"a.dng", "b.dng"}
    assert developed(session, "c.dng", kind="jpeg") == [DONE]  # another format: the file speaks of those of its own
    assert set(read_settings(tmp_path / "out" / "lowlight.json").photographs) == {"c.dng"}
    assert developed(session, "b.dng", kind="dng", folder="raw/linear") == [DONE]
    assert (tmp_path / "out" / "raw" / "linear" / "b.dng").exists()


def test_settings_are_taken_up_again(session, tmp_path):
    session.change(lambda state: state.changed(["a.dng"], dataclasses.replace(state.of("a.dng"), ratio=20.0)))
    developed(session, "a.dng")
    again = Session(session.folder, session.result_dir, session.models, session.uploads)
    again.find()
    assert again.state.of("a.dng").ratio == 20 and again.state.of("b.dng") == again.state.default
    other = Session(tmp_path / "uploads", session.result_dir, session.models, session.uploads)
    other.find()
    assert other.state.settings == {} and other.notices == []
    written = json.loads((tmp_path / "out" / "lowlight.json").read_text())
    (tmp_path / "out" / "lowlight.json").write_text(json.dumps({**written, "version": 9}))
    other = Session(session.folder, session.result_dir, session.models, session.uploads)
    other.find()
    assert other.state.settings == {} and "version 9" in other.notices[0]


def test_a_failed_one_says_why_and_the_others_are_made(session):
    (session.folder / "b.dng").write_bytes((session.folder / "b.dng").read_bytes()[:5000])
    assert developed(session, "a.dng", "b.dng", "c.dng") == [DONE, FAILED, DONE]
    assert "b.dng is truncated" in session.development.items[1].line and not session.development.is_running
    assert "1 failed" in views.development(session.development) and "truncated" in views.development(session.development)


def test_it_is_cancelled_at_the_next_tile(session, monkeypatch):
    began, go_on = threading.Event(), threading.Event()
    load = session._model_of

    def slow(*arguments):
        began.set()
        go_on.wait(30)
        return load(*arguments)

    monkeypatch.setattr(session, "_model_of", slow)
    session.develop(["a.dng", "b.dng"], "png", 95, "")
    assert began.wait(30) and session.development.is_running
    with pytest.raises(LowlightError, match="wait, or cancel that"):
        session.develop(["c.dng"], "png", 95, "")
    session.development.cancel()
    go_on.set()
    session.development.wait(60)
    assert [item.state for item in session.development.items] == [CANCELLED, CANCELLED]
    assert not list(session.result_dir.glob("*.png")) and "2 cancelled" in views.development(session.development)


def test_a_full_disk_ends_it_with_one_line(session, monkeypatch):
    def full(*_):
        raise OutputError("cannot write a.png: No space left on device; free some space or choose another folder")

    monkeypatch.setattr(develop, "make_enhancer", lambda *_: full)
    assert developed(session, "a.dng", "b.dng", "c.dng") == [FAILED, CANCELLED, CANCELLED]
    assert "No space left" in session.development.error and views.development(session.development).count("No space left") == 2


def test_the_time_that_is_left():
    run = Development.__new__(Development)
    run.items, run._started = [Item(None, DONE, 1.0), Item(None, develop.WORKING, 0.5), Item(None)], develop.time.monotonic() - 30
    assert run.seconds_left() == pytest.approx(30, rel=0.05)  # one and a half in 30 s, one and a half to go
    run.items = [Item(None)]
    assert run.seconds_left() is None


def test_pictures_are_opened_once_and_forgotten(session):
    opened = [session.look(name, lambda opened, *_: opened)[0] for name in ("a.dng", "a.dng", "b.dng", "c.dng")]
    assert opened[0] is opened[1] and len(session._opened) == 2
    assert session.look("a.dng", lambda opened, *_: opened)[0] is not opened[0]


def test_a_finished_picture_is_one_of_the_strip(tmp_path):
    write_png(tmp_path / "a.png", np.full([30, 40, 3], 9000, np.uint16))
    entry = measure(glance("a.png", tmp_path / "a.png"), CAMERAS["bayer"])
    assert entry.thumbnail and entry.mean > 0 and entry.problem == ""
