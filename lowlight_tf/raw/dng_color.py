"""Which of a DNG's colour matrices holds for a white point.

Reference: Adobe, Digital Negative Specification 1.4, chapter 6.
"""

import numpy as np

# Correlated colour temperature of EXIF's light sources, in kelvin; those of Adobe's own reader.
_KELVINS = {
    1: 5500,
    2: 4150,
    3: 2850,
    4: 5500,
    9: 5500,
    10: 6500,
    11: 7500,
    12: 6400,
    13: 5050,
    14: 4150,
    15: 3525,
    17: 2850,
    18: 5500,
    19: 6500,
    20: 5500,
    21: 6500,
    22: 7500,
    23: 5000,
    24: 3200,
}


def _kelvin(x, y):
    """Correlated colour temperature of a chromaticity. McCamy, "Correlated color temperature as an explicit function", 1992."""
    n = (x - 0.3320) / (0.1858 - y)
    return 449.0 * n**3 + 3525.0 * n**2 + 6823.3 * n + 5520.33


def matrix_at(matrices, white_xy):
    """Returns the matrix CIE XYZ -> camera colour, [3, 3], of a white point: a mixture of two by inverse temperature (chapter 6)."""
    if len(matrices) == 1:
        return matrices[0][1]
    (cold, first), (warm, second) = ((1 / _KELVINS.get(illuminant, 6500), matrix) for illuminant, matrix in matrices)
    weight = 0.0 if cold == warm else np.clip((1 / np.clip(_kelvin(*white_xy), 1500, 50000) - cold) / (warm - cold), 0, 1)
    return (1 - weight) * first + weight * second


def daylight_matrix(matrices):
    """Returns the matrix of the illuminant nearest to D65."""
    return min(matrices, key=lambda found: abs(1 / _KELVINS.get(found[0], 6500) - 1 / 6500))[1]
