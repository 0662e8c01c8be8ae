"""What a training tells: progress bar, history.csv, TensorBoard scalars and pictures."""

import contextlib
import csv
import io
import os
import pathlib
import time

import tensorflow as tf

from lowlight_tf.console import TERMINAL, counted, progress, say, warn
from lowlight_tf.errors import LowlightError, OutputError, first_line
from lowlight_tf.files import atomic_path
from lowlight_tf.raw import packing
from lowlight_tf.raw.light import SID

HISTORY_NAME = "history.csv"
_SCALARS_EVERY = 10
_LINE_SECONDS = 30.0


def side_by_side(packed, output, target, camera, interface=SID):
    """Puts the input (superpixels, coded), the output and the target of a batch's first example in a row.

    Args:
      packed: float32 [B, h, w, C] or RGB [B, h, w, 3], what the network sees; output, target: float32 [B, H, W, 3].
      camera: a Camera.
      interface: the model's Interface.
    Returns:
      uint8 [1, H, 3 * W, 3].
    """
    rgb = packed if packed.shape[-1] == 3 else packing.superpixels(packed[..., : camera.channels], camera)
    coded = rgb[:1] if interface.curve == "bt709" else tf.maximum(rgb[:1], 0.0) ** (1 / 2.2)
    shown = tf.image.resize(coded, tf.shape(target)[1:3], method="nearest")
    row = tf.concat([shown, output[:1], target[:1]], axis=2)
    return tf.cast(tf.round(tf.clip_by_value(row, 0, 1) * 255), tf.uint8)


class History:
    """history.csv: step, loss and learning rate of each step, without gaps or repeats whatever stopped the run before."""

    def __init__(self, checkpoint_dir, first_step):
        self._path = pathlib.Path(checkpoint_dir) / HISTORY_NAME
        self._new = []
        # Steps after the checkpoint that the run goes on from are made again, so their rows go; a torn last line goes with them.
        kept = [row for row in self._read() if len(row) == 3 and row[0].isdecimal() and row[0].isascii() and int(row[0]) <= first_step]
        with atomic_path(self._path) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file).writerows([["step", "loss", "learning_rate"], *kept])

    def _read(self):
        if not self._path.is_file():
            return []
        try:
            return list(csv.reader(io.StringIO(self._path.read_text())))
        except (OSError, ValueError, csv.Error) as error:
            raise LowlightError(f"{self._path} is damaged ({first_line(error)}); move it away: a new one is begun") from error

    def add(self, step, loss, learning_rate):
        """Remembers one step."""
        self._new.append([step, repr(loss), repr(learning_rate)])

    def write(self):
        """Appends the remembered steps, and puts them on the disk.

        Raises:
          OutputError: where that fails.
        """
        before = None
        try:
            with open(self._path, "a", newline="") as file:
                before = file.tell()
                csv.writer(file).writerows(self._new)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError, TypeError):
                os.truncate(self._path, before)  # what is written again must not be there twice
            raise OutputError(f"cannot write {self._path}: {error.strerror}; free some space and run the same command again") from error
        self._new = []


class Events:
    """TensorBoard's events: nice to have, so that where they cannot be written one line says so and the training goes on without."""

    def __init__(self, folder):
        self._folder, self._writer = folder, None
        self._try(self._open)

    def _open(self):
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def _try(self, action):
        try:
            action()
        except (tf.errors.OpError, OSError) as error:
            self._writer = None
            warn(f"warning: no more TensorBoard events: {self._folder} cannot be written ({first_line(error)})")

    def write(self, step, write):
        """Writes what the function `write` tells tf.summary."""

        def action():
            with self._writer.as_default(step=step):
                write()

        if self._writer:
            self._try(action)

    def flush(self):
        """Puts into the file what was told."""
        if self._writer:
            self._try(lambda: self._writer.flush())

    def close(self):
        """Ends the file."""
        if self._writer:
            self._try(lambda: self._writer.close())


class TrainingReport:
    """Reports one training run."""

    def __init__(self, checkpoint_dir, first_step, last_step):
        self._history = History(checkpoint_dir, first_step)
        self._events = Events(pathlib.Path(checkpoint_dir) / "events")
        self._bar = progress(total=last_step, initial=first_step, unit="step", description="training")
        self._first, self._last = first_step, last_step
        self._started = self._last_line = time.monotonic()

    def step(self, step, loss, learning_rate):
        """Tells of a finished step (counted from 1)."""
        self._history.add(step, loss, learning_rate)
        self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        self._bar.update()
        if step % _SCALARS_EVERY == 0:
            self._events.write(step, lambda: (tf.summary.scalar("loss", loss), tf.summary.scalar("learning_rate", learning_rate)))
        if not TERMINAL.isatty() and time.monotonic() - self._last_line > _LINE_SECONDS:
            self._line(step, loss)

    def _line(self, step, loss):
        # Where there is no terminal to draw a bar on, the same facts as a line now and then.
        self._last_line = time.monotonic()
        speed = (step - self._first) / (self._last_line - self._started)
        say(f"step {step}/{self._last}  loss {loss:.4f}  {speed:.2f} steps/s  {(self._last - step) / speed / 60:.1f} min left")

    def picture(self, step, picture):
        """Shows a `side_by_side` in TensorBoard."""
        self._events.write(step, lambda: tf.summary.image("input, output, target", picture))

    def validation(self, step, psnr, ssim, images):
        """Tells of a validation."""
        say(f"step {step}: validation PSNR {psnr:.2f} dB, SSIM {ssim:.3f} on {counted(images, 'image')}")
        self._events.write(step, lambda: (tf.summary.scalar("validation/psnr", psnr), tf.summary.scalar("validation/ssim", ssim)))

    def write_history(self):
        """Writes the steps that a checkpoint is to have; returns the OutputError where that fails, for the checkpoint comes first."""
        try:
            self._history.write()
        except OutputError as error:
            return error
        return None

    def flush(self):
        """Writes what was told to TensorBoard."""
        self._events.flush()

    def close(self):
        """Ends the bar and the event file, and writes the steps since the last checkpoint: after a failure they are the telling ones."""
        self._bar.close()
        self._events.close()
        self._history.write()
