"""What a DNG says, read from files that tifffile wrote; gain maps and colour worked by hand."""

import struct

import numpy as np
import pytest
import tifffile

from lowlight_tf.isp.color import srgb_to_camera_matrix
from lowlight_tf.raw.cameras import tile_colors
from lowlight_tf.raw.dng_color import daylight_matrix, matrix_at
from lowlight_tf.raw.dng_tags import DngTags, GainMap, read_dng_tags
from lowlight_tf.raw.gain_maps import apply_gain_maps
from lowlight_tf.raw.raw_color import choose_gains, choose_matrix
from lowlight_tf.raw.raw_container import truncation, unknown_compression
from lowlight_tf.raw.tiff_tags import read_directories

RGGB = tile_colors("RGGB")
A7S2 = ((0.5838, -0.1430, -0.0246), (-0.3497, 1.1477, 0.2297), (-0.0748, 0.1885, 0.5778))
DAYLIGHT = np.array(A7S2)
TUNGSTEN = DAYLIGHT * [[1.1], [1.0], [0.8]]


def rationals(values):
    return tuple(part for value in np.ravel(values) for part in (round(value * 10000), 10000))


def write(path, *tags, size=(48, 64), order="<", **options):
    """Writes a small CFA DNG with more tags, each (code, type, count, value)."""
    version = (50706, "B", 4, (1, 4, 0, 0), True)
    tifffile.imwrite(
        path,
        np.full(size, 600, np.uint16),
        photometric="cfa",
        byteorder=order,
        metadata=None,
        software=False,
        extratags=[version, *((*tag, True) for tag in tags)],
        **options,
    )
    return path


def opcode_list(*maps):
    """A list of GainMap opcodes: each (area, plane, planes, pitch, gains [rows, columns, planes], spacing, origin)."""
    body = struct.pack(">I", len(maps))
    for area, plane, planes, pitch, gains, spacing, origin in maps:
        gains = np.asarray(gains, ">f4")
        content = struct.pack(">10I4dI", *area, plane, planes, *pitch, *gains.shape[:2], *spacing, *origin, gains.shape[2])
        content += gains.tobytes()
        body += struct.pack(">4I", 9, 0x01030000, 1, len(content)) + content
    return body


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_tag_is_read(tmp_path, order):
    gains = np.arange(1, 13, dtype=float).reshape(2, 3, 2)
    opcodes = opcode_list(((0, 0, 48, 64), 0, 1, (2, 2), gains, (1.0, 0.5), (0.0, 0.25)))
    path = write(
        tmp_path / "a.dng",
        (50711, "H", 1, 1),
        (50829, "I", 4, (2, 4, 46, 60)),
        (50719, "I", 2, (3, 1)),
        (50720, "I", 2, (50, 40)),
        (50713, "H", 2, (2, 2)),
        (50714, "2I", 4, rationals([10, 20.5, 30, 40])),
        (50716, "2i", 44, rationals(np.arange(44) / 4)),
        (50730, "2i", 1, rationals([-0.75])),
        (51041, "d", 6, (1e-3, 1e-6, 2e-3, 2e-6, 3e-3, 3e-6)),
        (50729, "2I", 2, rationals([0.3457, 0.3585])),
        (50721, "2i", 9, rationals(A7S2)),
        (50778, "H", 1, 17),
        (50727, "2I", 3, rationals([1, 2, 1])),
        (51009, "B", len(opcodes), opcodes),
        order=order,
    )
    tags = read_dng_tags(path)
    assert tags.is_dng and tags.layout == 1 and tags.active_area == (2, 4, 44, 56) and tags.crop == (1, 3, 40, 50)
    np.testing.assert_allclose(tags.black_level, [[10, 20.5], [30, 40]])
    np.testing.assert_allclose(tags.black_down, np.arange(44) / 4)
    assert tags.black_across is None and tags.stops == -0.75 and tags.noise == pytest.approx((2e-3, 2e-6))
    assert tags.white_xy == pytest.approx((0.3457, 0.3585))
    ((illuminant, matrix),) = tags.matrices
    assert illuminant == 17
    np.testing.assert_allclose(matrix, DAYLIGHT * [[1], [2], [1]], atol=1e-4)
    (found,) = tags.gain_maps
    assert (found.area, found.pitch, found.plane, found.planes) == ((0, 0, 48, 64), (2, 2), 0, 1)
    assert found.spacing == (1.0, 0.5) and found.origin == (0.0, 0.25) and not found.after_demosaicing
    np.testing.assert_array_equal(found.gains, gains)


