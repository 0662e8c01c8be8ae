"""A short exposure of a bright frame: which light, how dim, how much shorter and with what noise is drawn here; applied, it is the pair
of a raw frame and its target that a camera in the dark would have brought home.
"""

import dataclasses

import tensorflow as tf

from lowlight_tf.isp.any_sensor import SensorNoise, random_sensor_noise, record
from lowlight_tf.isp.color import apply_matrix, bt709_to_linear, linear_to_bt709, srgb_to_camera_matrix
from lowlight_tf.isp.noise import Noise, add_noise, random_noise
from lowlight_tf.isp.sensors import figures_at, random_color, random_cut, random_ratio, random_step
from lowlight_tf.isp.unprocess import mosaic, random_brightness, random_wb_gains, to_sensor


@dataclasses.dataclass(frozen=True)
class Capture:
    """One simulated short exposure.

    Attributes:
      wb_gains: float32 [3], as-shot gains of the scene's light; a raw frame keeps its own.
      channels: int32 [3], which of a picture's channels are its red, green and blue light; 0, 1, 2 for those that it says.
      brightness: part of the sensor's range that the picture's white fills in the long exposure; a raw frame keeps its own.
      exposure_ratio: long / short.
      noise: a Noise or a SensorNoise.
      from_srgb: float32 [3, 3], linear sRGB -> white-balanced camera colour; a raw frame keeps its own.
      cuts_black: counts below black are recorded as black, as some cameras do.
      seed: [2] integers, for the photosites.
    """

    wb_gains: tf.Tensor
    channels: tf.Tensor
    brightness: tf.Tensor
    exposure_ratio: tf.Tensor
    noise: Noise | SensorNoise
    from_srgb: tf.Tensor
    cuts_black: tf.Tensor
    seed: tf.Tensor


# SID's long exposures: their linear means run from 0.02 to 0.17 where those of photographs run from 0.1 to 0.4.
DARKEST = 0.1

# The orders of a picture's channels, its own first.
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _random_sensor(seed, ratio_seed, noise_seed, camera, kind, many_cameras):
    """Draws exposure ratio, noise, colours and whether black is cut: of the camera's own sensor, or of any."""
    if not many_cameras:
        choice = tf.random.stateless_uniform([], ratio_seed, maxval=len(camera.exposure_ratios), dtype=tf.int32)
        ratio = tf.gather(tf.constant(camera.exposure_ratios, tf.float32), choice)
        noise = random_sensor_noise(noise_seed, ratio) if kind == "any_sensor" else random_noise(noise_seed, kind)
        return (ratio, noise, tf.constant(srgb_to_camera_matrix(camera.xyz_to_camera)), tf.constant(False))
    color_seed, step_seed = tf.unstack(tf.random.split(tf.random.fold_in(seed, 1), 2))
    ratio = random_ratio(ratio_seed)
    noise = random_sensor_noise(noise_seed, ratio) if kind == "any_sensor" else random_noise(noise_seed, kind, figures_at(ratio))
    noise = dataclasses.replace(noise, step=random_step(step_seed))
    return ratio, noise, random_color(color_seed), random_cut(tf.random.fold_in(seed, 3))


def random_capture(seed, camera, kind="physical", darkest=DARKEST, mix_colors=False, many_cameras=False):
    """Draws a capture.

    Args:
      seed: [2] integers.
      camera: a Camera; its exposure_ratios are drawn from.
      kind: of noise, one of isp.NOISES.
      darkest: lowest brightness.
      mix_colors: exchange a picture's channels, each of their orders as often; else they stay as they are.
      many_cameras: draw the sensor too, from those of many makers, and any exposure ratio from 1 on; else it is the camera's own.
    Returns:
      A Capture.
    """
    gain_seed, brightness_seed, ratio_seed, noise_seed, frame_seed = tf.unstack(tf.random.split(seed, 5))
    ratio, noise, from_srgb, cuts_black = _random_sensor(seed, ratio_seed, noise_seed, camera, kind, many_cameras)
    order = tf.random.stateless_uniform([], tf.random.fold_in(seed, 2), maxval=len(_ORDERS) if mix_colors else 1, dtype=tf.int32)
    return Capture(
        wb_gains=random_wb_gains(gain_seed),
        channels=tf.gather(tf.constant(_ORDERS), order),
        brightness=random_brightness(brightness_seed, darkest),
        exposure_ratio=ratio,
        noise=noise,
        from_srgb=from_srgb,
        cuts_black=cuts_black,
        seed=frame_seed,
    )


def expose(clean, capture, camera):
    """Records a clean mosaic in low light.

    Args:
      clean: float32 [..., H, W], [H, W] with a SensorNoise, linear light of the long exposure on the sensor, 0 at black and 1 at white.
      capture: a Capture.
      camera: a Camera, for its levels.
    Returns:
      uint16 [..., H, W], counts of the short exposure.
    """
    black, white = camera.levels
    facts = {"exposure_ratio": capture.exposure_ratio, "black_level": black, "white_level": white}
    if isinstance(capture.noise, SensorNoise):
        counts = record(clean, capture.noise, capture.seed, cfa=camera.cfa, **facts)
    else:
        counts = add_noise(clean, capture.noise, capture.seed, **facts)
    return tf.maximum(counts, tf.cast(tf.where(capture.cuts_black, black, 0), counts.dtype))


def _scene(rgb_linear, capture):
    """The light of a picture's scene, as bright as the long exposure takes it."""
    return tf.gather(rgb_linear, capture.channels, axis=-1) * capture.brightness


def _target(light, capture, camera_rgb):
    return linear_to_bt709(tf.clip_by_value(apply_matrix(light, capture.from_srgb) if camera_rgb else light, 0.0, 1.0))


def expose_picture(rgb_linear, capture, camera, camera_rgb=False):
    """Takes a picture's scene again, in low light.

    Args:
      rgb_linear: float32 [..., H, W, 3], linear sRGB light; what is above 1 the sensor clips, unless the scene is exposed less.
      capture: a Capture.
      camera: a Camera.
      camera_rgb: the target is what the sensor sees, see `camera_target`.
    Returns:
      short: uint16 [..., H, W], counts.
      target: float32 [..., H, W, 3] in [0, 1], sRGB or camera colour, coded as LibRaw codes its renderings.
    """
    light = _scene(rgb_linear, capture)
    short = expose(mosaic(to_sensor(light, capture.from_srgb, capture.wb_gains), camera.cfa), capture, camera)
    return short, _target(light, capture, camera_rgb)


def expose_planes(rgb_linear, capture, camera, camera_rgb=False):
    """As `expose_picture`, for a sensor that sees all three colours everywhere: short is uint16 [..., H, W, 3], each with its own noise."""
    light = _scene(rgb_linear, capture)
    planes = tf.stack(tf.unstack(to_sensor(light, capture.from_srgb, capture.wb_gains), axis=-1), axis=-3)
    return tf.stack(tf.unstack(expose(planes, capture, camera), axis=-3), axis=-1), _target(light, capture, camera_rgb)


def camera_target(srgb, from_srgb):
    """Turns a target into the colours that a sensor sees: float32 [..., 3] sRGB -> white-balanced camera colour, both coded with the curve
    of LibRaw's renderings and in [0, 1]."""
    return linear_to_bt709(tf.clip_by_value(apply_matrix(bt709_to_linear(srgb), from_srgb), 0.0, 1.0))
