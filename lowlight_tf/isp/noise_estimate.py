"""How noisy a frame is, from the frame itself: its shot noise and its read noise, each for itself.

Noise is measured where there is least else, in the quietest blocks of each brightness; what is left of texture there can only add to it,
so the line from brightness to variance is laid along the lower edge. References: Foi et al., "Practical Poissonian-Gaussian Noise
Modeling and Fitting for Single-image Raw-data", TIP 2008; Immerkaer, "Fast Noise Variance Estimation", CVIU 1996.
"""

import functools
import itertools

import numpy as np

_BLOCK = 8  # packed pixels a side
_PATCH, _PATCHES = 130, 4  # packed pixels a side of what is looked at, and how many of them along each axis
_QUIET = 0.1  # quantile of the blocks' variances that is taken for noise
_GROUPS, _GROUP = 10, 25  # groups of blocks by brightness: how many, and the fewest blocks of one
_GAINS = np.exp(np.linspace(np.log(0.005), np.log(60), 90))  # counts per electron
# Read noise is about 2.6 sqrt(K) counts, within a factor of e^0.7: the A7S II's line (Wei et al., CVPR 2020) and others around it. It
# only decides where a frame has too few brightnesses to tell the two apart.
_READ, _READ_SCATTER, _PRIOR = 2.6, 0.7, 0.01
_FACTORS = np.exp(np.linspace(-2.5, 2.5, 51))  # of the read noise about that line
_ROUNDING = 1 / 12  # variance of rounding to whole counts
_TEXTURE_WEIGHT = 0.35  # of a variance above the line, where one below it has weight 1


def _mean_blocks(planes, rows, columns):
    whole = planes[:, : rows * _BLOCK, : columns * _BLOCK]
    # Whole rows first: numpy adds what lies side by side several times as fast as eight numbers at a time.
    strips = whole.reshape(-1, rows, _BLOCK, columns * _BLOCK).sum(axis=2)
    return strips.reshape(-1, rows, columns, _BLOCK).sum(axis=3) / _BLOCK**2


def _variances(planes):
    """Returns the noise of each block: what second differences leave of it in the direction that shows least.

    float64 [n, h, w] -> [n, rows, columns].
    """
    rows, columns = ((side - 2) // _BLOCK for side in planes.shape[1:])
    across = planes[:, :, :-2] - 2 * planes[:, :, 1:-1] + planes[:, :, 2:]
    down = planes[:, :-2] - 2 * planes[:, 1:-1] + planes[:, 2:]
    both = down[:, :, :-2] - 2 * down[:, :, 1:-1] + down[:, :, 2:]
    powers = ((across[:, 1:-1], 6), (down[:, :, 1:-1], 6), (both, 36))  # each with the sum of its squared weights
    return np.min([_mean_blocks(difference**2, rows, columns) / norm for difference, norm in powers], axis=0)


@functools.cache
def _quiet_variance():
    """What the quiet quantile is for white noise of variance 1: the least of three, and of a few blocks, is less than their mean."""
    return float(np.quantile(_variances(np.random.RandomState(0).standard_normal((1, 1026, 1026))), _QUIET))


def _blocks(patches, least, most):
    """Returns brightness and variance of the blocks of a plane's patches [n, h, w] that neither black nor white cuts off."""
    variances = _variances(patches)
    rows, columns = variances.shape[1:]
    inner = patches[:, 1 : 1 + rows * _BLOCK, 1 : 1 + columns * _BLOCK]
    white, black, brightness = (_mean_blocks(values, rows, columns) for values in (inner >= most, inner <= least, inner))
    usable = (variances > 0) & (white == 0) & (black < 0.02)
    return brightness[usable], variances[usable]


def _lower_edge(brightness, variances):
    """Groups blocks by brightness: mean brightness, quiet variance and weight of each group."""
    order = np.argsort(brightness)
    groups = np.array_split(order, min(_GROUPS, max(1, len(order) // _GROUP)))
    by_size = [list(same) for _, same in itertools.groupby(groups, len)]  # two at most: one call for each, not one for each group
    quiet = np.concatenate([np.quantile(variances[np.stack(same)], _QUIET, axis=1) for same in by_size]) / _quiet_variance()
    return np.maximum([brightness[group].mean() for group in groups], 0), quiet, np.sqrt([len(group) for group in groups])


def _fit(brightness, variances, weights):
    """Returns the gain and read noise whose line lies along the lower edge: the least weighted absolute error of the logarithm."""
    gains, reads = np.meshgrid(_GAINS, _FACTORS, indexing="ij")
    reads = _READ * np.sqrt(gains) * reads
    errors = np.log(variances) - np.log(gains[..., None] * brightness + reads[..., None] ** 2 + _ROUNDING)
    errors = np.where(errors > 0, _TEXTURE_WEIGHT * errors, -errors) @ (weights / weights.sum())
    errors += _PRIOR * (np.log(_FACTORS) / _READ_SCATTER) ** 2
    best = np.unravel_index(errors.argmin(), errors.shape)
    return gains[best], reads[best]


def _patches(plane):
    """Takes patches spread over a plane [h, w]: float64 [n, side, side], or as much of a side as there is."""

    def starts(size):
        return sorted({int(start) for start in np.linspace(0, max(size - _PATCH, 0), min(_PATCHES, -(-size // _PATCH)))})

    rows, columns = starts(plane.shape[0]), starts(plane.shape[1])
    return np.stack([plane[row : row + _PATCH, column : column + _PATCH] for row in rows for column in columns]).astype(np.float64)


def _plane_noise(plane, black):
    """Returns (gain, read noise) of a plane of counts; None where too little of it can be used."""
    patches = _patches(plane) - black
    if min(patches.shape[1:]) < _BLOCK + 2:
        return None
    least = 0.0 if patches.min() > -0.5 else -np.inf  # a file that is cut off at black has no noise to see there
    brightness, variances = _blocks(patches, least, patches.max())
    return _fit(*_lower_edge(brightness, variances)) if len(variances) else None


def measure_noise(packed, camera, black_level, white_level):
    """Measures how noisy a frame is.

    Args:
      packed: numpy [h, w, C], counts of the whole frame, any number type.
      frame: a Frame or a CachedPair, for its black_level and white_level.
      camera: a Camera.
    Returns:
      (shot, read) noise: the variance that a unit of light brings, and the standard deviation in the dark, both of the range from black to
      white; geometric means over the packed channels. That of a quiet sensor where nothing can be measured: the frame is smaller than a
      block, without any noise, or cut off all over.
    """
    span = float(white_level - np.mean(black_level))
    found = [_plane_noise(packed[..., channel], float(black_level[color])) for channel, color in enumerate(camera.channel_colors)]
    known = [noise for noise in found if noise] or [(_GAINS[0], _READ * _GAINS[0] ** 0.5)]
    shot, read = np.exp(np.mean(np.log(known), axis=0)) / span
    return float(shot), float(read)


def frame_noise(packed, frame, camera):
    """As `measure_noise`, but what the file itself says (frame.noise_profile) wins."""
    return frame.noise_profile or measure_noise(packed, camera, frame.black_level, frame.white_level)
