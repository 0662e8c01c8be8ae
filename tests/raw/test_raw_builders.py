"""The builders' files as LibRaw reads them: every count, and what each maker's tags say. What the other tests of raw files stand on."""

import numpy as np
import pytest
import rawpy
from charts import camera_matrix, colour_chart, record
from dng_builder import JPEG_XL, MATRIX, Dng, gain_map, opcode_list, write_dng_raw
from foreign_containers import write_orf, write_raf, write_rw2
from raw_builders import BAYER, Shot, write_arw, write_cr2, write_nef, write_pef, xyz_to_camera

MAKERS = {"arw": write_arw, "nef": write_nef, "cr2": write_cr2, "pef": write_pef, "rw2": write_rw2, "orf": write_orf, "raf": write_raf}
SIZE = (96, 140)


def counts(most, size=SIZE, least=1):
    return np.random.RandomState(0).randint(least, most + 1, size).astype(np.uint16)


def cfa_of(raw, side=2):
    """The visible area's CFA, as letters."""
    top, left = raw.sizes.top_margin, raw.sizes.left_margin
    return "".join("RGBG"[raw.raw_color(top + row, left + column)] for row in range(side) for column in range(side))


def check(path, expected):
    """Holds a file against what its builder says of it."""
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(raw.raw_image_visible, expected.mosaic)
        assert cfa_of(raw, 6 if len(expected.cfa) == 36 else 2) == expected.cfa
        assert tuple(raw.black_level_per_channel) == tuple(expected.black) and raw.white_level == expected.white
        shot, balance = expected.shot, np.array(raw.camera_whitebalance[:3])
        if shot.gains:
            np.testing.assert_allclose(balance / balance[1], shot.gains, rtol=2e-3)
        else:
            assert min(balance) == 0
        other, flip = raw.other, {1: 0, 3: 3, 6: 6, 8: 5}[shot.orientation]
        assert (other.iso_speed, raw.sizes.flip) == (shot.iso, flip)
        assert (other.shutter_speed, other.aperture) == pytest.approx((shot.seconds, shot.aperture))
        np.testing.assert_allclose(raw.rgb_xyz_matrix[:3], xyz_to_camera(expected.model), atol=1e-4)
        assert other.timestamp.year == 2024


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("balance", ["as shot", "none"])
def test_each_makers_file(tmp_path, maker, balance):
    most = {"orf": 4095, "rw2": 4095}.get(maker, 16383)
    shot = Shot((1.9, 1.0, 1.6) if balance == "as shot" else None, 1 / 30, 1600, {"nef": 3, "pef": 8, "arw": 6}.get(maker, 1), 4.0)
    mosaic = counts(most, (516, 528) if maker == "raf" else SIZE)
    check(tmp_path / f"a.{maker}", MAKERS[maker](tmp_path / f"a.{maker}", mosaic, shot))


@pytest.mark.parametrize("cfa", BAYER)
@pytest.mark.parametrize("write", [write_arw, write_nef, write_pef, write_rw2, write_orf])
def test_every_bayer_order(tmp_path, write, cfa):
    check(tmp_path / "a", write(tmp_path / "a", counts(4095), cfa=cfa))


def test_what_one_maker_alone_does(tmp_path):
    check(tmp_path / "a.arw", write_arw(tmp_path / "a.arw", counts(16383), private=True))
    check(tmp_path / "b.nef", write_nef(tmp_path / "b.nef", counts(4095), bits=12, black=(150, 151, 152, 153)))
    check(tmp_path / "c.pef", write_pef(tmp_path / "c.pef", counts(16383), black=(60, 64, 66, 70)))
    check(tmp_path / "d.orf", write_orf(tmp_path / "d.orf", counts(4095), black=(250, 251, 252, 253)))
    check(tmp_path / "e.rw2", write_rw2(tmp_path / "e.rw2", counts(4095), black=(120, 128, 130)))
    check(tmp_path / "f.cr2", write_cr2(tmp_path / "f.cr2", counts(16383, (120, 180)), left=40, top=24, black=2050))
    with rawpy.imread(str(tmp_path / "f.cr2")) as raw:
        assert raw.raw_image.shape == (120, 180) and (raw.sizes.left_margin, raw.sizes.top_margin) == (40, 24)