def test_a_dng_that_says_nothing_and_files_that_are_none(tmp_path):
    tags = read_dng_tags(write(tmp_path / "a.dng"))
    assert tags == DngTags(is_dng=True)
    tifffile.imwrite(tmp_path / "b.tif", np.zeros([4, 4], np.uint8))
    assert read_dng_tags(tmp_path / "b.tif") == DngTags()
    (tmp_path / "c.dng").write_bytes(b"no TIFF at all")
    assert read_dng_tags(tmp_path / "c.dng") == DngTags()


def test_values_that_cannot_be_are_left_out(tmp_path):
    gains = np.ones([2, 2, 1])
    short = opcode_list(((0, 0, 48, 64), 0, 1, (1, 1), gains, (1, 1), (0, 0)))[:-4]
    path = write(
        tmp_path / "a.dng",
        (50719, "I", 2, (30, 30)),
        (50720, "I", 2, (0, 10)),
        (50714, "2I", 1, (5, 0)),
        (50730, "2i", 1, (99, 1)),
        (51041, "d", 2, (float("nan"), 1.0)),
        (50729, "2I", 2, rationals([0.9, 0.9])),
        (51009, "B", len(short), short),
    )
    tags = read_dng_tags(path)
    assert (tags.crop, tags.black_level, tags.stops, tags.noise, tags.white_xy, tags.gain_maps) == (None, None, 5.0, None, None, ())


def test_directories_of_damaged_files_end(tmp_path):
    content = bytearray(write(tmp_path / "a.dng", (50721, "2i", 9, rationals(A7S2))).read_bytes())
    whole = read_directories(tmp_path / "a.dng")
    assert whole[0][256] == (64,) and whole[0][50721] == pytest.approx(np.ravel(A7S2), abs=1e-4)
    rng = np.random.RandomState(0)
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.randint(0, len(damaged), 20):
            damaged[place] = rng.randint(256)
        (tmp_path / "b.dng").write_bytes(damaged[: rng.randint(1, len(damaged))])
        assert len(read_directories(tmp_path / "b.dng")) <= 64
        read_dng_tags(tmp_path / "b.dng")
    struct.pack_into("<I", content, struct.unpack_from("<I", content, 4)[0] + 2 + 12 * struct.unpack_from("<H", content, 8)[0], 8)
    (tmp_path / "circle.dng").write_bytes(content)
    assert len(read_directories(tmp_path / "circle.dng")) == 1


def test_a_gain_map_by_hand():
    """Gains 1 at the top and 3 at the bottom, samples on the frame's edges: row y of 4 has 1 + 2 (y + 0.5) / 4."""
    mosaic = np.full([4, 6], 300, np.uint16)
    gain_map = GainMap((0, 0, 4, 6), (1, 1), 0, 1, np.array([[[1.0]], [[3.0]]], np.float32), (0.0, 0.0), (1.0, 1.0), False)
    apply_gain_maps(mosaic, RGGB, (gain_map,), (100.0,) * 4, 4095)
    np.testing.assert_array_equal(mosaic, np.repeat([[350], [450], [550], [650]], 6, axis=1))


