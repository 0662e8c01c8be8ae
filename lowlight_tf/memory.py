"""How much memory what comes next may take: sizes are read from headers and held against it before anything of that size is made."""

import contextlib

import psutil

from lowlight_tf.errors import LowlightError

FREE_SHARE = 0.5  # of the free memory that is taken where no limit was given: other programs live too
_limit = 0


@contextlib.contextmanager
def limited(size):
    """Lets the whole process take `size` bytes while the block runs; 0 for no limit of its own."""
    global _limit
    before, _limit = _limit, size
    try:
        yield
    finally:
        _limit = before


def free(limit=None):
    """Returns how many bytes may still be taken: of the limit, or half of what is free.

    Args:
      limit: bytes of the whole process; None for that of `limited`, 0 for none.
    """
    limit = _limit if limit is None else limit
    return limit - psutil.Process().memory_info().rss if limit else psutil.virtual_memory().available * FREE_SHARE


def check(what, needed, size="", remedy="raise --memory_limit or close other programs"):
    """Refuses what would not fit.

    Args:
      what: a file, for the message.
      needed: bytes.
      size: what the file says to be, such as "30000x30000 pixels"; "" for nothing to say.
      remedy: what a person can do.
    Raises:
      LowlightError.
    """
    there = max(free(), 0)
    if needed > there:
        raise LowlightError(
            f"{what} does not fit into memory: {size or 'it'} would take {needed / 2**30:.2g} GiB, and "
            f"{there / 2**30:.2g} GiB may be taken; {remedy}"
        )
