"""Finished photographs: their values, their EXIF, their colour space, whichever way they lie."""

import dataclasses
import io
import struct

import numpy as np
import pytest
import rawpy
import tifffile
from conftest import shared, write_frame
from PIL import Image, ImageCms

from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import linear_to_bt709
from lowlight_tf.pictures import SUFFIXES
from lowlight_tf.pictures.color_profile import srgb_profile
from lowlight_tf.pictures.exif_output import add_directories, directory_bytes
from lowlight_tf.pictures.image_file import read_picture, to_uint8
from lowlight_tf.pictures.metadata import EXIF_IFD, GPS_IFD, Metadata, completed, read_metadata
from lowlight_tf.pictures.photo_file import write_photo
from lowlight_tf.raw.frame import upright
from lowlight_tf.raw.raw_file import read_raw

PICTURE = np.random.RandomState(0).randint(0, 65536, (20, 30, 3)).astype(np.uint16)
TAKEN = Metadata(
    base={271: "SONY", 272: "ILCE-7SM2", 274: 6, 306: "2016:01:02 03:04:05"},
    exif={33434: 0.1, 33437: 2.8, 34855: 6400, 36867: "2016:01:02 03:04:05", 37386: 55.0, 42036: "FE 55mm F1.8 ZA"},
    gps={1: "N", 2: (52.0, 30.0, 12.5), 3: "E", 4: (13.0, 20.0, 1.0)},
)


@pytest.mark.parametrize("kind", SUFFIXES)
def test_exif_is_kept_and_the_orientation_applied(tmp_path, kind):
    path = tmp_path / f"a{SUFFIXES[kind]}"
    write_photo(path, PICTURE, kind, TAKEN, ccm=np.eye(3))
    found = read_metadata(path)
    assert (found.camera, found.lens, found.taken) == ("SONY ILCE-7SM2", "FE 55mm F1.8 ZA", "2016:01:02 03:04:05")
    assert (found.seconds, found.aperture, found.iso) == (pytest.approx(0.1), pytest.approx(2.8), 6400)
    assert found.gps[1] == "N" and [float(part) for part in found.gps[2]] == [52.0, 30.0, 12.5]
    assert found.base[274] == 1 and found.flip == 0
    if kind != "dng":
        with Image.open(path) as picture:
            assert picture.size == (30, 20) and picture.getexif().get_ifd(EXIF_IFD)[40962] == 30
            profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bits_stay_16_bits(tmp_path, kind):
    path = tmp_path / f"a{SUFFIXES[kind]}"
    write_photo(path, PICTURE, kind, Metadata())
    np.testing.assert_array_equal(read_picture(path), PICTURE)
    assert read_metadata(path).gps == {}


def test_a_jpeg_follows_its_quality(tmp_path):
    sizes = []
    for quality in (30, 90):
        write_photo(tmp_path / "a.jpg", PICTURE, "jpeg", Metadata(), quality=quality)
        sizes.append((tmp_path / "a.jpg").stat().st_size)
    assert sizes[0] < 0.7 * sizes[1]


def test_a_linear_dng_opens_in_libraw_with_the_right_colours(tmp_path):
    # Camera colours that a matrix turns into sRGB: LibRaw must come to what we do by hand.
    ccm = np.array([[1.7, -0.5, -0.2], [-0.2, 1.5, -0.3], [0.0, -0.6, 1.6]])
    patches = np.array([[0.3, 0.2, 0.1], [0.2, 0.3, 0.3], [0.25, 0.25, 0.25]])
    picture = np.repeat(np.repeat(patches[None], 32, axis=0), 32, axis=1)
    write_photo(tmp_path / "a.dng", np.round(picture * 65535).astype(np.uint16), "dng", TAKEN, ccm=ccm)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        rendered = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16, adjust_maximum_thr=0) / 65535
        assert raw.sizes.flip == 0 and raw.other.iso_speed == 6400
    expected = linear_to_bt709(np.clip(patches @ ccm.T, 0, 1)).numpy()
    np.testing.assert_allclose(rendered[16, [16, 48, 80]], expected, atol=2e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_viewers_make_of_exif(orientation):
    from PIL import ImageOps

    tags = Image.Exif()
    tags[274] = orientation
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(PICTURE)).save(buffer, "PNG", exif=tags)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    np.testing.assert_array_equal(upright(to_uint8(PICTURE), Metadata(base={274: orientation}).flip), expected)


def exif_block():
    """EXIF of a raw file as a TIFF by itself, and as a JPEG."""
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        np.zeros([8, 8], np.uint16),
        extratags=[
            (271, "s", 0, "Make", True),
            (272, "s", 0, "Model", True),
            (EXIF_IFD - 1, "I", 1, 0, True),
            (GPS_IFD - 1, "I", 1, 0, True),
        ],
        metadata=None,
    )
    return buffer.getvalue()


