"""The table of files that `test_makers` develops: each row writes one and says what its picture must look like.

The chart of known colours is recorded as the file says it was, so the file developed right is the chart, whoever develops it. LibRaw is a
second witness where it follows the tags that the row is about.
"""

import dataclasses
import pathlib

import numpy as np
from charts import (
    Chart,
    cfa_index,
    colour_chart,
    daylight_gains,
    gains_for_white,
    record,
    tiled,
    xy_to_xyz,
)
from dng_builder import D65, MATRIX, TUNGSTEN, gain_map, opcode_list, write_dng_raw
from foreign_containers import write_orf, write_raf, write_rw2
from raw_builders import BAYER, XTRANS, Shot, write_arw, write_cr2, write_nef, write_pef, xyz_to_camera

RATIO, GAINS = 2.0, (2.0, 1.0, 1.5)
CHART, XTRANS_CHART = colour_chart((96, 144)), colour_chart((516, 516))
_OTHER = ((0.9, -0.3, -0.1), (-0.6, 1.5, 0.1), (-0.1, 0.3, 0.5))  # a matrix that the chart was not recorded through


@dataclasses.dataclass(frozen=True)
class Row:
    """A file that was written.

    Attributes:
      path: of the file.
      chart: what its picture is, upright.
      ratio: exposure ratio that makes it so.
      libraw: LibRaw's own rendering has these colours; where not, `why` says what it does instead.
      any_brightness: colours are known up to one factor for the whole picture.
    """

    path: pathlib.Path
    chart: Chart
    ratio: float = RATIO
    libraw: bool = True
    why: str = ""
    any_brightness: bool = False


def maker_row(write, name, model, chart=CHART, *, shot=None, black=0.0, white=16383, shown=None, row=None, **options):
    """Returns a function that writes a maker's file of a chart; `black` is what the builder writes unasked, or four levels of a tile."""
    if isinstance(black, tuple):
        options["black"], black = black, tiled(np.reshape(black, (2, 2)), chart.patch.shape)

    def build(folder):
        how = shot or Shot(GAINS)
        gains = how.gains or daylight_gains(xyz_to_camera(model))
        cfa = options.get("cfa", XTRANS if chart is XTRANS_CHART else "RGGB")
        mosaic = record(chart, xyz_to_camera(model), gains, cfa=cfa, black=black, white=white, exposure=1 / RATIO)
        write(folder / name, mosaic, how, **options)
        return Row(folder / name, (shown or chart).turned(how.orientation), **(row or {}))

    return build


_GREY_WORLD = {"libraw": False, "why": "makes the mean of the frame grey"}
_WIDE = colour_chart((96, 148))
_NEF = {"chart": _WIDE, "shown": _WIDE.cropped(2, 0, 144, 96)}
_PEF_BLACK = (60, 64, 66, 70)


def _borders(drift, exposure):
    """A CR2 with borders that saw no light, whose black is `drift` for red, green, blue above what its maker note says."""

    def build(folder):
        size = (CHART.patch.shape[0] + 24, CHART.patch.shape[1] + 40)
        pedestal = 2048 + np.array(drift, float)[cfa_index("RGGB", size)]
        mosaic = np.floor(pedestal).astype(np.uint16)
        inner = record(CHART, xyz_to_camera("Canon EOS 600D"), GAINS, black=pedestal[24:, 40:], white=0x3510, exposure=exposure)
        mosaic[24:, 40:] = inner
        write_cr2(folder / "a.cr2", mosaic, Shot(GAINS), left=40, top=24)
        return Row(folder / "a.cr2", CHART, 1 / exposure, libraw=not any(drift), why="takes the maker note's black")

    return build


