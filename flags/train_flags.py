"""Training: how long, how fast, on what devices, and what is seen of it."""

import dataclasses
import math

from absl import flags

from lowlight_tf.datasets import PAIRED, Mixing, Selection, SimulatedLight
from lowlight_tf.errors import UsageError
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training import SCHEDULES

from . import data_flags, network_flags, simulation_flags, transfer_flags

FLAGS = flags.FLAGS
MORE = (network_flags, simulation_flags, transfer_flags)  # their flags are read here too
# flag -> field of the Interface
_INTERFACE = {
    "white_balance_input": "white_balance",
    "signed_input": "signed",
    "curve": "curve",
    "noise_planes": "noise_planes",
    "skip": "skip",
    "target": "target",
}
_SID_ONLY = ("base_width", "downsample", "pool_window", "extra_blocks", "head", "head_units", "place_planes")

flags.DEFINE_integer("patch_size", 512, "side of the training crops in packed pixels", lower_bound=1)
flags.DEFINE_integer("batch_size", 1, "number of examples a step, over all replicas together", lower_bound=1)
flags.DEFINE_integer("steps", 0, "length of the run in steps; 0: --epochs says it", lower_bound=0)
flags.DEFINE_integer(
    "epochs", 0, "length of the run in epochs, each of which visits every training scene once; 0: --steps says it", lower_bound=0
)
flags.DEFINE_float("learning_rate", 1e-4, "learning rate of Adam at the start", lower_bound=0.0)
flags.DEFINE_float("learning_rate_decay", 0.1, "factor of the learning rate from the decay on", lower_bound=0.0)
flags.DEFINE_integer("decay_step", 0, "step from which the learning rate is decayed; 0: --decay_epoch says it", lower_bound=0)
flags.DEFINE_integer(
    "decay_epoch", 0, "epoch from which the learning rate is decayed; 0: never, unless --decay_step says it", lower_bound=0
)
flags.DEFINE_enum(
    "schedule", "step", SCHEDULES, "how the learning rate falls: step, at the decay, or cosine, half a cosine down to 0 over the whole run"
)
flags.DEFINE_float("clip_norm", 0.0, "most that the gradients' common norm may be; 0: no limit", lower_bound=0.0)
flags.DEFINE_float(
    "average",
    0.0,
    "decay, such as 0.998, of running means of the parameters, with which the model is then run; 0: no means",
    lower_bound=0.0,
    upper_bound=0.99999,
)
flags.DEFINE_integer(
    "seed", 0, "seed of the first parameters and of every example; the same seed gives the same run", lower_bound=0, upper_bound=2**31 - 1
)
flags.DEFINE_integer("num_replicas", 0, "number of GPUs, or of logical CPUs where there is none; 0: all GPUs, or one CPU", lower_bound=0)
flags.DEFINE_integer("threads_per_op", 0, "threads an operation may use; 1 is faster with small patches; 0: all", lower_bound=0)
flags.DEFINE_integer("save_every", 1000, "steps between checkpoints; 0: only at the end", lower_bound=0)
flags.DEFINE_integer("validate_every", 0, "steps between validations on the val split; 0: never", lower_bound=0)
flags.DEFINE_integer("validation_images", 0, "number of images of the val split that are scored; 0: all", lower_bound=0)
flags.DEFINE_integer("picture_every", 500, "steps between pictures in TensorBoard; 0: never", lower_bound=0)
flags.DEFINE_float("max_hours", 0.0, "hours after which the run saves and stops; 0: no limit", lower_bound=0.0)
flags.DEFINE_bool("mixed_precision", False, "compute in bfloat16 with float32 weights, for GPUs that have it (not tried on one)")
flags.DEFINE_bool("xla", False, "compile the step with XLA, for one GPU: there a step takes less time, on a CPU more")
flags.DEFINE_integer(
    "stopped_exit_code",
    0,
    "exit code of a run that was stopped and saved before its last step; 75 lets docs/clusters.md's jobs go on",
    lower_bound=0,
    upper_bound=255,
)
flags.DEFINE_bool("freeze_up_filters", False, "leave the up-filters as they were initialised: the recipe of the released checkpoints")
flags.DEFINE_bool("turns_in_phase", False, "turn real pairs so that the CFA keeps its phase, which SID's turns ignore")
flags.DEFINE_float(
    "black_drift",
    0.0,
    "counts by which the black levels of real shorts are raised at most, drawn for each example",
    lower_bound=0.0,
    upper_bound=64.0,
)
flags.DEFINE_bool("all_bursts", False, "train on every short exposure of a scene, not only on the first, _00")
flags.DEFINE_bool("exclude_misaligned", False, "leave out the scenes that SID's authors named as misaligned")


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
    for name in ("train_pairs", "simulated_fraction", "black_drift"):
        if FLAGS[name].value and (simulated or FLAGS.corrupt_targets):
            raise UsageError(f"--{name} is for real pairs, and all short exposures are simulated here; leave it out")
    if FLAGS.simulated_data_dir and not FLAGS.simulated_fraction:
        raise UsageError("--simulated_data_dir needs --simulated_fraction, such as 0.5")