@pytest.mark.parametrize("kind", SUFFIXES)
def test_names_that_are_not_ascii(tmp_path, kind):
    artist = "Zoë 北".encode()
    path = tmp_path / f"a{SUFFIXES[kind]}"
    write_photo(path, PICTURE, kind, Metadata(base={272: "Größe", 315: artist.decode("latin-1")}), ccm=np.eye(3))
    assert artist in path.read_bytes() and read_metadata(path).base[315].encode("latin-1") == artist


def test_every_way_raw_files_keep_exif(tmp_path):
    path = tmp_path / "plain.tif"
    path.write_bytes(exif_block())
    add_directories(path, TAKEN, (8, 8))
    tiff = path.read_bytes()
    write_photo(tmp_path / "a.jpg", PICTURE, "jpeg", TAKEN)
    jpeg = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.raf").write_bytes(b"FUJIFILMCCD-RAW".ljust(84, b"\0") + struct.pack(">II", 100, len(jpeg)) + b"\0" * 8 + jpeg)
    (tmp_path / "a.orf").write_bytes(b"IIRO" + tiff[4:])
    (tmp_path / "a.rw2").write_bytes(b"IIU\0" + tiff[4:])
    for name in ("plain.tif", "a.orf", "a.rw2", "a.raf"):
        found = read_metadata(tmp_path / name)
        assert (found.iso, found.lens, found.gps[3]) == (6400, "FE 55mm F1.8 ZA", "E"), name


def test_cr3_boxes(tmp_path):
    boxes = b"\0\0\0\x18ftypcrx ".ljust(24, b"\0")
    for name, tags in ((b"CMT1", TAKEN.base), (b"CMT2", TAKEN.exif), (b"CMT4", TAKEN.gps)):
        content = struct.pack("<2sHI", b"II", 42, 8) + directory_bytes(tags, 8)
        boxes += struct.pack(">I", len(content) + 8) + name + content
    (tmp_path / "a.cr3").write_bytes(boxes)
    found = read_metadata(tmp_path / "a.cr3")
    assert (found.camera, found.iso, found.gps[1], found.flip) == ("SONY ILCE-7SM2", 6400, "N", 6)


def test_damaged_exif_is_no_reason_to_fail(tmp_path):
    good = exif_block()
    damaged = {"a.tif": good[:20], "b.tif": b"II*\0\xff\xff\xff\xff", "c.raf": b"FUJIFILMCCD-RAW", "d.cr3": b"\0\0\0\0ftypcrx CMT1"}
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        assert read_metadata(tmp_path / name) == Metadata()
    odd = Metadata(base={271: "x"}, exif={33434: float("inf"), 37121: b"\1\2", 36864: 5, 34855: -1, 700: {"a": 1}})
    write_photo(tmp_path / "e.jpg", PICTURE, "jpeg", odd)
    assert read_metadata(tmp_path / "e.jpg").camera == "x"


def test_what_libraw_knows_fills_the_gaps(tmp_path):
    write_frame(tmp_path / "a.dng", seconds=0.25)
    raw = read_raw(tmp_path / "a.dng")
    assert completed(Metadata(), raw).seconds == pytest.approx(0.25)
    assert completed(TAKEN, raw).seconds == pytest.approx(0.1)
    path = shared("raw/kodak_dc50.kdc")
    found = completed(Metadata(), read_raw(path))
    assert (found.iso, found.taken) == (84, "1997:04:23 08:00:47") and found.aperture == pytest.approx(6.2)
    assert read_metadata(path).camera == "Eastman Kodak Company Kodak Digital Science DC50 Zoom Camera"


def test_a_side_too_long_for_a_jpeg(tmp_path):
    with pytest.raises(LowlightError, match="a.jpg would be 65501x1, and a JPEG holds 65500 pixels a side; use --format=png"):
        write_photo(tmp_path / "a.jpg", np.zeros([1, 65501, 3], np.uint8), "jpeg", Metadata())
    assert not list(tmp_path.iterdir())


def test_a_text_of_book_length_costs_a_jpeg_its_texts_and_nothing_else(tmp_path):
    write_photo(tmp_path / "a.jpg", PICTURE, "jpeg", dataclasses.replace(TAKEN, base={**TAKEN.base, 270: "x" * 70000}))
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.size == (30, 20) and image.info["icc_profile"] == srgb_profile()
        assert image.getexif().get_ifd(EXIF_IFD)[34855] == 6400 and 270 not in image.getexif()
