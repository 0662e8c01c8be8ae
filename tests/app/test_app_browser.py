"""lowlight app as a person uses it, in a real browser: Debian's Chromium, headless, without a network. Skips where there is none."""

import base64
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, run_script, write_frame, write_model
from PIL import Image

from lowlight_tf.pictures.image_file import read_picture, write_dng
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.light import Interface

pytest.importorskip("gradio", reason="needs Gradio: pip install .[app]")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
ActionChains, Keys = webdriver.ActionChains, webdriver.Keys
HOSTILE = "<img src=x onerror=alert(1)> & 'ä' 日.dng"
PATIENCE = 90  # seconds; other work may have the cores busy
# Where screenshots are kept, for a person to look at; nowhere where it is not set.
SHOTS = os.environ.get("LOWLIGHT_TF_SCREENSHOTS", "")


def _scene(size, seed):
    """A dark scene with something in it: smooth light, edges, noise."""
    rng = np.random.RandomState(seed)
    light = 40 + 30 * np.sin(np.add.outer(np.arange(size[0]) / 60, np.arange(size[1]) / 90))
    light[size[0] // 3 : size[0] // 2, size[1] // 4 : size[1] // 2] += 150
    return (512 + rng.poisson(light)).astype(np.uint16)


def _hostile(path):
    camera = CAMERAS["sony"]
    write_dng(
        path,
        _scene((400, 600), 3),
        "RGGB",
        black_level=512,
        white_level=16383,
        wb_gains=(2.0, 1.0, 2.4),
        exposure_seconds=0.1,
        xyz_to_camera=camera.xyz_to_camera,
        make="<script>document.title='taken'</script>",
        model='"><img src=x onerror=alert(1)>',
    )


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A running `python -m lowlight_tf app`: its folder to work in, and its address."""
    cwd = tmp_path_factory.mktemp("app")
    model = write_model(cwd / "copies", interface=Interface(white_balance=True))
    for number, size in ((1, (700, 1000)), (2, (600, 900))):
        write_frame(cwd / "night" / f"photo_{number}.dng", mosaic=_scene(size, number), cfa=("RGGB", "GBRG")[number - 1])
    write_frame(cwd / "night" / "z_large.dng", mosaic=_scene((3000, 4000), 9))
    _hostile(cwd / "night" / HOSTILE)
    (cwd / "night" / "broken.nef").write_text("no raw file <b>at all</b>")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "lowlight_tf",
        "app",
        "night",
        "--nobrowser",
        f"--port={port}",
        f"--checkpoint_dir={model}",
        "--result_dir=out",
    ]
    process = subprocess.Popen(command, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, stdout=subprocess.PIPE)
    line = process.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert address, line
    yield cwd, address[0]
    process.send_signal(signal.SIGINT)
    process.wait(60)


def show(browser, width, height=1400):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture
def page(browser, app):
    """The page, with its strip measured; afterwards nothing may stand in its console, and nothing else may have been asked for."""
    browser.get_log("performance")
    show(browser, 1300)
    browser.get(app[1])
    until(lambda: "suggested" in text(browser, "#strip") and "measuring" not in text(browser, "#strip"))
    yield browser
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # What Gradio says of answers that it still waited for as the page was left is no fault; the answers themselves are looked at below.
    assert [message for message in severe if "AbortError" not in message and "Connection errored out" not in message] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    answers = [message["params"]["response"] for message in messages if message["method"] == "Network.responseReceived"]
    assert [(answer["url"], answer["status"]) for answer in answers if answer["status"] >= 400] == []
    asked = {message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"}
    assert not {url for url in asked if not url.startswith((app[1], "data:", "blob:"))}


def until(condition):
    """Waits for what a condition returns."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            found = condition()
        except Exception:  # an element was replaced meanwhile  # noqa: BLE001
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def text(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)


def source(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0])?.src ?? ''", selector)


def changed(browser, selector, before):
    return until(lambda: source(browser, selector) not in ("", before) and source(browser, selector))


