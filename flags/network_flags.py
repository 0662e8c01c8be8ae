"""Network: which one, and which variation of it."""

from absl import flags

from lowlight_tf.network import DOWNSAMPLES, EXTRA_BLOCKS, HEAD_UNITS, HEADS, NETWORK_INPUTS, NETWORKS, POOL_WINDOWS
from lowlight_tf.raw import CURVES, SKIPS, TARGETS

flags.DEFINE_enum("network", "sid", NETWORKS, "which network: SID's U-Net, or the 20-layer denoiser of Remez et al.")
flags.DEFINE_enum(
    "target", "srgb", TARGETS, "what the network returns: SID's finished picture, or camera colour that each file's own matrix finishes"
)
flags.DEFINE_bool("white_balance_input", False, "apply the file's as-shot white balance to the input; off in SID's protocol")
flags.DEFINE_bool(
    "signed_input", False, "keep counts below black as negative light, so that shadows keep their mean; off in SID's protocol"
)
flags.DEFINE_enum("curve", "linear", CURVES, "how the input's light is coded: linear, as in SID's protocol, or with the target's curve")
flags.DEFINE_bool("noise_planes", False, "give the network two more input channels that say how noisy the amplified frame is")
flags.DEFINE_enum(
    "skip",
    "none",
    SKIPS,
    "what the output corrects: nothing; demosaic: a fixed demosaicing of the input; mosaic: the mosaic, and its demosaicing; both need "
    "--curve=bt709",
)
flags.DEFINE_bool("place_planes", False, "tell block 1 where in its CFA tile a packed pixel lies; for X-Trans")
flags.DEFINE_integer("base_width", 32, "channels of block 1; each block on the way down doubles them", lower_bound=1, upper_bound=1024)
flags.DEFINE_enum("downsample", "pool", DOWNSAMPLES, "how a block halves the size: max pooling or strided convolutions")
flags.DEFINE_integer(
    "pool_window",
    2,
    "side of the pooling window or strided kernel in pixels, 2 or 3",
    lower_bound=min(POOL_WINDOWS),
    upper_bound=max(POOL_WINDOWS),
)
flags.DEFINE_integer(
    "extra_blocks", 0, "number of additional blocks after block 9, 0 to 3", lower_bound=min(EXTRA_BLOCKS), upper_bound=max(EXTRA_BLOCKS)
)
flags.DEFINE_enum("head", "none", HEADS, "what follows block 10: nothing, or fc, two fully-connected layers at each pixel, for transfer")
flags.DEFINE_integer("head_units", HEAD_UNITS, "number of features between the two layers of --head=fc", lower_bound=1, upper_bound=4096)
flags.DEFINE_enum(
    "network_input",
    "packed",
    NETWORK_INPUTS,
    "what the network sees: the packed mosaic, or full-resolution RGB, which takes four times the work or more",
)
