"""From a camera's file to light: counts, levels, colour and the packed planes that a network sees.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

CURVES = ("linear", "bt709")
SKIPS = ("none", "demosaic", "mosaic")
TARGETS = ("srgb", "camera_rgb")
