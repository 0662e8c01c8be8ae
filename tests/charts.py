"""Charts of known colours, and what a noise-free sensor records of them: the independent reference of the raw developers.

A chart's light is linear sRGB. A sensor sees it through the inverse of the way back: camera colour is the camera's matrix times CIE XYZ,
rows normalised so that white is white, divided by the gains of the white balance. Developed right, a picture has the chart's colours.
Numbers of sRGB: IEC 61966-2-1.
"""

import dataclasses

import numpy as np

SRGB_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
D65_XYZ = SRGB_TO_XYZ.sum(axis=1)

# Linear sRGB: skin, sky, leaf, flower, orange, turquoise, three greys, brick, blue, yellow; no channel so dark that rounding shows.
COLOURS = np.array(
    [
        [0.45, 0.25, 0.18],
        [0.16, 0.24, 0.40],
        [0.15, 0.22, 0.09],
        [0.28, 0.24, 0.48],
        [0.55, 0.24, 0.10],
        [0.18, 0.50, 0.42],
        [0.60, 0.60, 0.60],
        [0.30, 0.30, 0.30],
        [0.15, 0.15, 0.15],
        [0.42, 0.12, 0.10],
        [0.09, 0.12, 0.32],
        [0.58, 0.46, 0.09],
    ]
)
_EDGE = 6  # pixels at a patch's edge that demosaicing mixes


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart: its light, float64 [H, W, 3], linear sRGB with 1 as white; and the number of each pixel's patch, or -1 near an edge."""

    light: np.ndarray
    patch: np.ndarray

    def changed(self, function):
        """Returns the chart after a function of arrays [H, W, ...]: a crop, a turn."""
        return Chart(function(self.light), function(self.patch))

    def cropped(self, left, top, width, height):
        return self.changed(lambda array: array[top : top + height, left : left + width])

    def stretched(self, rows, columns):
        """Returns the chart with each pixel repeated."""
        return self.changed(lambda array: array.repeat(rows, axis=0).repeat(columns, axis=1))

    def turned(self, orientation):
        """Returns the chart upright where EXIF's orientation says how it was recorded."""
        turns = {
            1: lambda a: a,
            2: lambda a: a[:, ::-1],
            3: lambda a: a[::-1, ::-1],
            4: lambda a: a[::-1],
            5: lambda a: a.swapaxes(0, 1),
            6: lambda a: a[::-1].swapaxes(0, 1),
            7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
            8: lambda a: a[:, ::-1].swapaxes(0, 1),
        }
        return self.changed(turns[orientation])

    def means(self, picture):
        """Returns the mean colour of each patch in a picture [H, W, 3] of linear light: [patches, 3]."""
        assert picture.shape == self.light.shape, (picture.shape, self.light.shape)
        return np.array([picture[self.patch == number].mean(axis=0) for number in np.unique(self.patch[self.patch >= 0])])


def colour_chart(size, colours=COLOURS, columns=4):
    """Returns a Chart of patches under light that falls by a tenth from left to right, so that counts do not pile up."""
    height, width = size
    rows = -(-len(colours) // columns)
    row, column = (np.arange(side) * parts // side for side, parts in ((height, rows), (width, columns)))
    patch = row[:, None] * columns + column
    inner = np.ones(size, bool)
    for axis, cells in ((0, row), (1, column)):
        for step in range(-_EDGE, _EDGE + 1):
            same = np.roll(cells, step) == cells
            same[: max(step, 0)] = False
            same[len(same) + min(step, 0) :] = False
            inner &= same[:, None] if axis == 0 else same[None]
    light = colours[patch] * np.linspace(1.05, 0.95, width)[None, :, None]
    return Chart(light, np.where(inner, patch, -1))


def camera_matrix(xyz_to_camera):
    """Returns linear sRGB -> white-balanced camera colour, [3, 3]: rows sum to 1, so that white stays white."""
    matrix = np.asarray(xyz_to_camera) @ SRGB_TO_XYZ
    return matrix / matrix.sum(axis=1, keepdims=True)


def daylight_gains(xyz_to_camera):
    """Returns the (R, G, B) gains, G = 1, that make D65's white neutral."""
    return gains_for_white(xyz_to_camera, D65_XYZ)


def gains_for_white(xyz_to_camera, xyz):
    """Returns the gains that make light of colour `xyz` neutral; DNG specification, "Translating White Balance xy Coordinates"."""
    seen = np.asarray(xyz_to_camera) @ np.asarray(xyz)
    return tuple((seen[1] / seen).tolist())


def xy_to_xyz(x, y):
    return np.array([x / y, 1.0, (1 - x - y) / y])


def tiled(pattern, size):
    """Returns a pattern [h, w] repeated over [H, W]."""
    pattern = np.asarray(pattern)
    return np.tile(pattern, [-(-side // part) for side, part in zip(size, pattern.shape, strict=True)])[: size[0], : size[1]]


def cfa_index(cfa, size):
    """Returns each photosite's colour, 0 to 2: [H, W]."""
    side = {4: 2, 36: 6}[len(cfa)]
    return tiled(np.reshape(["RGB".index(letter) for letter in cfa], (side, side)), size)


def _dithered(counts):
    """Rounds counts up or down by an ordered pattern of 16 thresholds, so that the means of areas are kept where a count is much."""
    row, column = (np.arange(side) // 2 for side in counts.shape)
    return np.floor(counts + ((7 * row[:, None] + 3 * column) % 16 + 0.5) / 16)


def record(chart, xyz_to_camera, gains, *, cfa="RGGB", black=0.0, white=16383.0, exposure=1.0, saturation=np.inf, response=1.0):
    """Returns the counts, uint16 [H, W], that a noise-free sensor records of a chart.

    Args:
      chart: a Chart.
      xyz_to_camera: [3, 3].
      gains: (R, G, B), the white balance that makes the chart's greys neutral.
      black: level, or [H, W].
      white: counts that light 1 under gain 1 gives.
      exposure: factor of the light.
      saturation: counts that nothing exceeds.
      response: factor of each photosite's light, or [H, W]: a lens's shading.
    Means are exact, counts are rounded by a pattern.
    """
    seen = chart.light @ camera_matrix(xyz_to_camera).T / np.asarray(gains)
    counts = np.take_along_axis(seen, cfa_index(cfa, chart.patch.shape)[..., None], axis=2)[..., 0]
    counts = black + counts * exposure * response * (white - np.mean(black))
    assert counts.min() >= 0
    return np.minimum(_dithered(counts), min(saturation, white)).astype(np.uint16)
