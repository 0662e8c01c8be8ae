"""Network: which one, and which variation of it."""

from absl import flags

flags.DEFINE_enum("model", "sid", ["sid", "denoise20"], "the SID network (a U-Net), or the 20-layer denoiser of Remez et al.")
flags.DEFINE_enum("target", "srgb", ["srgb", "camera_rgb"], "SID's finished picture, or camera colour that each file's own matrix finishes")
flags.DEFINE_bool("white_balance_input", False, "multiply the input by the file's as-shot white balance; off in SID's protocol")
flags.DEFINE_bool("signed_input", False, "let counts below black be negative light: deep shadows keep their mean; off in SID's protocol")
flags.DEFINE_enum("curve", "linear", ["linear", "bt709"], "of the input: linear light as in SID's protocol, or coded as the target is")
flags.DEFINE_bool("noise_planes", False, "two more input channels that say how noisy the amplified frame is; off in SID's protocol")
flags.DEFINE_enum("skip", "none", ["none", "demosaic"], "demosaic: correct a fixed demosaicing of the input; needs --curve=bt709")
flags.DEFINE_integer("base_width", 32, "channels of block 1", lower_bound=1)
flags.DEFINE_enum("downsample", "pool", ["pool", "strided"], "max pooling, or strided convolutions in its place")
flags.DEFINE_integer("pool_window", 2, "side of the pooling window or of the strided kernel, 2 or 3", lower_bound=2, upper_bound=3)
flags.DEFINE_integer("extra_blocks", 0, "additional blocks after block 9, up to 3", lower_bound=0, upper_bound=3)
flags.DEFINE_enum("head", "none", ["none", "fc"], "fc: two fully-connected layers at each pixel of block 10's output, for transfer")
flags.DEFINE_integer("head_units", 64, "features between the head's two layers", lower_bound=1)
flags.DEFINE_enum("network_input", "packed", ["packed", "rgb"], "packed mosaic, or full-resolution RGB (four times the work or more)")
