"""lowlight.json: what comes back, what is refused, and enhance.py that makes what it says."""

import json
import os

import numpy as np
import pytest
from conftest import expect_failure, run_script, write_frame, write_model

from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.jobs import Job
from lowlight_tf.enhancement.settings import PhotoSettings, Settings, read_settings, with_settings, write_settings
from lowlight_tf.errors import LowlightError, Problems, UsageError
from lowlight_tf.pictures.finishing import Finish
from lowlight_tf.pictures.image_file import read_picture
from lowlight_tf.raw.light import Interface
from lowlight_tf.raw.white_balance import parse_white_balance

ASKED = PhotoSettings(25.0, 0.4, -0.5, parse_white_balance("3200K+20"))


def test_they_come_back(tmp_path):
    (tmp_path / "mine").mkdir()
    latin = os.fsdecode(b"latin\xe9.dng")
    photographs = {"a.dng": PhotoSettings(), 'deep/日 "b".nef': ASKED, latin: PhotoSettings(model=str(tmp_path / "mine"))}
    kept = Settings(photographs, str(tmp_path / "night"), "png", 80, "best")
    path = write_settings(tmp_path / "out", kept)
    found = read_settings(path)
    assert (found.kind, found.jpeg_quality, found.quality) == ("png", 80, "best")
    assert os.path.realpath(found.folder) == os.path.realpath(tmp_path / "night")
    assert list(found.photographs) == sorted(photographs) and found.photographs["a.dng"] == PhotoSettings()
    assert found.photographs['deep/日 "b".nef'] == ASKED
    assert os.path.samefile(found.photographs[latin].model, tmp_path / "mine")
    said = json.loads(path.read_text())
    assert said["folder"] == "../night" and str(tmp_path) not in path.read_text()
    assert said["photographs"]["a.dng"] == {
        "ratio": "auto",
        "strength": "auto",
        "exposure": 0.0,
        "white_balance": "as_shot",
        "model": "auto",
    }
    write_settings(tmp_path / "out", Settings({}))
    assert read_settings(path) == Settings({})


@pytest.mark.parametrize(
    "said, words",
    [
        ("[]", "expected what lowlight app writes"),
        ("{", "not valid JSON"),
        ({"more": 1}, "expected what"),
        ({"version": 2}, "version 2"),
        ({"format": "exe"}, "format is 'exe'"),
        ({"jpeg_quality": 0}, "jpeg_quality is 0"),
        ({"jpeg_quality": True}, "jpeg_quality is True"),
        ({"quality": "finest"}, "quality is 'finest'; expected one of"),
        ({"quality": 0}, "jpeg_quality is 0"),
        ({"quality": []}, "quality is []"),
        ({"folder": 3}, "folder"),
        ({"photographs": []}, "expected what"),
        ({"photographs": {"../a": {}}}, "outside its folder"),
        ({"photographs": {"/a": {}}}, "outside"),
        ({"photographs": {"": {}}}, "outside"),
        ({"photographs": {"a": 1}}, "a: expected an object"),
        ({"photographs": {"a": {"x": 1}}}, "a: expected an object"),
        ({"photographs": {"a": {"ratio": -1}}}, "a: ratio is -1"),
        ({"photographs": {"a": {"ratio": 0}}}, "ratio is 0"),
        ({"photographs": {"a": {"strength": 2.5}}}, "strength is 2.5; expected a number from 0 to 2"),
        ({"photographs": {"a": {"strength": True}}}, "strength is True"),
        ({"photographs": {"a": {"exposure": "much"}}}, "exposure is 'much'"),
        ({"photographs": {"a": {"exposure": 9}}}, "from -8 to 8"),
        ({"photographs": {"a": {"white_balance": "sunny"}}}, "sunny"),
        ({"photographs": {"a": {"white_balance": 5}}}, "are texts"),
        ({"photographs": {"a": {"ratio": float("nan")}}}, "ratio is nan"),
        ({"photographs": {"a": {"model": None}}}, "are texts"),
    ],
)
def test_what_they_must_not_say(tmp_path, said, words):
    whole = said if isinstance(said, str) else json.dumps({"lowlight_tf": "0", "version": 1, "photographs": {}, **said})
    (tmp_path / "lowlight.json").write_text(whole)
    with pytest.raises(UsageError) as raised:
        read_settings(tmp_path / "lowlight.json")
    assert words in str(raised.value) and "lowlight.json cannot be used" in str(raised.value)


def test_files_that_are_missing_or_not_ours(tmp_path):
    with pytest.raises(UsageError, match="cannot be used"):
        read_settings(tmp_path / "gone.json")
    for content in ("mine", "[1]", '{"photographs": {}}'):
        (tmp_path / "lowlight.json").write_text(content)
        with pytest.raises(LowlightError, match="was not written by lowlight_tf and stays"):
            write_settings(tmp_path, Settings({}))
        assert (tmp_path / "lowlight.json").read_text() == content
    (tmp_path / "real.json").write_text('{"lowlight_tf": "0"}')
    (tmp_path / "led").mkdir()
    (tmp_path / "led" / "lowlight.json").symlink_to(tmp_path / "real.json")
    with pytest.raises(LowlightError, match="stays"):
        write_settings(tmp_path / "led", Settings({}))


