"""What is done to a frame: the ratio and the strength that are asked for, or that the frame decides."""

import dataclasses

from lowlight_tf.enhancement import exposure
from lowlight_tf.errors import LowlightError
from lowlight_tf.raw.shutter import light_ratio


def _choose_ratio(frame, darkness, config):
    if config.target_exposure:
        return light_ratio(config.target_exposure, frame.exposure, frame.path), f"for {config.target_exposure}"
    if config.ratio:
        return config.ratio, "as asked"
    return exposure.auto_ratio(darkness, frame.kind != "raw")


def measured(frame, packed, camera):
    """Returns how dark a frame is, a Darkness.

    Raises:
      LowlightError: for a frame that shows nothing.
    """
    darkness = exposure.measure(packed, frame, camera)
    exposure.check_not_empty(darkness, frame.path)
    return darkness


def check_takes_strength(loaded, strength):
    """Refuses to have a model smooth more than it does by itself where it is not told of the noise.

    Args:
      loaded: a Model.
      strength: of a Finish.
    Raises:
      LowlightError: saying which models can.
    """
    if strength > 1 and not loaded.interface.noise_planes:
        raise LowlightError(
            f"strength is {strength:g}: above 1 a model is told of more noise than there is, and {loaded.folder or 'this one'} is told of "
            "none; expected 0 to 1, or a model such as models/bayer"
        )


def _said(strength):
    if strength == 1:
        return ""
    how = "too clean for the network: LibRaw's rendering" if strength == 0 else "nearly clean: the rest is LibRaw's rendering"
    return f"; strength {strength:.2g}, auto: {how}"


def choose_by(darkness, frame, config):
    """Chooses what is done to a frame.

    Args:
      darkness: its Darkness, from `measured`.
      frame: the Frame, balanced.
      config: an EnhanceConfig.
    Returns:
      ratio: exposure ratio.
      reason: in words how it came about, and what strength was chosen where it is not 1.
      finish: config.finish with the frame's own strength.
    Raises:
      LowlightError: for a frame that does not say what config.target_exposure needs.
    """
    ratio, reason = _choose_ratio(frame, darkness, config)
    if not config.auto_strength:
        return ratio, reason, config.finish
    strength = exposure.auto_strength(darkness, ratio)
    return (
        ratio,
        reason + _said(strength),
        dataclasses.replace(config.finish, strength=strength),
    )


def choose(frame, packed, config, camera):
    """As `choose_by`, of a Frame and its packed counts."""
    return choose_by(measured(frame, packed, camera), frame, config)
