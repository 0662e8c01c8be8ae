"""What a person sees while work goes on, and how it is asked to stop: bars and lines on the real stderr, without libraries' chatter."""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import unicodedata
import warnings

from tqdm import tqdm

_lock = threading.Lock()
_depth = 0
_saved_stderr = None
_lost = False  # whether something that was printed to stdout was not taken


# Letters that show nothing themselves and turn the order of those around them, or end a line.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def _ensure_files():
    """Opens the numbers 0 to 2 where whoever started us had closed them: the next file to be opened would get one, and what libraries
    write to "the terminal" would end up in it."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process runs


_ensure_files()


def visible(text):
    """Returns a text as one line that does nothing to a terminal: control characters, those that turn the order of letters, and bytes that
    are no UTF-8 are spelt out.

    >>> visible("a\\x1b[2Jb\\nerror: c")
    'a\\\\x1b[2Jb\\\\nerror: c'
    """
    return "".join(_spelt(letter) if letter in BIDI or unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in str(text))


def _spelt(letter):
    if "\udc80" <= letter <= "\udcff":  # a byte of a file's name
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape", "surrogatepass").decode()


def _terminal():
    # A copy of stderr's file descriptor, so that `quiet_stderr` in a worker thread never swallows a bar or a message.
    try:
        return os.fdopen(os.dup(sys.__stderr__.fileno()), "w", buffering=1, errors="replace")
    except (AttributeError, OSError, ValueError):
        return sys.stderr or open(os.devnull, "w")


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
            with contextlib.suppress(OSError, ValueError):  # full, or closed
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
    return tqdm(
        iterable,
        total=total,
        initial=initial,
        unit=unit,
        desc=description,
        file=TERMINAL,
        disable=not TERMINAL.isatty(),
        dynamic_ncols=True,
        leave=False,
        smoothing=0.1,
    )


def _put(text, file):
    """Prints a text. A reader that has gone, such as `| head`, or a file that is full takes no more, and ends no work."""
    global _lost
    with tqdm.external_write_mode(file=TERMINAL):
        try:
            print(text, file=file, flush=True)
        except BrokenPipeError:
            pass
        except (OSError, ValueError):
            _lost = _lost or file is sys.stdout


def say(*lines):
    """Prints lines to stdout without breaking a progress bar. Each is one line, whatever is in the names that it speaks of."""
    _put("\n".join(map(visible, lines)), sys.stdout)


def output(text):
    """Prints a tool's result, whose lines hold nothing that is not `visible`, as it is."""
    _put(text, sys.stdout)


def warn(*lines):
    """Prints lines to stderr without breaking a progress bar, as `say`."""
    _put("\n".join(map(visible, lines)), TERMINAL)


def counted(number, noun):
    """Says how many there are of what has a plural in s.

    >>> counted(1, "photograph"), counted(1200, "photograph")
    ('1 photograph', '1,200 photographs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def prepare_streams():
    """Lets stdout show what it can of any name: what its encoding lacks is spelt out."""
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not that of a terminal, file or pipe
        sys.stdout.reconfigure(errors="backslashreplace")


def flush_output():
    """Hands on what was printed, before the process ends; tells whether all of it was taken. A reader that has gone wanted no more."""
    try:
        sys.stdout.flush()
        return not _lost and sys.__stdout__ is not None
    except BrokenPipeError:
        taken = True
    except (OSError, ValueError):
        taken = False
    with contextlib.suppress(OSError, ValueError):  # the interpreter would try again, and complain
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
    return taken and not _lost


def interrupt(*_):
    """Handles SIGTERM as Ctrl-C is handled, once: what is being tidied up then is not interrupted by another."""
    ignore_interrupts()
    raise KeyboardInterrupt


def ignore_interrupts():
    """Lets the last lines be said and the last files be closed, however often somebody asks to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


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
