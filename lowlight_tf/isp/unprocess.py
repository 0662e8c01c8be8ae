"""sRGB -> raw: a picture taken backwards through the camera's pipeline, to the mosaic a noiseless sensor would have recorded.

Reference: Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019, section 3 (without its tone curve: the
targets are LibRaw's renderings, which have none).
"""

import tensorflow as tf

from lowlight_tf.isp.color import apply_matrix, srgb_to_camera_matrix, srgb_to_linear


def mosaic(rgb, cfa):
    """Keeps of each pixel the colour that the CFA lets through.

    Args:
      rgb: [..., H, W, 3]; H and W of any size.
      cfa: colours of one tile in row-major order, 4 or 36 letters.
    Returns:
      [..., H, W], same dtype.
    """
    side = {4: 2, 36: 6}[len(cfa)]
    height, width = rgb.shape[-3:-1]
    tile = tf.reshape(tf.constant(["RGB".index(color) for color in cfa]), [side, side])
    colors = tf.tile(tile, [-(-height // side), -(-width // side)])[:height, :width]
    return tf.reduce_sum(rgb * tf.one_hot(colors, 3, dtype=rgb.dtype), axis=-1)


def unprocess(srgb, camera, wb_gains):
    """Turns a picture into linear light on the sensor.

    Args:
      srgb: float32 [..., H, W, 3] in [0, 1].
      camera: a Camera with xyz_to_camera.
      wb_gains: [3] as-shot gains; the sensor sees each colour divided by its gain.
    Returns:
      float32 [..., H, W], 0 at black and 1 at white.
    """
    camera_rgb = apply_matrix(srgb_to_linear(srgb), srgb_to_camera_matrix(camera.xyz_to_camera))
    sensor_rgb = camera_rgb / tf.cast(wb_gains, tf.float32)
    return tf.clip_by_value(mosaic(sensor_rgb, camera.cfa), 0.0, 1.0)
