"""Photographs developed one after the other behind the page: how far each is, how long it takes yet, and an end where one asks for it."""

import dataclasses
import pathlib
import threading
import time

import numpy as np
from PIL import Image

from lowlight_tf.app.catalog import encode_jpeg
from lowlight_tf.enhancement.enhance import make_enhancer
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.files import check_writable, sweep
from lowlight_tf.isp.color import linear_to_srgb

WAITING, WORKING, DONE, FAILED, CANCELLED = "waiting", "working", "done", "failed", "cancelled"
# Of the network's input at a time, where memory would allow more: so that a large frame tells how far it is, and can be ended.
TILE_PIXELS = 3_000_000
_SMALL = 320


@dataclasses.dataclass(frozen=True)
class Item:
    """A photograph of a development.

    Attributes:
      job: its Job.
      state: WAITING, WORKING, DONE, FAILED or CANCELLED.
      share: of its tiles that are done, 0 to 1.
      line: what is said of it, such as why it failed.
      small: bytes of a JPEG of the result, or b"".
    """

    job: object
    state: str = WAITING
    share: float = 0.0
    line: str = ""
    small: bytes = b""


class Cancelled(LowlightError):
    """The person has ended the development."""


def small_jpeg(picture, linear):
    """Returns bytes of a small JPEG of a picture: uint8 or uint16 [H, W, 3]."""
    step = max(1, max(picture.shape[:2]) // (2 * _SMALL))
    light = picture[::step, ::step].astype(np.float32) / np.iinfo(picture.dtype).max
    coded = linear_to_srgb(light).numpy() if linear else light
    image = Image.fromarray(np.rint(coded * 255).astype(np.uint8))
    image.thumbnail((_SMALL, _SMALL))
    return encode_jpeg(np.asarray(image))


class Development:
    """A run over some Jobs in a thread of its own, one photograph at a time."""

    def __init__(self, jobs, config, load, finished=lambda job: None):
        """Begins.

        Args:
          jobs: list of Job.
          config: an EnhanceConfig.
          load: function of a Job that returns the Model that it is made with.
          finished: called with each Job whose result was written.
        """
        self.items = [Item(job) for job in jobs]
        self.error = ""
        self._config, self._load, self._finished = config, load, finished
        self._cancelled, self._started = threading.Event(), time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_running(self):
        """Whether there is anything left to be done."""
        return self._thread.is_alive()

    def cancel(self):
        """Ends it at the next tile; what is being written then is finished first."""
        self._cancelled.set()

    def wait(self, timeout=None):
        """Waits for the end."""
        self._thread.join(timeout)

    def seconds_left(self):
        """Returns how long it takes yet by what was done so far; None before anything was."""
        done = sum(1.0 if item.state == DONE else item.share for item in self.items if item.state in (DONE, WORKING))
        left = sum(1.0 - item.share for item in self.items if item.state in (WAITING, WORKING))
        return None if done < 0.05 else (time.monotonic() - self._started) / done * left

    def _set(self, number, **changes):
        self.items[number] = dataclasses.replace(self.items[number], **changes)

    def _tell(self, number, share):
        self._set(number, share=share)
        if self._cancelled.is_set():
            raise Cancelled("cancelled")

    def _one(self, number):
        job = self.items[number].job
        self._set(number, state=WORKING)
        make = make_enhancer(self._load(job), self._config, lambda share: self._tell(number, share), TILE_PIXELS)
        developed = make(job)
        self._set(
            number,
            state=DONE,
            share=1.0,
            small=small_jpeg(developed.picture, self._config.finish.linear),
            line=f"x{developed.ratio:.4g} ({developed.reason})",
        )
        self._finished(job)

    def _run(self):
        try:
            check_writable(self._config.result_dir)
            for folder in {item.job.output.parent for item in self.items}:
                sweep(folder)
        except LowlightError as error:
            self._end(str(error))
        for number in range(len(self.items)):
            if self._cancelled.is_set():
                self._set(number, state=CANCELLED if self.items[number].state == WAITING else self.items[number].state)
                continue
            try:
                self._one(number)
            except Cancelled:
                self._set(number, state=CANCELLED)
            except OutputError as error:  # the next file would fail in the same way
                self._set(number, state=FAILED, line=str(error))
                self._end(str(error))
            except LowlightError as error:
                self._set(number, state=FAILED, line=str(error))

    def _end(self, error):
        self.error = error
        self._cancelled.set()


def output_folder(job):
    """Returns the real folder of a Job's result, whatever links lead there."""
    return pathlib.Path(job.output).parent.resolve()