VARIANTS = {
    "plain": {},
    "big_endian": {"order": ">"},
    "sub_ifd": {"sub_ifd": True},
    "packed_14": {"bits": 14, "white": 16383},
    "packed_12": {"bits": 12},
    "packed_10": {"bits": 10, "white": 1023, "black": (64,)},
    "lossless_jpeg": {"compression": 7},
    "xtrans": {"cfa": "RBGBRGGGRGGBGGBGGRBRGRBGGGBGGRGGRGGB"},
    **{cfa: {"cfa": cfa} for cfa in BAYER},
    "no_white": {"bits": 14, "white": None},
    "no_black": {"black": None},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_dng(tmp_path, variant):
    said = VARIANTS[variant]
    dng = Dng(**said)
    mosaic = counts(min(dng.white or 16383, (1 << dng.bits) - 1))
    write_dng_raw(tmp_path / "a.dng", mosaic, **said)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image, mosaic)
        assert cfa_of(raw, 6 if len(dng.cfa) == 36 else 2) == dng.cfa
        assert raw.white_level == (dng.white or 16383) and raw.black_level_per_channel == [dng.black[0] if dng.black else 0] * 4
        assert raw.camera_whitebalance[:3] == pytest.approx(dng.gains, rel=1e-5) and raw.other.iso_speed == 800
        np.testing.assert_allclose(raw.color_matrix[:, :3] @ camera_matrix(MATRIX), np.eye(3), atol=1e-3)
        assert (raw.other.shutter_speed, raw.other.aperture) == pytest.approx((0.1, 2.8))


def test_a_dngs_borders(tmp_path):
    mosaic = counts(4095)
    write_dng_raw(tmp_path / "a.dng", mosaic, active_area=(8, 12, 92, 132), masked_areas=(0, 0, 96, 10))
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image_visible, mosaic[8:92, 12:132])
        np.testing.assert_array_equal(raw.raw_image, mosaic)


def test_what_cannot_be_read(tmp_path):
    write_dng_raw(tmp_path / "a.dng", counts(4095), keep=0.5)
    with pytest.raises(rawpy.LibRawError), rawpy.imread(str(tmp_path / "a.dng")) as raw:
        raw.unpack()
    write_dng_raw(tmp_path / "b.dng", counts(4095), compression=JPEG_XL)
    with pytest.raises(rawpy.LibRawError), rawpy.imread(str(tmp_path / "b.dng")) as raw:
        raw.unpack()


def test_a_gain_map_by_hand():
    """One opcode: 16 bytes of head, then 10 whole numbers, 4 doubles, 1 whole number, 2x2 floats."""
    coded = opcode_list(gain_map([[1, 2], [3, 4]], (0, 0, 96, 140)))
    assert coded[:8].hex() == "0000000100000009" and len(coded) == 4 + 16 + 40 + 32 + 4 + 16
    assert coded[16:20] == (92).to_bytes(4, "big") and coded[-4:].hex() == "40800000"


def test_a_chart_seen_by_hand():
    """A grey of 0.3 under gains (2, 1, 4): 0.15, 0.3 and 0.075 of the range above black."""
    chart = colour_chart((24, 32), np.full([12, 3], 0.3))
    mosaic = record(chart, MATRIX, (2, 1, 4), black=100, white=1100)
    np.testing.assert_allclose(mosaic[0, :2], 100 + 1000 * 1.05 * np.array([0.15, 0.3]), atol=2)
    np.testing.assert_allclose(mosaic[1, -1], 100 + 1000 * 0.95 * 0.075, atol=1)
