"""Enhancing: which model, how bright, and what kind of file comes out."""

from absl import flags

from lowlight_tf import DEFAULT_MODEL
from lowlight_tf.beam_jobs import RUNNERS, find_runner, runner_arguments
from lowlight_tf.errors import UsageError
from lowlight_tf.network import QUALITIES
from lowlight_tf.pictures import MOST_STRENGTH, SUFFIXES
from lowlight_tf.raw.shutter import parse_exposure
from lowlight_tf.raw.white_balance import parse_white_balance

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "checkpoint_dir",
    "",
    "folder of the model; where not given: the one that ships for a photograph's sensor, models/bayer or models/xtrans",
)
flags.DEFINE_string(
    "result_dir",
    "results/enhanced",
    "folder of the results, which keep the sources' subfolders; a result is A_lowlight.jpg where A.jpg is yours",
)
flags.DEFINE_enum(
    "format", "jpeg", list(SUFFIXES), "kind of file to write: jpeg (8 bits), png or tiff (16 bits), dng (linear, for a raw developer)"
)
flags.DEFINE_integer("jpeg_quality", 95, "quality of JPEGs, 1 to 100", lower_bound=1, upper_bound=100)
flags.DEFINE_enum(
    "quality",
    "normal",
    QUALITIES,
    "how the network is run; fast: the narrower model in FOLDER_fast, in half of the time; best: the mean over the frame and its three "
    "mirror images, in four times (JPEGs: --jpeg_quality)",
)
flags.DEFINE_string("ratio", "auto", "factor that the light is amplified by, above 0; auto: by the frame's histogram and noise")
flags.DEFINE_string(
    "target_exposure",
    "",
    "the exposure to amplify to, instead of --ratio: shutter time, f-number and ISO, or some of them: '10s f/4 ISO200'",
)
flags.DEFINE_bool("ratio_sheet", False, "write a sheet of small pictures at several ratios instead of the picture, to choose --ratio from")
flags.DEFINE_bool(
    "report", False, "also write report.html into --result_dir: one page that shows all pictures of the run, before and after"
)
flags.DEFINE_string(
    "strength",
    "auto",
    "part of the network's picture in the result, 0 to 1, the rest being the plain rendering; above 1, to 2, the network smooths more; "
    "auto: by the frame's noise",
)
flags.DEFINE_float("exposure", 0.0, "brightness correction of the result in stops; 1 doubles its light", lower_bound=-8.0, upper_bound=8.0)
flags.DEFINE_string(
    "white_balance",
    "as_shot",
    "as_shot, daylight, a temperature such as 5200K or 5200K+10 with a tint, or gains of R,G,B such as 2.1,1,1.6",
)
flags.DEFINE_string(
    "settings",
    "",
    "lowlight.json of lowlight app: what is asked of each photograph, the format, and both qualities",
)
flags.DEFINE_bool("overwrite", False, "make existing results again; a file that lowlight_tf did not write is never replaced")
flags.DEFINE_float("memory_limit", 0.0, "memory that the program may take, in GiB; 0: half of what is free", lower_bound=0.0)
flags.DEFINE_bool("mixed_precision", False, "compute in bfloat16 instead of float32, for GPUs that have it (not tried on one)")
flags.DEFINE_string(
    "beam_runner",
    None,
    f"run as an Apache Beam job on this runner, {', '.join(RUNNERS)} or another by its name; each worker takes one photograph at a time",
)
flags.DEFINE_string("beam_args", "", "options of the Beam runner itself, such as '--dask_client_address=tcp://host:8786'")


# What lowlight.json says, and flags that have no sense beside it.
_OF_SETTINGS = (
    "checkpoint_dir",
    "format",
    "jpeg_quality",
    "quality",
    "ratio",
    "target_exposure",
    "strength",
    "exposure",
    "white_balance",
    "ratio_sheet",
)


def _ratio():
    """Returns the ratio, 0.0 for auto.

    Raises:
      UsageError: where it is neither auto nor a number above 0.
    """
    if FLAGS.ratio == "auto":
        return 0.0
    try:
        ratio = float(FLAGS.ratio)
    except ValueError:
        ratio = 0.0
    if not 0 < ratio <= 10000:
        raise UsageError(f"--ratio={FLAGS.ratio}: expected auto or a number above 0, at most 10000, such as --ratio=100")
    return ratio


def _strength():
    """Returns the strength, None for auto.

    Raises:
      UsageError: where it is neither auto nor a number from 0 to MOST_STRENGTH.
    """
    if FLAGS.strength == "auto":
        return None
    try:
        strength = float(FLAGS.strength)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= MOST_STRENGTH:
        raise UsageError(f"--strength={FLAGS.strength}: expected auto or a number from 0 to {MOST_STRENGTH:g}, such as --strength=0.8")
    return strength


