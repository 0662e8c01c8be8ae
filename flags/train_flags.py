"""Training: how long, how fast, on what, and which variation of the network."""

import math

from absl import flags

from flags import data_flags
from lowlight_tf.cameras import CAMERAS
from lowlight_tf.datasets import EXPERTS, PAIRED
from lowlight_tf.errors import UsageError

FLAGS = flags.FLAGS
_SID_ONLY = ("base_width", "downsample", "pool_window", "extra_blocks", "head", "head_units")
_HEAD_UNITS = 64

flags.DEFINE_enum("model", "sid", ["sid", "denoise20"], "the SID network (a U-Net), or the 20-layer denoiser of Remez et al.")
flags.DEFINE_integer("patch_size", 512, "side of the training crops, packed pixels", lower_bound=1)
flags.DEFINE_integer("batch_size", 1, "examples of a step, over all replicas", lower_bound=1)
flags.DEFINE_integer("steps", 0, "length of the run in steps, or", lower_bound=0)
flags.DEFINE_integer("epochs", 0, "in epochs; an epoch visits each training scene once", lower_bound=0)
flags.DEFINE_float("learning_rate", 1e-4, "Adam's learning rate", lower_bound=0.0)
flags.DEFINE_float("learning_rate_decay", 0.1, "what it is multiplied by from the decay on", lower_bound=0.0)
flags.DEFINE_integer("decay_step", 0, "step of the decay, or", lower_bound=0)
flags.DEFINE_integer("decay_epoch", 0, "epoch of the decay; 0: never", lower_bound=0)
flags.DEFINE_integer("seed", 0, "of the first parameters and of every example", lower_bound=0, upper_bound=2 ** 31 - 1)
flags.DEFINE_integer("num_replicas", 0, "GPUs, or logical CPUs where there is none; 0: all GPUs or one CPU", lower_bound=0)
flags.DEFINE_integer("save_every", 1000, "steps between checkpoints; 0: only at the end", lower_bound=0)
flags.DEFINE_integer("validate_every", 0, "steps between validations on the val split; 0: never", lower_bound=0)
flags.DEFINE_integer("validation_images", 0, "how many images of it; 0: all", lower_bound=0)
flags.DEFINE_integer("picture_every", 500, "steps between pictures in TensorBoard; 0: never", lower_bound=0)
flags.DEFINE_float("max_hours", 0.0, "save and stop after so many hours; 0: no limit", lower_bound=0.0)
flags.DEFINE_bool("freeze_up_filters", False, "do not train the up-filters: the recipe of the released checkpoints")
flags.DEFINE_bool("all_bursts", False, "train on every burst, not only on _00")
flags.DEFINE_bool("exclude_misaligned", False, "leave out the scenes that SID's authors named as misaligned")
flags.DEFINE_bool("corrupt_targets", False, "train on simulated short exposures of the long ones, not on the short ones")
flags.DEFINE_enum("noise", "physical", ["physical", "gaussian", "poisson"], "of simulated short exposures")
flags.DEFINE_float("darkest", 0.1, "of simulated long exposures: the least part of the sensor's range that a photograph's white fills",
                   lower_bound=0.001, upper_bound=1.0)
flags.DEFINE_bool("mix_colors", False, "exchange the photographs' R, G and B at random: few photographs lack many colours")
flags.DEFINE_enum("expert", None, EXPERTS, "whose renderings of FiveK are the targets (tiff16_a to tiff16_e); LibRaw's where not given")
flags.DEFINE_string("init_from", "", "start from the model in this folder, whose network is taken over")
flags.DEFINE_bool("erase_head", False, "let that model's head start anew")
flags.DEFINE_enum("train_only", "all", ["all", "decoder", "head"], "which part is trained; the rest keeps every bit")
flags.DEFINE_float("train_pairs", 0, "how many real pairs, or below 1 which part of them; fewer are among more; 0: all", lower_bound=0.0)
flags.DEFINE_float("simulated_fraction", 0, "of the examples that are simulated, beside the real pairs", lower_bound=0.0, upper_bound=0.99)
flags.DEFINE_string("simulated_data_dir", "", "photographs to simulate those from (the pairs' own long exposures where not given)")
flags.DEFINE_bool("white_balance_input", False, "multiply the input by the file's as-shot white balance; off in SID's protocol")
flags.DEFINE_enum("target", "srgb", ["srgb", "camera_rgb"], "SID's finished picture, or camera colour that each file's own matrix finishes")
flags.DEFINE_integer("base_width", 32, "channels of block 1", lower_bound=1)
flags.DEFINE_enum("downsample", "pool", ["pool", "strided"], "max pooling, or strided convolutions in its place")
flags.DEFINE_integer("pool_window", 2, "side of the pooling window or of the strided kernel, 2 or 3", lower_bound=2, upper_bound=3)
flags.DEFINE_integer("extra_blocks", 0, "additional blocks after block 9, up to 3", lower_bound=0, upper_bound=3)
flags.DEFINE_enum("head", "none", ["none", "fc"], "fc: two fully-connected layers at each pixel of block 10's output, for transfer")
flags.DEFINE_integer("head_units", _HEAD_UNITS, "features between the head's two layers", lower_bound=1)
flags.DEFINE_enum("network_input", "packed", ["packed", "rgb"], "packed mosaic, or full-resolution RGB (four times the work or more)")


def preset_names():
    """Names the presets of the camera and of the dataset that the command line asks for.

    Raises:
      UsageError: where no camera is named.
    """
    if FLAGS.camera is None:
        raise UsageError(f"--camera is missing; expected one of {', '.join(CAMERAS)}, such as --camera=sony")
    from lowlight_tf.datasets import resolve
    dataset = resolve(FLAGS.dataset, FLAGS.data_dir, CAMERAS[FLAGS.camera]).partition(":")[0]
    return [FLAGS.camera, dataset, *(["transfer"] if FLAGS.init_from else [])]


