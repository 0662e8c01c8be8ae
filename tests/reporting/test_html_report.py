"""The page of --report: its histogram and crops worked by hand, what is escaped, and both entry scripts that write it."""

import base64
import html.parser
import io
import math
import os
import xml.etree.ElementTree
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from conftest import expect_failure, run_script, write_frame, write_model, write_pairs, write_unmarked_png
from PIL import Image

from lowlight_tf.datasets import DataConfig
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError, OutputError, Problems
from lowlight_tf.evaluation import evaluate
from lowlight_tf.evaluation.subjects import trained_subject
from lowlight_tf.pictures.image_file import read_picture, to_uint8, write_png
from lowlight_tf.pictures.metadata import Metadata
from lowlight_tf.pictures.photo_file import write_photo
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.reporting import page as html_report
from lowlight_tf.reporting.entries import make_entry
from lowlight_tf.reporting.pictures import choose_crops, embed, shrink
from lowlight_tf.reporting.raw_histogram import Histogram, describe, histogram_svg, raw_histogram

HOSTILE = "<b>&\"x' ä日.png"


class Page(html.parser.HTMLParser):
    """What a browser would see: tags in order, text, and the pictures as arrays, by what their alternative text says."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.pictures, self.urls, self.values = [], "", {}, [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.values += [given["data-value"]] if "data-value" in given else []
        self.urls += [given[name] for name in ("src", "href") if name in given]
        if tag == "img":
            self.pictures[given["alt"]] = np.asarray(Image.open(io.BytesIO(base64.b64decode(given["src"].partition(",")[2]))))

    def handle_data(self, data):
        self.text += data


def entry(name="a.dng", **cells):
    """A small Entry."""
    picture = np.full([20, 30, 3], 90, np.uint8)
    histogram = raw_histogram(np.full([4, 4], 600, np.uint16), CAMERAS["bayer"], (0, 0), (512,) * 4, 16383)
    return make_entry(
        name,
        {"Name": name, **cells},
        {"Camera": name},
        {name: html_report.relative_url(name, ".")},
        {"Before": picture, "After": picture},
        [("Before", "After")],
        histogram,
        chosen_by="After",
    )


def test_the_histogram_of_a_few_counts():
    # White 16 over black: 5 stops. A count of 8 is the light from 7.5 to 8.5, half below and half above one stop under white.
    mosaic = np.array([[8, 0], [16, 2]], np.uint16)
    histogram = raw_histogram(mosaic, CAMERAS["bayer"], (0, 0), (0, 0, 0, 0), 16)
    assert histogram.counts.shape == (3, 15) and histogram.stops == 5
    red, green, blue = histogram.counts
    assert red[11] == red[12] == 0.5 and red.sum() == 1  # bins that end and begin at -1 stop
    assert green[14] == 1 and green.sum() == 1 and histogram.dark.tolist() == [0, 1, 0]
    edge = 2 ** (2 / 3)  # the count at -10/3 stops; 2 is from 1.5 to 2.5
    assert blue[4:7] == pytest.approx([edge - 1.5, 2 - edge, 0.5]) and blue.sum() == pytest.approx(1)
    assert histogram.clipped == 0.25
    assert histogram.medians[0] == pytest.approx(1) and histogram.medians[1] == math.inf


@pytest.mark.parametrize("name, offset", [("bayer", (0, 0)), ("bayer", (1, 0)), ("bayer", (1, 1)), ("xtrans", (0, 0)), ("xtrans", (2, 5))])
def test_each_photosite_is_counted_with_its_own_colour_and_black(name, offset):
    camera, black = CAMERAS[name], {"R": 100, "G": 200, "B": 300, "second G": 400}
    mosaic, whole = np.zeros([12, 18], np.uint16), {"R": 0, "G": 0, "B": 0}
    for row in range(12):
        for column in range(18):
            place = (row - offset[0]) % camera.tile * camera.tile + (column - offset[1]) % camera.tile
            letter = camera.cfa[place]
            is_second = name == "bayer" and place == 2  # of RGGB: the green beside blue
            mosaic[row, column] = black["second G" if is_second else letter] + {"R": 8, "G": 64, "B": 512}[letter]
            whole[letter] += 1
    histogram = raw_histogram(mosaic, camera, offset, tuple(black.values()), 4196)
    assert histogram.counts.sum(axis=1) == pytest.approx(list(whole.values())) and not histogram.dark.any()
    expected = [math.log2((4196 - black[letter]) / above) for letter, above in (("R", 8), ("G", 64), ("B", 512))]
    assert histogram.medians == pytest.approx(expected, abs=0.17)  # half a bin


def test_the_drawing_of_a_histogram():
    counts = np.zeros([3, 15])
    counts[0, [0, 1, 14]] = 9, 99, 9
    histogram = Histogram(counts, np.array([0.0, 5.0, 0.0]), 0.25)
    drawing = xml.etree.ElementTree.fromstring(histogram_svg(histogram).replace("&#8239;", " "))
    red, green, blue = (part.get("d") for part in drawing.findall("path") if "light" in part.get("class"))
    assert red.count("M") == 2 and red.count("H") == 3 and green == blue == ""  # two runs of bins
    heights = [float(step.partition("H")[0]) for step in red.split("V")[1:3]]  # log10(1 + n): 9 is half of 99
    assert 152 - heights[0] == pytest.approx((152 - heights[1]) / 2, abs=0.1)
    assert "R 5.0" not in describe(histogram) and "G at black" in describe(histogram) and "Clipped: 25" in describe(histogram)


def test_crops_are_the_middle_the_most_detailed_and_the_darkest():
    picture = np.full([90, 100, 3], 100, np.uint8)
    picture[0:30, 5:35:2] = 140  # stripes in the top left cell; the row of cells is in the middle of the width
    picture[60:90, 35:65] = 50
    found = {name: (rows.start, columns.start) for name, rows, columns in choose_crops(picture, side=30)}
    assert found == {"Centre": (30, 35), "Most detail": (0, 5), "Darkest": (60, 35)}
    assert choose_crops(picture[:20, :30]) == [("Centre", slice(0, 20), slice(5, 25))]
    assert len(choose_crops(np.zeros([1, 1, 3], np.uint8))) == 1


def test_pictures_are_shrunk_and_never_enlarged():
    assert shrink(np.zeros([3000, 2000, 3], np.uint8)).shape == (1600, 1067, 3) and shrink(np.zeros([9, 9, 3], np.uint8)).shape == (9, 9, 3)
    embedded = embed(np.full([20, 30, 3], 77, np.uint8))
    assert (embedded.width, embedded.height) == (30, 20) and embedded.uri.startswith("data:image/jpeg;base64,")


def test_names_are_escaped_and_bytes_that_are_no_utf8_are_replaced(tmp_path):
    names = [HOSTILE, "</script><script>alert(1)</script>", os.fsdecode(b"latin\xe9\n.dng"), "$title ${x} %s"]
    html_report.write_page(tmp_path / "page.html", names[0], names, [entry(name) for name in names], left_out=names, summary=[names, names])
    page = Page(tmp_path / "page.html")
    assert page.tags.count("b") == page.tags.count("i") == 0 and page.tags.count("script") == 1
    for name in (*names[:2], "latin\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.dng", names[3]):
        assert page.text.count(name) >= 6, name
        assert f"{name}: Before" in page.pictures
    links = [url for url in page.urls if not url.startswith(("data:image/jpeg", "#"))]
    assert [unquote_to_bytes(url) for url in links] == [os.fsencode(name) for name in names]
    assert not [url for url in page.urls if ":" in url and not url.startswith("data:image/jpeg;base64,")]
    assert "default-src 'none'" in (tmp_path / "page.html").read_text() and "http" not in "".join(page.urls)


def test_what_the_table_is_sorted_by(tmp_path):
    entries = [entry("a", PSNR=31.254, SSIM=0.5), entry("b", PSNR=math.inf, SSIM=None)]
    html_report.write_page(tmp_path / "page.html", "t", [], entries)
    page = Page(tmp_path / "page.html")
    assert page.values == ["a", "31.254", "0.5", "b", "Infinity", ""]
    assert "31.25" in page.text and "\N{INFINITY}" in page.text and "\N{EN DASH}" in page.text


def test_a_page_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("the old page")
    article = html_report._article

    def full_disk(given, place):
        if place == 1:
            raise OSError(28, "No space left on device")
        return article(given, place)

    monkeypatch.setattr(html_report, "_article", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        html_report.write_page(path, "t", [], [entry("a"), entry("b")])
    assert path.read_text() == "the old page" and list(tmp_path.iterdir()) == [path]


def test_a_run_that_is_stopped_leaves_a_page_of_what_was_finished(tmp_path):
    problems = Problems(lambda message: None)
    problems.add("bad.dng is bad")
    for ending, is_written in ((KeyboardInterrupt, True), (OutputError, False), (None, True)):
        with pytest.raises(ending) if ending else open(os.devnull):
            with html_report.Collector(tmp_path / f"{ending}.html", "t", "lead", 3, ["old.dng was there"], problems) as page:
                page.add(entry("b.dng"))
                page.add(entry("a.dng"))
                if ending:
                    raise ending
        assert (tmp_path / f"{ending}.html").exists() == is_written
    shown = Page(tmp_path / f"{KeyboardInterrupt}.html")
    assert "2 of the 3 photographs" in shown.text and shown.values == ["a.dng", "b.dng"]
    assert "old.dng was there" in shown.text and "bad.dng is bad" in shown.text
    with html_report.Collector(tmp_path / "empty.html", "t", "lead", 3, [], problems):
        pass
    assert not (tmp_path / "empty.html").exists()


def test_enhance_py_writes_a_page(tmp_path, copying_model):
    folder = tmp_path / "in"
    write_frame(folder / "sub" / "a.dng", size=(300, 520), scale=300)
    write_unmarked_png(folder / HOSTILE, np.full([40, 60, 3], 9000, np.uint16))
    turned = Image.fromarray(np.pad(np.full([20, 30, 3], 99, np.uint8), ((0, 20), (0, 30), (0, 0))))
    tags = Image.Exif()
    tags[274], tags[272] = 6, "<i>Phone"
    turned.save(folder / "turned.jpg", exif=tags)
    write_frame(folder / "old.dng", size=(64, 80))
    write_photo(tmp_path / "out" / "old.dng", np.zeros([64, 80, 3], np.uint16), "dng", Metadata(), ccm=np.eye(3))  # made before
    arguments = ("in", f"--checkpoint_dir={copying_model}", "--result_dir=out", "--report", "--format=dng", "--ratio=4", "--exposure=1")
    result = run_script("enhance.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0 and "Look at out/report.html" in result.stdout, result.stderr
    page = Page(tmp_path / "out" / "report.html")
    for words in (
        HOSTILE,
        "sub/a.dng",
        "<i>Phone",
        "Sony ILCE-7SM2",
        "\xd74 (as asked",
        "+1 stops",
        "520\xd7300",
        "from a PNG, a lesser substitute for raw; the histogram",
        "3 of the 3 photographs",
        "old.dng was there already",
    ):
        assert words in page.text, words
    assert "i" not in page.tags and "sub/a.dng" in page.urls
    before, after, as_shot = (page.pictures[f"turned.jpg: {label}"].astype(int) for label in ("Amplified", "Enhanced", "As shot"))
    assert before.shape == after.shape == as_shot.shape == (60, 40, 3)  # upright: bright in the top right
    for picture in (before, after):
        assert picture[:25, 25:].mean() > 100 > picture[35:].mean()
    assert as_shot[:25, 25:].mean() < before[:25, 25:].mean()
    crops = [name for name in page.pictures if name.startswith("sub/a.dng, ")]
    assert len(crops) == 4 and page.pictures["sub/a.dng, Centre: Enhanced"].shape == (256, 256, 3)


def test_the_page_shows_what_is_in_the_files(tmp_path, copying_model, capsys):
    write_frame(tmp_path / "a.dng", mosaic=np.add.outer(np.arange(520, 584), np.arange(80)).astype(np.uint16))
    shown = {}
    for kind in ("png", "dng"):
        config = EnhanceConfig(str(copying_model), str(tmp_path / kind), kind=kind, ratio=30.0, report=True)
        config = config if kind == "png" else EnhanceConfig(**{**vars(config), "finish": type(config.finish)(linear=True)})
        enhance([str(tmp_path / "a.dng")], config, Problems())
        shown[kind] = Page(tmp_path / kind / "report.html").pictures
    expected = {
        "Enhanced": to_uint8(read_picture(tmp_path / "png" / "a.png")),
        "Amplified": to_uint8(read_frame(tmp_path / "a.dng", CAMERAS["bayer"]).plain(30.0)),
    }
    for label, picture in expected.items():
        for kind in shown:
            assert np.abs(shown[kind][f"a.dng: {label}"].astype(int).mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 1
    enhance([str(tmp_path / "a.dng")], config, Problems())
    assert "Nothing was made, so no page was written" in capsys.readouterr().out


def test_a_page_of_the_users_stays_and_the_pictures_are_made(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng", size=(64, 80))
    (tmp_path / "report.html").write_text("<html>my holidays")
    config = EnhanceConfig(str(copying_model), str(tmp_path), ratio=30.0, report=True, overwrite=True)
    problems = Problems(lambda message: None)
    enhance([str(tmp_path / "a.dng")], config, problems)
    assert (tmp_path / "report.html").read_text() == "<html>my holidays" and (tmp_path / "a.jpg").is_file()
    assert len(problems.messages) == 1 and "report.html was not written by lowlight_tf" in problems.messages[0]
    with pytest.raises(LowlightError, match="report.html was not written by lowlight_tf"):
        html_report.write_page(tmp_path / "report.html", "t", [], [entry("a")])
    with html_report.Collector(tmp_path / "report.html", "t", "lead", 1, [], problems) as page:  # it came there during the run
        page.add(entry("a"))
    assert (tmp_path / "report.html").read_text() == "<html>my holidays" and len(problems.messages) == 2
    (tmp_path / "report.html").unlink()
    for _ in range(2):  # a page of ours is written anew
        enhance([str(tmp_path / "a.dng")], config, problems)
    assert len(problems.messages) == 2 and "a.dng" in Page(tmp_path / "report.html").text


def test_a_sheet_of_ratios_has_no_page(tmp_path):
    arguments = ("a.dng", "--report", "--ratio_sheet", "--checkpoint_dir=model")
    expect_failure(run_script("enhance.py", *arguments, cwd=tmp_path), 2, "--report", "--ratio_sheet", "leave one of them out")


def test_test_py_writes_a_page(tmp_path):
    data = write_pairs(tmp_path / "set", ids=("10001", "10002"))
    bad = data / "Sony" / "short" / "10003_00_0.1s.dng"
    bad.write_bytes((data / "Sony" / "short" / "10001_00_0.1s.dng").read_bytes()[:3000])
    (data / "Sony" / "long" / "10003_00_10s.dng").write_bytes((data / "Sony" / "long" / "10001_00_10s.dng").read_bytes())
    arguments = ("--model=classic", "--camera=sony", "--denoiser=none", f"--data_dir={data}", "--result_dir=out", "--report")
    result = run_script("test.py", *arguments, cwd=tmp_path)
    assert result.returncode == 1 and "out/report.html: every image before and after" in result.stdout, result.stderr
    page = Page(tmp_path / "out" / "report.html")
    rows = (tmp_path / "out" / "metrics.csv").read_text().splitlines()[1:]
    assert page.values[0::7] == ["10001_00_0.1s", "10002_00_0.1s"] and page.values[1] == "100.0"
    psnr, ssim, input_psnr, input_ssim, aligned = rows[0].split(",")[4:]
    assert page.values[2:7] == [psnr, ssim, aligned, input_psnr, input_ssim]
    for words in ("classic pipeline", "sid-00, 2 images scored", "x100", "10003_00_0.1s.dng is truncated"):
        assert words in page.text, words
    for label, what in (("Input", "scaled-input"), ("Output", "out"), ("Ground truth", "gt")):
        written = np.asarray(Image.open(tmp_path / "out" / f"10002_00_0.1s_{what}.png"))
        assert np.abs(page.pictures[f"10002_00_0.1s: {label}"].astype(int) - written).mean() < 8
        assert f"10002_00_0.1s_{what}.png" in page.urls and f"10002_00_0.1s, Centre: {label}" in page.pictures


def test_the_page_of_a_trained_model_of_a_sensor_that_libraw_does_not_render(tmp_path):
    data = write_pairs(tmp_path / "set", ids=("10001",), camera="xtrans")
    (data / "XTrans" / "long" / "10001_00_10s.dng").unlink()
    write_png(data / "XTrans" / "long" / "10001_00_10s.png", np.full([96, 120, 3], 20000, np.uint16))
    subject = trained_subject(str(write_model(tmp_path / "model", "xtrans", copying=False)))
    evaluate.evaluate(subject, DataConfig(data_dir=str(data)), str(tmp_path / "out"), "sid-00", Problems(), report=True)
    page = Page(tmp_path / "out" / "report.html")
    assert [name for name in page.pictures if "," not in name] == ["10001_00_0.1s: Output", "10001_00_0.1s: Ground truth"]
    assert page.values[-2:] == ["", ""] and "step 1 of" in page.text
