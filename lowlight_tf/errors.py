"""The errors that a person can cause. Entry scripts print them as one line; anything else is a bug and keeps its traceback."""

import errno
import os
import re

from lowlight_tf.console import warn

# What a disk that is full, broken or not to be written says through whatever library.
_DISK = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)))

# What TensorFlow puts around its messages: {{function_node ...}} before, [Op:...] name: ... after.
_NODE = re.compile(r"\{\{[^{}]*\}\} *| *\[Op:\w+\].*")


class LowlightError(Exception):
    """A mistake in the input: one line that says what was wrong, what was expected and what to do (exit code 1)."""


class NotRawError(LowlightError):
    """A file is none that LibRaw knows; it may still be a picture."""


class UsageError(LowlightError):
    """A mistake in the flags, found before anything is loaded (exit code 2)."""


class OutputError(LowlightError):
    """A result cannot be written: going on with the next file would fail the same way, so this one ends the run."""


class NonFiniteError(LowlightError):
    """Training met a NaN or an infinity; the last good checkpoint is kept."""


def first_line(error):
    """Returns the first line of what a library's error says, without TensorFlow's nodes and ops; its type where it says nothing."""
    text = (getattr(error, "message", None) or str(error)).strip()
    return _NODE.sub("", text.partition("\n")[0]).strip() or type(error).__name__


def disk_fault(error):
    """Returns what the system said of the disk, such as "No space left on device", where an error comes from it; else "".

    TensorFlow maps these to errors of other names: a full disk to the one of memory that does not suffice.
    """
    return next((text for text in _DISK if text in str(error)), "")


class Problems:
    """Collects the files that one run had to skip, so that they are reported at once and named again at the end."""

    def __init__(self, report=warn):
        self._report = report
        self.messages: list[str] = []

    def add(self, error):
        """Reports `error` (an exception or a line of text) and remembers it, once."""
        if str(error) in self.messages:
            return
        self.messages.append(str(error))
        self._report(f"skipped: {error}")

    def summary(self):
        """Returns the closing lines that name every skipped file again; [] where none was."""
        return [f"{len(self.messages)} skipped:", *(f"  {message}" for message in self.messages)] if self.messages else []
