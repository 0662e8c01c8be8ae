"""Which files lowlight_tf wrote, by their own word."""

import dataclasses
import io
import os

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, PngImagePlugin

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures import SUFFIXES
from lowlight_tf.pictures.image_file import read_picture, write_png
from lowlight_tf.pictures.metadata import Metadata
from lowlight_tf.pictures.photo_file import write_photo
from lowlight_tf.pictures.provenance import SOFTWARE, is_ours, may_replace

PICTURE = np.random.RandomState(0).randint(0, 65536, (20, 30, 3)).astype(np.uint16)
TAKEN = Metadata(base={271: "Maker", 272: "Camera", 315: "An artist" * 50}, exif={33434: 0.1, 42036: "Lens"}, gps={1: "N"})


@pytest.mark.parametrize("metadata", [Metadata(), TAKEN, dataclasses.replace(TAKEN, base={270: "x" * 70000})])
@pytest.mark.parametrize("kind", SUFFIXES)
def test_results_are_ours_whatever_their_metadata(tmp_path, kind, metadata):
    path = tmp_path / f"a{SUFFIXES[kind]}"
    write_photo(path, PICTURE, kind, metadata, ccm=np.eye(3))
    assert is_ours(path) and may_replace(path)
    first = path.read_bytes()
    write_photo(path, PICTURE, kind, metadata, ccm=np.eye(3))  # over itself, and the same bytes
    assert path.read_bytes() == first


def test_a_png_says_so_in_text_and_in_exif(tmp_path):
    write_photo(tmp_path / "a.png", PICTURE, "png", TAKEN)
    write_png(tmp_path / "b.png", PICTURE)
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.text["Software"] == SOFTWARE
        np.testing.assert_array_equal(read_picture(tmp_path / name), PICTURE)
        assert is_ours(tmp_path / name)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.getexif()[305] == SOFTWARE


def strangers():
    """Yields name and content of pictures of other programs, and of files that are none."""
    small = Image.fromarray(PICTURE.astype(np.uint8))
    tags = Image.Exif()
    tags[271], tags[305] = "Maker", "Camera firmware 1.0"
    for name, kind, options in (
        ("a.jpg", "JPEG", {}),
        ("b.jpg", "JPEG", {"exif": tags}),
        ("c.png", "PNG", {}),
        ("d.png", "PNG", {"exif": tags}),
        ("e.tif", "TIFF", {}),
        ("f.tif", "TIFF", {"exif": tags}),
    ):
        buffer = io.BytesIO()
        small.save(buffer, kind, **options)
        yield name, buffer.getvalue()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", f"edited after {SOFTWARE}")
    buffer = io.BytesIO()
    small.save(buffer, "PNG", pnginfo=text)
    yield "g.png", buffer.getvalue()
    yield "h.png", tf.io.encode_png(PICTURE).numpy()
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, PICTURE, byteorder=">", software="not lowlight_tf 1.0")
    yield "i.tif", buffer.getvalue()
    yield "empty.jpg", b""
    yield "text.jpg", SOFTWARE.encode()
    yield "page.html", f"<html><p>made by {SOFTWARE}".encode()


@pytest.mark.parametrize("name, content", strangers(), ids=lambda value: value if isinstance(value, str) else "")
def test_other_files_are_not_ours_and_stay(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert not is_ours(path)
    with pytest.raises(LowlightError, match="was not written by lowlight_tf"):
        write_photo(path, PICTURE, "jpeg", Metadata())
    assert path.read_bytes() == content and os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("kind", SUFFIXES)
def test_damage_is_not_ours_and_raises_nothing(tmp_path, kind):
    write_photo(tmp_path / "whole", PICTURE, kind, TAKEN, ccm=np.eye(3))
    whole = (tmp_path / "whole").read_bytes()
    path, random = tmp_path / "cut", np.random.RandomState(0)
    for length in (*range(0, 40), *random.randint(0, len(whole), 60)):
        path.write_bytes(whole[:length])
        is_ours(path)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in random.randint(0, min(600, len(whole)), 3):
            damaged[place] = random.randint(256)
        path.write_bytes(damaged)
        assert is_ours(path) in (True, False)
    path.write_bytes(whole[:12])
    assert not is_ours(path)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    write_png(tmp_path / "a.png", PICTURE)
    (tmp_path / "link").symlink_to(tmp_path / "a.png")
    assert not any(is_ours(tmp_path / name) for name in ("pipe", "loop", "gone", "."))
    assert is_ours(tmp_path / "link") and not may_replace(tmp_path / "link")  # the result is ours, the link is the user's


@pytest.mark.parametrize(
    "name, content, ours",
    [
        ("a.csv", "name,ratio,width,height,psnr,ssim,input_psnr,input_ssim\n", True),
        ("a.csv", "what,real pairs,PSNR in dB,SSIM,images\n", True),
        ("a.csv", "name,price\n", False),
        ("a.json", '{"protocol": "sid-00", "versions": {"lowlight_tf": "0.1.0"}}', True),
        ("a.json", '{"versions": {"numpy": "2"}}', False),
        ("a.json", '["versions"]', False),
        ("a.json", "[" * 100000, False),
    ],
)
def test_tables_and_numbers_of_ours(tmp_path, name, content, ours):
    (tmp_path / name).write_text(content)
    assert may_replace(tmp_path / name) is ours
    (tmp_path / "link").symlink_to(tmp_path / name)
    assert not may_replace(tmp_path / "link")
