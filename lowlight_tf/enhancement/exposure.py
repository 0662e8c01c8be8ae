"""What is done to a frame where nobody says: how much it is amplified, until it is bright enough, night darker than day, and its noise
allows it; and how much of the network's picture it takes.
"""

import dataclasses

import numpy as np

from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import linear_to_bt709
from lowlight_tf.isp.noise_estimate import frame_noise
from lowlight_tf.raw import packing

MOST = 300.0  # SID's largest ratio, and so the largest that models have seen
_PICTURES_MOST = 30.0  # 8 bits and JPEG hold no more
# Mean of the finished picture, coded; and what keeps the darkest scenes darker than that, by half in stops. Chosen on the 12 training
# crops of three SID scenes, whose true ratio is 100: 0.37 stops off in the mean, and 0.67 on the 4 test crops of two other scenes. That
# there is a _NIGHT at all was decided with all 16 in view, so 0.67 is no held-out figure of the rule, only of its constants.
_BRIGHTNESS, _NIGHT = 0.30, 2.5
_NOISE = 0.03  # what read noise may become, of white
_BLOCK = 8  # packed pixels a side whose mean is free of noise enough
_DARKEST = 1e-4  # of the range: a black level is not known better
# Root mean square of what a model that ships is off by on frames without noise, coded: python -m benchmarks.default_model. It says 0.008 of
# models/bayer and 0.011 of models/xtrans.
_NETWORK_ERROR = 0.010
# Strengths that are taken for 1, and for 0: where the plain rendering is better than the network alone, and fine texture looks like noise.
_ALL, _NONE = 0.9, 0.55
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of R, G, B in luminance; ITU-R BT.709


@dataclasses.dataclass(frozen=True)
class Darkness:
    """How dark a frame is.

    Attributes:
      luminance: float32 [n], means of blocks, white-balanced and baseline exposure applied, 0 at black and 1 at white.
      read_noise: standard deviation in the dark, of the range from black to white.
      shot_noise: variance that a unit of light brings to a linear rendering, both of the range from black to white.
      color_noise: how much white balance and colour matrix raise the read noise of a rendering.
      clipped: the part of the blocks that is white.
    """

    luminance: np.ndarray
    read_noise: float
    shot_noise: float
    color_noise: float
    clipped: float

    @property
    def mean(self):
        """Mean luminance."""
        return float(self.luminance.mean())


def block_means(packed, block):
    """Averages blocks of [h, w, C]: float32 [h // block, w // block, C], the blocks cut where the frame is smaller than one."""
    height, width = (min(block, size) for size in packed.shape[:2])
    rows, columns = packed.shape[0] // height, packed.shape[1] // width
    whole = packed[: rows * height, : columns * width].reshape(rows, height, columns, width, -1)
    return whole.mean(axis=(1, 3), dtype=np.float32)


def measure(packed, frame, camera):
    """Measures how dark a frame is.

    Args:
      packed: uint16 [h, w, C], its packed counts.
      frame: the Frame.
      camera: the Camera it was packed for.
    Returns:
      A Darkness.
    """
    colors = list(camera.channel_colors)
    black = np.asarray(frame.black_level, np.float32)[colors]
    light = (block_means(packed, _BLOCK) - black) / (frame.white_level - black)
    gains = np.asarray(frame.wb_gains, np.float32) / min(frame.wb_gains)
    rgb = packing.superpixels(light, camera).numpy() * gains
    shot_noise, read_noise = frame.noise or frame_noise(packed, frame, camera)
    # A photosite behind a gain of g has 1/g of the light, so g times its shot noise's variance is left, and g squared of the read noise's.
    shot, read = (float(np.mean(np.sum(np.asarray(frame.ccm) ** 2 * gains**power, axis=1))) for power in (1, 2))
    light_gain = np.float32(frame.light_gain)
    return Darkness(
        (rgb @ _WEIGHTS).ravel() * light_gain,
        read_noise * frame.light_gain,
        shot * shot_noise * frame.light_gain,
        np.sqrt(read),
        float((light.min(axis=-1) > 0.95).mean()),
    )


def check_not_empty(darkness, path):
    """Refuses frames that show nothing.

    Raises:
      LowlightError: for a black frame, or one that is white all over.
    """
    brightest = float(np.quantile(darkness.luminance, 0.99))
    if brightest <= max(_DARKEST, darkness.read_noise / 2):
        raise LowlightError(f"{path} is black (brightest parts {max(brightest, 0):.1e} of white, no more than noise); was the lens cap on?")
    if darkness.clipped > 0.99:
        raise LowlightError(f"{path} is white all over: every photosite is clipped, nothing can be recovered; give a shorter exposure")


def _brightness(luminance, ratios):
    """Returns the mean of luminance [n], coded, at each of some ratios [r]: float32 [r]."""
    return np.mean(linear_to_bt709(np.clip(np.multiply.outer(np.float32(ratios), luminance), 0, 1)), axis=1)


def auto_ratio(darkness, is_picture=False):
    """Chooses an exposure ratio.

    Args:
      darkness: a Darkness.
      is_picture: the frame was a finished picture.
    Returns:
      the ratio, 1 to MOST, to two digits; and in words what it was bounded by.
    """
    low, high = 0.0, np.log(MOST)
    if _brightness(darkness.luminance, [1.0])[0] >= _BRIGHTNESS:
        return 1.0, "auto: bright enough"
    for _ in range(7):  # the brightness rises with the ratio; eight parts at a time, for on a small frame it is the calls that take time
        parts = np.linspace(low, high, 9)
        dark = np.count_nonzero(_brightness(darkness.luminance, np.exp(parts[1:-1])) < _BRIGHTNESS)
        low, high = parts[dark], parts[dark + 1]
    night = _NIGHT / np.sqrt(max(darkness.mean, _DARKEST**2))
    bounds = {
        "auto": np.exp(high),
        "auto: night scenes stay dark": night,
        "auto: noise allows no more": _NOISE / darkness.read_noise,
        "auto: models have seen no more": MOST - 1e-3,
        "auto: pictures hold no more": _PICTURES_MOST if is_picture else np.inf,
    }
    reason = min(bounds, key=bounds.get)
    return float(f"{max(bounds[reason], 1.0):.2g}"), reason


def plain_noise(darkness, ratio):
    """Returns the standard deviation of the noise in the middle tones of a plain rendering, coded, 0 to 1."""
    light = np.clip(float(np.median(darkness.luminance)), 0.0, 0.5 / ratio)  # not where clipping hides it
    deviation = ratio * np.sqrt(darkness.shot_noise * light + (darkness.color_noise * darkness.read_noise) ** 2)
    low, high = linear_to_bt709(np.clip([light * ratio - deviation, light * ratio + deviation], 0, 1).astype(np.float32)).numpy()
    return float(high - low) / 2


def auto_strength(darkness, ratio):
    """Chooses how much of the network's picture is taken, and of the plain rendering the rest: what leaves the least error.

    Of two pictures whose errors are independent the best blend weights each by the other's variance. The plain rendering's error is the
    frame's own noise; the network's is what it is off by where there is none. So dark frames are the network's, and clean ones are not
    spoiled.

    Args:
      darkness: a Darkness.
      ratio: exposure ratio.
    Returns:
      0 to 1, to two digits.
    """
    variance = plain_noise(darkness, ratio) ** 2
    strength = variance / (variance + _NETWORK_ERROR**2)
    return 1.0 if strength > _ALL else 0.0 if strength < _NONE else round(strength, 2)
