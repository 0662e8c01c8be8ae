"""White balance as a person asks for it, in words: as shot, daylight, a temperature and a tint, or gains. `balancing` does it."""

import dataclasses
import math
import re

from lowlight_tf.errors import UsageError

AS_SHOT_NAME, DAYLIGHT_NAME = "as_shot", "daylight"
COLDEST, WARMEST = 15000.0, 1700.0  # K, within which Krystek's formula holds
MOST_TINT = 150.0
_MOST_GAIN = 64.0
_TEMPERATURE = re.compile(r"(\d+(?:\.\d+)?)[kK]([+-]\d+(?:\.\d+)?)?")
_EXPECTED = "expected as_shot, daylight, a temperature such as 5200K or 5200K+10 with a tint, or gains of R,G,B such as 2.1,1,1.6"


@dataclasses.dataclass(frozen=True)
class WhiteBalance:
    """A white balance that is asked for.

    Attributes:
      name: "as_shot", "daylight", "temperature" or "gains".
      values: (kelvin, tint), where a positive tint makes the picture more magenta; (R, G, B) gains; or nothing.
    """

    name: str = AS_SHOT_NAME
    values: tuple = ()

    def __str__(self):
        if self.name == "temperature":
            kelvin, tint = self.values
            return f"{kelvin:g}K" + (f"{tint:+g}" if tint else "")
        return ",".join(f"{gain:.6g}" for gain in self.values) if self.name == "gains" else self.name


AS_SHOT = WhiteBalance()


def temperature(kelvin, tint=0.0):
    """Returns the WhiteBalance of a light's colour.

    Raises:
      UsageError: for what is beyond the locus.
    """
    if not (WARMEST <= kelvin <= COLDEST and abs(tint) <= MOST_TINT):
        raise UsageError(
            f"white balance {kelvin:g}K{tint:+g}: expected {WARMEST:g} to {COLDEST:g} K, and a tint from {-MOST_TINT:g} to {MOST_TINT:g}"
        )
    return WhiteBalance("temperature", (float(kelvin), float(tint)))


def of_gains(gains):
    """Returns the WhiteBalance of (R, G, B) gains, G taken as 1.

    Raises:
      UsageError: for gains that are not positive, or too different.
    """
    values = tuple(float(gain) for gain in gains)
    good = len(values) == 3 and all(map(math.isfinite, values)) and min(values) > 0 and max(values) <= _MOST_GAIN * min(values)
    if not good:
        raise UsageError(
            f"white balance {','.join(f'{value:g}' for value in values)}: expected three gains above 0, "
            f"the largest at most {_MOST_GAIN:g} times the smallest"
        )
    return WhiteBalance("gains", tuple(float(f"{value / values[1]:.6g}") for value in values))


def parse_white_balance(text):
    """Reads a WhiteBalance as `str` writes it.

    Raises:
      UsageError: saying what is expected.
    """
    if text in (AS_SHOT_NAME, DAYLIGHT_NAME):
        return WhiteBalance(text)
    found = _TEMPERATURE.fullmatch(text)
    if found:
        return temperature(float(found[1]), float(found[2] or 0))
    try:
        gains = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"white balance {text!r}: {_EXPECTED}") from None
    return of_gains(gains)