def test_photographs_are_known_by_their_place_or_their_name(tmp_path, capsys):
    settings = Settings({"deep/a.dng": ASKED, "b.dng": PhotoSettings()}, str(tmp_path / "night"))
    jobs = [
        Job(tmp_path / "night" / "deep" / "a.dng", tmp_path / "1", "a.dng"),
        Job(tmp_path / "x" / "b.dng", tmp_path / "2", "b.dng"),
        Job(tmp_path / "x" / "c.dng", tmp_path / "3", "c.dng"),
    ]
    problems = Problems(lambda line: None)
    found = with_settings(jobs, settings, problems)
    assert [(job.source.name, job.asked) for job in found] == [("a.dng", ASKED), ("b.dng", PhotoSettings())] and not problems.messages
    assert "1 photograph left out" in capsys.readouterr().out
    assert with_settings(jobs[:1], settings, problems) and problems.messages == ["b.dng: lowlight.json speaks of it, and it is not there"]
    with pytest.raises(LowlightError, match="none of the 1 photographs"):
        with_settings(jobs[2:], settings, problems)


def test_each_photograph_is_made_as_it_is_asked_with_its_own_model(tmp_path, copying_model):
    other = write_model(tmp_path / "other", interface=Interface(white_balance=True))
    for name in ("a", "b"):
        write_frame(tmp_path / "night" / f"{name}.dng", size=(64, 80), scale=200)
    asked = {
        "a.dng": PhotoSettings(20.0, 1.0, model=str(copying_model)),
        "b.dng": PhotoSettings(20.0, 0.5, 1.0, parse_white_balance("1.5,1,3"), str(other)),
    }
    config = EnhanceConfig("unused", str(tmp_path / "out"), "png")
    problems = Problems(lambda line: None)
    enhance([str(tmp_path / "night")], config, problems, Settings(asked, str(tmp_path / "night")))
    assert problems.messages == []
    alone = EnhanceConfig(
        str(other), str(tmp_path / "alone"), "png", 20.0, finish=Finish(0.5, 1.0), white_balance=parse_white_balance("1.5,1,3")
    )
    enhance([str(tmp_path / "night" / "b.dng")], alone, problems)
    assert (tmp_path / "alone" / "b.png").read_bytes() == (tmp_path / "out" / "b.png").read_bytes()
    assert np.abs(read_picture(tmp_path / "out" / "a.png").astype(int) - read_picture(tmp_path / "out" / "b.png")).mean() > 500


def test_a_model_that_balances_white_by_itself(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=200)
    problems = Problems(lambda line: None)
    enhance(
        [str(tmp_path / "a.dng")],
        EnhanceConfig(str(copying_model), str(tmp_path / "out"), white_balance=parse_white_balance("5000K")),
        problems,
    )
    assert len(problems.messages) == 1 and "balances white by itself" in problems.messages[0]


def test_the_command_line(tmp_path, copying_model):
    write_frame(tmp_path / "night" / "a.dng", size=(64, 80), scale=200)
    asked = {"a.dng": PhotoSettings(30.0, 0.7, 0.5, model=str(copying_model))}
    write_settings(tmp_path / "out", Settings(asked, str(tmp_path / "night"), "tiff"))
    result = run_script("enhance.py", "--settings=out/lowlight.json", "--result_dir=by", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    flags = ("--ratio=30", "--strength=0.7", "--exposure=0.5", "--format=tiff", f"--checkpoint_dir={copying_model}")
    assert run_script("enhance.py", "night", *flags, "--result_dir=flags", cwd=tmp_path).returncode == 0
    assert (tmp_path / "by" / "a.tif").read_bytes() == (tmp_path / "flags" / "a.tif").read_bytes()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("a.dng", "--white_balance=sunny"), "expected as_shot, daylight, a temperature"),
        (("--settings=gone.json",), "gone.json cannot be used"),
        (("a.dng", "--settings="), "--settings is empty"),
        (("--settings=a.json", "--ratio=4"), "--ratio and --settings say the same thing"),
        (("--settings=a.json", "--format=png"), "--format and --settings"),
        (("--settings=bare.json",), "does not say where its photographs lie"),
        (("--settings=a.json", "--beam_runner=DirectRunner"), "leave them or --beam_runner out"),
    ],
)
def test_bad_usage(tmp_path, arguments, words):
    (tmp_path / "bare.json").write_text('{"lowlight_tf": "0", "version": 1, "photographs": {"a": {}}}')
    expect_failure(run_script("enhance.py", *arguments, cwd=tmp_path), 2, words)
