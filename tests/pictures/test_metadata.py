"""What EXIF says: sensitivities beyond 16 bits, colour spaces; and how much of a file is read for it."""

import io
import struct

import numpy as np
import pytest
import tifffile
from conftest import shared, write_frame
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.pictures.exif_output import directory_bytes
from lowlight_tf.pictures.metadata import EXIF_IFD, Metadata, completed, read_metadata
from lowlight_tf.pictures.photo_file import write_photo
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.shutter import light_ratio, parse_exposure

ISO, TYPE, OUTPUT, INDEX, SPEED = 34855, 34864, 34865, 34866, 34867
PICTURE = np.random.RandomState(0).randint(0, 65536, (400, 600, 3)).astype(np.uint16)


@pytest.mark.parametrize(
    "tags, iso",
    [
        ({ISO: 6400, TYPE: 2, INDEX: 8000}, 6400),
        ({ISO: 65535, TYPE: 1, OUTPUT: 80000, INDEX: 102400, SPEED: 90000}, 80000),
        ({ISO: 65535, TYPE: 2, OUTPUT: 80000, INDEX: 102400, SPEED: 90000}, 102400),
        ({ISO: 65535, TYPE: 3, OUTPUT: 80000, INDEX: 102400, SPEED: 90000}, 90000),
        ({ISO: 65535, TYPE: 4, OUTPUT: 102400, INDEX: 102400}, 102400),
        ({ISO: 65535, TYPE: 6, INDEX: 102400, SPEED: 90000}, 90000),
        ({ISO: (65535, 0), TYPE: 0, OUTPUT: 204800}, 204800),
        ({ISO: 65535, SPEED: 409600}, 409600),
        ({ISO: 65535, TYPE: 2, INDEX: 0}, 65535),
        ({INDEX: 102400}, 0),
    ],
)
def test_an_iso_of_65535_is_said_elsewhere(tags, iso):
    assert Metadata(exif=tags).iso == iso


def test_it_is_found_in_files_of_every_kind(tmp_path):
    said = Metadata({271: "Acme"}, {33434: 0.1, ISO: 65535, TYPE: 2, INDEX: 102400})
    for suffix, kind in ((".jpg", "jpeg"), (".png", "png"), (".tif", "tiff")):
        write_photo(tmp_path / f"a{suffix}", PICTURE, kind, said)
        assert read_metadata(tmp_path / f"a{suffix}").iso == 102400
    tags = [(ISO, "H", 1, 65535, True), (TYPE, "H", 1, 2, True), (INDEX, "I", 1, 102400, True)]
    tifffile.imwrite(tmp_path / "raw.dng", PICTURE[..., 0], photometric="cfa", extratags=tags)  # beside Make and Model
    assert read_metadata(tmp_path / "raw.dng").iso == 102400


def test_libraws_iso_is_taken_where_the_file_has_none_beyond_65535(tmp_path):
    write_frame(tmp_path / "a.dng")
    raw = read_raw(tmp_path / "a.dng")

    class Known:
        """A RawImage with another ISO."""

        iso = 102400.0

        def __getattr__(self, name):
            return getattr(raw, name)

    assert completed(Metadata(exif={ISO: 65535}), Known()).iso == 102400
    assert completed(Metadata(exif={ISO: 65535, TYPE: 2, INDEX: 204800}), Known()).iso == 204800
    assert completed(Metadata(exif={ISO: 800}), Known()).iso == 800
    assert completed(Metadata(exif={ISO: 65535}), raw).iso == 65535  # it knows none either


def test_the_shared_case_is_exposed_as_asked():
    path = shared("cases/iso65535/iso102400.dng")
    taken = read_frame(path, CAMERAS["bayer"]).exposure
    assert light_ratio(parse_exposure("1/10s ISO102400"), taken, path) == pytest.approx(1)


class Counting(io.FileIO):
    """A file that counts what is read of it."""

    read_bytes = 0

    def read(self, size=-1):
        content = super().read(size)
        Counting.read_bytes += len(content)
        return content

    def readinto(self, buffer):
        size = super().readinto(buffer)
        Counting.read_bytes += size
        return size


