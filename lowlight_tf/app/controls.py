"""The page's controls and what is asked of a photograph: one from the other, both ways."""

import dataclasses
import math

from lowlight_tf.enhancement.settings import MOST_RATIO, check
from lowlight_tf.pictures import MOST_STRENGTH
from lowlight_tf.raw.balancing import balanced, nearest_temperature
from lowlight_tf.raw.white_balance import AS_SHOT, COLDEST, DAYLIGHT_NAME, MOST_TINT, WARMEST, WhiteBalance, temperature

BALANCES = {"As shot": "as_shot", "Daylight": DAYLIGHT_NAME, "Temperature and tint": "temperature", "From a grey spot": "gains"}
_LABELS = {name: label for label, name in BALANCES.items()}
GREY = _LABELS["gains"]
MOST_STOPS = math.log2(300)  # of light: the largest ratio that models have seen
_KELVIN, _TINT = 6500.0, 0.0  # where the file does not say what its own are


@dataclasses.dataclass(frozen=True)
class Controls:
    """What the controls of the page show.

    Attributes:
      ratio_auto, strength_auto: whether the frame decides.
      stops: binary logarithm of the ratio.
      strength: of a Finish.
      exposure: stops.
      balance: a key of BALANCES.
      kelvin, tint: of the light.
      model: its name.
    """

    ratio_auto: bool
    stops: float
    strength_auto: bool
    strength: float
    exposure: float
    balance: str
    kelvin: float
    tint: float
    model: str


FIELDS = tuple(field.name for field in dataclasses.fields(Controls))


def shown(asked, decided, frame, models):
    """Returns the Controls that show what is asked of a photograph and what came of it.

    Args:
      asked: a PhotoSettings.
      decided: its Decided.
      frame: its Frame, not balanced yet.
      models: dict of a model's name -> its folder.
    """
    said = asked.white_balance.name == "temperature"
    light = asked.white_balance.values if said else nearest_temperature(balanced(frame, asked.white_balance))
    kelvin, tint = light or (_KELVIN, _TINT)
    model = next((name for name, folder in models.items() if folder == asked.model), next(iter(models)))
    return Controls(
        not asked.ratio,
        round(math.log2(decided.ratio), 2),
        asked.strength is None,
        round(decided.finish.strength, 2),
        asked.exposure,
        _LABELS[asked.white_balance.name],
        kelvin,
        tint,
        model,
    )


def _number(value, least, most):
    """A number that the page sent, within bounds; the least for what is none."""
    try:
        return min(max(float(value), least), most)
    except (TypeError, ValueError):
        return least


def _balance(controls, what, before):
    """The WhiteBalance that is asked for; what was asked before where a grey spot is still to be taken."""
    if what in ("kelvin", "tint") or (what == "balance" and BALANCES.get(controls.balance) == "temperature"):
        return temperature(round(_number(controls.kelvin, WARMEST, COLDEST)), round(_number(controls.tint, -MOST_TINT, MOST_TINT)))
    if what != "balance" or controls.balance == GREY:
        return before
    return WhiteBalance(BALANCES.get(controls.balance, AS_SHOT.name))


def asked_of(controls, what, before, models):
    """Returns the PhotoSettings that the controls ask for once one of them was moved.

    Args:
      controls: the Controls.
      what: the name of the field that was moved; moving a slider takes its "auto" away.
      before: the PhotoSettings before.
      models: dict of a model's name -> its folder.
    Raises:
      UsageError: for a value that is out of range.
    """
    ratio = min(float(f"{2 ** _number(controls.stops, 0, 14):.3g}"), MOST_RATIO)
    changes = {
        "stops": lambda: {"ratio": ratio},
        "ratio_auto": lambda: {"ratio": 0.0 if controls.ratio_auto else ratio},
        "strength": lambda: {"strength": round(_number(controls.strength, 0, MOST_STRENGTH), 2)},
        "strength_auto": lambda: {"strength": None if controls.strength_auto else round(_number(controls.strength, 0, MOST_STRENGTH), 2)},
        "exposure": lambda: {"exposure": round(_number(controls.exposure, -8, 8), 2)},
        "model": lambda: {"model": models.get(controls.model, before.model)},
    }
    if what in changes:
        return check(dataclasses.replace(before, **changes[what]()))
    return dataclasses.replace(before, white_balance=_balance(controls, what, before.white_balance))


def in_words(entry, asked, decided, controls, frame):
    """Says what was decided for a photograph and why: list of (what, words)."""
    height, width = frame.mosaic.shape
    strength = f"{decided.finish.strength:.3g} ({'auto: by the noise of the frame' if asked.strength is None else 'as asked'})"
    balance = f"{controls.balance.lower()}, about {controls.kelvin:.0f} K, tint {controls.tint:+.0f}"
    if frame.daylight_gains is None:
        balance = controls.balance.lower()
    return [
        ("Ratio", f"\N{MULTIPLICATION SIGN}{decided.ratio:.4g} ({decided.reason.partition(';')[0]})"),
        ("Strength", strength),
        ("White balance", balance),
        ("Camera", entry.camera or "not said"),
        ("Exposure", entry.exposure or "not said"),
        ("Size", f"{width}\N{MULTIPLICATION SIGN}{height}"),
        *(("Note", note) for note in frame.notes),
    ]