def test_gain_maps_of_single_colours_and_after_demosaicing():
    gains = np.full([1, 1, 1], 2.0, np.float32)
    mosaic = np.full([4, 4], 300, np.uint16)
    red = GainMap((0, 0, 4, 4), (2, 2), 0, 1, gains, (0.0, 0.0), (1.0, 1.0), False)
    apply_gain_maps(mosaic, RGGB, (red,), (100.0, 0.0, 0.0, 0.0), 4095)
    assert (mosaic[::2, ::2] == 500).all() and (mosaic[1::2] == 300).all() and (mosaic[::2, 1::2] == 300).all()
    mosaic = np.full([4, 4], 300, np.uint16)
    of_colors = GainMap((0, 0, 4, 4), (1, 1), 0, 3, np.array([[[1.0, 1.5, 2.0]]], np.float32), (0.0, 0.0), (1.0, 1.0), True)
    apply_gain_maps(mosaic, RGGB, (of_colors,), (0.0,) * 4, 4095)
    np.testing.assert_array_equal(mosaic, np.tile([[300, 450], [450, 600]], (2, 2)))


def test_gain_maps_are_said_of_the_active_area():
    """A mosaic that begins at (1, 1) of an active area of 6x6: rows 1 to 4 of it; red of the area is blue's place in the mosaic's tile."""
    rows = GainMap((0, 0, 6, 6), (1, 1), 0, 1, np.array([[[1.0]], [[7.0]]], np.float32), (0.0, 0.0), (1.0, 1.0), False)
    mosaic = np.full([4, 4], 100, np.uint16)
    apply_gain_maps(mosaic, tile_colors("BGGR"), (rows,), (0.0,) * 4, 65535, (1, 1), (6, 6))
    np.testing.assert_array_equal(mosaic[:, 0], [250, 350, 450, 550])
    red = GainMap((0, 0, 6, 6), (2, 2), 0, 1, np.full([1, 1, 1], 2.0, np.float32), (0.0, 0.0), (1.0, 1.0), False)
    mosaic = np.full([4, 4], 100, np.uint16)
    apply_gain_maps(mosaic, tile_colors("BGGR"), (red,), (0.0,) * 4, 65535, (1, 1), (6, 6))
    np.testing.assert_array_equal(mosaic == 200, tile_colors("BGGR")[np.ix_(np.arange(4) % 2, np.arange(4) % 2)] == 0)


def test_clipped_photosites_stay_clipped():
    mosaic = np.array([[4095, 2000], [2000, 4095]], np.uint16)
    darker = GainMap((0, 0, 2, 2), (1, 1), 0, 1, np.full([1, 1, 1], 0.5, np.float32), (0.0, 0.0), (1.0, 1.0), False)
    apply_gain_maps(mosaic, RGGB, (darker,), (0.0,) * 4, 4095)
    np.testing.assert_array_equal(mosaic, [[4095, 1000], [1000, 4095]])


def test_the_matrix_of_a_camera_that_brings_none_is_its_models():
    ccm, note = choose_matrix(np.zeros([3, 3]), np.vstack([A7S2, np.zeros([1, 3])]), DngTags())
    np.testing.assert_allclose(ccm, np.linalg.inv(srgb_to_camera_matrix(A7S2)), atol=1e-5)
    # As LibRaw says it of the DNG of this camera.
    np.testing.assert_allclose(ccm, [[1.9712, -0.6789, -0.2923], [-0.2910, 1.7484, -0.4574], [0.0205, -0.5380, 1.5175]], atol=2e-4)
    np.testing.assert_allclose(ccm.sum(axis=1), 1, atol=1e-5)
    assert note == ""
    own = np.array([[2.0, -0.5, -0.5], [-0.2, 1.5, -0.3], [0.0, -0.4, 1.4]], np.float32)
    np.testing.assert_array_equal(choose_matrix(own, np.array(A7S2), DngTags())[0], own)
    ccm, note = choose_matrix(np.zeros([3, 3]), np.zeros([4, 3]), DngTags())
    np.testing.assert_array_equal(ccm, np.eye(3))
    assert "taken for sRGB" in note


@pytest.mark.parametrize("matrix", [np.zeros([3, 3]), np.ones([3, 3]), np.full([3, 3], np.nan)])
def test_a_matrix_that_cannot_be_is_none(matrix):
    tags = DngTags(white_xy=(0.3457, 0.3585), matrices=((21, matrix),))
    ccm, note = choose_matrix(matrix, matrix, tags)
    np.testing.assert_array_equal(ccm, np.eye(3))
    assert "taken for sRGB" in note
    with np.errstate(all="ignore"):
        assert np.isfinite(choose_gains([0.0, 1.0, 0.0, 0.0], [2.0, 1.0, 1.5, 0.0], tags)[0]).all()


