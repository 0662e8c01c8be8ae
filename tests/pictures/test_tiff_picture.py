"""Which page of a TIFF is the picture, whatever colours it is stored in, and which files are raw ones by their content."""

import io
import shutil

import numpy as np
import pytest
import tifffile
from conftest import shared, write_frame
from PIL import Image

from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import content_kind, decode_picture, is_finished_picture, read_picture, write_png
from lowlight_tf.raw.cameras import CAMERAS

COLORS = np.random.RandomState(0).randint(0, 65536, (24, 32, 3)).astype(np.uint16)
EIGHT = (COLORS >> 8).astype(np.uint8)
BAYER = CAMERAS["bayer"]


def save(path, values, **options):
    tifffile.imwrite(path, values, metadata=None, **options)
    return path


def test_the_largest_page_is_the_picture(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(EIGHT[:6, :8], photometric="rgb", subfiletype=1, metadata=None)
        tiff.write(EIGHT, photometric="rgb", metadata=None, extratags=[(274, "H", 1, 6, True)])
        tiff.write(EIGHT[:12, :16], photometric="rgb", subfiletype=1, metadata=None)
    picture = decode_picture(path)
    np.testing.assert_array_equal(picture.values, EIGHT.astype(np.uint16) * 257)
    assert (picture.flip, picture.notes) == (6, ())
    with tifffile.TiffWriter(path) as tiff:  # a thumbnail with the picture below it, and a mask of its size
        tiff.write(EIGHT[:6, :8], photometric="rgb", subfiletype=1, metadata=None, subifds=1)
        tiff.write(EIGHT, photometric="rgb", metadata=None)
        tiff.write(np.zeros((48, 64), bool), photometric="mask", subfiletype=4, metadata=None)
    assert read_picture(path).shape == (24, 32, 3)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(COLORS, photometric="rgb", metadata=None)
        tiff.write(COLORS[::-1], photometric="rgb", metadata=None)
    assert decode_picture(path).notes == ("the first of several pages of its size",)
    np.testing.assert_array_equal(read_picture(path), COLORS)


def test_every_way_to_store_rgb(tmp_path):
    path = tmp_path / "a.tif"
    for options in ({}, {"planarconfig": "separate"}, {"tile": (16, 16)}, {"byteorder": ">"}, {"bigtiff": True}):
        values = np.moveaxis(COLORS, -1, 0) if "planarconfig" in options else COLORS
        np.testing.assert_array_equal(read_picture(save(path, values, photometric="rgb", **options)), COLORS, err_msg=str(options))
    np.testing.assert_array_equal(read_picture(save(path, 65535 - COLORS[..., 0], photometric="miniswhite"))[..., 1], COLORS[..., 0])
    bits = COLORS[..., 0] > 30000
    np.testing.assert_array_equal(read_picture(save(path, bits, photometric="minisblack"))[..., 2], bits * 65535)
    palette = np.random.RandomState(1).randint(0, 65536, (3, 256)).astype(np.uint16)
    found = read_picture(save(path, EIGHT[..., 0], photometric="palette", colormap=palette))
    np.testing.assert_array_equal(found, palette.T[EIGHT[..., 0]])
    rows, columns = np.mgrid[0:24, 0:32]
    smooth = np.stack([rows * 9, columns * 7, 255 - rows * 5 - columns * 4], axis=-1).astype(np.uint8)
    save(path, smooth, photometric="rgb", compression="jpeg", compressionargs={"level": 100})
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages.first.photometric == tifffile.PHOTOMETRIC.YCBCR
    assert np.abs(read_picture(path).astype(int) // 257 - smooth).max() <= 12  # the colours have half the resolution


def test_alpha(tmp_path):
    alpha = np.full((24, 32, 1), 255, np.uint8)
    opaque = save(tmp_path / "a.tif", np.concatenate([EIGHT, alpha], axis=2), photometric="rgb", extrasamples=["unassalpha"])
    alpha[:, :16] = 0
    alpha[:, 16:20] = 51
    half = np.concatenate([EIGHT, alpha], axis=2)
    clear = save(tmp_path / "b.tif", half, photometric="rgb", extrasamples=["unassalpha"])
    onto_black = save(tmp_path / "c.tif", half, photometric="rgb", extrasamples=["assocalpha"])
    Image.fromarray(np.concatenate([EIGHT, np.full_like(alpha, 255)], axis=2)).save(tmp_path / "a.png")
    Image.fromarray(half).save(tmp_path / "b.png")
    for path in (opaque, onto_black, tmp_path / "a.png"):
        picture = decode_picture(path)
        np.testing.assert_array_equal(picture.values, EIGHT.astype(np.uint16) * 257)
        assert picture.notes == ("alpha left out",)
    for path in (clear, tmp_path / "b.png"):
        picture = decode_picture(path)
        assert not picture.values[:, :16].any() and picture.notes == ("transparent parts made black",)
        np.testing.assert_allclose(picture.values[:, 16:20], EIGHT[:, 16:20].astype(int) * 257 / 5, atol=129)
        np.testing.assert_array_equal(picture.values[:, 20:], EIGHT[:, 20:].astype(np.uint16) * 257)
    Image.fromarray(EIGHT).save(tmp_path / "c.png", transparency=tuple(EIGHT[3, 4].tolist()))
    assert not read_picture(tmp_path / "c.png")[3, 4].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lab(tmp_path, dtype):
    # By hand: L* 50 is 18.4187 % of the light, sRGB's 0.46633. In D50, sRGB's red has L* 54.29, a* 80.81, b* 69.88 (Lindbloom).
    lab = np.array([[[50, 0, 0], [100, 0, 0], [0, 0, 0], [54.29, 80.81, 69.88]]])
    unit = 1 if dtype == np.uint8 else 256
    stored = np.round(lab * [np.iinfo(dtype).max / 100, unit, unit]).astype(int).astype(dtype)
    found = read_picture(save(tmp_path / "a.tif", stored, photometric="cielab"))[0] / 65535
    tolerance = 0.004 if dtype == np.uint8 else 2e-4
    np.testing.assert_allclose(found[:3], np.repeat([[0.46633], [1.0], [0.0]], 3, axis=1), atol=tolerance)
    np.testing.assert_allclose(found[3], [1, 0, 0], atol=0.03)
    offset = np.round(lab * [(255 if dtype == np.uint8 else 65280) / 100, unit, unit]) + [0, 128 * unit, 128 * unit]
    as_profiles = read_picture(save(tmp_path / "b.tif", offset.astype(dtype), photometric="icclab"))[0] / 65535
    np.testing.assert_allclose(as_profiles, found, atol=tolerance)


def test_what_cannot_become_rgb_is_refused_by_its_name(tmp_path, capfd):
    path = tmp_path / "a.tif"
    grey = COLORS[..., 0]
    for values, options, words in (
        (COLORS.astype(np.float32), {"photometric": "rgb"}, "floating point, which says neither what is white nor whether it is linear"),
        (COLORS.astype(np.float16), {"photometric": "rgb"}, "floating point"),
        (COLORS.astype(np.uint32), {"photometric": "rgb"}, "integers of more than 16 bits"),
        (grey.astype(np.int16), {"photometric": "minisblack"}, "signed integers"),
        (np.dstack([COLORS, COLORS[..., :2]]), {"photometric": "minisblack", "planarconfig": "contig"}, r"holds 5 channels \(MINISBLACK\)"),
        (np.dstack([COLORS, COLORS]), {"photometric": "rgb", "extrasamples": [0, 0, 0]}, r"holds 6 channels \(RGB\)"),
        (EIGHT, {"photometric": "ycbcr"}, "YCbCr without JPEG compression"),
        (EIGHT, {"photometric": "itulab"}, "is a ITULAB TIFF"),
        (grey, {"photometric": "cfa"}, "holds a sensor's values"),
    ):
        with pytest.raises(LowlightError, match=words) as error:
            read_picture(save(path, values, **options))
        assert "a.tif" in str(error.value) and "\n" not in str(error.value)
    path.write_bytes(b"II*\0\0\0\0\0")
    for read in (read_picture, lambda path: read_frame(path, BAYER)):
        with pytest.raises(LowlightError, match=r"a.tif holds no picture \(a TIFF without pages\)"):
            read(path)
    assert not capfd.readouterr().err


def test_a_kind_that_is_not_read_is_named(tmp_path):
    for name, content, words in (
        ("a.jpg", b"\0\0\0\x18ftypheic" + b"\0" * 40, "a.jpg is a HEIC file; expected JPEG, PNG or TIFF"),
        ("a.png", b"RIFF\0\0\0\0WEBPVP8 ", "a.png is a WebP file"),
        ("a.tif", b"8BPS\0\1", "a.tif is a Photoshop file"),
        ("b.jpg", b"no picture", "b.jpg is damaged or no JPEG file"),
    ):
        (tmp_path / name).write_bytes(content)
        for read in (read_picture, lambda path: read_frame(path, BAYER)):
            with pytest.raises(LowlightError, match=words):
                read(tmp_path / name)


def jpeg_bytes():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif.update({271: "Canon", 272: "Canon EOS 5D"})
    Image.fromarray(EIGHT).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_the_content_decides_and_not_the_suffix(tmp_path):
    mosaic = write_frame(tmp_path / "raw.dng", size=(24, 32))
    for name in ("raw.TIF", "raw.jpg", "raw.png"):
        shutil.copy(tmp_path / "raw.dng", tmp_path / name)
        frame = read_frame(tmp_path / name, BAYER)
        assert frame.kind == "raw"
        np.testing.assert_array_equal(frame.mosaic, mosaic)
    (tmp_path / "a.jpg").write_bytes(jpeg_bytes())
    write_png(tmp_path / "a.png", COLORS)
    save(tmp_path / "a.tif", COLORS, photometric="rgb")
    for kind, name in (("JPEG", "a.jpg"), ("PNG", "a.png"), ("TIFF", "a.tif")):
        assert content_kind(tmp_path / name) == kind
        for suffix in (".jpg", ".png", ".tif", ".dng"):
            shutil.copy(tmp_path / name, tmp_path / f"copy{suffix}")
            frame = read_frame(tmp_path / f"copy{suffix}", BAYER)
            assert frame.kind == kind and frame.notes == (f"from a {kind}, a lesser substitute for raw",)


@pytest.mark.parametrize("make, model", [(None, None), ("Canon", "Canon EOS 5D"), ("Nikon", "LS-5000"), ("EASTMAN KODAK COMPANY", "DCS")])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_cameras_and_scanners_tiffs_are_no_raw_files(tmp_path, make, model, compression):
    tags = [(271, "s", 0, make, True), (272, "s", 0, model, True)] if make else []
    grey = np.ascontiguousarray(np.tile(COLORS[..., 0], (4, 4)))
    for values, photometric in ((COLORS, "rgb"), (EIGHT, "rgb"), (grey, "minisblack"), ((grey >> 8).astype(np.uint8), "minisblack")):
        path = save(tmp_path / "a.tif", values, photometric=photometric, compression=compression, extratags=tags)
        assert is_finished_picture(path) == (photometric == "minisblack")  # of the others LibRaw is asked, and refuses
        assert read_frame(path, BAYER).kind == "TIFF"


def test_a_raw_file_that_shows_a_thumbnail_is_no_finished_picture(tmp_path):
    def hidden(extra, **options):
        """A TIFF with a thumbnail's page, and data that no page speaks of."""
        save(tmp_path / "a.tif", EIGHT[..., 0], photometric="minisblack", extratags=[(50740, "B", len(extra), extra, True)], **options)
        return is_finished_picture(tmp_path / "a.tif")

    assert hidden(b"\1" * 100) and not hidden(b"\1" * 20000)
    save(tmp_path / "a.dng", COLORS[..., 0], photometric="minisblack")
    assert not is_finished_picture(tmp_path / "a.dng")


def test_the_shared_cases():
    folder = shared("cases/tiff_raw_thumbnail")
    frames = [read_frame(folder / name, BAYER) for name in ("CANON1DS.TIF", "same_bytes.dng", "thumb_first.tif")]
    assert [(frame.kind, frame.mosaic.shape) for frame in frames] == [("raw", (96, 144)), ("raw", (96, 144)), ("TIFF", (96, 96))]
    np.testing.assert_array_equal(frames[0].mosaic, frames[1].mosaic)
    # The same photograph as the JPEG, which has twice its size.
    lab, jpeg = (read_picture(shared(f"cases/{name}")) / 65535 for name in ("lab_tiff/lab.tif", "icc_ignored/srgb.jpg"))
    np.testing.assert_allclose(lab.mean(axis=(0, 1)), jpeg.mean(axis=(0, 1)), atol=0.001)
