"""Whole files or none, nobody's files replaced, and only our own litter removed."""

import errno
import os
import pathlib
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from lowlight_tf import durable, files
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.files import atomic_folder, atomic_path, check_writable, sweep, temporary_path

DAYS = 2 * 24 * 3600


def aged(path, content="x"):
    """Writes a file, or a folder with one in it, of two days ago."""
    if content is None:
        path.mkdir()
        (path / "inside.txt").write_text("x")
    else:
        path.write_text(content)
    os.utime(path, (time.time() - DAYS,) * 2)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_only_names_that_we_make_are_swept(tmp_path):
    users = [
        ".precious.tmpl",
        ".notes.tmp",
        ".a.1234abcd.tmp.png",
        "b.lowlight_tf-0123abcd.tmp",
        ".c.lowlight_tf-0123abcd.tmp.tar.gz",
        ".d.lowlight_tf-0123ABCD.tmp",
        ".e.lowlight_tf-0123abcd.tmp~",
    ]
    for name in users:
        aged(tmp_path / name, None if name in (".precious.tmpl", ".notes.tmp") else "x")
    aged(temporary_path(tmp_path / "a.jpg"))
    aged(temporary_path(tmp_path / "line\nbreak"))
    aged(temporary_path(tmp_path / "saved_model"), None)
    new = temporary_path(tmp_path / "b.jpg")
    new.write_text("another process is writing it")
    sweep(tmp_path)
    assert names(tmp_path) == sorted([*users, new.name])
    assert (tmp_path / ".precious.tmpl" / "inside.txt").is_file()
    sweep(tmp_path / "gone")


def test_links_are_neither_followed_nor_swept(tmp_path):
    photos = aged(tmp_path / "photos", None)
    link = temporary_path(tmp_path / "a")
    link.symlink_to(photos)
    inside = temporary_path(tmp_path / "b")
    inside.mkdir()
    (inside / "photos").symlink_to(photos)
    os.utime(inside, (time.time() - DAYS,) * 2)
    os.utime(link, (time.time() - DAYS,) * 2, follow_symlinks=False)
    sweep(tmp_path)
    assert names(tmp_path) == sorted([link.name, "photos"]) and names(photos) == ["inside.txt"]


def test_no_sweep_takes_a_backup(tmp_path):
    backup = aged(tmp_path / ".model.lowlight_tf-0123abcd.old", None)
    sweep(tmp_path)
    (tmp_path / "model").mkdir()  # somebody else's
    sweep(tmp_path)
    assert names(tmp_path) == [backup.name, "model"]


def written(path, content):
    with atomic_folder(path) as temporary:
        temporary.mkdir()
        (temporary / content).write_text("x")


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_is_replaced_as_a_whole(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(durable, "exchange", lambda one, other: False)
    written(tmp_path / "model", "old")
    written(tmp_path / "model", "new")
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["new"]


def test_at_no_moment_is_a_replaced_folder_missing(tmp_path):
    """Where the system exchanges: killed at any rename, the folder is there, the old one or the new one."""
    written(tmp_path / "model", "old")
    script = f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from lowlight_tf import durable, files
real = durable.exchange
durable.exchange = lambda *two: (real(*two), os.kill(os.getpid(), signal.SIGKILL))
with files.atomic_folder(pathlib.Path({str(tmp_path / "model")!r})) as temporary:
    temporary.mkdir()
    (temporary / "new").write_text("x")
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert names(tmp_path / "model") == ["new"]
    [litter] = [path for path in tmp_path.iterdir() if path.name != "model"]
    assert names(litter) == ["old"] and files._TEMPORARY.fullmatch(litter.name)


def test_what_a_kill_between_two_renames_leaves_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "exchange", lambda one, other: False)
    written(tmp_path / "model", "old")
    rename = pathlib.Path.rename

    def killed(path, target):
        if path.name.endswith(".tmp"):
            raise SystemExit  # nothing after it is done: as if killed
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", killed)
    monkeypatch.setattr(os.path, "lexists", lambda path: True)
    with pytest.raises(SystemExit):
        written(tmp_path / "model", "new")
    monkeypatch.undo()
    assert not (tmp_path / "model").exists()
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model"):
        assert names(tmp_path / "model") == ["old"]  # put back before anything else
        raise ZeroDivisionError
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]


