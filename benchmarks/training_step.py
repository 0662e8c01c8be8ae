"""One training step on a 512x512 packed patch: ours against the original graph (tf.compat.v1 with tf_slim), alternating in one run.

The original is written anew from docs/protocol.md. Both start from the same weights; their losses must agree before anything is timed.
"""

import statistics
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import numpy as np
import tensorflow as tf
import tf_slim as slim

from benchmarks import our_network
from lowlight_tf.checkpoints.slim_checkpoint import slim_name

SIZE, ROUNDS, WARM_UP = 512, 9, 3


def leaky(x):
    return tf.maximum(x * 0.2, x)


def original_network(packed):
    """The slim graph: five blocks down, four up, a 1x1 convolution, depth_to_space."""

    def conv(x, channels, name):
        return slim.conv2d(x, channels, [3, 3], activation_fn=leaky, scope=name)

    def up(x, skip, channels):
        filters = tf.compat.v1.Variable(tf.random.truncated_normal([2, 2, channels, channels * 2], stddev=0.02))
        return tf.concat([tf.nn.conv2d_transpose(x, filters, tf.shape(skip), strides=[1, 2, 2, 1]), skip], 3)

    skips, x = [], packed
    for level, channels in enumerate((32, 64, 128, 256), 1):
        x = conv(conv(x, channels, f"g_conv{level}_1"), channels, f"g_conv{level}_2")
        skips.append(x)
        x = slim.max_pool2d(x, [2, 2], padding="SAME")
    x = conv(conv(x, 512, "g_conv5_1"), 512, "g_conv5_2")
    for level, channels in enumerate((256, 128, 64, 32), 6):
        x = up(x, skips.pop(), channels)
        x.set_shape([None, None, None, channels * 2])
        x = conv(conv(x, channels, f"g_conv{level}_1"), channels, f"g_conv{level}_2")
    x = slim.conv2d(x, 12, [1, 1], activation_fn=None, scope="g_conv10")
    return tf.nn.depth_to_space(x, 2)


def original_step(values, packed, target):
    """Returns a function that makes one step of the original graph and returns its loss."""
    graph = tf.Graph()
    with graph.as_default():
        inputs = tf.compat.v1.placeholder(tf.float32, [None, None, None, 4])
        truth = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
        loss = tf.reduce_mean(tf.abs(original_network(inputs) - truth))
        variables = {variable.op.name: variable for variable in tf.compat.v1.trainable_variables()}
        step = tf.compat.v1.train.AdamOptimizer(learning_rate=1e-4).minimize(loss)
        session = tf.compat.v1.Session(graph=graph)
        session.run(tf.compat.v1.global_variables_initializer())
        for name, value in values.items():
            variables[slim_name(name)].load(value, session)
    return lambda: session.run([step, loss], {inputs: packed, truth: target})[1]


def original_inference(values, packed):
    """Returns a function that runs the original graph on [1, h, w, 4] and returns [1, 2h, 2w, 3]."""
    graph = tf.Graph()
    with graph.as_default():
        inputs = tf.compat.v1.placeholder(tf.float32, [None, None, None, 4])
        output = original_network(inputs)
        variables = {variable.op.name: variable for variable in tf.compat.v1.trainable_variables()}
        session = tf.compat.v1.Session(graph=graph)
        session.run(tf.compat.v1.global_variables_initializer())
        for name, value in values.items():
            variables[slim_name(name)].load(value, session)
    return lambda: session.run(output, {inputs: packed})


def main():
    rng = np.random.RandomState(0)
    packed = rng.uniform(0, 1, (1, SIZE, SIZE, 4)).astype(np.float32)
    target = rng.uniform(0, 1, (1, 2 * SIZE, 2 * SIZE, 3)).astype(np.float32)
    ours, values = our_network.step(packed, target)
    original = original_step(values, packed, target)
    contenders, times = {"ours": ours, "original": original}, {"ours": [], "original": []}
    losses = {name: [step() for _ in range(WARM_UP)] for name, step in contenders.items()}
    np.testing.assert_allclose(losses["ours"], losses["original"], atol=1e-4)
    for _ in range(ROUNDS):
        for name, step in contenders.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    ratio = statistics.median(a / b for a, b in zip(times["ours"], times["original"], strict=True))
    print(f"One training step, {SIZE}x{SIZE} packed, batch 1, {ROUNDS} rounds alternating; {WARM_UP} losses equal within 1e-4 before.\n")
    print("| | median | minimum |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {statistics.median(seconds):.2f} s | {min(seconds):.2f} s |")
    print(f"\nMedian of the paired ratios ours / original: {ratio:.3f}")


if __name__ == "__main__":
    main()
