"""Hot and dead photosites are found and filled; stars, lamps and texture stay."""

import numpy as np
import pytest

from lowlight_tf.raw.cameras import CAMERAS, tile_colors
from lowlight_tf.raw.defects import find_defects, same_color_neighbours

RGGB = tile_colors("RGGB")
XTRANS = tile_colors(CAMERAS["fuji"].cfa)
K, READ, BLACK = 0.5, 3.0, 512.0


def noisy(light, seed=0):
    """Counts of a frame with shot and read noise."""
    rng = np.random.RandomState(seed)
    counts = rng.poisson(np.maximum(light, 0) / K) * K + READ * rng.standard_normal(np.shape(light)) + BLACK
    return np.clip(np.round(counts), 0, 16383).astype(np.uint16)


def found(mosaic, colors=RGGB):
    rows, columns, fill, _ = find_defects(mosaic, colors, (BLACK,) * 4, K, READ)
    return {(int(row), int(column)): int(value) for row, column, value in zip(rows, columns, fill, strict=True)}


def spots(shape, places, width, amount, response=(1.0, 1.0, 1.0, 1.0), colors=RGGB):
    """Light of points that a lens spreads: Gaussians of a standard deviation `width`, as each colour of the CFA sees them."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    light = sum(amount * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2)) for row, column in places)
    tile = len(colors)
    return light * np.asarray(response)[np.tile(colors, (-(-shape[0] // tile), -(-shape[1] // tile)))][: shape[0], : shape[1]]


@pytest.mark.parametrize("colors", [RGGB, tile_colors("GBRG"), XTRANS], ids=["RGGB", "GBRG", "X-Trans"])
def test_defects_are_found_and_filled_at_edges_too(colors):
    clean = noisy(np.full([97, 125], 40.0))
    places = {(0, 0), (0, 60), (50, 124), (96, 77), (31, 40), (32, 90), (63, 18), (70, 71)}
    hot = clean.copy()
    for row, column in places:
        hot[row, column] = 2600
    filled = found(hot, colors)
    assert set(filled) == places
    assert all(abs(value - BLACK - 40) < 15 for value in filled.values())
    assert found(clean, colors) == {}


def test_dead_photosites_too():
    mosaic = noisy(np.full([64, 64], 900.0))
    mosaic[20, 33] = 512
    assert list(found(mosaic)) == [(20, 33)]


@pytest.mark.parametrize("width", [0.6, 0.8, 1.2])
@pytest.mark.parametrize("response", [(1, 1, 1, 1), (1.0, 0.15, 0.05, 0.15), (0.05, 0.3, 1.0, 0.3)], ids=["star", "red lamp", "blue lamp"])
def test_points_of_light_survive(width, response):
    rng = np.random.RandomState(3)
    places = rng.uniform(6, 90, (25, 2))
    # A quarter of them in the very middle of a photosite, where least is left for the others.
    places[::4] = np.round(places[::4])
    for amount in (150, 1500, 9000):
        assert found(noisy(20 + spots((96, 96), places, width, amount, response))) == {}, amount


def test_texture_lines_and_edges_survive():
    rng = np.random.RandomState(0)
    fine = np.kron(rng.uniform(50, 5000, (48, 48)), np.ones([2, 2]))
    y, x = np.mgrid[:96, :96]
    stripes, line = 300.0 * ((x // 3) % 2) + 20, np.where(np.abs(y - 2.1 * x / 2) < 0.8, 3000.0, 30.0)
    for scene in (fine, stripes, line, noisy(np.full([96, 96], 20.0)).astype(float)):
        assert found(noisy(scene)) == {}


def test_a_frame_with_more_than_one_in_a_thousand_has_none():
    mosaic = noisy(np.full([100, 100], 40.0))
    rng = np.random.RandomState(0)
    mosaic[rng.randint(0, 50, 40) * 2, rng.randint(0, 50, 40) * 2] = 4000
    assert found(mosaic) == {} and find_defects(mosaic, RGGB, (BLACK,) * 4, K, READ)[3] > 16


def test_neighbours_have_the_same_colour_and_are_the_nearest():
    bayer = same_color_neighbours(RGGB)
    assert sorted(bayer[0, 0]) == sorted((y, x) for y in (-2, 0, 2) for x in (-2, 0, 2) if (y, x) != (0, 0))
    assert set(bayer[0, 1][:4]) == {(-1, -1), (-1, 1), (1, -1), (1, 1)}
    for (y, x), offsets in same_color_neighbours(XTRANS).items():
        assert len(offsets) == 8 and all(XTRANS[(y + dy) % 6, (x + dx) % 6] == XTRANS[y, x] for dy, dx in offsets)
    assert find_defects(np.zeros([2, 2], np.uint16), RGGB, (0.0,) * 4, 0.1, 1.0)[0].size == 0
