"""Simulated against real short exposures at equal brightness: how far apart their histograms are, for each kind of noise.

    python -m benchmarks.noise_histograms PAIRS

PAIRS is a folder with Sony/short and Sony/long; its training split is compared. Each long exposure is taken backwards to the light on the
sensor and exposed anew; photosites are grouped by that light. The distance is the total variation between the two histograms of a
group, 0 for the same and 1 for nothing in common. A scene that moved between its exposures cannot be compared: scenes whose light explains
less than 90 % of the short's variance over 8x8 blocks are left out and named.
"""

import sys

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf.datasets import sid
from lowlight_tf.datasets.frames import read_short, read_target
from lowlight_tf.errors import Problems
from lowlight_tf.isp import CAMERA_NOISES
from lowlight_tf.isp.capture import expose, random_capture
from lowlight_tf.isp.color import bt709_to_linear, srgb_to_camera_matrix
from lowlight_tf.isp.unprocess import mosaic, to_sensor
from lowlight_tf.raw.cameras import CAMERAS

CAMERA, DRAWS, GROUPS = CAMERAS["sony"], 40, 8


def light_of(pair):
    """Returns a pair's real counts above black, clipped at it as SID's input is, and the light that its long exposure says was there."""
    short = read_short(pair.short, CAMERA)
    target = read_target(pair.long, CAMERA, short.visible_size, short.origin).astype(np.float32) / 65535
    clean = mosaic(to_sensor(bt709_to_linear(target), srgb_to_camera_matrix(CAMERA.xyz_to_camera), short.wb_gains), CAMERA.cfa).numpy()
    return np.maximum(short.mosaic.astype(int) - 512, 0), clean


def explained(counts, clean):
    """Returns which part of the short's variance over 8x8 blocks the light explains."""
    blocks = [array.reshape(array.shape[0] // 8, 8, array.shape[1] // 8, 8).mean((1, 3)).ravel() for array in (counts, clean)]
    return np.corrcoef(*blocks)[0, 1] ** 2


def histograms(counts, clean, edges):
    """Returns the histogram of the counts in each group of photosites of like light: float [GROUPS, 160], each summing to 1."""
    group = np.digitize(clean, edges[1:-1])
    counts = [np.minimum(counts[group == number], 159) for number in range(GROUPS)]
    return np.stack([np.bincount(found, minlength=160) / found.size for found in counts])


def distances(real, simulated):
    """Total variation between two sets of histograms, their mean over the groups."""
    return float(np.abs(real - simulated).sum(axis=1).mean() / 2)


def compare(counts, clean, ratio):
    """Returns {kind: (distance of the mean of all draws, distance of the nearest draw)}."""
    edges, found = np.quantile(clean, np.linspace(0, 1, GROUPS + 1)), {}
    real = histograms(counts, clean, edges)
    for kind in CAMERA_NOISES:
        drawn = []
        for seed in range(DRAWS):
            capture = dataclasses.replace(random_capture([seed, 7], CAMERA, kind), exposure_ratio=tf.constant(ratio, tf.float32))
            drawn.append(histograms(np.maximum(expose(clean, capture, CAMERA).numpy().astype(int) - 512, 0), clean, edges))
        found[kind] = distances(real, np.mean(drawn, axis=0)), min(distances(real, one) for one in drawn)
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = []
    for pair in sid.find_pairs(sys.argv[1], CAMERA, "train", Problems()):
        counts, clean = light_of(pair)
        if explained(counts, clean) < 0.9:
            print(f"{pair.name}: moved between its exposures, left out")
            continue
        rows.append(compare(counts, clean, pair.ratio))
    print(f"{len(rows)} pairs, {GROUPS} groups of like light, {DRAWS} draws of each kind")
    print("| noise | distance to the mean of the draws | to the nearest draw |\n|---|---|---|")
    for kind in CAMERA_NOISES:
        mean, nearest = np.mean([row[kind] for row in rows], axis=0)
        print(f"| {kind} | {mean:.3f} | {nearest:.3f} |")


if __name__ == "__main__":
    main()
