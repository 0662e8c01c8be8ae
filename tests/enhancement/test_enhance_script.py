"""enhance.py and inspect as a user meets them: usage, every kind of bad input, and being stopped."""

import ctypes
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from conftest import ROOT, expect_failure, run_script, shared, write_frame, write_unmarked_png
from PIL import Image

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.enhancement import enhance as enhancement
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.inspect import inspect_files
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.pictures import SUFFIXES
from lowlight_tf.pictures.image_file import read_picture


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "no photographs are named"),
        (["a.dng", "--ratio=-1"], "expected auto or a number above 0"),
        (["a.dng", "--ratio=dark"], "expected auto or a number above 0"),
        (["a.dng", "--ratio=5", "--target_exposure=1s"], "say the same thing"),
        (["a.dng", "--target_exposure=long"], "expected such as --target_exposure='10s f/4 ISO200'"),
        (["--jpeg_quality=80", "a.dng", "--format=png"], "--jpeg_quality is of JPEGs"),
        (["--quality=80", "a.dng"], "--quality"),
        (["a.dng", "--strength=2.1"], "expected auto or a number from 0 to 2"),
        (["a.dng", "--ratio_sheet", "--format=dng"], "leave it or --ratio_sheet out"),
        (["a.dng", "--result_dir="], "--result_dir is empty"),
        (["a.dng", "--typo"], "typo"),
    ],
)
def test_bad_usage_ends_before_anything_is_loaded(tmp_path, arguments, words):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was loaded')")
    result = run_script("enhance.py", "--checkpoint_dir=model", *arguments, cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    expect_failure(result, 2, words)


def test_help_and_the_missing_model(tmp_path):
    result = run_script("enhance.py", "--help", cwd=tmp_path)
    assert result.returncode == 0 and "--ratio_sheet" in result.stdout and "Presets" not in result.stdout
    assert len(result.stdout.splitlines()) < 30
    if not DEFAULT_MODEL.is_dir():
        expect_failure(run_script("enhance.py", "a.dng", cwd=tmp_path), 2, "--checkpoint_dir is missing")
    write_frame(tmp_path / "a.dng", size=(64, 80))
    with pytest.raises(LowlightError, match="no model in gone"):
        enhance([str(tmp_path / "a.dng")], EnhanceConfig("gone", str(tmp_path / "out")), Problems())


def write_strangers(folder):
    """Writes every kind of file that cannot be enhanced; returns {name: words of the complaint}."""
    write_frame(folder / "good.dng", size=(64, 80))
    whole = (folder / "good.dng").read_bytes()
    (folder / "empty.cr2").write_bytes(b"")
    (folder / "truncated.dng").write_bytes(whole[:4000])
    (folder / "text.nef").write_text("a text file\n" * 500)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more than a beginning")
    write_unmarked_png(folder / "dot.png", np.full([1, 1, 3], 999, np.uint16))
    write_frame(folder / "xtrans.dng", "fuji")
    write_frame(folder / "black.dng", mosaic=np.full([64, 64], 512, np.uint16))
    write_frame(folder / "white.dng", mosaic=np.full([64, 64], 16383, np.uint16))
    tags = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "X", True), (271, "s", 0, "X", True), (272, "s", 0, "Y", True)]
    for name, photometric, size in (("mono", "minisblack", [64, 64]), ("foveon", "rgb", [64, 64, 3])):
        tifffile.imwrite(folder / f"{name}.dng", np.full(size, 900, np.uint16), photometric=photometric, extratags=tags, metadata=None)
        content, code = (folder / f"{name}.dng").read_bytes(), {"minisblack": 1, "rgb": 2}[photometric]
        # tifffile writes no LinearRaw of one sample: PhotometricInterpretation is changed afterwards.
        changed = content.replace(struct.pack("<HHIHH", 262, 3, 1, code, 0), struct.pack("<HHIHH", 262, 3, 1, 34892, 0))
        (folder / f"{name}.dng").write_bytes(changed)
    return {
        "empty.cr2": "empty",
        "truncated.dng": "truncated",
        "text.nef": "no raw file",
        "broken.jpg": "damaged",
        "dot.png": "1x1, smaller than a CFA tile",
        "xtrans.dng": "is X-Trans, the model is of Bayer cameras",
        "black.dng": "lens cap",
        "white.dng": "white all over",
        "mono.dng": "no Bayer or X-Trans mosaic (monochrome)",
        "foveon.dng": "no Bayer or X-Trans mosaic",
        "gone.ARW": "does not exist",
    }


