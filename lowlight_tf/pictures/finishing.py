"""From a network's output to the values in the file: linear light, blend with the plain rendering, exposure, colour, curve.

What a network's target means is said here and nowhere else: another target is another row of TARGETS.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import apply_matrix, bt709_to_linear, linear_to_bt709, linear_to_srgb, srgb_to_linear


@dataclasses.dataclass(frozen=True)
class Target:
    """What a network was taught to return.

    Attributes:
      to_linear: function that turns its output, float32 [..., 3], into linear light.
      camera_colors: that light is white-balanced camera colour, which the file's own matrix turns into sRGB.
    """

    to_linear: Callable
    camera_colors: bool


_STRIP = 2**19  # pixels that are finished at a time: little memory beside the picture

# What the values of a finished picture are coded with: photographs with the curve that they are tagged with, scores with the protocol's.
CURVES = {"srgb": linear_to_srgb, "bt709": linear_to_bt709}
TARGETS = {"srgb": Target(bt709_to_linear, camera_colors=False), "camera_rgb": Target(bt709_to_linear, camera_colors=True)}


@dataclasses.dataclass(frozen=True)
class Finish:
    """How a picture is finished.

    Attributes:
      strength: 1 for the network's output alone, 0 for the plain rendering, in between for a blend of their light; above 1, to
        MOST_STRENGTH, the network is told that there is so many times the noise, and smooths more.
      stops: exposure of the result; 1 doubles its light.
      linear: leave it linear, for a DNG.
      eight_bits: round it to 8 bits, for a JPEG: half the memory.
      curve: a key of CURVES; without meaning where it is left linear.
    """

    strength: float = 1.0
    stops: float = 0.0
    linear: bool = False
    eight_bits: bool = False
    curve: str = "srgb"


def color_matrix(target, ccm):
    """Returns [3, 3], the colours of a target's linear light -> linear sRGB, for a file's `ccm`."""
    return np.asarray(ccm, np.float32) if TARGETS[target].camera_colors else np.eye(3, dtype=np.float32)


def check_finite(output, what):
    """Returns a network's output [..., 3], unless a number in it is none: clipped, it would be a black picture that looks finished.

    Args:
      output: float32 tensor.
      what: the file, for the message.
    Raises:
      LowlightError.
    """
    if not bool(tf.reduce_all(tf.math.is_finite(output))):
        raise LowlightError(f"{what}: what the network returns is not finite; the model diverged or is damaged: use another")
    return output


def _light(output, plain, matrix, strength, gain, target):
    """Blends two pictures in linear light; `output` or `plain` may be None."""
    light = None if output is None else TARGETS[target].to_linear(output)
    if plain is not None:
        plain = apply_matrix(srgb_to_linear(tf.cast(plain, tf.float32) / 65535), tf.linalg.inv(matrix))
        light = plain if light is None else plain + strength * (light - plain)
    return light * gain


@functools.cache
def _finisher(has_output, has_plain, target, linear, curve, eight_bits):
    """Returns what `finish` does to a strip as one graph for strips of every size, of the pictures that there are."""
    kinds = {"output": tf.float32} if has_output else {}
    kinds |= {"plain": tf.uint16} if has_plain else {}
    pictures = {name: tf.TensorSpec([None, None, 3], kind) for name, kind in kinds.items()}

    @tf.function(input_signature=[pictures, *(tf.TensorSpec(shape, tf.float32) for shape in ([3, 3], [], []))], autograph=False)
    def finished(pictures, matrix, strength, gain):
        light = _light(pictures.get("output"), pictures.get("plain"), matrix, strength, gain, target)
        if not linear:
            light = apply_matrix(light, matrix) if TARGETS[target].camera_colors else light
            light = CURVES[curve](tf.minimum(light, 1.0))
        codes = tf.round(tf.clip_by_value(light, 0.0, 1.0) * 65535)
        return tf.cast(tf.round(codes / 257), tf.uint8) if eight_bits else tf.cast(codes, tf.uint16)

    return finished


def finish(output, plain, ccm, target, settings):
    """Finishes a tile of a picture, or a whole one: every pixel by itself.

    Args:
      output: float32 [H, W, 3], the network's, not clipped; None where settings.strength is 0.
      plain: uint16 [H, W, 3], the same part of the plain rendering; None where settings.strength is 1 or more.
      ccm: [3, 3], white-balanced camera colour -> linear sRGB.
      target: a key of TARGETS.
      settings: a Finish.
    Returns:
      uint16 [H, W, 3], or uint8 with settings.eight_bits: sRGB primaries coded with settings.curve, or linear, in the colours that
      `color_matrix` speaks of.
    """
    pictures = {name: picture for name, picture in (("output", output), ("plain", plain)) if picture is not None}
    finished = _finisher("output" in pictures, "plain" in pictures, target, settings.linear, settings.curve, settings.eight_bits)
    numbers = [tf.constant(value, tf.float32) for value in (color_matrix(target, ccm), settings.strength, 2.0**settings.stops)]
    (height, width, _), *others = {tuple(whole.shape) for whole in pictures.values()}
    if others:
        raise ValueError(f"the network's picture and the plain one are {(height, width)} and {others[0][:2]} large; expected the same")
    picture = np.empty((height, width, 3), np.uint8 if settings.eight_bits else np.uint16)
    rows = max(_STRIP // max(width, 1), 1)
    for row in range(0, height, rows):
        picture[row : row + rows] = finished({name: whole[row : row + rows] for name, whole in pictures.items()}, *numbers).numpy()
    return picture
