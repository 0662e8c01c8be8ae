"""What reaches the terminal, and what happens where there is none."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, expect_failure, run_script

from lowlight_tf import console
from lowlight_tf.beam_jobs import _cell
from lowlight_tf.console import visible
from lowlight_tf.errors import Problems
from lowlight_tf.reporting.page import text

HOSTILE = "a\x1b[2J\x07\x9b31m\nerror: all is lost\r\u202egpj.b\u2028\udcff.dng"


@pytest.mark.parametrize(
    "raw, shown",
    [
        ("IMG_0001 (Müller, 大).ARW", "IMG_0001 (Müller, 大).ARW"),
        ("a\x1b[2J", r"a\x1b[2J"),
        ("a\nerror: b", r"a\nerror: b"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_something_to_a_terminal_is_spelt_out(raw, shown):
    assert visible(raw) == shown


def test_a_name_fakes_no_line(capsys, monkeypatch, tmp_path):
    console.say(f"{HOSTILE} is done", "a second line")
    first, second, rest = capsys.readouterr().out.split("\n")
    assert first.startswith(r"a\x1b[2J\x07") and first.endswith("is done") and (second, rest) == ("a second line", "")
    with open(tmp_path / "log", "w+") as log:
        monkeypatch.setattr(console, "TERMINAL", log)
        problems = Problems(console.warn)
        problems.add(HOSTILE)
        console.warn(*problems.summary())
        log.seek(0)
        lines = log.read().splitlines()
    assert len(lines) == 3 and not [line for line in lines if line.startswith("error:")]
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text(HOSTILE))


@pytest.mark.parametrize(
    "name, cell", [("=1+1.dng", "'=1+1.dng"), ("-a", "'-a"), ("+a", "'+a"), ("@a", "'@a"), ("a\tb", r"a\tb"), ("a-b", "a-b")]
)
def test_no_name_is_a_spreadsheets_formula(name, cell):
    assert _cell(name) == cell


SPEAKS = """
import sys
sys.path.insert(0, sys.argv[1])
from lowlight_tf.console import flush_output, prepare_streams, quiet_stderr, say, warn
prepare_streams()
for number in range(3000):
    say(f"line {number} of \\udcff and \\u5927")
with quiet_stderr():
    warn("done")
open("work", "w").write("done")
with open("opened", "w") as opened:
    assert opened.fileno() > 2
sys.exit(0 if flush_output() else 3)
"""


@pytest.mark.parametrize(
    "redirection, code",
    [
        (">/dev/full", 3),
        (">&-", 3),
        ("2>&-", 0),
        ("2>/dev/full", 0),
        (">&- 2>&- <&-", 3),
        ("| head -1", 0),
        (">out", 0),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_closed_and_full_outputs_end_no_work(tmp_path, redirection, code, encoding):
    command = f'"$0" -c "$1" "$2" {redirection}; exit ${{PIPESTATUS[0]}}'
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run(
        ["bash", "-c", command, sys.executable, SPEAKS, str(ROOT)], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert (result.returncode, (tmp_path / "work").read_text()) == (code, "done"), result.stderr
    assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr, result.stderr


def test_a_second_sigterm_does_not_disturb_the_tidying_up(tmp_path):
    script = """
import signal, sys, time
sys.path.insert(0, sys.argv[1])
from lowlight_tf.console import interrupt
signal.signal(signal.SIGTERM, interrupt)
try:
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    print("tidying", flush=True)
    time.sleep(0.5)
    print("tidied", flush=True)
    sys.exit(130)
"""
    process = subprocess.Popen([sys.executable, "-c", script, str(ROOT)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "tidying\n"
    for number in (signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
        time.sleep(0.05)
    out, errors = process.communicate(timeout=10)
    assert (out, errors, process.returncode) == ("tidied\n", "", 130)


def test_a_result_that_nobody_took_is_an_error(tmp_path):
    full = os.open("/dev/full", os.O_WRONLY) if os.path.exists("/dev/full") else pytest.skip("needs /dev/full")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "lowlight_tf", "describe", "--camera=sony"],
        cwd=tmp_path,
        stdout=full,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    os.close(full)
    expect_failure(result, 1, "cannot write to the standard output")
    assert run_script("lowlight_tf", "describe", "--camera=sony", cwd=tmp_path).returncode == 0
