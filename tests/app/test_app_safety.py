"""Who may ask the page's server and for what, and that no path which the page sends is opened."""

import contextlib
import dataclasses
import functools
import http.client
import json
import os
import pathlib
import socket
import sys
import time
import urllib.parse

import numpy as np
import pytest
from conftest import expect_failure, run_script, write_frame, write_model

from lowlight_tf.app import catalog
from lowlight_tf.app.catalog import key_of
from lowlight_tf.app.session import Session
from lowlight_tf.errors import LowlightError, UsageError
from lowlight_tf.pictures.image_file import write_png

SECRET = "what nobody else is to read"


@pytest.fixture
def folder(tmp_path):
    """A folder with a photograph, links that lead out of it, and a file beside it."""
    write_frame(tmp_path / "night" / "a.dng", size=(64, 80), scale=300)
    write_frame(tmp_path / "secret" / "other.dng", size=(64, 80), scale=300)
    (tmp_path / "secret" / "secret.txt").write_text(SECRET)
    write_frame(tmp_path / "beside" / "b.dng", size=(64, 80), scale=300)
    (tmp_path / "night" / "link.dng").symlink_to(tmp_path / "beside" / "b.dng")
    (tmp_path / "night" / "more").symlink_to(tmp_path / "secret", target_is_directory=True)
    (tmp_path / "uploads").mkdir()
    return tmp_path


@pytest.fixture
def session(folder, copying_model):
    made = Session(folder / "night", folder / "out", {"copies": str(copying_model)}, folder / "uploads")
    made.find()
    return made


def test_links_out_of_the_folder_are_not_read(session):
    assert set(session.entries) == {"a.dng", "link.dng", "more/other.dng"}
    outside = [entry for name, entry in session.entries.items() if name != "a.dng"]
    assert outside and all("link to a place outside" in entry.problem for entry in outside)
    for entry in outside:
        session.look_at(entry.name), session.measure(entry.name)
        assert session.entry(entry.name).thumbnail == b"" and session.entry(entry.name).mean is None
        with pytest.raises(LowlightError, match="link to a place outside"):
            session.look(entry.name, lambda *_: None)
    with pytest.raises(LowlightError, match="no photograph is selected that can be developed"):
        session.develop([entry.name for entry in outside], "jpeg", 95, "")


@pytest.mark.parametrize("name", ["../secret/other.dng", "/etc/passwd", "b.dng", "", "a.dng/..", "..", "\0"])
def test_a_name_that_is_none_of_the_photographs(session, name):
    for act in (
        session.entry,
        session.look_at,
        session.measure,
        session.name_of,
        lambda name: session.look(name, lambda *_: None),
        lambda name: session.develop([name], "jpeg", 95, ""),
    ):
        with pytest.raises(LowlightError, match="none of the photographs"):
            act(name)
    assert session.name_of(key_of("a.dng")) == "a.dng"


@pytest.mark.parametrize("said", ["..", "../secret", "/tmp", "a/../../secret", "led/deep", "led", "\0", "a\0b"])
def test_results_stay_in_their_folder(session, folder, said):
    (folder / "out").mkdir()
    (folder / "out" / "led").symlink_to(folder / "secret", target_is_directory=True)
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="is not within"):
        session.develop(["a.dng"], "jpeg", 95, said)
    assert sorted(folder.rglob("*")) == before


def test_results_of_subfolders_do_not_follow_links(session, folder):
    write_frame(folder / "night" / "deep" / "b.dng", size=(64, 80), scale=300)
    session.find()
    (folder / "out").mkdir()
    (folder / "out" / "deep").symlink_to(folder / "secret", target_is_directory=True)
    before = sorted((folder / "secret").iterdir())
    with pytest.raises(LowlightError, match="can be developed"):
        session.develop(["deep/b.dng"], "jpeg", 95, "")
    assert sorted((folder / "secret").iterdir()) == before
    assert session.folder_for("") == folder / "out" and session.folder_for("web/small") == folder / "out" / "web" / "small"


def test_models_and_formats_are_those_of_the_page(session):
    for model in ("/etc", "..", "other"):
        with pytest.raises(UsageError, match="none of the models"):
            session.model(model)
    for kind, quality in (("exe", 95), ("jpeg", 0), ("../jpeg", 95)):
        with pytest.raises(UsageError, match="expected one of"):
            session.develop(["a.dng"], kind, quality, "")


def test_the_users_files_stay(session, folder):
    (folder / "out").mkdir()
    (folder / "out" / "a.jpg").write_bytes(b"mine")
    (folder / "out" / "lowlight.json").write_text("mine")
    session.develop(["a.dng"], "jpeg", 95, "")
    session.development.wait()
    assert (folder / "out" / "a.jpg").read_bytes() == b"mine" and (folder / "out" / "lowlight.json").read_text() == "mine"
    assert (folder / "out" / "a_lowlight.jpg").exists()
    assert "was not written by lowlight_tf" in session.development.items[0].line