def _check_transfer(simulated):
    for name in ("erase_head", "train_only"):
        if FLAGS[name].present and not FLAGS.init_from:
            raise UsageError(f"--{name} is of a model that training starts from; give --init_from")
    if FLAGS.freeze_up_filters and FLAGS.train_only != "all":
        raise UsageError(f"--train_only={FLAGS.train_only} says what is trained; leave --freeze_up_filters out")
    if FLAGS.train_pairs > 1 and FLAGS.train_pairs != int(FLAGS.train_pairs):
        raise UsageError(f"--train_pairs={FLAGS.train_pairs}: expected a whole number of pairs, or a part of them below 1")
    if FLAGS["head_units"].present and FLAGS.head == "none":
        raise UsageError("--head_units is of a head; give --head=fc with it")
    for name in ("train_pairs", "simulated_fraction"):
        if FLAGS[name].value and (simulated or FLAGS.corrupt_targets):
            raise UsageError(f"--{name} is for real pairs, and all short exposures are simulated here; leave it out")
    if FLAGS.simulated_data_dir and not FLAGS.simulated_fraction:
        raise UsageError("--simulated_data_dir needs --simulated_fraction, such as 0.5")


def check():
    """Refuses flags that do not go together, before anything is loaded.

    Raises:
      UsageError: naming the flags.
    """
    if not FLAGS.steps and not FLAGS.epochs:
        raise UsageError("the run has no length; give --steps or --epochs")
    for name in ("learning_rate", "learning_rate_decay", "max_hours"):
        if not math.isfinite(getattr(FLAGS, name)):
            raise UsageError(f"--{name}={getattr(FLAGS, name)} is no finite number; expected one such as {FLAGS[name].default}")
    if FLAGS.learning_rate == 0:
        raise UsageError("--learning_rate=0 trains nothing; expected a number above 0, such as 1e-4")
    if FLAGS.num_replicas and FLAGS.batch_size % FLAGS.num_replicas:
        raise UsageError(f"--batch_size={FLAGS.batch_size} cannot be shared by --num_replicas={FLAGS.num_replicas}; use a multiple of it")
    if FLAGS.validation_images and not FLAGS.validate_every:
        raise UsageError("--validation_images needs --validate_every")
    simulated = FLAGS.dataset not in ("auto", *PAIRED)
    if simulated and FLAGS.corrupt_targets:
        raise UsageError(f"--corrupt_targets is for pairs; the short exposures of --dataset={FLAGS.dataset} are simulated anyway")
    for name in ("noise", "darkest", "mix_colors"):
        if FLAGS[name].present and not (simulated or FLAGS.corrupt_targets or FLAGS.simulated_fraction):
            raise UsageError(f"--{name} is that of simulated short exposures; give --corrupt_targets, --simulated_fraction or a --dataset "
                             "of photographs with it")
    _check_transfer(simulated)
    for name in ("freeze_up_filters", *_SID_ONLY):
        if FLAGS.model != "sid" and FLAGS[name].present:
            raise UsageError(f"--{name} is of the SID network; leave it or --model={FLAGS.model} out")
    if FLAGS.expert and FLAGS.dataset != "fivek":
        raise UsageError(f"--expert={FLAGS.expert} goes with --dataset=fivek only")
    if FLAGS.target == "camera_rgb" and FLAGS["white_balance_input"].present and not FLAGS.white_balance_input:
        raise UsageError("--target=camera_rgb is white-balanced camera colour; leave --nowhite_balance_input out")
    if not FLAGS.checkpoint_dir:
        raise UsageError("--checkpoint_dir is empty; name a folder for the model")


def _network(camera, transfer):
    """The network that the flags ask for; of a run that starts from a model, that model's own."""
    from lowlight_tf.model import network_for
    from lowlight_tf.transfer import start_network
    if FLAGS.init_from:
        given = {name: FLAGS[name].value for name in ("model", *_SID_ONLY, "white_balance_input", "target") if FLAGS[name].present}
        if FLAGS["network_input"].present:
            given["input_channels"] = 3 if FLAGS.network_input == "rgb" else camera.channels
        return start_network(transfer, camera, given)
    options = {name: getattr(FLAGS, name) for name in _SID_ONLY} if FLAGS.model == "sid" else {}
    if FLAGS.head == "none" and options:
        options["head_units"] = 0
    return network_for(camera, model=FLAGS.model, network_input=FLAGS.network_input, target=FLAGS.target,
                       white_balance_input=FLAGS.white_balance_input or FLAGS.target == "camera_rgb", **options)


def training_config():
    """Returns the TrainingConfig that the flags ask for."""
    from lowlight_tf.training_config import TrainingConfig, Transfer
    camera = CAMERAS[FLAGS.camera]
    transfer = Transfer(FLAGS.init_from, FLAGS.erase_head, FLAGS.train_only)
    same_name = ("checkpoint_dir", "patch_size", "batch_size", "steps", "epochs", "learning_rate", "learning_rate_decay", "decay_step",
                 "decay_epoch", "seed", "num_replicas", "save_every", "validate_every", "validation_images", "picture_every", "max_hours",
                 "freeze_up_filters")
    data = data_flags.data_config(
        expert=FLAGS.expert or "",
        **{name: getattr(FLAGS, name) for name in ("all_bursts", "exclude_misaligned", "corrupt_targets", "noise", "darkest", "mix_colors",
                                                   "train_pairs", "simulated_fraction", "simulated_data_dir")})
    return TrainingConfig(camera=camera, network=_network(camera, transfer), data=data, transfer=transfer,
                          **{name: getattr(FLAGS, name) for name in same_name})
