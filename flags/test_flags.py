"""Testing: which model, by which protocol, and where the pictures go."""

import pathlib

from absl import flags

from lowlight_tf.datasets import PROTOCOLS
from lowlight_tf.errors import UsageError
from lowlight_tf.isp import DENOISERS
from lowlight_tf.network import QUALITIES
from lowlight_tf.raw.cameras import CAMERAS

FLAGS = flags.FLAGS
_DEFAULT_DENOISER = "nlm"

flags.DEFINE_enum(
    "model",
    "network",
    ["network", "classic"],
    "what is scored: the network in --checkpoint_dir, or the classic pipeline, which learns nothing",
)
flags.DEFINE_enum(
    "denoiser", None, DENOISERS, "denoiser of --model=classic: none, nlm (non-local means) or bm3d (pip install bm3d); where not given: nlm"
)
flags.DEFINE_float(
    "denoiser_strength",
    1.0,
    "strength of --denoiser, 0.01 to 100: the denoiser is told this many times the noise that was found in the frame",
    lower_bound=0.01,
    upper_bound=100.0,
)
flags.DEFINE_string(
    "result_dir", "", "folder of the results; where not given: results/<model, or classic-<denoiser>, and the strength if not 1>/<protocol>"
)
flags.DEFINE_enum(
    "protocol",
    "sid-00",
    list(PROTOCOLS),
    "which shorts are scored: sid-all (every one), sid-00 (first bursts), -clean (without the misaligned scenes)",
)
flags.DEFINE_bool("report", False, "also write report.html: one page of all pictures, before, after and the truth, sorted by score")
flags.DEFINE_float("memory_limit", 0.0, "memory that the program may take, in GiB; 0: half of what is free", lower_bound=0.0)
flags.DEFINE_bool("mixed_precision", False, "compute in bfloat16 instead of float32, for GPUs that have it (not tried on one)")

flags.DEFINE_enum(
    "quality",
    "normal",
    QUALITIES,
    "how the network is run; fast: the narrower model in FOLDER_fast, in half of the time; best: the mean over the frame and its three "
    "mirror images, in four times",
)


def preset_names():
    """Testing has no presets: what it needs comes from the checkpoint, or from the camera's row.

    Raises:
      UsageError: where no model is named, or flags do not go together.
    """
    if FLAGS.model == "classic":
        if FLAGS.mixed_precision:
            raise UsageError("--mixed_precision is a network's; leave it or --model=classic out")
        if FLAGS.memory_limit:
            raise UsageError("--memory_limit decides a network's tiles; leave it or --model=classic out")
        if FLAGS["quality"].present:
            raise UsageError("--quality is a network's; leave it or --model=classic out")
        if FLAGS.checkpoint_dir:
            raise UsageError("--model=classic has no checkpoint; leave --checkpoint_dir or --model out")
        if FLAGS.camera is None:
            raise UsageError(f"--model=classic needs --camera; expected one of {', '.join(CAMERAS)}, such as --camera=sony")
        if FLAGS.denoiser == "none" and FLAGS["denoiser_strength"].present:
            raise UsageError("--denoiser=none has no strength; leave --denoiser_strength out or name another --denoiser")
    elif FLAGS.denoiser is not None:
        raise UsageError(f"--denoiser={FLAGS.denoiser} is the classic pipeline's; add --model=classic or leave it out")
    elif FLAGS["denoiser_strength"].present:
        raise UsageError(f"--denoiser_strength={FLAGS.denoiser_strength} is the classic pipeline's; add --model=classic or leave it out")
    elif not FLAGS.checkpoint_dir:
        raise UsageError("--checkpoint_dir is missing; name the folder of a model that train.py or import_slim wrote")
    return []


def _denoiser():
    return FLAGS.denoiser or _DEFAULT_DENOISER


def subject():
    """Returns the Subject that the flags ask for."""
    from lowlight_tf.evaluation.subjects import classic_subject, trained_subject

    if FLAGS.model == "classic":
        return classic_subject(CAMERAS[FLAGS.camera], _denoiser(), FLAGS.denoiser_strength)
    return trained_subject(
        FLAGS.checkpoint_dir,
        FLAGS.camera or "",
        mixed_precision=FLAGS.mixed_precision,
        memory_limit=round(FLAGS.memory_limit * 2**30),
        quality=FLAGS.quality,
    )


def _model_name(checkpoint_dir):
    """Names a model's results by its path: checkpoints/bayer is bayer, models/bayer is models-bayer, so that neither takes the other's."""
    path, here = pathlib.Path(checkpoint_dir).resolve(), pathlib.Path.cwd()
    parts = path.relative_to(here).parts if here in path.parents else path.parts[-2:]
    return "-".join(parts[1:] if parts[0] == "checkpoints" and len(parts) > 1 else parts).strip("/-")


def _classic_name():
    """Names the classic pipeline's results: each strength but 1 has a folder of its own."""
    return f"classic-{_denoiser()}" + (f"-strength-{FLAGS.denoiser_strength}" if FLAGS.denoiser_strength != 1 else "")


def result_dir():
    """Returns where the results go."""
    name = _classic_name() if FLAGS.model == "classic" else _model_name(FLAGS.checkpoint_dir)
    name += f"-{FLAGS.quality}" if FLAGS.quality != "normal" else ""
    return FLAGS.result_dir or str(pathlib.Path("results") / name / FLAGS.protocol)
