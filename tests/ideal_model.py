"""A network that makes no mistakes on noise-free frames: it returns what it is shown.

What is wrong in a picture of it, development got wrong.
"""

import dataclasses

import tensorflow as tf
from conftest import write_model

from lowlight_tf.enhancement import engine
from lowlight_tf.isp.color import linear_to_bt709
from lowlight_tf.raw import packing
from lowlight_tf.raw.light import Interface


def ideal_model(folder, name):
    """Returns a Model of camera `name` whose target is camera_rgb and whose output is the input's superpixels, coded as that target is."""
    model = engine.load_model(write_model(folder, name, copying=False, interface=Interface(white_balance=True, target="camera_rgb")))

    def run(inputs):
        light, scale = packing.superpixels(inputs, model.camera), model.network.upscale
        return linear_to_bt709(tf.repeat(tf.repeat(light, scale, axis=1), scale, axis=2))

    return dataclasses.replace(model, run_once=run)
