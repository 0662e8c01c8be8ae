"""The page of lowlight app on a 24-megapixel raw file: from a click to the piece at 100 %, from a slider to both pictures.

What the page's server takes, and, where Chromium and selenium are there, what passes until the new picture stands in the browser.
"""

import dataclasses
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.raw_files import write_raw

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZE = (4016, 6016)  # of a 24-megapixel camera
ROUNDS = int(os.environ.get("ROUNDS", "9"))
# Of the piece: what it is, as it is answered; clicks at different places so that nothing is known from before.
PLACES = [(0.1 + 0.08 * number, 0.9 - 0.08 * number) for number in range(ROUNDS)]
_WAIT = """
const [selector, act, done] = arguments, seen = (document.querySelector(selector) || {}).src, started = performance.now();
const look = () => {
  const now = document.querySelector(selector);
  if (now && now.src !== seen && now.complete) done((performance.now() - started) / 1000); else requestAnimationFrame(look);
};
eval(act); look();
"""
_CLICK = """(() => { const views = document.querySelector('#frame .views'), box = views.getBoundingClientRect();
const [x, y] = [box.left + %f * box.width, box.top + %f * box.height];
views.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: x, clientY: y})); })()"""
_SLIDE = """(() => { const slider = document.querySelector('#exposure input[type=range]');
slider.value = %f; slider.dispatchEvent(new Event('input', {bubbles: true})); })()"""


def prepare(folder):
    """Writes a frame of 24 megapixels with a scene in it."""
    light = 40 + 30 * np.sin(np.add.outer(np.arange(SIZE[0]) / 200, np.arange(SIZE[1]) / 300))
    counts = 512 + np.random.RandomState(0).poisson(light)
    write_raw(folder / "frame.dng", counts)


def _said(what, seconds, cpu=None):
    more = f", {statistics.median(cpu):.2f} s of CPU" if cpu else ""
    print(f"{what}: {statistics.median(seconds):.2f} s (median of {len(seconds)}, {min(seconds):.2f} to {max(seconds):.2f}){more}.")


def _timed(act, rounds):
    """Seconds and CPU seconds of each round."""
    seconds, cpu = [], []
    for number in rounds:
        started, used = time.perf_counter(), time.process_time()
        act(number)
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return seconds, cpu


def on_the_server(folder):
    """Measures what the server takes to answer."""
    from lowlight_tf.app.catalog import key_of
    from lowlight_tf.app.picture_actions import SHOW_THERE, PictureActions
    from lowlight_tf.app.session import Session

    session = Session(folder, folder / "out", {"bayer": ""}, folder / "uploads")
    session.find()
    session.warm()
    actions, name = PictureActions(session), "frame.dng"
    opened, cpu = _timed(lambda _: session.look(name, lambda *_: None), [0])
    _said("A photograph is read, measured and made small", opened, cpu)
    shown = actions.open(None, {"key": key_of(name)})[0]
    _said(
        "A click into the frame -> the piece at 100 %",
        *_timed(lambda place: actions.click(shown, SHOW_THERE, {"x": place[0], "y": place[1]}, False), PLACES),
    )
    state = session.state

    def slide(number):
        session.state = state.changed([name], dataclasses.replace(state.default, ratio=20.0 + number, strength=0.8))
        return actions.move(shown, 50, 50)

    _said("A slider -> the piece at 100 %, with a blend", *_timed(slide, range(ROUNDS)))
    actions.frame(shown)
    _said(
        "A slider -> the whole frame at the size of a screen, with a blend",
        *_timed(lambda number: (slide(number + 50), actions.frame(shown)), range(ROUNDS)),
    )


def in_the_browser(folder):
    """Measures what passes until the picture stands in the browser."""
    from selenium import webdriver

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "lowlight_tf", "app", str(folder), f"--port={port}", "--nobrowser", f"--result_dir={folder / 'out'}"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,1600"):
        options.add_argument(argument)
    server.stdout.readline()
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        browser.set_script_timeout(120)
        browser.get(f"http://127.0.0.1:{port}/")
        while "suggested" not in browser.execute_script("return document.querySelector('#strip')?.innerText ?? ''"):
            time.sleep(0.5)
        browser.execute_async_script(_WAIT, "#frame .after", "document.querySelector('#strip button.shot').click()")
        for what, selector, act, rounds in (
            ("a click into the frame -> the piece at 100 %", "#crop .after", lambda place: _CLICK % place, PLACES),
            ("a slider -> the piece at 100 %", "#crop .after", lambda number: _SLIDE % (0.05 * number + 0.05), range(ROUNDS)),
            ("a slider -> the whole frame", "#frame .after", lambda number: _SLIDE % (-0.05 * number - 0.05), range(ROUNDS)),
        ):
            seconds = []
            for one in rounds:
                seconds.append(browser.execute_async_script(_WAIT, selector, act(one)))
                time.sleep(1.5)  # until the frame has followed
            _said(f"In the browser: {what}", seconds)
    finally:
        browser.quit()
        server.terminate()
        server.wait()


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        print(f"A raw file of {SIZE[1]}x{SIZE[0]}, models/bayer; load of the machine before: {os.getloadavg()[0]:.1f}.")
        on_the_server(folder)
        if shutil.which("chromium") and shutil.which("chromedriver"):
            in_the_browser(folder)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
