"""What it would cost at least to run levels 1 and 2 of the SID network in strips of rows, while levels 3 to 5 stay whole.

    python -m benchmarks.strips

A strip would hold less memory at a time than the whole levels do. Here strips are cut without the rows around them that they depend on, and
nothing is computed twice, so real ones take longer. ROUNDS rounds take turns (5); FRAME is as for `benchmarks.contenders`.
"""

import functools
import os
import statistics
import time

import lowlight_tf  # noqa: F401  (sets TensorFlow's environment, so it comes before TensorFlow)

# isort: split
import tensorflow as tf

from benchmarks.contenders import FRAME
from lowlight_tf.network.convolution import conv, up_conv
from lowlight_tf.network.sid import NetworkConfig, forward, initialize_parameters

ROUNDS = int(os.environ.get("ROUNDS", "5"))
WIDTHS, ROWS = (16, 32), (256, 128, 64, 32)


def _compiled(function, *channels):
    return tf.function(function, input_signature=[tf.TensorSpec([1, None, None, number]) for number in channels], autograph=False)


def parts(width):
    """Returns the whole network, its levels 1 and 2 down, and up, as functions of [1, h, w, C]."""
    config = NetworkConfig(base_width=width)
    params = {name: tf.constant(value.numpy()) for name, value in initialize_parameters(config).items()}

    def pair(number, *inputs):
        return conv(params, f"conv{number}_2", conv(params, f"conv{number}_1", *inputs))

    def pooled(x):
        return tf.nn.max_pool2d(x, 2, 2, "SAME")

    def down(packed):
        conv1 = pair(1, packed)
        conv2 = pair(2, pooled(conv1))
        return conv1, conv2, pooled(conv2)

    def up(conv7, conv2, conv1):
        conv8 = pair(8, up_conv(params, "up8", conv7, like=conv2), conv2)
        conv9 = pair(9, up_conv(params, "up9", conv8, like=conv1), conv1)
        return tf.nn.depth_to_space(conv(params, "conv10", conv9, activation=None), 2)

    whole = _compiled(lambda packed: forward(params, packed, config), 4)
    return whole, _compiled(down, 4), _compiled(up, 4 * width, 2 * width, width)


def in_strips(function, rows, *inputs):
    """Runs a function strip by strip; `rows` are of the input, and as many fewer of an input that is smaller."""
    height = max(x.shape[1] for x in inputs)
    for start in range(0, height, rows):
        shares = [height // x.shape[1] for x in inputs]
        function(*[x[:, start // share : (start + rows) // share] for x, share in zip(inputs, shares, strict=True)])


def cases(width, size):
    """Returns {"network" or rows of a strip: what runs it}, of random numbers of packed `size`; strips as high as the frame are none."""
    whole, down, up = parts(width)
    packed = tf.random.stateless_normal([1, *size, 4], (0, 1))
    conv1, conv2, _ = down(packed)
    conv7 = tf.random.stateless_normal([1, *(side // 4 for side in size), 4 * width], (0, 2))

    def both(rows):
        in_strips(down, rows, packed)
        in_strips(up, rows, conv7, conv2, conv1)

    return {"network": lambda: whole(packed)} | {rows: functools.partial(both, rows) for rows in (size[0], *ROWS)}


def main():
    size = tuple(side // 4 * 4 for side in FRAME)
    print(f"Packed {size[0]}x{size[1]}, medians of {ROUNDS} rounds taking turns. Of both levels' time whole, and of the whole network's:\n")
    print("| base width | strips of | of the levels' time | added to the network's |\n|---|---|---|---|")
    for width in WIDTHS:
        found = cases(width, size)
        seconds = {name: [] for name in found}
        for _ in range(ROUNDS + 1):
            for name, run in found.items():
                started = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - started)
        median = {name: statistics.median(times[1:]) for name, times in seconds.items()}
        for rows in ROWS:
            more = (median[rows] - median[size[0]]) / median["network"]
            print(f"| {width} | {rows} rows | {median[rows] / median[size[0]]:.2f} | {more:+.1%} |", flush=True)


if __name__ == "__main__":
    main()
