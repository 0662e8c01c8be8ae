"""The rarer tools: python -m lowlight_tf TOOL --help, or lowlight TOOL --help where the package is installed."""

import signal
import sys

from lowlight_tf.console import flush_output, ignore_interrupts, interrupt, prepare_streams, warn
from lowlight_tf.devices import prepare_devices
from lowlight_tf.errors import LowlightError, Problems, UsageError
from lowlight_tf.tools import parser_of

_PRINTED = ("inspect", "describe")  # tools whose result is what they print


def main():
    """Runs one tool; returns the exit code."""
    prepare_streams()
    options = parser_of(__doc__).parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    problems = Problems()
    try:
        prepare_devices()
        options.run(options, problems)
        code = 1 if problems.messages else 0
    except LowlightError as error:
        warn(f"error: {error}")
        code = 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        ignore_interrupts()
        warn("Interrupted; nothing half-written is left. Run the same command again to go on.")
        code = 130
    if problems.messages:
        warn(*problems.summary())
    if not flush_output() and options.tool in _PRINTED:  # what these are for did not arrive
        warn("error: cannot write to the standard output: it is full or closed")
        code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
