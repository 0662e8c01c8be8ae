"""Winograd's convolution against TensorFlow's own, layer by layer: forward pass and both gradients, alternating in one run.

    python -m benchmarks.winograd

Where it is slower, `lowlight_tf.network.convolution.winograd_pays` is to say no. SIZE is the packed side of the training patch (512),
ROUNDS the rounds (9).
"""

import os
import statistics
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import tensorflow as tf

from lowlight_tf.network import winograd
from lowlight_tf.network.convolution import winograd_pays

SIZE, ROUNDS = int(os.environ.get("SIZE", "512")), int(os.environ.get("ROUNDS", "9"))
# name: the level, channels in and out
LAYERS = {
    "conv1_2, conv9_2": (1, 32, 32),
    "conv9_1": (1, 64, 32),
    "conv2_2, conv8_2": (2, 64, 64),
    "conv8_1": (2, 128, 64),
    "conv3_1": (3, 64, 128),
    "conv3_2, conv7_2": (3, 128, 128),
    "conv7_1": (3, 256, 128),
    "conv4_1": (4, 128, 256),
    "conv4_2, conv6_2": (4, 256, 256),
    "conv6_1": (4, 512, 256),
    "conv5_1": (5, 256, 512),
    "conv5_2": (5, 512, 512),
}


def _plain(x, filters):
    return tf.nn.conv2d(x, filters, 1, "SAME")


def _step(convolve, x, filters):
    """Returns a function that runs the layer forward and backward and returns its output and gradients."""

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch([x, filters])
            output = tf.nn.leaky_relu(convolve(x, filters), 0.2)
            loss = tf.reduce_sum(output * output)
        return output, *tape.gradient(loss, [x, filters])

    return step


def main():
    print(f"{SIZE}x{SIZE} packed, batch 1; forward pass and both gradients, medians of {ROUNDS} rounds taking turns.\n")
    print("| layer | pixels | channels | TensorFlow | Winograd | ratio, median of pairs | apart | taken |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (level, channels, features) in LAYERS.items():
        side = SIZE // 2 ** (level - 1)
        x = tf.random.stateless_normal([1, side, side, channels], (0, 1))
        filters = tf.random.stateless_normal([3, 3, channels, features], (0, 2), stddev=(9 * channels) ** -0.5)
        steps = [_step(convolve, x, filters) for convolve in (_plain, winograd.conv2d)]
        apart = max(float(tf.reduce_max(abs(a - b)) / tf.reduce_max(abs(a))) for a, b in zip(*(step() for step in steps), strict=True))
        seconds = [[], []]
        for _ in range(ROUNDS):
            for step, column in zip(steps, seconds, strict=True):
                started = time.perf_counter()
                step()[-1].numpy()
                column.append(time.perf_counter() - started)
        plain, ours = map(statistics.median, seconds)
        ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
        taken = "yes" if winograd_pays(x, filters) else "no"
        print(
            f"| {name} | {side}x{side} | {channels} to {features} | {1e3 * plain:.0f} ms | {1e3 * ours:.0f} ms | {ratio:.2f} "
            f"| {apart:.0e} | {taken} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
