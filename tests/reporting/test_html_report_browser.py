"""The page of --report in a real browser: Debian's Chromium, headless, without a network. Skips where there is none."""

import base64
import csv
import itertools
import json

import pytest
from conftest import write_pairs

from lowlight_tf.datasets import DataConfig
from lowlight_tf.errors import Problems
from lowlight_tf.evaluation.evaluate import evaluate
from lowlight_tf.evaluation.subjects import classic_subject
from lowlight_tf.raw.cameras import CAMERAS

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
ActionChains, Keys = webdriver.ActionChains, webdriver.Keys
IDS = ("10001", "10002", "10003")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of three pairs, and its folder."""
    folder = tmp_path_factory.mktemp("page")
    data = write_pairs(folder / "set", ids=IDS, size=(300, 400))
    subject, problems = classic_subject(CAMERAS["sony"], "none"), Problems()
    evaluate(subject, DataConfig(data_dir=str(data)), str(folder / "out"), "sid-00", problems, report=True)
    return folder / "out" / "report.html"


@pytest.fixture
def opened(browser, page):
    """The browser with the page freshly opened; afterwards nothing may stand in its console, and nothing else may have been asked for."""
    browser.get_log("performance")  # the browser's own first page
    show(browser, page, 1000)
    yield browser
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"}
    assert page.as_uri() in asked and not {url for url in asked if not url.startswith("data:image/jpeg;base64,")} - {page.as_uri()}


def show(browser, page, width):
    mobile = width < 600
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": mobile})
    browser.get(page.as_uri())


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def at(divider):
    return int(divider.get_attribute("aria-valuenow"))


def style(browser, element, name):
    return browser.execute_script("return getComputedStyle(arguments[0])[arguments[1]]", element, name)


def boxes(browser, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.getBoundingClientRect())"
    found = [[box[name] for name in ("x", "y", "width", "height")] for box in browser.execute_script(script, selector)]
    return [box for box in found if box[2]]


def names(browser):
    return [heading.text for heading in find(browser, "article h2")]


def test_the_divider_is_dragged_with_a_mouse(opened):
    compare, divider = find(opened, ".compare")[0], find(opened, ".divider")[0]
    assert divider.get_attribute("role") == "slider" and at(divider) == 50 and "Divider of 10001" in divider.accessible_name
    width = compare.size["width"]
    ActionChains(opened).click_and_hold(divider).move_by_offset(width // 4, 15).release().perform()
    assert at(divider) == pytest.approx(75, abs=1) and "% Input, " in divider.get_attribute("aria-valuetext")
    left = find(opened, ".left")[0]
    assert float(style(opened, left, "clipPath").split()[1].rstrip("%")) == pytest.approx(25, abs=1)
    ActionChains(opened).move_by_offset(-width // 4, 0).perform()  # no button is down any more
    assert at(divider) == pytest.approx(75, abs=1)
    ActionChains(opened).click_and_hold(divider).move_by_offset(-3 * width // 4, 0).move_by_offset(-width // 8, 0).release().perform()
    assert at(divider) == 0 and at(find(opened, ".divider")[1]) == 50  # beyond the edge; the others stay
    ActionChains(opened).move_to_element_with_offset(compare, width // 5, 30).click().perform()
    assert at(divider) == pytest.approx(70, abs=1)


def test_what_is_compared_can_be_chosen(opened):
    article = find(opened, "article")[0]
    shown = lambda: [article.find_element("css selector", f".{side} figcaption").text for side in ("left", "right")]  # noqa: E731
    assert shown() == ["Input", "Output"]
    buttons = article.find_elements("css selector", ".choice button")
    for button, labels in zip(buttons[1:], (["Output", "Ground truth"], ["Input", "Ground truth"]), strict=True):
        button.click()
        assert shown() == labels and button.get_attribute("aria-pressed") == "true" and buttons[0].get_attribute("aria-pressed") == "false"
        assert len([view for view in article.find_elements("css selector", ".view") if view.is_displayed()]) == 2


def test_the_divider_is_moved_with_the_keyboard(opened):
    divider = find(opened, ".divider")[0]
    opened.execute_script("document.body.tabIndex = -1; document.body.focus()")
    for _ in range(30):
        ActionChains(opened).send_keys(Keys.TAB).perform()
        if opened.switch_to.active_element == divider:
            break
    assert opened.switch_to.active_element == divider
    for keys, place in (
        (Keys.ARROW_RIGHT, 52),
        (Keys.ARROW_LEFT, 50),
        (Keys.ARROW_UP, 52),
        (Keys.PAGE_UP, 62),
        (Keys.HOME, 0),
        (Keys.ARROW_LEFT, 0),
        (Keys.END, 100),
        (Keys.ARROW_DOWN, 98),
    ):
        ActionChains(opened).send_keys(keys).perform()
        assert at(divider) == place, keys
    ActionChains(opened).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT).key_up(Keys.SHIFT).perform()
    assert at(divider) == 88


def test_it_works_on_a_phone_with_fingers(opened, page):
    show(opened, page, 360)
    assert opened.execute_script("return document.scrollingElement.scrollWidth") <= 360
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", find(opened, ".compare")[0])
    assert style(opened, find(opened, ".compare")[0], "touchAction") == "pan-y"
    x, y, width, height = boxes(opened, ".compare")[0]
    assert x >= 0 and x + width <= 360

    def swipe(*places):
        for kind, points in (("touchStart", places[:1]), *(("touchMove", [place]) for place in places[1:]), ("touchEnd", [])):
            given = [{"x": x + width * right, "y": y + height * down} for right, down in points]
            opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})

    divider, before = find(opened, ".divider")[0], opened.execute_script("return scrollY")
    swipe((0.5, 0.5), (0.45, 0.5), (0.3, 0.51), (0.2, 0.5))
    assert at(divider) == pytest.approx(20, abs=1) and opened.execute_script("return scrollY") == before
    swipe((0.8, 0.3))  # a tap
    assert at(divider) == pytest.approx(80, abs=1)
    swipe((0.4, 0.9), (0.4, 0.7), (0.4, 0.4), (0.4, 0.1))  # scrolls the page, not the divider
    assert at(divider) == pytest.approx(80, abs=1) and opened.execute_script("return scrollY") > before
    buttons = find(opened, ".choice button, th button")
    assert all(button.size["height"] >= 24 for button in buttons)  # WCAG 2.2, target size


def test_crops_are_never_scaled_on_a_screen(opened, page):
    for width in (1000, 360):
        show(opened, page, width)
        crops = find(opened, ".tiles img")
        assert {style(opened, crop, "objectFit") for crop in crops} == {"none"}
        assert max(right + wide for right, _, wide, _ in boxes(opened, ".tiles img")) <= width


def test_the_heads_sort_pictures_and_table(opened, page):
    with open(page.parent / "metrics.csv") as file:
        scores = {row["name"]: float(row["psnr"]) for row in csv.DictReader(file)}
    by_score, by_name = sorted(scores, key=scores.get), sorted(scores)
    assert len(set(scores.values())) == 3 and by_score != by_name
    heads = {head.text: head for head in find(opened, "#index th[scope=col]")}
    assert names(opened) == by_name and heads["Name"].get_attribute("aria-sort") == "ascending"
    for head, direction, order in (
        ("PSNR", "ascending", by_score),
        ("PSNR", "descending", by_score[::-1]),
        ("Ratio", "ascending", by_name),
        ("Name", "ascending", by_name),
        ("Name", "descending", by_name[::-1]),
    ):
        heads[head].find_element("css selector", "button").click()
        assert names(opened) == order and [link.text for link in find(opened, "#index a")] == order, (head, direction)
        assert heads[head].get_attribute("aria-sort") == direction
        assert [name for name in heads if heads[name].get_attribute("aria-sort") != "none"] == [head]
    heads["PSNR"].find_element("css selector", "button").send_keys(Keys.ENTER)
    assert names(opened) == by_score


def test_it_prints_side_by_side(opened):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert style(opened, find(opened, ".divider")[0], "display") == "none" == style(opened, find(opened, ".choice")[0], "display")
        views = boxes(opened, "article:first-of-type .view")
        assert len(views) == 3 and all(one[0] + one[2] <= other[0] for one, other in itertools.pairwise(views))
        assert {style(opened, view, "clipPath") for view in find(opened, ".view")} == {"none"}
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    printed = base64.b64decode(opened.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
    assert printed.startswith(b"%PDF") and printed.count(b"/Subtype /Image") >= 3 * 2 * 2 + 2  # the ground truths are one picture


def test_without_javascript_everything_is_there(opened, page):
    opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(opened, page, 1000)
        assert not find(opened, ".divider") and len([view for view in find(opened, ".view") if view.is_displayed()]) == 9
        assert not [button for button in find(opened, "th button") if button.is_enabled()]
        assert not [button for button in find(opened, ".choice button") if button.is_displayed()]
    finally:
        opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
