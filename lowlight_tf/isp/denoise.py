"""Denoising of raw planes without learning: how noisy a frame is, a transform that makes its noise uniform, and the denoisers.

References: Foi et al., "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-image Raw-data", TIP 2008; Makitalo and
Foi, "Optimal Inversion of the Generalized Anscombe Transformation for Poisson-Gaussian Noise", TIP 2013; Immerkaer, "Fast Noise
Variance Estimation", CVIU 1996.

scipy and scikit-image are imported where they are used: most runs denoise nothing here, and would wait for them at every start.
"""

import dataclasses
import importlib.util
from collections.abc import Callable

import numpy as np

from lowlight_tf.console import progress
from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.noise import SONY_A7S2

_GAIN_RANGE = (0.01, 30.0)  # counts per electron, wider than any camera's at 10 to 16 bits
_MOST_SAMPLES = 200_000  # of a plane, for the estimate
_PATCH, _PATCHES = 96, 3  # what the noise is measured on, packed pixels, and how many of them along each axis
# Blind to ramps, and of norm 1 so that it keeps the standard deviation of white noise.
_LAPLACE_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6


def noise_patches(frame, step=1, scale=1):
    """Takes patches spread over a frame, for its noise to be measured on.

    Args:
      frame: [H, W] or [H, W, C].
      step: what their first rows and columns are multiples of.
      scale: how much larger than 96 pixels they are a side.
    Returns:
      list of at most 9 views, all of one size.
    """
    side = _PATCH * scale

    def starts(size):
        return sorted({int(start) // step * step for start in np.linspace(0, max(size - side, 0), _PATCHES)})

    return [frame[row : row + side, column : column + side] for row in starts(frame.shape[0]) for column in starts(frame.shape[1])]


def estimate_gain(planes, figures=SONY_A7S2):
    """Finds the system gain K with which a frame's own noise is what the noise model expects.

    The noise model has one unknown: shot noise is K times the signal, and read and row noise follow from K. So no ISO is asked for,
    which files may lack and which means another K on another camera. Only the brighter half of each plane counts: in the darker one
    files may be cut off at black.

    Args:
      planes: float [h, w, C], counts above black.
      figures: NoiseFigures.
    Returns:
      K, counts per electron, within 0.01 to 30.
    """
    from scipy import ndimage

    deviations, means = [], []
    for plane in np.moveaxis(np.asarray(planes, np.float64), -1, 0):
        mean = ndimage.uniform_filter(plane, 7, mode="mirror")
        bright = np.flatnonzero(mean >= np.median(mean))
        bright = bright[:: -(-bright.size // _MOST_SAMPLES)]
        deviations.append(np.abs(ndimage.convolve(plane, _LAPLACE_DIFFERENCE, mode="mirror")).ravel()[bright])
        means.append(np.maximum(mean.ravel()[bright], 0))
    deviations, means = np.concatenate(deviations), np.concatenate(means)
    low, high = np.log(_GAIN_RANGE)
    for _ in range(30):  # bisection: the larger K, the smaller is the noise in units of what K explains
        gain = np.exp((low + high) / 2)
        explained = np.sqrt(gain * means + figures.read_noise(gain) ** 2)
        # The median of |normal| is 0.6745 standard deviations.
        if np.median(deviations / explained) > 0.6745:
            low = np.log(gain)
        else:
            high = np.log(gain)
    return float(np.exp((low + high) / 2))


def stabilise(counts, gain, read_noise):
    """Generalised Anscombe transform: counts with Poisson-Gaussian noise -> values whose noise has a standard deviation of 1.

    Args:
      counts: float [...], above black; may be negative.
      gain: K, counts per electron.
      read_noise: standard deviation in the dark, counts.
    """
    return 2 / gain * np.sqrt(np.maximum(gain * counts + 0.375 * gain**2 + read_noise**2, 0))


def unstabilise(stable, gain, read_noise):
    """Inverts `stabilise` for denoised values: the counts whose transform has this expectation (Makitalo and Foi, the closed form)."""
    d = np.maximum(stable, 2 * np.sqrt(0.375 + (read_noise / gain) ** 2))  # not below black
    electrons = d**2 / 4 + np.sqrt(1.5) / 4 / d - 11 / 8 / d**2 + 5 * np.sqrt(1.5) / 8 / d**3 - 1 / 8 - (read_noise / gain) ** 2
    return gain * electrons


def non_local_means(stable, sigma):
    """Non-local means over all planes at once, for noise of standard deviation sigma: float64 [h, w, C] -> the same shape."""
    from skimage.restoration import denoise_nl_means

    # In float64: the fast mode's integral images lose the patches of a whole frame in float32.
    return denoise_nl_means(stable, patch_size=5, patch_distance=9, h=0.8 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1)


def block_matching(stable, sigma):
    """BM3D of each plane, for noise of standard deviation sigma: float64 [h, w, C] -> the same shape.

    The planes are rotated first, which keeps the noise: the first becomes their common brightness, the others colour differences.
    """
    from scipy import fft

    bm3d = importlib.import_module("bm3d").bm3d
    rotated = fft.dct(stable, norm="ortho", axis=-1)
    planes = [bm3d(rotated[..., i], sigma) for i in progress(range(stable.shape[-1]), unit="plane", description="BM3D")]
    return fft.idct(np.stack(planes, axis=-1), norm="ortho", axis=-1)


@dataclasses.dataclass(frozen=True)
class Denoiser:
    """A way to denoise planes whose noise is uniform.

    Attributes:
      apply: function of float64 [h, w, C] and the noise's standard deviation that returns the same shape; None for no denoising.
      seconds: what a megapixel of mosaic takes on one core, about.
      package, licence: the optional package that it needs, and what a person must know before installing it.
    """

    apply: Callable | None
    seconds: float
    package: str = ""
    licence: str = ""


DENOISERS = {
    "none": Denoiser(None, 0),
    "nlm": Denoiser(non_local_means, 2),
    "bm3d": Denoiser(block_matching, 35, "bm3d", "its licence allows non-commercial use only"),
}


def check_installed(name):
    """Refuses a denoiser whose package is missing.

    Raises:
      LowlightError: with the command that installs it, and its licence.
    """
    denoiser = DENOISERS[name]
    if denoiser.package and importlib.util.find_spec(denoiser.package) is None:
        raise LowlightError(
            f"--denoiser={name} needs the package {denoiser.package}: pip install {denoiser.package} ({denoiser.licence}); "
            "or use --denoiser=nlm"
        )


def denoise(planes, name, figures=SONY_A7S2, strength=1.0):
    """Denoises one frame, as strongly as its own noise asks for, or more or less so.

    Args:
      planes: float [h, w, C], counts above black, with negatives where the file has them.
      name: a key of DENOISERS.
      figures: NoiseFigures.
      strength: above 0; the denoiser is told this many times the noise that was found.
    Returns:
      float64 [h, w, C], counts above black.
    """
    denoiser = DENOISERS[name]
    if denoiser.apply is None:
        return np.asarray(planes, np.float64)
    gain = estimate_gain(planes, figures)
    read_noise = figures.read_noise(gain)
    stable = stabilise(np.asarray(planes, np.float64), gain, read_noise)
    return unstabilise(denoiser.apply(stable, strength), gain, read_noise)
