"""What the model that ships is held to: dark real crops, clean well-lit frames, and the colours of raw files.

    python -m benchmarks.default_model CROPS [RAW ...]

CROPS is a folder of SID pairs, of which those whose names begin with 1 are scored. Their long exposures and the RAWs at half
their size, put on a sensor without any noise, are the clean frames: there a model must not be worse than LibRaw's plain rendering. Of each
RAW of the model's kind of sensor the mean colour is compared with that of LibRaw's rendering. MODEL=folder tries another model than
models/bayer. Of X-Trans only the clean frames are tried.
"""

import dataclasses
import os
import pathlib
import sys
import tempfile

import numpy as np
import rawpy
import tensorflow as tf

import lowlight_tf
from lowlight_tf.datasets import sid
from lowlight_tf.enhancement.choice import choose
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.engine import develop, load_model
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import Problems
from lowlight_tf.evaluation.classic import make_processor
from lowlight_tf.evaluation.evaluate import evaluate_pair
from lowlight_tf.evaluation.metrics import psnr
from lowlight_tf.evaluation.subjects import trained_subject
from lowlight_tf.isp.color import bt709_to_linear, linear_to_bt709, srgb_to_camera_matrix, srgb_to_linear
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.pictures.image_file import read_picture, to_uint8, write_dng
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.rendering import render

GAINS = (2.0, 1.0, 1.8)
_LEAST_XTRANS = 768  # photosites a side


def dark(pairs, subject, camera, folder):
    """Scores the model and the classic pipeline on real shorts."""
    classic = make_processor(camera, "nlm")
    rows = []
    for pair in pairs:
        scores = [evaluate_pair(predict, pair, camera, folder) for predict in (classic, subject.predict)]
        rows.append([value for score in scores for value in (score.psnr, score.ssim)])
        print(f"dark {pair.name}: classic {rows[-1][0]:.2f} / {rows[-1][1]:.3f}, model {rows[-1][2]:.2f} / {rows[-1][3]:.3f}", flush=True)
    mean = np.mean(rows, axis=0)
    print(f"dark, mean: classic {mean[0]:.2f} / {mean[1]:.3f}, model {mean[2]:.2f} / {mean[3]:.3f}, {mean[2] - mean[0]:+.2f} dB")


def enhanced(path, loaded, auto=True):
    """Does what enhance.py does at ratio 1, with its automatic strength or the network alone: uint16 [H, W, 3], not upright; strength."""
    frame = read_frame(path, loaded.camera)
    packed = packing.pack(frame.mosaic, loaded.camera, frame.offset).numpy()
    _, _, finish = choose(frame, packed, EnhanceConfig("", "", ratio=1.0, auto_strength=auto), loaded.camera)
    # With the curve of the protocol's ground truth.
    settings, plain = dataclasses.replace(finish, curve="bt709"), frame.plain(frame.light_gain)
    return develop(frame, packed, frame.light_gain, loaded, settings, 10**9, plain), finish.strength


def scenes(pairs, raws):
    """Yields name, linear sRGB light: long exposures, and raw files at half their size, where each pixel has seen all three colours."""
    for long in sorted({pair.long for pair in pairs}):
        yield long.stem, bt709_to_linear(read_picture(long).astype(np.float32) / 65535)
    for path in raws:
        with rawpy.imread(str(path)) as raw:
            half = raw.postprocess(use_camera_wb=True, half_size=True, no_auto_bright=True, output_bps=16, user_flip=0, gamma=(1, 1))
        yield f"{path.stem} at half size", half[: half.shape[0] // 2 * 2, : half.shape[1] // 2 * 2].astype(np.float32) / 65535


def _whole_tiles(light, camera):
    """Mirrors a scene at its edges until it has whole CFA tiles and is as large as LibRaw wants X-Trans frames to be."""
    least = 2 if camera.tile == 2 else _LEAST_XTRANS
    more = [max(-side % camera.tile, least - side) for side in light.shape[:2]]
    return np.pad(light, ((0, more[0]), (0, more[1]), (0, 0)), mode="reflect")


def clean(pairs, raws, loaded, folder):
    """Scores the model and LibRaw on noiseless frames."""
    camera = loaded.camera
    black, white = camera.levels
    from_srgb = srgb_to_camera_matrix(camera.xyz_to_camera)
    rows = []
    for name, light in scenes(pairs, raws):
        light = 0.7 * _whole_tiles(light, camera) / np.max(light)  # well lit; LibRaw would stretch maxima from 3/4 of white on
        counts = mosaic(to_sensor(light, from_srgb, GAINS), camera.cfa) * (white - black) + black
        path = folder / "clean.dng"
        write_dng(
            path,
            tf.cast(tf.round(counts), tf.uint16).numpy(),
            camera.cfa,
            black_level=black,
            white_level=white,
            wb_gains=GAINS,
            xyz_to_camera=camera.xyz_to_camera,
            exposure_seconds=1.0,
            make="Made",
            model="up",
        )
        target = to_uint8(linear_to_bt709(light).numpy())
        (output, strength), (network, _) = enhanced(path, loaded), enhanced(path, loaded, auto=False)
        rows.append([psnr(to_uint8(picture), target) for picture in (render(path, stretch=False), output, network)])
        values = "LibRaw {:.2f}, enhance.py {:.2f} (strength {}), network alone {:.2f}".format(*rows[-1][:2], strength, rows[-1][2])
        print(f"clean {name}: {values}", flush=True)
    mean = np.mean(rows, axis=0)
    print(f"clean, mean: LibRaw {mean[0]:.2f}, enhance.py {mean[1]:.2f} ({mean[1] - mean[0]:+.2f} dB), network alone {mean[2]:.2f}")
    print(f"the network alone is off by {np.median(10 ** (-np.array(rows)[:, 2] / 20)):.4f}, root mean square, median of the frames")


def colors(path, loaded):
    """Compares the mean colour of a raw file with LibRaw's at the same levels, white balance and matrix."""
    (output, strength), (network, _) = enhanced(path, loaded), enhanced(path, loaded, auto=False)
    frame = read_frame(path, loaded.camera)
    plain = srgb_to_linear(frame.plain(frame.light_gain) / np.float32(65535)).numpy().mean((0, 1))
    means = [bt709_to_linear(picture / np.float32(65535)).numpy().mean((0, 1)) for picture in (output, network)]
    for what, mean in zip((f"enhance.py (strength {strength})", "network alone"), means, strict=True):
        print(
            f"colour {path.name}: LibRaw {plain.round(4)}, {what} {mean.round(4)}, "
            f"{', '.join(f'{100 * value:+.1f} %' for value in mean / plain - 1)}"
        )


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    checkpoint_dir = os.environ.get("MODEL", str(lowlight_tf.DEFAULT_MODEL))
    pairs = sid.find_pairs(pathlib.Path(sys.argv[1]), CAMERAS["sony"], "test", Problems())
    loaded, raws = load_model(checkpoint_dir), [pathlib.Path(name) for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if loaded.camera.tile == 2:
            dark(pairs, trained_subject(checkpoint_dir), loaded.camera, folder)
        clean(pairs, raws, loaded, folder)
    for raw in raws if loaded.camera.tile == 2 else ():
        colors(raw, loaded)


if __name__ == "__main__":
    main()
