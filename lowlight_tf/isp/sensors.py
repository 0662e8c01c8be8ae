"""Sensors of many makers, so that a model learns no single one: colour matrices, bit depths, gains that go with an exposure ratio."""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf.isp.color import srgb_to_camera_matrix
from lowlight_tf.isp.noise import ANY_CAMERA

# CIE XYZ (D65) -> camera colour, times 10,000: Adobe's ColorMatrix as LibRaw lists it for each camera.
_XYZ_TO_CAMERA = {
    "Canon EOS 5D Mark II": ((4716, 603, -830), (-7798, 15474, 2480), (-1496, 1937, 6651)),
    "Canon EOS 6D": ((7034, -804, -1014), (-4420, 12564, 2058), (-851, 1994, 5758)),
    "Canon EOS R5": ((9766, -2953, -1254), (-4276, 12116, 2433), (-437, 1336, 5131)),
    "Canon PowerShot S90": ((12374, -5016, -1049), (-1677, 9902, 2078), (-83, 852, 4683)),
    "Nikon D700": ((8139, -2171, -663), (-8747, 16541, 2295), (-1925, 2008, 8093)),
    "Nikon D850": ((10405, -3755, -1270), (-5461, 13787, 1793), (-1040, 2015, 6785)),
    "Sony ILCE-7M3": ((7374, -2389, -551), (-5435, 13162, 2519), (-1006, 1795, 6552)),
    "Sony ILCE-7SM2": ((5838, -1430, -246), (-3497, 11477, 2297), (-748, 1885, 5778)),
    "Olympus E-M5": ((8380, -2630, -639), (-2887, 10725, 2496), (-627, 1427, 5438)),
    "Panasonic DMC-GH4": ((7122, -2108, -512), (-3155, 11201, 2231), (-541, 1423, 5045)),
    "Pentax K-5": ((8713, -2833, -743), (-4342, 11900, 2772), (-722, 1543, 6247)),
    "Fujifilm X100": ((12161, -4457, -1069), (-5034, 12874, 2400), (-795, 1724, 6904)),
    "Leica M8": ((7675, -2196, -305), (-5860, 14119, 1856), (-2425, 4006, 6578)),
    "Samsung NX1": ((10686, -4042, -1052), (-3595, 13238, 276), (-464, 1259, 5931)),
}
FROM_SRGB = np.stack([srgb_to_camera_matrix(np.array(matrix) / 10000) for matrix in _XYZ_TO_CAMERA.values()])
_STEPS = (16.0, 4.0, 4.0, 1.0, 1.0)  # counts at 14 bits between the values of 10, 12 and 14 bits
_LONGEST_RATIO, _PLAIN, _CUTTING = 300.0, 0.1, 0.2


def random_color(seed):
    """Draws a sensor's colours: float32 [3, 3], linear sRGB -> white-balanced camera colour, between those of two cameras."""
    choice_seed, weight_seed = tf.unstack(tf.random.split(seed, 2))
    first, second = tf.unstack(tf.random.stateless_uniform([2], choice_seed, maxval=len(FROM_SRGB), dtype=tf.int32))
    weight, matrices = tf.random.stateless_uniform([], weight_seed), tf.constant(FROM_SRGB, tf.float32)
    return weight * tf.gather(matrices, first) + (1 - weight) * tf.gather(matrices, second)


def random_ratio(seed):
    """Draws an exposure ratio: 1 for a tenth of the frames, which are clean or just noisy, else in [1, 300], most of them high: of the
    logarithm, whose density rises in proportion to it, half are over 57. That is what the model is for, and what it learns last."""
    uniform = tf.random.stateless_uniform([2], seed)
    return tf.where(uniform[0] < _PLAIN, 1.0, tf.exp(tf.sqrt(uniform[1]) * tf.math.log(_LONGEST_RATIO)))


def figures_at(exposure_ratio):
    """Returns the NoiseFigures of any camera at an exposure ratio: who amplifies a frame 300 times has not raised the ISO far as well."""
    low, high = ANY_CAMERA.gain_range
    return dataclasses.replace(ANY_CAMERA, gain_range=(low, high / tf.sqrt(exposure_ratio)))


def random_step(seed):
    """Draws the counts between two values that a sensor of 10, 12 or 14 bits can record: float32 scalar."""
    return tf.gather(tf.constant(_STEPS), tf.random.stateless_uniform([], seed, maxval=len(_STEPS), dtype=tf.int32))


def random_cut(seed):
    """Draws whether a sensor's files are cut off at black, as those of some makers are: a fifth of them."""
    return tf.random.stateless_uniform([], seed) < _CUTTING