def picture(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def shot(browser, name):
    if SHOTS:
        browser.save_screenshot(str(pathlib.Path(SHOTS) / f"{name}.png"))


def open_photograph(browser, name):
    before = source(browser, "#crop .after")
    button = next(button for button in find(browser, "#strip button.shot") if name in button.text)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", button)
    button.click()
    crop = changed(browser, "#crop .after", before)
    until(lambda: name in text(browser, "#frame figcaption"))
    return crop


def tick(browser, name, wanted=True):
    for cell in find(browser, "#strip li"):
        box = cell.find_elements("css selector", "input")
        if box and name in cell.text and box[0].is_selected() != wanted:
            browser.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", box[0])
            box[0].click()


def press(browser, selector, *keys):
    element = find(browser, selector)[0]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", element)
    ActionChains(browser).send_keys(*keys).perform()


def click(browser, selector):
    element = find(browser, selector)[0]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def test_the_strip_shows_thumbnails_and_says_why_a_file_cannot_be_used(page):
    assert len(find(page, "#strip button.shot img")) == 4
    strip = text(page, "#strip")
    assert HOSTILE in strip and "<script>" in strip and "broken.nef" in strip and "no raw file" in text(page, "#strip .problem")
    assert not find(page, "#strip script") and not find(page, '#strip img[src="x"]') and page.title == "lowlight"
    assert len(find(page, "#strip .problem")) == 1
    names = [name.text for name in find(page, "#strip .name")]
    assert names == sorted(names)
    click(page, '#order input[value="darkness"]')
    until(lambda: [name.text for name in find(page, "#strip .name")] not in ([], names))
    assert [name.text for name in find(page, "#strip .name")][-1] == "broken.nef"


def test_a_slider_changes_the_piece_and_the_frame_and_undo_takes_it_back(page):
    first = open_photograph(page, "photo_1")
    assert picture(first).shape == (512, 512, 3)
    frame = source(page, "#frame .after")
    assert "auto" in text(page, "#facts")
    press(page, '#stops input[type="range"]', Keys.ARROW_RIGHT * 20)
    until(lambda: "as asked" in text(page, "#facts"))
    brighter = changed(page, "#crop .after", first)
    changed(page, "#frame .after", frame)
    until(lambda: picture(source(page, "#crop .after")).mean() > picture(first).mean() + 5)
    assert not find(page, "#ratio_auto input")[0].is_selected()
    click(page, "#undo")
    until(lambda: source(page, "#crop .after") == first)
    assert find(page, "#ratio_auto input")[0].is_selected() and brighter != first


def test_a_click_shows_that_place_and_takes_it_for_grey(page):
    first = open_photograph(page, "photo_2")
    assert page.execute_script("return document.querySelector('#frame .box').style.left") == "21.556%"  # (900 - 512) / 2 / 900
    views = find(page, "#frame .views")[0]
    ActionChains(page).move_to_element_with_offset(views, -views.size["width"] // 2 + 5, -views.size["height"] // 2 + 25).click().perform()
    corner = changed(page, "#crop .after", first)
    until(lambda: page.execute_script("return document.querySelector('#frame .box').style.left") == "0%")
    click(page, '#click input[value^="takes"]')
    views = find(page, "#crop .views")[0]
    ActionChains(page).move_to_element_with_offset(views, 60, 40).click().perform()
    changed(page, "#crop .after", corner)
    until(lambda: "from a grey spot" in text(page, "#facts"))
    click(page, "#reset")
    until(lambda: "as shot" in text(page, "#facts"))


def test_the_divider_and_the_place_are_moved_with_the_keyboard(page):
    first = open_photograph(page, "photo_1")
    page.execute_script("document.querySelector('#frame .divider').scrollIntoView({block: 'center'}); document.body.focus()")
    press(page, "#frame .divider", Keys.ARROW_RIGHT * 5)
    assert page.execute_script("return document.querySelector('#frame .after').style.clipPath") == "inset(0px 0px 0px 55%)"
    assert find(page, "#crop .divider")[0].get_attribute("value") == "50"
    press(page, "#frame .divider", Keys.HOME)
    assert page.execute_script("return document.querySelector('#frame .after').style.clipPath") == "inset(0px 0px 0px 0%)"
    press(page, '#across input[type="range"]', Keys.HOME)
    changed(page, "#crop .after", first)
    unnamed = page.execute_script(
        "return [...document.querySelectorAll('button, input, select, textarea')].filter((one) => one.offsetParent && !one.disabled"
        " && !(one.ariaLabel || one.labels?.length || one.innerText?.trim() || one.title || one.getAttribute('aria-labelledby')))"
        ".map((one) => one.outerHTML)"
    )
    assert unnamed == []


def _developed(cwd):
    return sorted(path.relative_to(cwd / "out").as_posix() for path in (cwd / "out").rglob("*") if path.is_file())


def test_two_are_developed_a_third_is_cancelled_and_enhance_py_makes_the_same(page, app):
    cwd, _ = app
    open_photograph(page, "photo_1")
    press(page, '#exposure input[type="range"]', Keys.ARROW_RIGHT * 4)
    until(lambda: find(page, "#exposure input")[0].get_attribute("value") == "0.2")
    click(page, "#balance input")
    until(lambda: find(page, "#balance ul li, [role=option]"))
    next(option for option in find(page, "[role=option]") if option.text.strip().endswith("Daylight")).click()
    until(lambda: "daylight" in text(page, "#facts"))
    for name, wanted in (("photo_1", True), ("photo_2", True), ("z_large", False)):
        tick(page, name, wanted)
    until(lambda: text(page, "#selected").strip() == "2 selected")
    shot(page, "wide")
    click(page, "#develop")
    until(lambda: "2 of 2 done" in text(page, "#progress"))
    assert len(find(page, "#progress .finished img")) == 2 and _developed(cwd) == ["lowlight.json", "photo_1.jpg", "photo_2.jpg"]
    for name, wanted in (("photo_1", False), ("photo_2", False), ("z_large", True)):
        tick(page, name, wanted)
    until(lambda: text(page, "#selected").strip() == "1 selected")
    click(page, "#develop")
    until(lambda: "0 of 1 done" in text(page, "#progress"))
    click(page, "#cancel")
    until(lambda: "1 cancelled" in text(page, "#progress"))
    assert _developed(cwd) == ["lowlight.json", "photo_1.jpg", "photo_2.jpg"]
    asked = json.loads((cwd / "out" / "lowlight.json").read_text())["photographs"]
    assert asked["photo_1.dng"]["exposure"] == 0.2 and asked["photo_1.dng"]["white_balance"] == "daylight"
    result = run_script("enhance.py", "--settings=out/lowlight.json", "--result_dir=again", cwd=cwd)
    assert result.returncode == 0, result.stderr
    for name in ("photo_1.jpg", "photo_2.jpg"):
        assert (cwd / "again" / name).read_bytes() == (cwd / "out" / name).read_bytes()
    shown = picture(source(page, "#crop .after"))
    write = run_script(
        "enhance.py",
        "night/photo_1.dng",
        f"--checkpoint_dir={cwd / 'copies'}",
        "--exposure=0.2",
        "--white_balance=daylight",
        "--format=png",
        "--result_dir=png",
        cwd=cwd,
    )
    assert write.returncode == 0, write.stderr
    final = read_picture(cwd / "png" / "photo_1.png")[(700 - 512) // 2 : (700 + 512) // 2, (1000 - 512) // 2 : (1000 + 512) // 2]
    np.testing.assert_array_equal(shown, np.rint(final / 257).astype(np.uint8))


def test_it_fits_a_phone(page):
    show(page, 360, 3200)
    open_photograph(page, "photo_2")
    assert page.execute_script("return document.scrollingElement.scrollWidth") <= 360
    wide = page.execute_script(
        "return [...document.querySelectorAll('.gradio-container *')].filter((one) => one.offsetParent && "
        "!one.closest('#strip, .views') && one.getBoundingClientRect().right > 361).map((one) => one.outerHTML)"
    )
    assert wide == []
    assert page.execute_script("return getComputedStyle(document.querySelector('#crop .after')).objectFit") == "none"
    page.execute_script("scrollTo(0, 0)")
    shot(page, "phone")
