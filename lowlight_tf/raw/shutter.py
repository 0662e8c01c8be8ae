"""Exposures in words: what "10s f/4 ISO200" means, and how much more light that is than what a file was taken with."""

import dataclasses
import re

from lowlight_tf.errors import LowlightError, UsageError

_PARTS = {"seconds": r"(\d+(?:\.\d+)?|\.\d+)(?:/(\d+(?:\.\d+)?))?s", "aperture": r"f/?(\d+(?:\.\d+)?)", "iso": r"iso(\d+(?:\.\d+)?)"}
_WORDS = {"seconds": "shutter time", "aperture": "aperture", "iso": "ISO"}


@dataclasses.dataclass(frozen=True)
class Exposure:
    """Shutter time in seconds, f-number, ISO; 0.0 for what is not known."""

    seconds: float = 0.0
    aperture: float = 0.0
    iso: float = 0.0

    def __str__(self):
        time = f"1/{1 / self.seconds:.4g} s" if 0 < self.seconds < 0.3 else f"{self.seconds:.4g} s"
        parts = (time, self.seconds), (f"f/{self.aperture:.3g}", self.aperture), (f"ISO {self.iso:.0f}", self.iso)
        return " ".join(text for text, known in parts if known)


def parse_exposure(text):
    """Reads an exposure.

    Args:
      text: any of a shutter time, an f-number and an ISO: "10s f/4 ISO200", "1/4s", "f2.8".
    Returns:
      An Exposure.
    Raises:
      UsageError: where a part is no such thing, is 0 or is said twice.

    >>> parse_exposure("1/4s ISO200")
    Exposure(seconds=0.25, aperture=0.0, iso=200.0)
    """
    found = {}
    for word in re.sub(r"(?i)\biso\s+(?=\d)", "iso", text).replace(",", " ").split():
        name, match = next(((name, match) for name, form in _PARTS.items() if (match := re.fullmatch(form, word.lower()))), ("", None))
        divisor = float(match[2] or 1) if match and name == "seconds" else 1.0
        value = float(match[1]) / divisor if match and divisor else 0.0
        if name in found or not value:
            raise UsageError(f"--target_exposure={text}: {word!r} is not understood; expected such as --target_exposure='10s f/4 ISO200'")
        found[name] = value
    if not found:
        raise UsageError("--target_exposure is empty; expected such as --target_exposure='10s f/4 ISO200'")
    return Exposure(**found)


def light_ratio(target, taken, path):
    """Returns how many times more light the target exposure gives; what it leaves open stays as the file was taken.

    Args:
      target, taken: Exposures.
      path: the file, for the message.
    Raises:
      LowlightError: where the file does not say what the target names.
    """
    ratio = 1.0
    for name, power in (("seconds", 1), ("iso", 1), ("aperture", -2)):
        if getattr(target, name):
            if not getattr(taken, name):
                raise LowlightError(f"{path} does not say its {_WORDS[name]}, which --target_exposure needs; give --ratio")
            ratio *= (getattr(target, name) / getattr(taken, name)) ** power
    return ratio
