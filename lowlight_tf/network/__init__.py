"""The mathematics: the ten blocks, a denoiser, what a model is made of, losses and the optimizer.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

NETWORKS = ("sid", "denoise20")
NETWORK_INPUTS = ("packed", "rgb")
DOWNSAMPLES = ("pool", "strided")
POOL_WINDOWS = (2, 3)
EXTRA_BLOCKS = (0, 1, 2, 3)
HEADS = ("none", "fc")
HEAD_UNITS = 64  # where none are asked for
QUALITIES = ("fast", "normal", "best")
QUALITY_HELP = (
    "how the network is run; fast: the narrower model in FOLDER_fast, beside the model's FOLDER, in half of the time; best: the mean "
    "over the frame and its three mirror images, in four times"
)