def test_bad_files_are_named_and_everything_else_is_finished(tmp_path, copying_model):
    complaints = write_strangers(tmp_path / "in put")
    folder = tmp_path / "in put" / "Nächte"
    write_frame(folder / "日本 1.dng", size=(37, 45), cfa="GBRG")
    write_frame(folder / os.fsdecode(b"latin\xe9.dng"), size=(64, 64))
    arguments = (f"--checkpoint_dir={copying_model}", "in put", "--format=tiff", "--result_dir=out dir", "in put/gone.ARW")
    # No UTF-8 terminal: what cannot be shown is escaped.
    result = run_script("enhance.py", *arguments, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    skipped = [line for line in result.stderr.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == len(complaints)
    for name, words in complaints.items():
        assert any(name in line and words in line for line in skipped), (name, skipped)
    assert f"{len(complaints)} skipped:" in result.stderr
    written = sorted(path.relative_to(tmp_path / "out dir") for path in (tmp_path / "out dir").rglob("*") if path.is_file())
    assert [os.fsencode(path) for path in written] == ["Nächte/latin".encode() + b"\xe9.tif", "Nächte/日本 1.tif".encode(), b"good.tif"]
    assert read_picture(tmp_path / "out dir" / "Nächte" / "日本 1.tif").shape == (37, 45, 3)
    assert "good.dng (Sony ILCE-7SM2, 1/10 s, 80x64): x" in result.stdout and f"-> out dir{os.sep}good.tif" in result.stdout


def test_a_turned_photograph_is_turned_once(tmp_path, copying_model):
    picture = np.zeros([40, 60, 3], np.uint8)
    picture[:20, :30] = 200  # bright where a viewer that turns it by 90 degrees clockwise has the top right
    tags = Image.Exif()
    tags[274], tags[271], tags[272] = 6, "Maker", "Phone"
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=tags, quality=95)
    result = run_script("enhance.py", "a.jpg", f"--checkpoint_dir={copying_model}", "--ratio=2", cwd=tmp_path)
    assert result.returncode == 0 and "Maker Phone, 40x60, from a JPEG, a lesser substitute for raw" in result.stdout, result.stderr
    with Image.open(tmp_path / "results" / "enhanced" / "a.jpg") as enhanced:
        assert enhanced.size == (40, 60) and enhanced.getexif()[274] == 1 and enhanced.getexif()[272] == "Phone"
        quarters = [(rows, columns) for rows in (slice(28), slice(32, 60)) for columns in (slice(18), slice(22, 40))]
        means = [np.asarray(enhanced)[quarter].mean() for quarter in quarters]
    assert means[1] > 100 > max(means[0], means[2], means[3])


def run_in_process(model, *names, **options):
    """Enhances files; returns what was skipped."""
    problems = Problems(lambda message: None)
    enhance(list(map(str, names)), EnhanceConfig(str(model), ratio=9.0, **options), problems)
    return problems.messages


def write_camera_pair(folder, name="IMG_1.jpg"):
    """Writes IMG_1.dng and the camera's own picture of it; returns the picture's bytes."""
    write_frame(folder / "IMG_1.dng", size=(64, 80), scale=200)
    if not name.endswith(".dng"):
        Image.fromarray(np.full([20, 30, 3], 99, np.uint8)).save(folder / name)
    return (folder / name).read_bytes()


def test_overwrite_refuses_the_cameras_jpeg_in_a_line(tmp_path, copying_model):
    before = write_camera_pair(tmp_path / "X")
    write_frame(tmp_path / "X" / "other.dng", size=(64, 80), scale=200)
    arguments = ("X/IMG_1.dng", "X/other.dng", "--result_dir=X", f"--checkpoint_dir={copying_model}", "--overwrite")
    refused = run_script("enhance.py", *arguments, cwd=tmp_path)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr and "error" not in refused.stderr, refused.stderr
    lines = [line for line in refused.stderr.splitlines() if line.startswith("skipped: ")]
    assert len(lines) == 1 and "X/IMG_1.jpg was not written by lowlight_tf and stays; name another --result_dir" in lines[0]
    assert (tmp_path / "X" / "IMG_1.jpg").read_bytes() == before
    assert sorted(os.listdir(tmp_path / "X")) == ["IMG_1.dng", "IMG_1.jpg", "other.dng", "other.jpg"]  # the rest of the batch is made


@pytest.mark.parametrize("kind, name", [("jpeg", "IMG_1.jpg"), ("png", "img_1.PNG"), ("tiff", "IMG_1.tif"), ("dng", "IMG_1.dng")])
def test_a_result_beside_a_file_of_the_users_has_a_name_of_its_own(tmp_path, copying_model, kind, name, capsys):
    before, options = write_camera_pair(tmp_path, name), {"result_dir": str(tmp_path), "kind": kind}
    result = tmp_path / f"IMG_1_lowlight{SUFFIXES[kind]}"
    assert len(run_in_process(copying_model, tmp_path / "IMG_1.dng", overwrite=True, **options)) == 1 and not result.exists()
    made = []
    for overwrite in (False, False, True):  # made, found again, made again
        assert run_in_process(copying_model, tmp_path / "IMG_1.dng", overwrite=overwrite, **options) == []
        made.append((result.read_bytes(), result.stat().st_mtime_ns))
    assert made[0] == made[1] and made[2][0] == made[0][0] and made[2][1] > made[0][1]
    assert capsys.readouterr().out.count(f"{result} is there already") == 1
    assert (tmp_path / name).read_bytes() == before and set(os.listdir(tmp_path)) == {"IMG_1.dng", name, result.name}


def test_a_folder_is_enhanced_into_itself_with_the_cameras_pictures_in_it(tmp_path, copying_model, capsys):
    before = write_camera_pair(tmp_path, "IMG_1.JPG")
    write_frame(tmp_path / "IMG_0.dng", size=(64, 80), scale=200)
    for made in (2, 0):
        assert run_in_process(copying_model, tmp_path, result_dir=str(tmp_path)) == []
        said = capsys.readouterr().out
        assert said.count(" -> ") == made and said.count("is there already") == 2 - made
        assert sorted(os.listdir(tmp_path)) == ["IMG_0.dng", "IMG_0.jpg", "IMG_1.JPG", "IMG_1.dng", "IMG_1_lowlight.jpg"]
    assert (tmp_path / "IMG_1.JPG").read_bytes() == before


def test_a_ratio_sheet_replaces_nothing_either(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80), scale=200)
    (tmp_path / "a_ratios.jpg").write_text("the user's")
    options = {"result_dir": str(tmp_path), "ratio_sheet": True}
    assert "a_ratios.jpg was not written by" in run_in_process(copying_model, tmp_path / "a.dng", overwrite=True, **options)[0]
    assert run_in_process(copying_model, tmp_path / "a.dng", **options) == []
    assert (tmp_path / "a_ratios.jpg").read_text() == "the user's" and (tmp_path / "a_lowlight_ratios.jpg").is_file()