def test_sizes_are_checked_before_anything_is_decoded(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", np.zeros([30, 40, 3], np.uint16))
    write_frame(tmp_path / "b.dng", size=(64, 80))
    monkeypatch.setattr(catalog, "MOST_PIXELS", 1000)
    monkeypatch.setattr(catalog, "read_frame", None)
    monkeypatch.setattr(catalog, "read_thumbnail", None)
    for name, words in (("a.png", "40x30"), ("b.dng", "80x64")):
        entry = catalog.glance(name, tmp_path / name)
        assert words in entry.problem and "expected at most" in entry.problem and entry.thumbnail == b""
        assert catalog.Entry("x", tmp_path).is_measured is False and entry.is_measured


def test_an_uploaded_file_gets_a_name_of_its_own(folder, copying_model):
    session = Session(None, folder / "out", {"copies": str(copying_model)}, folder / "uploads")
    for expected in ("a.dng", "a_2.dng", "a_3.dng"):
        write_frame(folder / "temporary" / "a.dng", size=(64, 80), scale=300)
        assert session.add(str(folder / "temporary" / "a.dng")) == expected
    session.find()
    assert set(session.entries) == {"a.dng", "a_2.dng", "a_3.dng"}


# The server.


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def served(session, temporary, host=""):
    """The page served in this process; yields a function that asks it: (method, path, headers, body) -> status, headers, body."""
    from lowlight_tf.app.serve import AppConfig, launch

    port = free_port()
    page, address = launch(session, AppConfig(host=host, port=port, browser=False), temporary)

    def ask(path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    ask.address = address
    try:
        yield ask
    finally:
        page.close(verbose=False)


@pytest.fixture
def temporary(tmp_path):
    (tmp_path / "temporary" / "served" / "deep").mkdir(parents=True)
    (tmp_path / "temporary" / "served" / "deep" / "mine.txt").write_text("the page's own")
    return tmp_path / "temporary"


def test_what_the_server_hands_out(folder, session, temporary):
    pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
    served_folder, secret = temporary / "served", folder / "secret" / "secret.txt"
    (served_folder / "out.txt").symlink_to(secret)
    (served_folder / "away").symlink_to(folder / "secret", target_is_directory=True)
    wanted = [
        "/etc/passwd",
        str(secret),
        f"{served_folder}/../../secret/secret.txt",
        f"{served_folder}/out.txt",
        f"{served_folder}/away/secret.txt",
        "../secret/secret.txt",
        str(folder / "night" / "a.dng"),
        "C:\\windows\\win.ini",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "",
        "\0",
    ]
    with served(session, temporary) as ask:
        assert ask("/")[0] == 200
        for path in wanted:
            for quoted in (urllib.parse.quote(path), urllib.parse.quote(path, safe=""), urllib.parse.quote(path).replace(".", "%2e")):
                status, _, body = ask(f"/gradio_api/file={quoted}")
                assert status in (403, 404) and SECRET.encode() not in body and b"root:" not in body, (path, status)
        for path in (
            "/gradio_api/proxy=https://example.org/",
            "/gradio_api/file/etc/passwd",
            "/monitoring",
            "/gradio_api/vibe-code/",
            "/gradio_api/deep_link",
            "/gradio_api/openapi.json",
            "/gradio_api/runs",
            "/docs",
            "/file=/etc/passwd",
            "/static/../../../../etc/passwd",
            "/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/svelte/..%2f..%2fetc/passwd",
        ):
            status, _, body = ask(path)
            assert status in (403, 404) and b"root:" not in body, path
        for host in ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[::2]:80", "localhost@evil.example"):
            assert ask("/", Host=host)[0] in (400, 403), host
        for host in ("127.0.0.1", "localhost:7860", "[::1]:7860"):
            assert ask("/", Host=host)[0] == 200, host
        status, headers, _ = ask("/config")
        assert status == 200 and headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
        boundary = "----x"
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.dng"\r\n\r\nx\r\n--{boundary}--\r\n'
        answer = ask("/gradio_api/upload", "POST", body, Content_Type=f"multipart/form-data; boundary={boundary}")
        assert answer[0] == 403 and sorted(path.name for path in served_folder.iterdir()) == ["away", "deep", "out.txt"]


def test_without_a_folder_files_are_uploaded_into_the_temporary_one(folder, copying_model, temporary):
    pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
    session = Session(None, folder / "out", {"copies": str(copying_model)}, folder / "uploads")
    boundary, content = "----x", (folder / "night" / "a.dng").read_bytes()
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="../../../escaped.dng"\r\n\r\n'.encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )
    with served(session, temporary) as ask:
        status, _, answer = ask("/gradio_api/upload", "POST", body, Content_Type=f"multipart/form-data; boundary={boundary}")
        assert status == 200
        (path,) = json.loads(answer)
        real = pathlib.Path(path).resolve()
        for _ in range(100):  # Gradio moves it there once it has answered
            if real.exists():
                break
            time.sleep(0.1)
        assert (temporary / "served").resolve() in real.parents and real.read_bytes() == content
    assert not list(folder.parent.glob("escaped.dng")) and not list(folder.glob("escaped.dng"))


def test_an_open_server_asks_for_its_token(session, temporary):
    pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
    with served(session, temporary, host="127.0.0.1") as ask:
        token = ask.address.partition("?token=")[2]
        assert len(token) >= 32
        for path in ("/", "/config", "/gradio_api/info", "/gradio_api/queue/data", "/theme.css", f"/?token={token}x", "/?token="):
            status, headers, body = ask(path)
            assert status == 401 and b"lowlight app printed" in body and "set-cookie" not in headers, path
        assert ask("/config", Cookie=f"lowlight_token={token[:-1]}")[0] == 401
        status, headers, _ = ask(f"/?token={token}")
        cookie = headers["set-cookie"]
        assert status == 200 and "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert ask("/config", Cookie=cookie.partition(";")[0])[0] == 200
        assert ask("/gradio_api/file=/etc/passwd", Cookie=cookie.partition(";")[0])[0] == 403


def test_a_hand_made_event_reads_no_other_file(session, folder, temporary):
    """What the page's own script would send, with a file of the machine where an uploaded one is expected, and other names."""
    pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
    with served(session, temporary) as ask:
        config = json.loads(ask("/config")[2])
        answers = b""
        for number, dependency in enumerate(config["dependencies"]):
            path = str(folder / "secret" / "secret.txt")
            data = [{"path": path, "meta": {"_type": "gradio.FileData"}}] * len(dependency["inputs"])
            for event_data in ({"key": path}, {"key": "../secret/secret.txt", "checked": True}, {"x": "nan", "y": path}):
                sent = json.dumps({"data": data, "fn_index": number, "session_hash": "made", "event_data": event_data})
                answers += ask("/gradio_api/queue/join", "POST", sent, Content_Type="application/json")[2]
        assert SECRET.encode() not in answers
        connection_answers = ask("/gradio_api/queue/data?session_hash=made")[2]
        assert SECRET.encode() not in connection_answers and b"process_completed" in connection_answers
    assert sorted(path.name for path in (folder / "secret").iterdir()) == ["other.dng", "secret.txt"]
    assert not (folder / "out").exists() or not list((folder / "out").rglob("*.jpg"))


def test_one_clear_line(tmp_path, copying_model, monkeypatch):
    pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
    from lowlight_tf.app.serve import AppConfig, serve

    config = functools.partial(AppConfig, str(tmp_path), str(tmp_path / "out"), str(copying_model), browser=False, port=free_port())
    (tmp_path / "file").write_text("")
    for wrong, kind, words in (
        ({"folder": "gone"}, UsageError, "gone is no folder"),
        ({"checkpoint_dir": "none"}, LowlightError, "no model in"),
        ({"result_dir": str(tmp_path / "file")}, LowlightError, "cannot write .*file"),
        ({"host": "256.0.0.1"}, LowlightError, "cannot listen at 256.0.0.1"),
    ):
        with pytest.raises(kind, match=words):
            serve(dataclasses.replace(config(), **wrong), lambda session: pytest.fail("it was served"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LowlightError, match="another lowlight app or program may be; close that, or give another --port"):
            serve(config(port=taken.getsockname()[1]), lambda session: pytest.fail("it was served"))
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(LowlightError, match=r"the page needs Gradio: pip install 'lowlight_tf\[app\]'"):
        serve(config(), lambda session: pytest.fail("it was served"))


def test_the_command_says_one_line(tmp_path):
    expect_failure(run_script("lowlight_tf", "app", "gone", "--nobrowser", cwd=tmp_path), 2, "gone is no folder")


def test_nothing_is_left_behind(tmp_path, monkeypatch, copying_model):
    pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
    from lowlight_tf.app import serve

    monkeypatch.setattr(serve.tempfile, "tempdir", str(tmp_path))
    stale, fresh, other = (tmp_path / name for name in ("lowlight_tf-app-old", "lowlight_tf-app-new", "else"))
    for place in (stale, fresh, other):
        place.mkdir()
    for place in (stale, other):
        os.utime(place, (1e9, 1e9))
    seen = []

    def wait(session):
        seen.append(session.uploads)
        assert session.uploads.is_dir() and os.stat(session.uploads.parent).st_mode & 0o077 == 0
        write_frame(session.uploads / "a.dng", size=(64, 80))
        raise KeyboardInterrupt

    serve.serve(serve.AppConfig(checkpoint_dir=str(copying_model), result_dir=str(tmp_path / "out"), port=free_port(), browser=False), wait)
    assert seen and not seen[0].exists() and not stale.exists() and fresh.exists() and other.exists()


def test_a_model_of_its_own_is_the_first_to_choose(tmp_path, copying_model):
    from lowlight_tf.app.serve import AppConfig, models_of

    models = models_of(AppConfig(checkpoint_dir=str(copying_model)))
    assert next(iter(models.values())) == str(copying_model)
    session = Session(None, tmp_path / "out", models, tmp_path)
    assert session.state.default.model == str(copying_model)
    with pytest.raises(LowlightError):
        models_of(AppConfig(checkpoint_dir=str(write_model(tmp_path / "model") / "gone")))
