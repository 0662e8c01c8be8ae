"""What a person sees while work goes on, and how it is asked to stop: bars and lines on the real stderr, without libraries' chatter."""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import warnings

from tqdm import tqdm

_lock = threading.Lock()
_depth = 0
_saved_stderr = None


def _terminal():
    # A copy of stderr's file descriptor, so that `quiet_stderr` in a worker thread never swallows a bar or a message.
    try:
        return os.fdopen(os.dup(sys.__stderr__.fileno()), "w", buffering=1, errors="replace")
    except (AttributeError, OSError, ValueError):
        return sys.stderr


TERMINAL = _terminal()


@contextlib.contextmanager
def quiet_stderr():
    """Sends what C libraries write to file descriptor 2 to nowhere. Reentrant, and safe from several threads.

    LibRaw and TensorFlow's loader print lines of their own that no Python setting reaches; every real error they meet also
    arrives as an exception.
    """
    global _depth, _saved_stderr
    with _lock:
        if _depth == 0:
            sys.stderr.flush()
            _saved_stderr = os.dup(2)
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 2)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                os.dup2(_saved_stderr, 2)
                os.close(_saved_stderr)


@contextlib.contextmanager
def quiet_libraries():
    """As `quiet_stderr`, and without what Python libraries warn of and log, which reaches no user of ours. Errors are still raised."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def progress(iterable=None, *, total=None, initial=0, unit="it", description=None):
    """Returns a tqdm bar on the real stderr; off where that is no terminal, so that logs stay readable."""
    return tqdm(iterable, total=total, initial=initial, unit=unit, desc=description, file=TERMINAL,
                disable=not TERMINAL.isatty(), dynamic_ncols=True, leave=False, smoothing=0.1)


def say(message):
    """Prints one line to stdout without breaking a progress bar; a reader that has gone, such as `| head`, ends no run."""
    with tqdm.external_write_mode(file=TERMINAL), contextlib.suppress(BrokenPipeError):
        print(message, flush=True)


def warn(message):
    """Prints one line to stderr without breaking a progress bar."""
    with tqdm.external_write_mode(file=TERMINAL):
        print(message, file=TERMINAL, flush=True)


class StopRequest:
    """Ctrl-C, SIGTERM or a time limit asks a loop to stop at the next step's end; a second Ctrl-C does not wait for it."""

    def __init__(self, max_hours):
        self._deadline = time.monotonic() + max_hours * 3600 if max_hours else None
        self._signalled = False

    def __enter__(self):
        self._previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number, _):
        if self._signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signalled = True

    def asked(self):
        """Tells whether a stop was asked for; a loop that passes the answer to a step stops after that step."""
        return self._signalled or (self._deadline is not None and time.monotonic() >= self._deadline)