MAKERS = {
    "arw": maker_row(write_arw, "a.arw", "ILCE-7SM2", black=512),
    "arw_private": maker_row(write_arw, "a.arw", "ILCE-7SM2", black=512, private=True),
    "arw_upright": maker_row(write_arw, "a.arw", "ILCE-7SM2", black=512, shot=Shot(GAINS, orientation=6)),
    "arw_gbrg": maker_row(write_arw, "a.arw", "ILCE-7SM2", black=512, cfa="GBRG"),
    "arw_no_balance": maker_row(write_arw, "a.arw", "ILCE-7SM2", black=512, shot=Shot(None), row=_GREY_WORLD),
    "arw_tungsten": maker_row(
        write_arw,
        "a.arw",
        "ILCE-7SM2",
        black=512,
        shot=Shot((0.8, 1.0, 2.6)),
        row={"libraw": False, "why": "is brighter by 1 / 0.8, so that the least gain is 1", "any_brightness": True},
    ),
    "nef": maker_row(write_nef, "a.nef", "NIKON D700", **_NEF),
    "nef_12": maker_row(write_nef, "a.nef", "NIKON D700", bits=12, black=(150, 151, 152, 153), white=4095, **_NEF),
    "nef_upside_down": maker_row(write_nef, "a.nef", "NIKON D700", shot=Shot(GAINS, orientation=3), **_NEF),
    "nef_no_balance": maker_row(write_nef, "a.nef", "NIKON D700", shot=Shot(None), row=_GREY_WORLD, **_NEF),
    "cr2": maker_row(write_cr2, "a.cr2", "Canon EOS 600D", black=2048, white=0x3510),
    "cr2_named_tif": maker_row(write_cr2, "A.TIF", "Canon EOS 600D", black=2048, white=0x3510),
    "cr2_no_balance": maker_row(write_cr2, "a.cr2", "Canon EOS 600D", black=2048, white=0x3510, shot=Shot(None), row=_GREY_WORLD),
    "cr2_borders": _borders((0, 0, 0), 0.5),
    "cr2_borders_drifted": _borders((6, 4, 2), 1 / 32),
    "pef": maker_row(write_pef, "a.pef", "PENTAX K-5", black=64),
    "pef_black_pattern": maker_row(write_pef, "a.pef", "PENTAX K-5", black=_PEF_BLACK),
    "pef_upright": maker_row(write_pef, "a.pef", "PENTAX K-5", black=64, shot=Shot(GAINS, orientation=8)),
    "pef_no_balance": maker_row(write_pef, "a.pef", "PENTAX K-5", black=64, shot=Shot(None), row=_GREY_WORLD),
    "rw2": maker_row(write_rw2, "a.rw2", "DC-GH5S", colour_chart((96, 150)), black=128, white=4095),
    "rw2_no_balance": maker_row(
        write_rw2, "a.rw2", "DC-GH5S", colour_chart((96, 150)), black=128, white=4095, shot=Shot(None), row=_GREY_WORLD
    ),
    "orf": maker_row(write_orf, "a.orf", "E-M10", black=255, white=4095),
    "orf_no_balance": maker_row(write_orf, "a.orf", "E-M10", black=255, white=4095, shot=Shot(None), row=_GREY_WORLD),
    "raf": maker_row(write_raf, "a.raf", "X-T2", XTRANS_CHART, black=1024),
    "raf_no_balance": maker_row(write_raf, "a.raf", "X-T2", XTRANS_CHART, black=1024, shot=Shot(None), row=_GREY_WORLD),
}


def dng_row(chart=CHART, *, seen=None, exposure=1 / RATIO, shown=None, row=None, stored=None, **said):
    """Returns a function that writes a DNG of a chart.

    Args:
      seen: arguments of `record`, where they are not what the file says.
      shown: what the picture is, where it is not the chart upright.
      row: fields of the Row.
      stored: function of the counts -> what is stored.
      **said: fields of Dng.
    """

    def build(folder):
        how = {"gains": GAINS, "black": 256, "white": 4095, "cfa": said.get("cfa", "RGGB"), "exposure": exposure, **(seen or {})}
        gains = how.pop("gains")
        mosaic = record(chart, MATRIX, gains, **how)
        write_dng_raw(folder / "a.dng", mosaic if stored is None else stored(mosaic), **said)
        return Row(folder / "a.dng", shown or chart.turned(said.get("orientation", 1)), **(row or {}))

    return build


def _framed(area, size, drift=0.0):
    """Puts counts into a larger sensor whose borders hold black and `drift` more."""

    def put(mosaic):
        whole = np.full(size, round(256 + drift), np.uint16)
        whole[area[0] : area[2], area[1] : area[3]] = mosaic
        return whole

    return put


