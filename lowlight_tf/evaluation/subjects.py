"""What can be scored: a trained model, or the classic pipeline that learned nothing."""

import dataclasses
import os
from collections.abc import Callable

from lowlight_tf.enhancement.engine import load_model
from lowlight_tf.errors import LowlightError
from lowlight_tf.evaluation.classic import make_processor
from lowlight_tf.evaluation.evaluate import predictor_of
from lowlight_tf.isp.denoise import DENOISERS
from lowlight_tf.raw.cameras import Camera


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is scored.

    Attributes:
      predict: function of Frame, ratio -> float32 [H, W, 3] numpy, sRGB with 1 as white.
      camera: the Camera whose shorts it takes.
      label: what it is called in messages.
      facts: what metrics.json says of it.
      trained_on: fields of the DataConfig it was trained on; {} where it was not trained.
    """

    predict: Callable
    camera: Camera
    label: str
    facts: dict
    trained_on: dict


def trained_subject(checkpoint_dir, camera_name="", *, mixed_precision=False, memory_limit=0, quality="normal"):
    """Loads a trained or imported model to be scored.

    Args:
      checkpoint_dir: its folder.
      camera_name: what the user believes the model's camera to be; "" for no belief.
      mixed_precision: run it in bfloat16.
      memory_limit: bytes that the process may take; 0 for half of what is free.
      quality: one of network.QUALITIES.
    Returns:
      A Subject.
    Raises:
      LowlightError: where there is no whole checkpoint, or one of another camera.
    """
    loaded = load_model(checkpoint_dir, mixed_precision, quality)
    if camera_name and camera_name != loaded.camera.name:
        raise LowlightError(
            f"{checkpoint_dir} holds a model of --camera={loaded.camera.name}, not of {camera_name}; "
            "leave --camera out or name another model"
        )
    facts = {
        "model": loaded.config.get("model", "sid"),
        "checkpoint": os.path.abspath(checkpoint_dir),
        "step": loaded.step,
        "mixed_precision": mixed_precision,
        "quality": quality,
    }
    return Subject(
        predictor_of(loaded, memory_limit), loaded.camera, f"step {loaded.step} of {loaded.folder}", facts, loaded.config.get("data", {})
    )


def classic_subject(camera, denoiser, strength=1.0):
    """Returns the classic pipeline as a Subject.

    Args:
      camera: a Camera.
      denoiser: a key of denoise.DENOISERS.
      strength: the denoiser's, as `denoise` takes it.
    Raises:
      LowlightError: where the denoiser's package is not installed.
    """
    cost = DENOISERS[denoiser].seconds
    label = f"the classic pipeline, denoiser {denoiser}" + (f" at strength {strength}" if strength != 1 else "")
    label += f" (about {cost} s a megapixel)" if cost else ""
    facts = {"model": "classic", "denoiser": denoiser, "denoiser_strength": strength if DENOISERS[denoiser].apply else None}
    return Subject(make_processor(camera, denoiser, strength), camera, label, facts, {})
