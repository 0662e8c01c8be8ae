"""Whole files or none, nobody's files replaced, and only our own litter removed."""

import errno
import os
import pathlib
import time

import pytest

from lowlight_tf import files
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
    users = [".precious.tmpl", ".notes.tmp", ".a.1234abcd.tmp.png", "b.lowlight_tf-0123abcd.tmp", ".c.lowlight_tf-0123abcd.tmp.tar.gz",
             ".d.lowlight_tf-0123ABCD.tmp", ".e.lowlight_tf-0123abcd.tmp~"]
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


def test_a_backup_is_kept_while_it_is_the_only_copy(tmp_path):
    backup = aged(tmp_path / ".model.lowlight_tf-0123abcd.old", None)
    sweep(tmp_path)
    assert names(tmp_path) == [backup.name]
    (tmp_path / "model").mkdir()
    sweep(tmp_path)
    assert names(tmp_path) == ["model"]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("x")
    rename = pathlib.Path.rename

    def fails(path, target):
        if path.name.endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", fails)
    with pytest.raises(OutputError, match="Input/output error"), atomic_folder(tmp_path / "model") as temporary:
        temporary.mkdir()
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]
    monkeypatch.undo()
    with atomic_folder(tmp_path / "model") as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("x")
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["new"]


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
