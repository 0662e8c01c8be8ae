"""Two exact rewritings of the way up, against the plain form: CPU seconds of inference and of forward and backward pass, alternating.

"composed": up-filter and the first convolution's half over it as one 4x4 transposed convolution of stride 2, which has 27 % less to
multiply there. "shuffled": the up-filter as a 1x1 convolution and depth_to_space. SIZE is the packed side (256), a multiple of 16.
"""

import os
import statistics
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import numpy as np
import tensorflow as tf

from lowlight_tf.network import sid
from lowlight_tf.network.sid import NetworkConfig, initialize_parameters

SIZE, ROUNDS = int(os.environ.get("SIZE", "256")), int(os.environ.get("ROUNDS", "7"))


def _finish(params, level, x):
    return tf.nn.leaky_relu(tf.nn.bias_add(x, params[f"conv{level}_1/biases"]), 0.2)


def plain(params, level, x, skip):
    up = tf.nn.conv2d_transpose(x, params[f"up{level}/weights"], output_shape=tf.shape(skip), strides=2)
    return _finish(params, level, tf.nn.conv2d(tf.concat([up, skip], -1), params[f"conv{level}_1/weights"], 1, "SAME"))


def composed(params, level, x, skip):
    up, weights = params[f"up{level}/weights"], params[f"conv{level}_1/weights"]
    middle = up.shape[2]
    # Tap t of 4 gathers what up-filter tap a and convolution tap s make together, t = a - s + 2: a convolution of the one by the other.
    padded = tf.pad(tf.transpose(up, [3, 0, 1, 2]), [[0, 0], [2, 2], [2, 2], [0, 0]])
    filters = tf.transpose(tf.nn.conv2d(padded, weights[:, :, :middle], 1, "VALID"), [1, 2, 3, 0])
    from_below = tf.nn.conv2d_transpose(x, filters, tf.concat([tf.shape(skip)[:3], [weights.shape[3]]], 0), strides=2)
    return _finish(params, level, from_below + tf.nn.conv2d(skip, weights[:, :, middle:], 1, "SAME"))


def shuffled(params, level, x, skip):
    up = params[f"up{level}/weights"]
    kernel = tf.reshape(tf.transpose(up, [3, 0, 1, 2]), [1, 1, up.shape[3], 4 * up.shape[2]])
    raised = tf.nn.depth_to_space(tf.nn.conv2d(x, kernel, 1, "SAME"), 2)
    return _finish(params, level, tf.nn.conv2d(tf.concat([raised, skip], -1), params[f"conv{level}_1/weights"], 1, "SAME"))


def forward(params, x, go_up):
    """The SID network with another way up: float32 [1, h, w, 4] -> [1, 2h, 2w, 3]."""
    conv, skips = sid._conv, []
    for level in (1, 2, 3, 4):
        skips.append(conv(params, f"conv{level}_2", conv(params, f"conv{level}_1", x)))
        x = tf.nn.max_pool2d(skips[-1], 2, 2, "SAME")
    x = conv(params, "conv5_2", conv(params, "conv5_1", x))
    for level in (6, 7, 8, 9):
        x = conv(params, f"conv{level}_2", go_up(params, level, x, skips.pop()))
    x = tf.nn.bias_add(tf.nn.conv2d(x, params["conv10/weights"], 1, "SAME"), params["conv10/biases"])
    return tf.nn.depth_to_space(x, 2)


def _functions(params, go_up):
    @tf.function
    def inference(packed, target):
        return forward(params, packed, go_up)

    @tf.function
    def step(packed, target):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(forward(params, packed, go_up) - target))
        return tf.stack([tf.reduce_sum(gradient) for gradient in tape.gradient(loss, list(params.values()))])

    return {"inference": inference, "forward and backward": step}


def main():
    params = initialize_parameters(NetworkConfig(), 1)
    rng = np.random.RandomState(0)
    packed = tf.constant(rng.uniform(0, 1, (1, SIZE, SIZE, 4)), tf.float32)
    target = tf.constant(rng.uniform(0, 1, (1, 2 * SIZE, 2 * SIZE, 3)), tf.float32)
    forms = {go_up.__name__: _functions(params, go_up) for go_up in (plain, composed, shuffled)}
    for what in ("inference", "forward and backward"):
        results = {name: form[what](packed, target).numpy() for name, form in forms.items()}
        apart = max(float(np.abs(result - results["plain"]).max()) for result in results.values())
        assert apart < 1e-3 * max(1, float(np.abs(results["plain"]).max())), apart
        seconds = {name: [] for name in forms}
        for _ in range(ROUNDS):
            for name, form in forms.items():
                started = time.process_time()
                form[what](packed, target).numpy()
                seconds[name].append(time.process_time() - started)
        for name in ("composed", "shuffled"):
            ratio = statistics.median(a / b for a, b in zip(seconds[name], seconds["plain"], strict=True))
            print(
                f"{what}, {SIZE}x{SIZE} packed: {name} takes {ratio:.2f} times the CPU seconds of the plain form "
                f"({statistics.median(seconds['plain']):.2f} s)."
            )


if __name__ == "__main__":
    main()