def _check_interface():
    if FLAGS.skip != "none" and FLAGS.curve != "bt709" and not FLAGS.init_from:
        raise UsageError(f"--skip={FLAGS.skip} needs an input coded as the target is; give --curve=bt709 with it")
    for name in ("noise_planes", "skip", "place_planes"):
        if FLAGS[name].value not in (False, "none") and (FLAGS.network != "sid" or FLAGS.network_input == "rgb"):
            raise UsageError(f"--{name} is of the SID network with packed input; leave it, --network or --network_input out")
    if FLAGS.place_planes and FLAGS.skip == "none" and not FLAGS.init_from:
        raise UsageError("--place_planes need crops of whole CFA tiles; give --skip=mosaic, or --skip=demosaic, with them")
    if FLAGS.place_planes and CAMERAS[FLAGS.camera].cells == 1:
        raise UsageError(f"--place_planes are of X-Trans, whose packed pixels are of four kinds; leave them or --camera={FLAGS.camera} out")


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
            raise UsageError(
                f"--{name} is that of simulated short exposures; give --corrupt_targets, --simulated_fraction or a --dataset "
                "of photographs with it"
            )
    _check_transfer(simulated)
    for name in ("freeze_up_filters", *_SID_ONLY):
        if FLAGS.network != "sid" and FLAGS[name].present:
            raise UsageError(f"--{name} is of the SID network; leave it or --network={FLAGS.network} out")
    if FLAGS.expert and FLAGS.dataset != "fivek":
        raise UsageError(f"--expert={FLAGS.expert} goes with --dataset=fivek only")
    if FLAGS.target == "camera_rgb" and FLAGS["white_balance_input"].present and not FLAGS.white_balance_input:
        raise UsageError("--target=camera_rgb is white-balanced camera colour; leave --nowhite_balance_input out")
    if FLAGS.noise == "any_sensor" and FLAGS.network_input == "rgb":
        raise UsageError("--noise=any_sensor is of mosaics; leave it or --network_input=rgb out")
    _check_interface()
    if not FLAGS.checkpoint_dir:
        raise UsageError("--checkpoint_dir is empty; name a folder for the model")


def _checked(network, interface, camera):
    """Returns network and interface, after the patch was held against what they need."""
    if interface.skip != "none" and FLAGS.patch_size % camera.cells:
        raise UsageError(
            f"--patch_size={FLAGS.patch_size} does not hold whole CFA tiles, as --skip={interface.skip} wants; use a multiple of "
            f"{camera.cells}"
        )
    return network, interface


def _model(camera, transfer):
    """The network and interface that the flags ask for; of a run that starts from a model, that model's own."""
    from lowlight_tf.network.model import network_for
    from lowlight_tf.raw.light import Interface
    from lowlight_tf.training.transfer import start_network

    if FLAGS.init_from:
        given = {name: FLAGS[name].value for name in ("network", *_SID_ONLY) if FLAGS[name].present}
        given |= {field: FLAGS[name].value for name, field in _INTERFACE.items() if FLAGS[name].present}
        if FLAGS["network_input"].present:
            given["input_channels"] = 3 if FLAGS.network_input == "rgb" else camera.channels
        return _checked(*start_network(transfer, camera, given), camera)
    options = {name: getattr(FLAGS, name) for name in _SID_ONLY} if FLAGS.network == "sid" else {}
    if FLAGS.head == "none" and options:
        options["head_units"] = 0
    interface = Interface(
        **{field: FLAGS[name].value for name, field in _INTERFACE.items()}
        | {"white_balance": FLAGS.white_balance_input or FLAGS.target == "camera_rgb"}
    )
    network = network_for(camera, network=FLAGS.network, network_input=FLAGS.network_input, interface=interface, **options)
    return _checked(network, interface, camera)


def _given(kind, /, **others):
    """Returns a dataclass whose fields are flags of the same names, but for `others`."""
    return kind(**{field.name: FLAGS[field.name].value for field in dataclasses.fields(kind) if field.name not in others}, **others)


def training_config():
    """Returns the TrainingConfig that the flags ask for."""
    from lowlight_tf.training.config import Batches, Saving, TrainingConfig, Updates, Watching
    from lowlight_tf.training.schedule import Schedule
    from lowlight_tf.training.transfer import Transfer

    camera, transfer = CAMERAS[FLAGS.camera], _given(Transfer)
    data = data_flags.data_config(
        expert=FLAGS.expert or "",
        corrupt_targets=FLAGS.corrupt_targets,
        selection=_given(Selection),
        mixing=_given(Mixing),
        light=_given(SimulatedLight),
    )
    network, interface = _model(camera, transfer)
    return TrainingConfig(
        camera=camera,
        network=network,
        interface=interface,
        data=data,
        checkpoint_dir=FLAGS.checkpoint_dir,
        seed=FLAGS.seed,
        num_replicas=FLAGS.num_replicas,
        batches=_given(Batches),
        schedule=_given(Schedule, kind=FLAGS.schedule),
        updates=_given(Updates),
        saving=_given(Saving),
        watching=_given(Watching),
        transfer=transfer,
    )