def _checkpoint_dir():
    if FLAGS.checkpoint_dir:
        return FLAGS.checkpoint_dir
    if not DEFAULT_MODEL.is_dir():
        raise UsageError("--checkpoint_dir is missing, and no model ships in models/bayer; name the folder of one that train.py wrote")
    return ""


def _check_beam():
    beam_arguments()
    if FLAGS.beam_args and not FLAGS.beam_runner:
        raise UsageError("--beam_args are a Beam runner's; give --beam_runner with them")
    if FLAGS.beam_runner and FLAGS.report:
        raise UsageError("--report is of a run on this machine; leave it or --beam_runner out")
    if FLAGS.beam_runner and "://" in FLAGS.result_dir:  # as a path it would be made in each worker's current folder, unseen
        raise UsageError(f"--result_dir={FLAGS.result_dir} is an address; expected a folder that every worker sees by the same path")
    if FLAGS.beam_runner is not None:
        find_runner(FLAGS.beam_runner)


def _check_settings():
    given = [name for name in _OF_SETTINGS if FLAGS[name].present]
    if FLAGS.settings and given:
        raise UsageError(f"--{given[0]} and --settings say the same thing; give one of them")
    if FLAGS.settings and FLAGS.beam_runner:
        raise UsageError("--settings are of a run on this machine; leave them or --beam_runner out")
    if FLAGS["settings"].present and not FLAGS.settings:
        raise UsageError("--settings is empty; name the lowlight.json that lowlight app wrote")


def beam_arguments():
    """Returns the Beam runner's own options.

    Raises:
      UsageError: where they cannot be read.
    """
    return runner_arguments(FLAGS.beam_args)


def check():
    """Refuses flags that do not go together, before anything is loaded.

    Raises:
      UsageError: naming the flags.
    """
    _ratio(), _strength(), _checkpoint_dir(), parse_white_balance(FLAGS.white_balance)
    _check_settings()
    if not FLAGS.result_dir:
        raise UsageError("--result_dir is empty; name a folder for the results")
    if FLAGS.target_exposure:
        parse_exposure(FLAGS.target_exposure)
        if FLAGS["ratio"].present:
            raise UsageError("--ratio and --target_exposure say the same thing; give one of them")
    elif FLAGS["target_exposure"].present:
        parse_exposure("")
    if FLAGS["jpeg_quality"].present and FLAGS.format != "jpeg" and not FLAGS.ratio_sheet:
        raise UsageError(f"--jpeg_quality is of JPEGs; leave it or --format={FLAGS.format} out")
    _check_beam()
    for name in ("format", "strength", "exposure", "white_balance"):
        if FLAGS.ratio_sheet and FLAGS[name].present:
            raise UsageError(f"--{name} is of pictures; leave it or --ratio_sheet out")
    if FLAGS.ratio_sheet and FLAGS.report:
        raise UsageError("--report shows pictures, and --ratio_sheet makes none; leave one of them out")


def settings():
    """Returns the Settings of --settings, or None.

    Raises:
      UsageError: where they cannot be read.
    """
    from lowlight_tf.enhancement.settings import read_settings

    return read_settings(FLAGS.settings) if FLAGS.settings else None


def enhance_config(of_settings=None):
    """Returns the EnhanceConfig that the flags ask for; kind and qualities are those of the Settings, where there are any."""
    from lowlight_tf.enhancement.config import EnhanceConfig
    from lowlight_tf.enhancement.settings import Settings
    from lowlight_tf.pictures.finishing import Finish

    said = of_settings or Settings({}, "", FLAGS.format, FLAGS.jpeg_quality, FLAGS.quality)
    return EnhanceConfig(
        checkpoint_dir=_checkpoint_dir(),
        result_dir=FLAGS.result_dir,
        kind=said.kind,
        ratio=_ratio(),
        target_exposure=parse_exposure(FLAGS.target_exposure) if FLAGS.target_exposure else None,
        finish=Finish(
            1.0 if _strength() is None else _strength(), FLAGS.exposure, linear=said.kind == "dng", eight_bits=said.kind == "jpeg"
        ),
        auto_strength=_strength() is None,
        jpeg_quality=said.jpeg_quality,
        quality=said.quality,
        overwrite=FLAGS.overwrite,
        memory_limit=round(FLAGS.memory_limit * 2**30),
        ratio_sheet=FLAGS.ratio_sheet,
        report=FLAGS.report,
        mixed_precision=FLAGS.mixed_precision,
        white_balance=parse_white_balance(FLAGS.white_balance),
    )