def test_a_file_that_came_during_the_run_stays_and_the_rest_is_made(tmp_path, copying_model, monkeypatch):
    for name in ("a", "b"):
        write_frame(tmp_path / f"{name}.dng", size=(64, 80), scale=200)
    develop = enhancement.develop

    def interfered(frame, *rest):
        (tmp_path / "out" / "a.jpg").write_text("the user's")
        return develop(frame, *rest)

    monkeypatch.setattr(enhancement, "develop", interfered)
    skipped = run_in_process(copying_model, tmp_path / "a.dng", tmp_path / "b.dng", result_dir=str(tmp_path / "out"))
    assert (tmp_path / "out" / "a.jpg").read_text() == "the user's" and (tmp_path / "out" / "b.jpg").is_file()
    assert len(skipped) == 1 and "a.jpg was not written by lowlight_tf" in skipped[0]


def test_litter_in_the_folders_of_results_is_swept(tmp_path, copying_model):
    write_frame(tmp_path / "in" / "sub" / "a.dng", size=(64, 80), scale=200)
    litter, users = (tmp_path / "out" / "sub" / name for name in (".a.lowlight_tf-0123abcd.tmp.jpg", ".notes.tmp"))
    litter.parent.mkdir(parents=True)
    for path in (litter, users):
        path.write_text("x")
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    assert run_in_process(copying_model, tmp_path / "in", result_dir=str(tmp_path / "out")) == []
    assert not litter.exists() and users.exists() and (tmp_path / "out" / "sub" / "a.jpg").is_file()


