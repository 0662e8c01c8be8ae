"""The camera's image pipeline, both ways: colour conversions, sRGB -> raw, and what low light does to raw.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

CAMERA_NOISES = ("physical", "gaussian", "poisson")  # of one camera's model
NOISES = (*CAMERA_NOISES, "any_sensor")
DENOISERS = ("none", "nlm", "bm3d")
