"""One training a folder: who holds it is named, and who is gone holds nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT

from lowlight_tf.errors import LowlightError
from lowlight_tf.training import lock

HOLD = (
    f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
    "from lowlight_tf.training.lock import locked\n"
    "with locked(sys.argv[1]):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    """A process that holds tmp_path."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_training_is_refused_and_names_the_first(tmp_path, holder):
    words = rf"another training, process {holder.pid} on {socket.gethostname()} since \d{{4}}-.* name another --checkpoint_dir"
    with pytest.raises(LowlightError, match=words), lock.locked(tmp_path):
        pass
    assert (tmp_path / lock.NAME).is_file()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_training_left_is_taken_over_at_once(tmp_path, holder, number):
    holder.send_signal(number)
    holder.wait()
    assert (tmp_path / lock.NAME).is_file()
    with lock.locked(tmp_path):
        assert json.loads((tmp_path / lock.NAME).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_goes_when_the_training_does(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.locked(tmp_path):
        raise ZeroDivisionError
    with lock.locked(tmp_path), pytest.raises(LowlightError, match=f"process {os.getpid()} on"), lock.locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "\0\0"])
def test_a_torn_lock_hinders_nobody(tmp_path, content):
    (tmp_path / lock.NAME).write_text(content)
    with lock.locked(tmp_path):
        assert json.loads((tmp_path / lock.NAME).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("alive", [True, False])
def test_a_lock_of_another_machine_holds_while_it_is_touched(tmp_path, monkeypatch, alive):
    monkeypatch.setattr(lock, "_PATIENCE", 0.5)
    path = tmp_path / lock.NAME
    path.write_text(json.dumps({"pid": 7, "host": "node3", "since": "2026-01-01 00:00:00"}))
    done = threading.Event()

    def touch():
        while not done.wait(0.02):
            os.utime(path)

    thread = threading.Thread(target=touch)
    if alive:
        thread.start()
    try:
        if alive:
            with pytest.raises(LowlightError, match="process 7 on node3 since 2026-01-01 00:00:00"), lock.locked(tmp_path):
                pass
        else:
            with lock.locked(tmp_path):
                assert json.loads(path.read_text())["pid"] == os.getpid()
    finally:
        done.set()
        if alive:
            thread.join()


def test_the_owner_touches_its_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_TOUCHED_EVERY", 0.02)
    with lock.locked(tmp_path):
        before = (tmp_path / lock.NAME).stat().st_mtime_ns
        deadline = time.monotonic() + 5
        while (tmp_path / lock.NAME).stat().st_mtime_ns == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (tmp_path / lock.NAME).stat().st_mtime_ns > before
