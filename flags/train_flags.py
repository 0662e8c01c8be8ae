"""Training: how long, how fast, on what, and which variation of the network."""

import math

from absl import flags

from flags import data_flags
from lowlight_tf.cameras import CAMERAS
from lowlight_tf.datasets import EXPERTS, PAIRED
from lowlight_tf.errors import UsageError

FLAGS = flags.FLAGS
_SID_ONLY = ("base_width", "downsample", "pool_window", "extra_blocks")

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
flags.DEFINE_enum("expert", None, EXPERTS, "whose renderings of FiveK are the targets (tiff16_a to tiff16_e); LibRaw's where not given")
flags.DEFINE_bool("white_balance_input", False, "multiply the input by the file's as-shot white balance; off in SID's protocol")
flags.DEFINE_integer("base_width", 32, "channels of block 1", lower_bound=1)
flags.DEFINE_enum("downsample", "pool", ["pool", "strided"], "max pooling, or strided convolutions in its place")
flags.DEFINE_integer("pool_window", 2, "side of the pooling window or of the strided kernel, 2 or 3", lower_bound=2, upper_bound=3)
flags.DEFINE_integer("extra_blocks", 0, "additional blocks after block 9, up to 3", lower_bound=0, upper_bound=3)
flags.DEFINE_enum("network_input", "packed", ["packed", "rgb"], "packed mosaic, or full-resolution RGB (four times the work or more)")


def preset_names():
    """Names the presets of the camera and of the dataset that the command line asks for.

    Raises:
      UsageError: where no camera is named.
    """
    if FLAGS.camera is None:
        raise UsageError(f"--camera is missing; expected one of {', '.join(CAMERAS)}, such as --camera=sony")
    from lowlight_tf.datasets import resolve
    return [FLAGS.camera, resolve(FLAGS.dataset, FLAGS.data_dir, CAMERAS[FLAGS.camera]).partition(":")[0]]


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
    if FLAGS["noise"].present and not (simulated or FLAGS.corrupt_targets):
        raise UsageError("--noise is that of simulated short exposures; give --corrupt_targets or a --dataset of photographs with it")
    for name in ("freeze_up_filters", *_SID_ONLY):
        if FLAGS.model != "sid" and FLAGS[name].present:
            raise UsageError(f"--{name} is of the SID network; leave it or --model={FLAGS.model} out")
    if FLAGS.expert and FLAGS.dataset != "fivek":
        raise UsageError(f"--expert={FLAGS.expert} goes with --dataset=fivek only")
    if not FLAGS.checkpoint_dir:
        raise UsageError("--checkpoint_dir is empty; name a folder for the model")


def training_config():
    """Returns the TrainingConfig that the flags ask for."""
    from lowlight_tf.model import network_for
    from lowlight_tf.training_config import TrainingConfig
    camera = CAMERAS[FLAGS.camera]
    options = {name: getattr(FLAGS, name) for name in _SID_ONLY} if FLAGS.model == "sid" else {}
    network = network_for(camera, model=FLAGS.model, network_input=FLAGS.network_input, white_balance_input=FLAGS.white_balance_input,
                          **options)
    same_name = ("checkpoint_dir", "patch_size", "batch_size", "steps", "epochs", "learning_rate", "learning_rate_decay", "decay_step",
                 "decay_epoch", "seed", "num_replicas", "save_every", "validate_every", "validation_images", "picture_every", "max_hours",
                 "freeze_up_filters")
    data = data_flags.data_config(all_bursts=FLAGS.all_bursts, exclude_misaligned=FLAGS.exclude_misaligned,
                                  corrupt_targets=FLAGS.corrupt_targets, noise=FLAGS.noise,
                                  expert=FLAGS.expert or "")
    return TrainingConfig(camera=camera, network=network, data=data, **{name: getattr(FLAGS, name) for name in same_name})
