"""Pictures of other colour spaces become sRGB; sRGB's own stay what they are, bit for bit."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from conftest import shared
from PIL import Image, ImageCms
from profiles import NAMES, cmyk_profile, coded, decoded, grey_profile, in_srgb, rgb_profile, table_profile

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.color_profile import P3_PRIMARIES, adobe_rgb_profile, srgb_profile, to_srgb
from lowlight_tf.pictures.color_profile import rgb_profile as made_profile
from lowlight_tf.pictures.image_file import decode_picture, read_picture, to_uint8, write_png

RANDOM = np.random.RandomState(0)
# Dark and bright colours, within most gamuts and without.
COLORS = np.concatenate(
    [RANDOM.randint(lowest, highest, (20, 50, 3)) for lowest, highest in ((0, 65536), (0, 2000), (20000, 40000))]
).astype(np.uint16)
CODE = 257  # of 8 bits


def png_with(path, picture, *chunks):
    """Writes a PNG with chunks, (kind, content), before its pixels."""
    write_png(path, picture)
    content = path.read_bytes()
    extra = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    path.write_bytes(content[:33] + extra + content[33:])
    return path


def iccp(profile):
    return b"iCCP", b"a name\0\0" + zlib.compress(profile)


def write(path, picture, profile):
    """Writes a 16-bit picture with a profile, as PNG or TIFF by its suffix."""
    if path.suffix == ".png":
        return png_with(path, picture, iccp(profile))
    tifffile.imwrite(path, picture, photometric="rgb", iccprofile=profile)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("name", ["p3", "adobe", "prophoto"])
def test_16_bits_are_kept_through_a_profile(tmp_path, name, suffix):
    picture = decode_picture(write(tmp_path / f"a{suffix}", COLORS, rgb_profile(name)))
    assert picture.notes == (f"converted from {NAMES[name]}",)
    # Colorants are published with five digits: at the steep end of the curve that is half a code of 8 bits, elsewhere a thousandth.
    difference = np.abs(picture.values - in_srgb(COLORS, name))
    assert difference.max() < 0.6 * CODE and np.median(difference) < 6
    assert len(np.unique(picture.values)) > 5 * 256


@pytest.mark.parametrize("name", ["p3", "adobe", "prophoto"])
def test_littlecms_in_pillow_agrees(tmp_path, name):
    eight = (COLORS >> 8).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "a.png", icc_profile=rgb_profile(name))
    expected = ImageCms.profileToProfile(
        Image.fromarray(eight), ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile(name))), ImageCms.createProfile("sRGB"), renderingIntent=1
    )
    difference = np.abs(to_uint8(read_picture(tmp_path / "a.png")).astype(int) - np.asarray(expected))
    assert difference.max() <= 1


def test_profiles_of_tables_instead_of_a_matrix():
    eight = (COLORS >> 8).astype(np.uint8)
    expected = ImageCms.profileToProfile(
        Image.fromarray(eight),
        ImageCms.ImageCmsProfile(io.BytesIO(table_profile("A scanner"))),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    converted, name = to_srgb(eight.astype(np.uint16) * 257, table_profile("A scanner"), "a")
    assert name == "A scanner"
    assert np.percentile(np.abs(to_uint8(converted).astype(int) - np.asarray(expected)), 99) <= 2
    # The ICC's sRGB of version 4 is one whose tables are for print: its pictures' numbers are sRGB's.
    np.testing.assert_array_equal(to_srgb(COLORS, table_profile("sRGB v4 ICC preference"), "a")[0], COLORS)


def test_worked_numbers():
    # Display P3's red of half a code, by hand: 0.2140 of light; into sRGB 1.2249, -0.0420, -0.0196 of it; clipped and coded.
    red = np.array([[[32768, 0, 0]]], np.uint16)
    converted, name = to_srgb(red, rgb_profile("p3"), "a")
    np.testing.assert_allclose(converted[0, 0] / 65535, [float(coded(0.2140 * 1.2249)), 0, 0], atol=2e-4)
    assert name == "Display P3"
    for space in ("p3", "adobe", "prophoto"):
        white = to_srgb(np.full([1, 1, 3], 65535, np.uint16), rgb_profile(space), "a")[0]
        assert white.min() >= 65525
    # ProPhoto's grey of half a code is 0.5 ** 1.8 = 0.2870 of light.
    grey = to_srgb(np.full([1, 1, 3], 32768, np.uint16), rgb_profile("prophoto"), "a")[0]
    np.testing.assert_allclose(grey / 65535, float(coded(0.5 ** (461 / 256))), atol=3e-4)


@pytest.mark.parametrize("profile", [srgb_profile(), rgb_profile("srgb"), made_profile((0.64, 0.33, 0.30, 0.60, 0.15, 0.06))])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_any_makers_srgb_changes_nothing(tmp_path, profile, suffix):
    picture = decode_picture(write(tmp_path / f"a{suffix}", COLORS, profile))
    np.testing.assert_array_equal(picture.values, COLORS)
    assert picture.notes == ()


def test_linear_srgb_is_another_space_whatever_its_name():
    linear = made_profile((0.64, 0.33, 0.30, 0.60, 0.15, 0.06), 1.0)
    np.testing.assert_allclose(to_srgb(COLORS, linear, "a")[0], 65535 * coded(COLORS / 65535), atol=4)


def test_jpeg_profiles_and_exifs_adobe_rgb(tmp_path):
    eight = np.asarray(Image.fromarray(np.kron(to_uint8(COLORS[:8, :8]), np.ones((8, 8, 1), np.uint8))))
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({40961: 65535, 0xA005: {1: "R03"}})
    Image.fromarray(eight).save(tmp_path / "profile.jpg", quality=100, icc_profile=adobe_rgb_profile())
    Image.fromarray(eight).save(tmp_path / "exif.jpg", quality=100, exif=exif)
    Image.fromarray(eight).save(tmp_path / "plain.jpg", quality=100)
    pictures = {name: read_picture(tmp_path / f"{name}.jpg") for name in ("profile", "exif", "plain")}
    np.testing.assert_array_equal(pictures["profile"], pictures["exif"])
    expected = in_srgb(pictures["plain"], "adobe")
    assert np.abs(pictures["exif"] - expected).max() < 0.6 * CODE and np.abs(pictures["plain"] - expected).max() > 20 * CODE
    with Image.open(tmp_path / "plain.jpg") as image:
        np.testing.assert_array_equal(pictures["plain"], np.asarray(image).astype(np.uint16) * 257)
    exif.get_ifd(0x8769)[40961] = 1  # sRGB, whatever the interoperability index says
    Image.fromarray(eight).save(tmp_path / "srgb.jpg", quality=100, exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "srgb.jpg"), pictures["plain"])


def test_what_pngs_say_without_a_profile(tmp_path):
    def said(*chunks):
        return read_picture(png_with(tmp_path / "a.png", COLORS, *chunks))

    gamma, p3 = (lambda value: (b"gAMA", struct.pack(">I", value))), in_srgb(COLORS, "p3")
    white_and_p3 = (b"cHRM", struct.pack(">8I", 31270, 32900, *(round(value * 100000) for value in P3_PRIMARIES)))
    for chunks in ((), (gamma(45455),), ((b"sRGB", b"\0"), gamma(100000)), ((b"cICP", bytes([1, 13, 0, 1])), iccp(rgb_profile("p3")))):
        np.testing.assert_array_equal(said(*chunks), COLORS)
    np.testing.assert_allclose(said(gamma(100000)), 65535 * coded(COLORS / 65535), atol=4)
    np.testing.assert_allclose(said(gamma(55556)), 65535 * coded((COLORS / 65535) ** 1.8), atol=0.1 * CODE)
    for chunks in ((white_and_p3, gamma(45455)), ((b"cICP", bytes([12, 13, 0, 1])),)):
        difference = np.abs(said(*chunks) - p3)
        assert difference.max() < 0.6 * CODE and np.median(difference) < 20
    for chunks, words in (
        ([(b"cICP", bytes([9, 16, 0, 1]))], "HDR"),
        ([(b"cICP", bytes([22, 13, 0, 1]))], "not known here"),
        ([(b"iCCP", b"x\0\0no zlib")], "damaged chunk"),
        ([iccp(b"no profile")], "cannot be used"),
        ([iccp(cmyk_profile())], "has 3 channels, and a colour profile of CMYK"),
    ):
        with pytest.raises(LowlightError, match=words):
            said(*chunks)


def test_cmyk_goes_through_its_profile_or_is_refused(tmp_path):
    inks = np.array([[0, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 128], [0, 255, 255, 0], [255, 0, 0, 0]], np.uint8)
    inks = np.ascontiguousarray(np.repeat(np.repeat(inks[None], 16, axis=0), 16, axis=1))
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=100, icc_profile=cmyk_profile())
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", iccprofile=cmyk_profile())
    expected = ImageCms.profileToProfile(
        Image.fromarray(inks, "CMYK"),
        ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    for name, tolerance in (("a.jpg", 4), ("a.tif", 2)):
        picture = to_uint8(read_picture(tmp_path / name)).astype(int)
        assert np.abs(picture - np.asarray(expected))[8, 8::16].max() <= tolerance, name
        assert picture[8, 8].min() >= 254 and picture[8, 24].max() <= 2
        assert picture[8, 56, 0] > picture[8, 56, 1] + 30  # magenta and yellow are red
    Image.fromarray(inks, "CMYK").save(tmp_path / "b.jpg")
    tifffile.imwrite(tmp_path / "b.tif", inks, photometric="separated")
    for name in ("b.jpg", "b.tif"):
        with pytest.raises(LowlightError, match="is CMYK without a colour profile; save it again as sRGB"):
            read_picture(tmp_path / name)


def test_grey_pictures(tmp_path):
    grey = np.ascontiguousarray(COLORS[..., 0])
    tifffile.imwrite(tmp_path / "plain.tif", grey, photometric="minisblack")
    tifffile.imwrite(tmp_path / "curve.tif", grey, photometric="minisblack", iccprofile=grey_profile(1.8))
    tifffile.imwrite(tmp_path / "rgb.tif", grey, photometric="minisblack", iccprofile=rgb_profile("prophoto"))
    png_with(tmp_path / "curve.png", grey[..., None], iccp(grey_profile(1.8)))
    Image.fromarray(to_uint8(grey)).save(tmp_path / "plain.jpg", quality=100)
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_picture(tmp_path / "plain.tif"), as_rgb)
    assert read_picture(tmp_path / "plain.jpg").shape == as_rgb.shape
    expected = 65535 * coded(decoded(as_rgb / 65535, 461 / 256))
    for name in ("curve.tif", "curve.png", "rgb.tif"):
        np.testing.assert_allclose(read_picture(tmp_path / name), expected, atol=0.2 * CODE, err_msg=name)


def test_the_same_picture_in_three_spaces():
    pictures = [to_uint8(read_picture(shared(f"cases/icc_ignored/{name}.jpg"))).astype(float) for name in ("srgb", "p3", "adobergb")]
    for picture in pictures[1:]:
        assert np.abs(picture.mean(axis=(0, 1)) - pictures[0].mean(axis=(0, 1))).max() < 0.2  # JPEG rounds each its own way
        assert np.percentile(np.abs(picture - pictures[0]), 90) <= 6


def test_srgbs_profile_has_a_fixed_date_so_that_the_same_picture_is_the_same_file():
    profile = srgb_profile()
    assert struct.unpack(">6H", profile[24:36]) == (2000, 1, 1, 0, 0, 0)  # ICC.1:2022, 7.2.10
    made_now = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profile[:24] + profile[36:84] + profile[100:] == made_now[:24] + made_now[36:84] + made_now[100:]  # 84 to 99: an identifier
