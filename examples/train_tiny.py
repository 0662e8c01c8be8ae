"""Trains a small network on simulated low light with the low-level interface: python examples/train_tiny.py 200

Parameters are a dict of variables, the network is a function, and a step is a gradient tape and Adam's rule. `train.py` does the same with
real pairs, checkpoints and replicas.
"""

import sys

import lowlight_tf  # isort: skip  (before TensorFlow, whose environment it sets)
import numpy as np
import skimage.data
import tensorflow as tf

RATIO, PATCH = 100, 128  # photosites


def example(photographs, step):
    """A patch of one photograph in low light: amplified packed light [1, h, w, 4], and the picture to reach [1, 2h, 2w, 3]."""
    rng = np.random.default_rng(step)
    photograph = photographs[step % len(photographs)]
    top, left = (int(rng.integers(side - PATCH + 1)) for side in photograph.shape[:2])
    short, target = lowlight_tf.simulate(photograph[top : top + PATCH, left : left + PATCH], "sony", ratio=RATIO, seed=step)
    light = (short.mosaic - np.float32(short.black_level[0])) / np.float32(short.white_level - short.black_level[0])
    packed = np.stack([light[0::2, 0::2], light[0::2, 1::2], light[1::2, 1::2], light[1::2, 0::2]], axis=-1)  # R, G, B, G
    return np.clip(packed * RATIO, 0, 1)[None], target[None]


def main(steps=200, base_width=8, rate=1e-3):
    photographs = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    config = lowlight_tf.NetworkConfig(base_width=int(base_width))
    params = lowlight_tf.initialize_parameters(config, seed=0)
    moments = {name: (tf.Variable(tf.zeros_like(value)), tf.Variable(tf.zeros_like(value))) for name, value in params.items()}

    @tf.function
    def train_step(packed, target, step):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(lowlight_tf.forward(params, packed, config) - target))
        for (name, value), gradient in zip(params.items(), tape.gradient(loss, list(params.values()))):
            mean, square = moments[name]  # Adam, algorithm 1 of Kingma and Ba
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * gradient**2)
            value.assign_sub(rate * mean / (1 - 0.9**step) / (tf.sqrt(square / (1 - 0.999**step)) + 1e-8))
        return loss

    losses = []
    for step in range(1, int(steps) + 1):
        losses.append(float(train_step(*example(photographs, step), tf.constant(step, tf.float32))))
        if step % 20 == 0:
            print(f"step {step}: mean absolute error {np.mean(losses[-20:]):.3f}")
    return losses


if __name__ == "__main__":
    main(*sys.argv[1:])