def _without_root_rights():
    # Root may write anywhere; dropping CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from the bounding set makes read-only mean it.
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)


def _full_disk():
    # Any file of more than 10 kB fails as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))


def test_a_full_disk(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(300, 300), scale=9000)
    arguments = ("a.dng", f"--checkpoint_dir={copying_model}", "--format=dng", "--ratio=2")
    result = run_script("enhance.py", *arguments, "--result_dir=out", cwd=tmp_path, preexec_fn=_full_disk)
    expect_failure(result, 1, "cannot write", "out", "free some space")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_read_only_result_dir(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80))
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(0o555)
    without = _without_root_rights if os.geteuid() == 0 else None
    arguments = ("a.dng", f"--checkpoint_dir={copying_model}", "--result_dir=locked")
    expect_failure(run_script("enhance.py", *arguments, cwd=tmp_path, preexec_fn=without), 1, "cannot write", "Permission denied")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_whole_files_only_and_the_same_command_goes_on(tmp_path, copying_model, number):
    write_frame(tmp_path / "in" / "0.dng", size=(900, 1200), scale=200)
    for copy in range(1, 8):
        os.link(tmp_path / "in" / "0.dng", tmp_path / "in" / f"{copy}.dng")
    command = [sys.executable, str(ROOT / "enhance.py"), "in", f"--checkpoint_dir={copying_model}", "--result_dir=out", "--format=png"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "->" not in (line := process.stdout.readline()):
        assert line, process.stderr.read()
    for _ in range(2):
        process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "Interrupted" in err and "Traceback" not in err, err
    finished = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert 1 <= len(finished) < 8 and not [name for name in finished if name.startswith(".")]
    for name in finished:
        assert read_picture(tmp_path / "out" / name).shape == (900, 1200, 3)
    if number == signal.SIGINT:
        again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert again.returncode == 0 and again.stdout.count("is there already") == len(finished)
        assert len(list((tmp_path / "out").iterdir())) == 8


def test_inspect_in_words_and_as_json(tmp_path, copying_model, capsys):
    write_frame(tmp_path / "a.dng", size=(64, 80), cfa="GBRG", scale=200)
    write_frame(tmp_path / "x.dng", "fuji")
    (tmp_path / "bad.dng").write_text("x" * 1000)
    model = f"--checkpoint_dir={copying_model}"
    result = run_script("lowlight_tf", "inspect", "a.dng", "bad.dng", "x.dng", model, "--json", cwd=tmp_path)
    assert result.returncode == 1 and "skipped: bad.dng" in result.stderr
    first, second = json.loads(result.stdout)
    assert (first["camera"], first["cfa"], first["bits"], first["width"]) == ("Sony ILCE-7SM2", "GBRG", 14, 80)
    assert first["black_level"] == [512.0] * 4 and first["ratio"] > 1 and first["model"]["fits"]
    assert second["cfa"] == "X-Trans" and not second["model"]["fits"]
    inspect_files([str(tmp_path)], str(copying_model), False, Problems(lambda message: None))
    said = capsys.readouterr().out
    for words in ("camera         Sony ILCE-7SM2", "80x64, GBRG, 14 bits", "does not fit: ", "R 2, G 1, B 2.4"):
        assert words in said


def test_inspect_a_real_file(copying_model, capsys):
    inspect_files([str(shared("raw/kodak_dc50.kdc"))], str(copying_model), False, Problems())
    said = capsys.readouterr().out
    assert "768x512, GRBG" in said and "f/6.2, ISO 84" in said and "auto: bright enough" in said