def cr3(tail):
    boxes = b"\0\0\0\x18ftypcrx ".ljust(24, b"\0")
    for name, tags in ((b"CMT1", {271: "Canon"}), (b"CMT2", {ISO: 6400}), (b"CMT4", {1: "N"})):
        content = struct.pack("<2sHI", b"II", 42, 8) + directory_bytes(tags, 8)
        boxes += struct.pack(">I", len(content) + 8) + name + content
    return boxes + tail


def raf(folder, tail):
    write_photo(folder / "inside.jpg", PICTURE[:20], "jpeg", Metadata({271: "Canon"}, {ISO: 6400}))
    jpeg = (folder / "inside.jpg").read_bytes()
    return b"FUJIFILMCCD-RAW".ljust(84, b"\0") + struct.pack(">II", 100, len(jpeg) + len(tail)) + b"\0" * 8 + jpeg + tail


def tiff_with_exif_at_its_end(folder, tail):
    path = folder / "inside.tif"
    tags = [(271, "s", 0, "Canon", True), (EXIF_IFD - 1, "I", 1, 0, True)]
    tifffile.imwrite(path, PICTURE[..., 0], photometric="cfa", extratags=tags, metadata=None)
    content = bytearray(path.read_bytes())
    entry = content.index(struct.pack("<HHI", EXIF_IFD - 1, 4, 1))
    content[entry : entry + 12] = struct.pack("<HHII", EXIF_IFD, 4, 1, len(content) + len(tail))
    return bytes(content) + tail + directory_bytes({ISO: 6400}, len(content) + len(tail))


@pytest.mark.parametrize("kind", ["cr3", "raf", "dng", "orf", "rw2", "png", "jpg"])
def test_a_large_file_is_not_read_for_its_exif(tmp_path, kind, monkeypatch):
    tail, path = bytes(6_000_000), tmp_path / f"a.{kind}"
    if kind in ("png", "jpg"):
        write_photo(path, PICTURE, {"jpg": "jpeg"}.get(kind, kind), Metadata({271: "Canon"}, {ISO: 6400}))
        path.write_bytes(path.read_bytes() + tail)
    elif kind in ("cr3", "raf"):
        path.write_bytes(cr3(tail) if kind == "cr3" else raf(tmp_path, tail))
    else:
        magic = {"dng": b"II*\0", "orf": b"IIRO", "rw2": b"IIU\0"}[kind]
        path.write_bytes(magic + tiff_with_exif_at_its_end(tmp_path, tail)[4:])
    Counting.read_bytes = 0
    monkeypatch.setattr("builtins.open", lambda name, mode="r", *rest, **options: Counting(name, "r"))
    found = read_metadata(path)
    monkeypatch.undo()
    assert (found.camera, found.iso) == ("Canon", 6400)
    assert 0 < Counting.read_bytes < 2_500_000


def test_exif_after_a_pngs_pixels_and_in_its_texts(tmp_path):
    write_photo(tmp_path / "a.png", PICTURE, "png", Metadata({271: "Acme", 274: 1}, {ISO: 6400}))
    content = (tmp_path / "a.png").read_bytes()
    start = content.index(b"eXIf") - 4
    size = struct.unpack(">I", content[start : start + 4])[0] + 12
    end = len(content) - 12
    (tmp_path / "b.png").write_bytes(content[:start] + content[start + size : end] + content[start : start + size] + content[end:])
    assert read_metadata(tmp_path / "b.png").iso == read_metadata(tmp_path / "a.png").iso == 6400
    exif, told = Image.Exif(), PngInfo()
    exif[271] = "Acme"
    block = exif.tobytes()
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n"
    told.add_text("Raw profile type exif", text, zip=True)  # ImageMagick's way
    Image.new("RGB", (8, 8)).save(tmp_path / "c.png", pnginfo=told)
    assert read_metadata(tmp_path / "c.png").camera == "Acme"


def test_adobe_rgb_by_interoperability(tmp_path):
    for space, index, expected in ((65535, "R03", True), (1, "R98", False), (65535, "R98", False), (2, None, True), (None, "R03", True)):
        exif = Image.Exif()
        directory = exif.get_ifd(EXIF_IFD)
        directory.update({tag: value for tag, value in ((40961, space), (40965, index and {1: index})) if value})
        Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
        assert read_metadata(tmp_path / "a.jpg").adobe_rgb is expected, (space, index)
