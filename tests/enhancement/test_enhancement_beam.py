"""enhance.py as an Apache Beam job: the files of the local run, byte for byte, and a list of what could not be used."""

import os
import sys

import pytest
from conftest import expect_failure, run_script, write_frame
from PIL import Image

from lowlight_tf import beam_jobs
from lowlight_tf.enhancement import beam as enhancement_beam
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.errors import LowlightError, OutputError, Problems, UsageError
from lowlight_tf.pictures.finishing import Finish

QUIET = lambda message: None  # noqa: E731


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Raw files in a folder and below it, a photograph with EXIF, one file that is none and one whose name is no UTF-8."""
    folder = tmp_path_factory.mktemp("archive")
    for number, name in enumerate(("a.dng", "night/b.dng", "night/c d.dng")):
        write_frame(folder / name, size=(64 + 2 * number, 80), cfa=("RGGB", "GBRG", "BGGR")[number], scale=300, seed=number)
    tags = Image.Exif()
    tags[274], tags[271] = 6, "Maker"
    Image.effect_noise((60, 40), 50).convert("RGB").save(folder / "phone.jpg", exif=tags)
    (folder / "bad.nef").write_text("a text file\n" * 500)
    (folder / os.fsdecode(b"latin\xe9.dng")).write_bytes(b"")
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "skipped.tsv"}


def config_for(kind, model, result_dir, **changes):
    return EnhanceConfig(str(model), str(result_dir), kind=kind, finish=Finish(linear=kind == "dng"), **changes)


def on_beam(archive, config):
    problems = Problems(QUIET)
    enhancement_beam.enhance_on_beam([str(archive)], config, problems, "DirectRunner", [])
    return problems.messages


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "dng"])
def test_the_direct_runner_writes_what_the_local_run_writes(tmp_path, archive, copying_model, kind, monkeypatch):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    loads, load = [], enhancement_beam.load_model
    monkeypatch.setattr(enhancement_beam, "load_model", lambda *arguments: loads.append(arguments) or load(*arguments))
    enhancement_beam._loaded_enhancer.cache_clear()
    enhance([str(archive)], config_for(kind, copying_model, tmp_path / "local"), Problems(QUIET))
    skipped = on_beam(archive, config_for(kind, copying_model, tmp_path / "beam"))
    local, beam = contents(tmp_path / "local"), contents(tmp_path / "beam")
    assert len(local) == 4 and beam == local
    assert len(loads) == 1
    assert len(skipped) == 2 and "bad.nef" in skipped[0] and "is empty" in skipped[1]
    lines = sorted((tmp_path / "beam" / "skipped.tsv").read_bytes().splitlines())
    assert [line.split(b"\t")[0] for line in lines] == [os.fsencode(archive / "bad.nef"), os.fsencode(archive) + b"/latin\xe9.dng"]


def test_it_goes_on_with_what_is_missing_and_one_bug_ends_nothing_else(tmp_path, archive, copying_model, monkeypatch):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    config = config_for("png", copying_model, tmp_path / "out")
    on_beam(archive, config)
    before = {path: os.stat(path).st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    gone, kept = tmp_path / "out" / "night" / "b.png", tmp_path / "out" / "a.png"
    first = gone.read_bytes()
    gone.unlink()
    assert len(on_beam(archive, config)) == 2
    assert gone.read_bytes() == first and os.stat(kept).st_mtime_ns == before[kept]

    make = enhancement_beam.make_enhancer

    def with_a_bug(loaded, config):
        work = make(loaded, config)
        return lambda job: [][1] if job.source.name == "b.dng" else work(job)

    monkeypatch.setattr(enhancement_beam, "make_enhancer", with_a_bug)
    enhancement_beam._loaded_enhancer.cache_clear()
    skipped = on_beam(archive, config_for("png", copying_model, tmp_path / "out", overwrite=True))
    assert len(skipped) == 3 and any("b.dng: unforeseen IndexError: list index out of range" in line for line in skipped)
    assert os.stat(kept).st_mtime_ns > before[kept]
    enhancement_beam._loaded_enhancer.cache_clear()


def test_the_command_line(tmp_path, archive, copying_model):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    arguments = (str(archive), f"--checkpoint_dir={copying_model}", "--result_dir=out", "--ratio_sheet", "--beam_runner=DirectRunner")
    result = run_script("enhance.py", *arguments, cwd=tmp_path)
    assert result.returncode == 1 and "2 skipped:" in result.stderr and "Traceback" not in result.stderr, result.stderr
    assert "4 of 6 photographs have their result in out" in result.stdout
    # Another process at another second: nothing in a file may depend on that.
    enhance([str(archive)], config_for("jpeg", copying_model, tmp_path / "local", ratio_sheet=True), Problems(QUIET))
    assert len(contents(tmp_path / "out")) == 4 and contents(tmp_path / "out") == contents(tmp_path / "local")
    result = run_script("enhance.py", str(archive / "a.dng"), *arguments[1:], cwd=tmp_path)
    assert result.returncode == 0 and "Enhancing" not in result.stdout and "1 of 1 photographs" in result.stdout


def test_a_file_of_the_users_is_never_replaced(tmp_path, archive, copying_model):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    for overwrite in (True, False):
        out = tmp_path / str(overwrite)
        (out / "night").mkdir(parents=True)
        (out / "night" / "b.png").write_text("the user's")
        skipped = on_beam(archive, config_for("png", copying_model, out, overwrite=overwrite))
        assert (out / "night" / "b.png").read_text() == "the user's" and (out / "a.png").is_file()
        assert (out / "night" / "b_lowlight.png").is_file() != overwrite
        assert any("b.png was not written by lowlight_tf" in line for line in skipped) == overwrite
    before = contents(out)
    assert len(on_beam(archive, config_for("png", copying_model, out))) == 2 and contents(out) == before
    (out / "skipped.tsv").write_text("my own list\n")
    with pytest.raises(LowlightError, match="skipped.tsv is no list of an earlier job and stays"):
        on_beam(archive, config_for("png", copying_model, out))
    assert (out / "skipped.tsv").read_text() == "my own list\n"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--beam_args=--parallelism=2"], "give --beam_runner with them"),
        (["--beam_runner=DirectRunner", "--result_dir=gs://bucket/out"], "is an address"),
        (["--beam_runner=DirectRunner", "--beam_args=--runner=FlinkRunner"], "has a flag of its own"),
        (["--beam_runner=DirectRunner", "--beam_args='"], "no closing quotation"),
    ],
)
def test_bad_usage(tmp_path, arguments, words):
    expect_failure(run_script("enhance.py", "a.dng", "--checkpoint_dir=model", *arguments, cwd=tmp_path), 2, words)


def test_without_beam_the_line_says_what_to_install(tmp_path, archive, copying_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(LowlightError, match="pip install apache-beam"):
        on_beam(archive, config_for("png", copying_model, tmp_path / "out"))


def test_a_missing_model_ends_the_job_before_it_begins(tmp_path, archive):
    pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")
    with pytest.raises(LowlightError, match="no model in"):
        on_beam(archive, config_for("png", tmp_path / "gone", tmp_path / "out"))


def test_the_side_list_holds_one_line_a_file_whatever_its_name():
    def work(element):
        raise LowlightError(f"{element} is empty")

    assert list(beam_jobs._attempt("a\tb\nc", work, str)) == [b"a\\tb\\nc\ta\\tb\\nc is empty"]
    assert list(beam_jobs._attempt("a", lambda element: "used", str)) == []

    def full(element):
        raise OutputError("disk full")

    with pytest.raises(OutputError):
        list(beam_jobs._attempt("a", full, str))
    with pytest.raises(UsageError):
        beam_jobs.runner_arguments("--runner=FlinkRunner")
