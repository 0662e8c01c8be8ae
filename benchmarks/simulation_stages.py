"""The figure of docs/simulate.md: one photograph after each stage of the physical model, and below it after each of the four simple stages.

    python -m benchmarks.simulation_stages          # writes docs/simulation_stages.jpg

The photograph is scikit-image's "coffee" (CC0). The raw stages are shown amplified, white-balanced and in sRGB, each packed pixel as one
pixel. No network and no denoiser is used.
"""

import dataclasses
import importlib.resources
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from lowlight_tf.isp.color import apply_matrix, linear_to_srgb, srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.isp.noise import add_noise, random_noise
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.simulation.figure import stages

WIDTH, GAP, STRIP, QUALITY = 216, 4, 16, 80
RATIO, BRIGHTNESS, WB_GAINS = 300.0, 0.5, (2.0, 1.0, 2.4)
OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "simulation_stages.jpg"
# Counts finer than the sensor's, so that the stages before quantisation are seen without it: the most that uint16 holds.
_FINER = 4


def photograph(width):
    """Returns the photograph as float32 [H, W, 3] in [0, 1], H and W even."""
    with importlib.resources.files("skimage.data").joinpath("coffee.png").open("rb") as file:
        picture = np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
    height = round(picture.shape[0] * width / picture.shape[1] / 2) * 2
    return tf.clip_by_value(tf.image.resize(picture, [height, width], method="area"), 0, 1)


def _scaled(noise, factor):
    """Returns a Noise in units of 1 / factor counts."""
    return dataclasses.replace(
        noise, **{name: getattr(noise, name) * factor for name in ("gain", "read_noise", "row_noise", "black_offset")}
    )


def _shown(counts, black, white, camera):
    """Amplifies counts [H, W] and makes a picture of them: float32 [H / 2, W / 2, 3], sRGB."""
    light = (tf.cast(packing.pack(counts, camera), tf.float32) - black) / (white - black) * RATIO
    rgb = packing.superpixels(light, camera) * np.float32(WB_GAINS) / BRIGHTNESS
    ccm = np.linalg.inv(srgb_to_camera_matrix(camera.xyz_to_camera))
    return linear_to_srgb(tf.clip_by_value(apply_matrix(rgb, ccm), 0, 1))


def physical_stages(srgb, camera, seed):
    """Applies the physical model's stages in turn.

    Args:
      srgb: float32 [H, W, 3] in [0, 1].
      camera: a Camera with fixed levels.
      seed: integer.
    Returns:
      list of (label, float32 [H / 2, W / 2, 3]): what is known after each stage, amplified again.
    """
    black, white = camera.levels
    from_srgb = srgb_to_camera_matrix(camera.xyz_to_camera)
    clean = mosaic(to_sensor(srgb_to_linear(srgb) * BRIGHTNESS, from_srgb, WB_GAINS), camera.cfa)
    full = random_noise([seed, 0])
    zero = tf.zeros([])
    shot = dataclasses.replace(full, read_noise=zero, row_noise=zero, black_offset=zero)
    read = dataclasses.replace(shot, read_noise=full.read_noise, read_shape=full.read_shape)
    row = dataclasses.replace(read, row_noise=full.row_noise)

    def recorded(noise, finer):
        levels = black * finer, white * finer
        counts = add_noise(clean, _scaled(noise, finer), [seed, 1], exposure_ratio=RATIO, black_level=levels[0], white_level=levels[1])
        return _shown(counts, *levels, camera)

    expected = clean * ((white - black) / RATIO) + black
    return [
        (f"expected light, {RATIO:.0f} times less", _shown(expected, black, white, camera)),
        (f"shot noise, K = {full.gain:.2f}", recorded(shot, _FINER)),
        (f"+ read noise, scale {full.read_noise:.1f}", recorded(read, _FINER)),
        (f"+ row noise, {full.row_noise:.1f}", recorded(row, _FINER)),
        (f"+ drift {full.black_offset:.1f}, whole counts", recorded(full, 1)),
    ]


def _panel(label, picture):
    strip = Image.new("RGB", (picture.shape[1], STRIP), "white")
    ImageDraw.Draw(strip).text((2, 2), label, fill="black")
    return np.concatenate([np.asarray(strip), to_uint8(np.asarray(picture))])


def _row(panels):
    panels = [_panel(*panel) for panel in panels]
    gap = np.full([panels[0].shape[0], GAP, 3], 255, np.uint8)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)


def main():
    """Writes the figure."""
    physical = physical_stages(photograph(2 * WIDTH), CAMERAS["sony"], seed=8)
    small = tf.image.resize(photograph(2 * WIDTH), physical[0][1].shape[:2], method="area")
    figure = np.concatenate([_row(physical), _row(stages(small, seed=10))])
    Image.fromarray(figure).save(OUTPUT, quality=QUALITY, optimize=True)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1000:.0f} kB, {figure.shape[1]}x{figure.shape[0]}")


if __name__ == "__main__":
    main()
