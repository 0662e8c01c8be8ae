"""ICC profiles: sRGB's own, those of colour spaces given by numbers, and pictures of any of them made sRGB."""

import functools
import io
import struct

import imagecodecs
import numpy as np
from PIL import ImageCms

from lowlight_tf.errors import LowlightError, first_line
from lowlight_tf.isp.color import linear_to_srgb

# x and y of red, green and blue. IEC 61966-2-1; Adobe RGB (1998), 4.3.1; SMPTE RP 431-2 with D65, which is Display P3; ITU-R BT.2020.
SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB_PRIMARIES = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
P3_PRIMARIES = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT2020_PRIMARIES = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
ADOBE_RGB_GAMMA = 563 / 256
_D65 = (0.3127, 0.3290)

# LittleCMS else resamples a matrix as a cube of 33 steps a side, which is off by up to 5,000 of 65,535.
_FLAGS = int(imagecodecs.CMS.FLAGS.NOOPTIMIZE) | int(imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION)
_SPACES = {"RGB": (3, "rgb"), "GRAY": (1, "gray"), "CMYK": (4, "cmyk")}
_SAME = 257  # a profile that moves no colour by more than a code of 8 bits is some maker's copy of sRGB
_LEVELS = 1 << 20  # of linear light: with 65,536, the darkest codes would be off by 6
_ROWS = 256  # of a picture at a time: a whole frame as floats would take a gigabyte


@functools.cache
def srgb_profile():
    """Returns sRGB's ICC profile, bytes: always the same ones, though LittleCMS notes in them when it made them."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + profile[36:]


@functools.cache
def rgb_profile(primaries, gamma=None, white=_D65):
    """Makes the ICC profile of an RGB space.

    Args:
      primaries: x and y of red, green and blue.
      gamma: power that decodes; None for the sRGB curve.
      white: x and y.
    Returns:
      bytes.
    """
    if gamma:
        return imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=gamma)
    codes = np.linspace(0, 1, 4096)
    curve = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, transferfunction=curve.astype(np.float32))


def adobe_rgb_profile():
    """Returns a profile of Adobe RGB (1998), which cameras mean by EXIF's "R03" without embedding it."""
    return rgb_profile(ADOBE_RGB_PRIMARIES, ADOBE_RGB_GAMMA)


@functools.lru_cache(8)
def _facts(profile):
    """Returns (space, description) of a profile: "RGB", "GRAY", "CMYK", ...; what it calls itself."""
    read = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    return read.xcolor_space.strip(), (read.profile_description or "a profile without a name").strip()


def _transform(values, profile, space, output, dtype):
    return imagecodecs.cms_transform(
        np.ascontiguousarray(values),
        profile,
        output,
        colorspace=space,
        outcolorspace="rgb",
        outdtype=dtype,
        intent=int(imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC),
        flags=_FLAGS,
    )


def _probe():
    """Returns colours that a profile is tried on: 17 steps of each channel, and greys; uint16 [N, 1, 3]."""
    steps = np.round(np.linspace(0, 65535, 17)).astype(np.uint16)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return np.concatenate([cube, np.repeat(np.arange(0, 65536, 257, np.uint16)[:, None, None], 3, axis=2)])


@functools.lru_cache(8)
def _is_srgb(profile):
    probe, (space, name) = _probe(), _facts(profile)
    if space != "RGB":
        return False
    # The International Color Consortium's own sRGB of version 4 has tables for a look in print; the picture's numbers are still sRGB.
    if b"A2B0" in profile[128:4096] and "sRGB" in name:
        return True
    return int(np.abs(_transform(probe, profile, "rgb", srgb_profile(), np.uint16).astype(np.int32) - probe).max()) <= _SAME


@functools.lru_cache(8)
def _curves_and_matrix(profile):
    """Takes an RGB profile apart.

    Returns:
      (float32 [65536, 3], float32 [3, 3]): each channel's code -> light, and light -> linear sRGB. None for a profile that is no matrix
      after three curves.
    """
    linear = rgb_profile(SRGB_PRIMARIES, 1.0)
    ramps = np.zeros((3, 65536, 3), np.uint16)
    for channel in range(3):
        ramps[channel, :, channel] = np.arange(65536)
    light = _transform(ramps, profile, "rgb", linear, np.float32).astype(np.float64)
    columns = light[:, -1]
    lengths = (columns**2).sum(axis=1)
    if not (np.isfinite(light).all() and lengths.min() > 0):
        return None
    curves, matrix = ((light * columns[:, None]).sum(axis=2) / lengths[:, None]).T.astype(np.float32), columns.T.astype(np.float32)
    probe = _probe()
    found = np.stack([curves[probe[..., channel], channel] for channel in range(3)], axis=-1) @ matrix.T
    same = np.abs(found - _transform(probe, profile, "rgb", linear, np.float32)).max() < 1e-4
    return (curves, matrix) if same else None


@functools.cache
def _coded():
    return np.round(linear_to_srgb(np.arange(_LEVELS, dtype=np.float32) / (_LEVELS - 1)).numpy() * 65535).astype(np.uint16)


def _by_matrix(strip, curves, matrix):
    light = np.stack([curves[:, channel][strip[..., channel]] for channel in range(3)], axis=-1) @ matrix.T
    return _coded()[np.round(np.clip(light, 0, 1) * (_LEVELS - 1)).astype(np.int32)]


def _fitting(picture, space):
    """Returns the picture with as many channels as the profile's space has, or None: grey is RGB's own if need be."""
    channels = _SPACES.get(space, (0,))[0]
    if picture.shape[2] == 1 and channels == 3:
        return np.repeat(picture, 3, axis=2)
    return picture if picture.shape[2] == channels else None


def to_srgb(picture, profile, path):
    """Converts a picture through its ICC profile, relative to white, with black point compensation; what sRGB lacks is clipped.

    Args:
      picture: uint16 [H, W, C]: 1 channel of grey, 3 of RGB, or 4 of CMYK with 65535 as full ink.
      profile: the profile's bytes.
      path: the picture's file, for messages.
    Returns:
      (uint16 [H, W, 3] sRGB, what the profile calls itself). The picture is untouched, and the name "", where the profile is sRGB's.
    Raises:
      LowlightError: for a profile that is damaged, or of another kind of picture.
    """
    try:
        space, name = _facts(profile)
        fitting = _fitting(picture, space)
        if fitting is None:
            raise LowlightError(f"{path} has {picture.shape[2]} channels, and a colour profile of {space} ({name}); save it again as sRGB")
        if _is_srgb(profile):
            return fitting, ""
        parts = _curves_and_matrix(profile) if space == "RGB" else None
        converted = np.empty((*fitting.shape[:2], 3), np.uint16)
        for row in range(0, len(fitting), _ROWS):
            strip = fitting[row : row + _ROWS]
            strip = strip[..., 0] if space == "GRAY" else strip
            converted[row : row + _ROWS] = (
                _by_matrix(strip, *parts) if parts else _transform(strip, profile, _SPACES[space][1], srgb_profile(), np.uint16)
            )
    except LowlightError:
        raise
    except Exception as error:  # Pillow, imagecodecs and LittleCMS each have errors of their own for a damaged profile
        raise LowlightError(f"{path} has a colour profile that cannot be used ({first_line(error)[:99]}); save it again as sRGB") from error
    return converted, name


def lab_to_srgb(lab):
    """Converts CIE L*a*b* of D50, float [H, W, 3] with L* in [0, 100], to uint16 [H, W, 3] sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return _transform(np.asarray(lab, np.float32), profile, "lab", srgb_profile(), np.uint16)