def _map_at(points, size):
    """Returns a GainMap's multipliers at each pixel's centre: points [v, h] that span [H, W], linear in between."""
    for axis, side in ((0, size[0]), (1, size[1])):
        at = (np.arange(side) + 0.5) / side * (points.shape[axis] - 1)
        low = np.minimum(at.astype(int), points.shape[axis] - 2)
        share = np.expand_dims(at - low, 1 - axis)
        points = points.take(low, axis) * (1 - share) + points.take(low + 1, axis) * share
    return points


def _shading(corner):
    """Points of a map that grows from 1 in the middle to `corner` at the corners."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 7), indexing="ij")
    return 1 + (corner - 1) * (rows**2 + columns**2) / 2


_SIZE = CHART.patch.shape
_CORNERS = (1.9, 1.5, 1.4, 1.7)  # of the four photosites of a tile
_MAPS2 = [gain_map(_shading(corner), (index // 2, index % 2, *_SIZE), pitch=(2, 2)) for index, corner in enumerate(_CORNERS)]
_RESPONSE2 = np.choose(tiled([[0, 1], [2, 3]], _SIZE), [1 / _map_at(_shading(corner), _SIZE) for corner in _CORNERS])
_MAPS3 = [gain_map(_shading(corner), (0, 0, *_SIZE), plane=plane) for plane, corner in enumerate(_CORNERS[:3])]
_RESPONSE3 = np.choose(cfa_index("RGGB", _SIZE), [1 / _map_at(_shading(corner), _SIZE) for corner in _CORNERS[:3]])
_UNKNOWN = (99).to_bytes(4, "big") + (0x01040000).to_bytes(4, "big") + (1).to_bytes(4, "big") + (4).to_bytes(4, "big") + b"\1\2\3\4"
_UNREAD = {"libraw": False, "why": "does not read the tag"}
_PATTERN = (200, 240, 280, 256, 210, 300, 220, 270, 260, 230, 250, 310, 240, 205, 290, 245)
_DUSK = xy_to_xyz(0.36, 0.37)
_DELTAS = tuple(np.linspace(0, 150, 144).tolist()), tuple(np.linspace(80, 0, 96).tolist())
_LAMP = colour_chart(_SIZE, np.vstack([np.full([1, 3], 2.5), np.tile(np.linspace(0.2, 0.6, 11)[:, None], 3) * [1.0, 0.9, 0.7]]))
_SATURATED = dataclasses.replace(_LAMP, light=np.minimum(_LAMP.light, (3600 - 256) / (4095 - 256)))

DNGS = {
    "plain": dng_row(),
    **{cfa.lower(): dng_row(cfa=cfa) for cfa in BAYER},
    "xtrans": dng_row(XTRANS_CHART, cfa=XTRANS),
    "big_endian_sub_ifd": dng_row(order=">", sub_ifd=True),
    "lossless_jpeg": dng_row(compression=7),
    "ten_bits": dng_row(seen={"black": 64, "white": 1023}, bits=10, white=1023, black=(64,)),
    "twelve_bits_no_white": dng_row(bits=12, white=None),
    "fourteen_bits": dng_row(seen={"black": 512, "white": 16383}, bits=14, white=16383, black=(512,)),
    "linearization": dng_row(
        seen={"black": 512, "white": 8190},
        stored=lambda counts: counts // 2,
        bits=12,
        white=8190,
        black=(512,),
        linearization=tuple(range(0, 8192, 2)),
    ),
    "no_balance": dng_row(seen={"gains": daylight_gains(MATRIX)}, gains=None, row=_GREY_WORLD),
    "white_xy": dng_row(seen={"gains": gains_for_white(MATRIX, _DUSK)}, gains=None, white_xy=(0.36, 0.37), row=_GREY_WORLD),
    "white_xy_as_neutral": dng_row(seen={"gains": gains_for_white(MATRIX, _DUSK)}, gains=gains_for_white(MATRIX, _DUSK)),
    "two_matrices": dng_row(matrix1=_OTHER, illuminant1=TUNGSTEN, matrix2=MATRIX, illuminant2=D65),
    "two_matrices_daylight_first": dng_row(matrix1=MATRIX, illuminant1=D65, matrix2=_OTHER, illuminant2=TUNGSTEN),
    "matrix_of_the_model": dng_row(make="Canon", model="Canon EOS 6D", matrix1=None),
    "black_one_by_one": dng_row(black_repeat=(1, 1)),
    "black_two_by_two": dng_row(seen={"black": tiled(np.reshape(_PATTERN[:4], (2, 2)), _SIZE)}, black=_PATTERN[:4], black_repeat=(2, 2)),
    "black_four_by_four": dng_row(seen={"black": tiled(np.reshape(_PATTERN, (4, 4)), _SIZE)}, black=_PATTERN, black_repeat=(4, 4)),
    "black_deltas": dng_row(
        seen={"black": 256 + np.array(_DELTAS[0])[None] + np.array(_DELTAS[1])[:, None]},
        black_delta_h=_DELTAS[0],
        black_delta_v=_DELTAS[1],
        row={"libraw": False, "why": "takes their means"},
    ),
    "active_area": dng_row(stored=_framed((8, 12, 104, 156), (112, 168)), active_area=(8, 12, 104, 156)),
    "masked_area": dng_row(stored=_framed((8, 12, 104, 156), (112, 168)), active_area=(8, 12, 104, 156), masked_areas=(0, 0, 112, 10)),
    "masked_area_drifted": dng_row(
        seen={"black": 264},
        exposure=1 / 8,
        stored=_framed((8, 12, 104, 156), (112, 168), 8),
        active_area=(8, 12, 104, 156),
        masked_areas=(0, 0, 112, 10),
        row={"ratio": 8.0},
    ),
    "crop": dng_row(crop=(10, 6, 120, 80), shown=CHART.cropped(10, 6, 120, 80), row=_UNREAD),
    "odd_crop_of_active_area": dng_row(
        stored=_framed((8, 12, 104, 156), (112, 168)),
        active_area=(8, 12, 104, 156),
        crop=(11, 7, 121, 79),
        shown=CHART.cropped(11, 7, 121, 79),
        row=_UNREAD,
    ),
    "crop_upright": dng_row(crop=(10, 6, 120, 80), orientation=6, shown=CHART.cropped(10, 6, 120, 80).turned(6), row=_UNREAD),
    "tall_pixels": dng_row(scale=(1, 2), shown=CHART.stretched(2, 1)),
    "wide_pixels": dng_row(scale=(2, 1), shown=CHART.stretched(1, 2)),
    "wide_pixels_upright": dng_row(scale=(2, 1), orientation=8, shown=CHART.stretched(1, 2).turned(8)),
    "baseline_exposure": dng_row(exposure=1 / 4, baseline_exposure=1.0, row=_UNREAD),
    "baseline_exposure_below": dng_row(exposure=2**-0.5, baseline_exposure=-0.5, row=_UNREAD),
    "gain_map_of_the_mosaic": dng_row(seen={"response": _RESPONSE2}, opcodes2=opcode_list(*_MAPS2), row=_UNREAD),
    "gain_map_of_colours": dng_row(seen={"response": _RESPONSE3}, opcodes3=opcode_list(*_MAPS3), row=_UNREAD),
    "gain_map_behind_another_opcode": dng_row(
        seen={"response": _RESPONSE2}, order=">", opcodes2=opcode_list(_UNKNOWN, *_MAPS2), row=_UNREAD
    ),
    "noise_profile": dng_row(noise_profile=(1e-4, 1e-6)),
    "saturated_below_white": dng_row(
        _LAMP,
        seen={"saturation": 3600},
        exposure=1.0,
        shown=_SATURATED,
        row={"ratio": 1.0, "libraw": False, "why": "makes it pink", "any_brightness": True},
    ),
    **{f"orientation_{number}": dng_row(orientation=number) for number in (2, 3, 4, 5, 7)},
}
TABLE = {**MAKERS, **{f"dng_{name}": build for name, build in DNGS.items()}}
