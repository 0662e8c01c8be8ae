"""Three stages side by side: while one file is in the network, the next is decoded and the last is encoded."""

import contextlib
import functools
import logging
import signal
from concurrent.futures import ThreadPoolExecutor

from lowlight_tf.errors import LowlightError, OutputError, first_line


@contextlib.contextmanager
def undisturbed():
    """Lets what is being written be finished, however often Ctrl-C is pressed."""
    previous = {}
    with contextlib.suppress(ValueError):  # outside the main thread nobody presses it
        previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def line_of(source):
    """Makes whatever is raised over one file that file's own line, so that the files behind it are made: the rule of every batch.

    A full disk goes through (OutputError), and so does what is a line already. With --verbosity=1 the place of an unforeseen error is
    shown, too.

    Args:
      source: what the file is called.
    Raises:
      LowlightError.
    """
    try:
        yield
    except LowlightError:
        raise
    except MemoryError as error:
        raise LowlightError(f"{source} does not fit into memory; close other programs") from error
    except Exception as error:
        logging.getLogger(__name__).debug("unforeseen", exc_info=error)
        raise LowlightError(f"{source}: unforeseen {type(error).__name__}: {first_line(error)}; left out, please report it") from error


def of_its_file(stage):
    """As `line_of`, for a method of what takes a Job, or what has one as `job`; where that is None, it has a `frame`."""

    @functools.wraps(stage)
    def guarded(self, item):
        job = getattr(item, "job", item)
        with line_of(job.source if job else item.frame.path):
            return stage(self, item)

    return guarded


def _ended(future, problems):
    """Waits for a stage; returns its result, or None where it refused the item."""
    try:
        return future.result()
    except OutputError:
        raise
    except LowlightError as error:
        problems.add(error)
        return None


def run_stages(items, decode, develop, encode, problems):
    """Takes each item through three functions, in order, at most one item in each at a time.

    The caller's thread only waits, so Ctrl-C is heard at once; what is being encoded then is finished first.

    Args:
      items: list.
      decode, develop, encode: functions of the item, and of what the one before returned.
      problems: Problems, told of each item that one of them refuses with a LowlightError.
    Raises:
      OutputError: where encode does.
    """
    workers = [ThreadPoolExecutor(1) for _ in range(3)]
    decoder, developer, encoder = workers
    encoding = None
    try:
        decoding = [decoder.submit(decode, items[0])] if items else []
        for following in [*items[1:], None]:
            decoded = _ended(decoding.pop(), problems)
            if following is not None:
                decoding.append(decoder.submit(decode, following))
            developed = None if decoded is None else _ended(developer.submit(develop, decoded), problems)
            if encoding is not None:
                _ended(encoding, problems)
            encoding = None if developed is None else encoder.submit(encode, developed)
        if encoding is not None:
            _ended(encoding, problems)
    finally:
        with undisturbed():
            for worker in (decoder, developer):
                worker.shutdown(wait=False, cancel_futures=True)
            encoder.shutdown(wait=True)
        # The run may have ended by another error while this file was being encoded; Problems names a file once.
        if encoding is not None and isinstance(encoding.exception(), LowlightError) and not isinstance(encoding.exception(), OutputError):
            problems.add(encoding.exception())
