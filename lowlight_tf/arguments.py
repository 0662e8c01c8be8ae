"""What the tools' arguments may be: numbers in a range, lists of numbers, sizes."""

import argparse
import re
from collections.abc import Callable

from lowlight_tf.errors import UsageError


def numbers(text: str, flag: str, kind: type[int] | type[float]) -> tuple[int | float, ...]:
    """Reads numbers between commas: a tuple of `kind`.

    Raises:
      UsageError: naming the flag.
    """
    try:
        return tuple(kind(number) for number in text.split(","))
    except ValueError as error:
        raise UsageError(f"--{flag}={text} are no numbers; expected such as --{flag}=2,6,12") from error


def size(text: str) -> tuple[int, int]:
    """Reads HEIGHTxWIDTH: (height, width)."""
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is no size; expected HEIGHTxWIDTH, such as 512x512")
    return int(found[1]), int(found[2])


def integer_below(limit: int) -> Callable[[str], int]:
    """Returns a function that reads an integer from 0 to limit - 1."""

    def integer(text: str) -> int:
        if not 0 <= int(text) < limit:
            raise argparse.ArgumentTypeError(f"{text} is out of range; expected 0 to {limit - 1}")
        return int(text)

    return integer


def positive(kind: type[int] | type[float]) -> Callable[[str], int | float]:
    """Returns a function that reads a finite number above 0."""

    def parse(text: str) -> int | float:
        number = kind(text)
        if not 0 < number < float("inf"):
            raise ValueError
        return number

    parse.__name__ = f"number above 0 ({kind.__name__})"  # argparse says it
    return parse