def test_white_balance_by_one_rule():
    assert choose_gains([570.0, 263.0, 438.0, 0.0], [2.0, 1.0, 1.5, 0.0], DngTags()) == ((570 / 263, 1.0, 438 / 263), "")
    gains, note = choose_gains([0.0, 1.0, 0.0, 0.0], [2.4, 1.2, 1.8, 0.0], DngTags())
    assert gains == pytest.approx((2.0, 1.0, 1.5)) and note == "no as-shot white balance, so daylight's"
    gains, note = choose_gains([float("nan"), 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0], DngTags())
    assert gains == (1.0, 1.0, 1.0) and "neither a white balance" in note


def test_a_white_point_becomes_gains_between_two_illuminants():
    x, y = 0.4476, 0.4074  # illuminant A
    tags = DngTags(white_xy=(x, y), matrices=((17, TUNGSTEN), (21, DAYLIGHT)))
    white = np.array([x / y, 1, (1 - x - y) / y])
    gains, note = choose_gains([0.0, 1.0, 0.0, 0.0], [2.0, 1.0, 1.5, 0.0], tags)
    neutral = TUNGSTEN @ white
    assert gains == pytest.approx(tuple(neutral[1] / neutral), rel=2e-3) and note == ""
    between = matrix_at(tags.matrices, (0.3805, 0.3769))  # 4,000 K
    weight = (1 / 4000 - 1 / 2850) / (1 / 6500 - 1 / 2850)
    np.testing.assert_allclose(between, (1 - weight) * TUNGSTEN + weight * DAYLIGHT, atol=3e-3)
    np.testing.assert_array_equal(matrix_at(tags.matrices, (0.25, 0.25)), DAYLIGHT)
    np.testing.assert_array_equal(daylight_matrix(tags.matrices), DAYLIGHT)
    np.testing.assert_array_equal(matrix_at(((17, TUNGSTEN),), (0.3, 0.3)), TUNGSTEN)


def test_image_data_that_is_missing_is_told(tmp_path):
    path = write(tmp_path / "a.dng", rowsperstrip=16)
    assert truncation(path) is None
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 100])
    assert "image data should end at byte" in truncation(path) or "strips" in truncation(path)
    tifffile.imwrite(
        tmp_path / "tiled.dng",
        np.zeros([64, 64], np.uint16),
        photometric="cfa",
        tile=(16, 16),
        metadata=None,
        extratags=[(50706, "B", 4, (1, 4, 0, 0), True)],
    )
    assert truncation(tmp_path / "tiled.dng") is None
    raf = bytearray(200)
    raf[:15] = b"FUJIFILMCCD-RAW"
    struct.pack_into(">II", raf, 100, 150, 50)
    (tmp_path / "a.raf").write_bytes(raf)
    assert truncation(tmp_path / "a.raf") is None
    (tmp_path / "a.raf").write_bytes(raf[:199])
    assert truncation(tmp_path / "a.raf") == "its image data should end at byte 200, the file has 199"
    boxes = struct.pack(">I4s8s", 16, b"ftyp", b"crx     ") + struct.pack(">I4sQ", 1, b"mdat", 116) + bytes(100)
    (tmp_path / "a.cr3").write_bytes(boxes)
    assert truncation(tmp_path / "a.cr3") is None
    (tmp_path / "a.cr3").write_bytes(boxes[:-1])
    assert truncation(tmp_path / "a.cr3") == "its image data should end at byte 132, the file has 131"


def test_a_compression_that_libraw_does_not_decode_is_named(tmp_path):
    path = write(tmp_path / "a.dng")
    assert unknown_compression(path) is None
    content = bytearray(path.read_bytes())
    entry = content.index(struct.pack("<HHI", 259, 3, 1))
    struct.pack_into("<H", content, entry + 8, 52546)
    path.write_bytes(content)
    assert unknown_compression(path) == "52546 (JPEG XL)"