def test_a_new_folder_takes_only_an_empty_place(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with atomic_folder(tmp_path / "empty", may_replace=False) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("x")
    assert names(tmp_path / "empty") == ["new"]
    with pytest.raises(LowlightError, match="mine holds other files, which stay"):
        with atomic_folder(tmp_path / "mine", may_replace=False) as temporary:
            temporary.mkdir()
    assert names(tmp_path / "mine") == ["notes.txt"] and names(tmp_path) == ["empty", "mine"]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "exchange", lambda one, other: False)
    written(tmp_path / "model", "old")
    rename = pathlib.Path.rename

    def fails(path, target):
        if path.name.endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", fails)
    with pytest.raises(OutputError, match="Input/output error"):
        written(tmp_path / "model", "new")
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]


def test_what_a_library_says_of_the_disk_is_one_line(tmp_path):
    class Exhausted(Exception):
        """As TensorFlow's ResourceExhaustedError."""

    with pytest.raises(OutputError, match="cannot write .*model: saving; No space left on device; free some space"):
        with atomic_folder(tmp_path / "model") as temporary:
            temporary.mkdir()
            raise Exhausted("saving; No space left on device\n and 40 lines")
    assert names(tmp_path) == []
    with pytest.raises(Exhausted), atomic_folder(tmp_path / "model"):
        raise Exhausted("OOM when allocating tensor")


def test_a_name_that_no_file_system_takes_ends_no_batch(tmp_path):
    with pytest.raises(LowlightError, match="File name too long") as raised, atomic_path(tmp_path / ("a" * 256 + ".jpg")) as temporary:
        temporary.write_text("x")
    assert not isinstance(raised.value, OutputError) and names(tmp_path) == []


def events(monkeypatch):
    """Returns the list that fsyncs and renames are added to, by name."""
    seen, fsync, replace, link = [], os.fsync, os.replace, os.link

    def name_of(number):
        return pathlib.Path(os.readlink(f"/proc/self/fd/{number}"))

    def kind(path):
        return "folder" if path.is_dir() else "temporary" if ".tmp" in path.name else path.name

    monkeypatch.setattr(os, "fsync", lambda number: (seen.append(f"sync {kind(name_of(number))}"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append("rename"), replace(*names)))
    monkeypatch.setattr(os, "link", lambda *names: (seen.append("rename"), link(*names)))
    return seen


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="asks the system which file a number is")
@pytest.mark.parametrize("may_replace", [None, lambda path: False])
def test_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch, may_replace):
    seen = events(monkeypatch)
    with atomic_path(tmp_path / "a.jpg", may_replace) as temporary:
        temporary.write_text("x")
    assert seen == ["sync temporary", "rename", "sync folder"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="asks the system which file a number is")
def test_a_folder_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    seen = events(monkeypatch)
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: (seen.append("rename"), rename(*names)))
    written(tmp_path / "new" / "model", "weights")
    assert seen == ["sync folder", "sync weights", "sync folder", "rename", "sync folder"]


@pytest.mark.parametrize("name", ["a" * 245 + ".jpg", "ä" * 122 + ".jpg", "a" * 251 + ".png", "ä" * 127])
def test_long_names_can_be_written(tmp_path, name):
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.suffix == (pathlib.Path(name).suffix or ".tmp") and len(os.fsencode(temporary.name)) <= 255
        temporary.write_text("x")
        assert os.fsencode(temporary.name).decode() and files._TEMPORARY.fullmatch(temporary.name)
    assert names(tmp_path) == [name]


def test_the_proof_that_a_folder_is_writable_leaves_no_trace(tmp_path):
    (tmp_path / "write_test").write_text("the user's")
    check_writable(tmp_path)
    check_writable(tmp_path / "new")
    assert names(tmp_path) == ["new", "write_test"] and (tmp_path / "write_test").read_text() == "the user's"
    assert names(tmp_path / "new") == []
    with pytest.raises(OutputError, match="cannot write"):
        check_writable(tmp_path / "write_test")


@pytest.mark.parametrize("links", [True, False])
def test_what_came_there_while_the_result_was_made_is_not_replaced(tmp_path, monkeypatch, links):
    if not links:

        def no_links(*_):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "a.jpg"
    with atomic_path(path, lambda there: False) as temporary:
        temporary.write_text("nothing is there")
    assert path.read_text() == "nothing is there"
    with pytest.raises(LowlightError, match="was not written by lowlight_tf") as raised:
        with atomic_path(path, lambda there: False) as temporary:
            temporary.write_text("a result")
    assert not isinstance(raised.value, OutputError)  # which would end the batch
    assert path.read_text() == "nothing is there" and names(tmp_path) == ["a.jpg"]
    with atomic_path(path, lambda there: there == path) as temporary:
        temporary.write_text("made again")
    assert path.read_text() == "made again" and names(tmp_path) == ["a.jpg"]
