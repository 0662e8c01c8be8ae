"""A raw file of any camera -> Frame."""

from lowlight_tf.cameras import cfa_offset
from lowlight_tf.errors import LowlightError
from lowlight_tf.frame import Frame, check_size
from lowlight_tf.metadata import completed, read_metadata
from lowlight_tf.raw_file import read_raw, render

# How far a file's black level may lie from that of the model's camera for the file to be that camera's: drift makes a few counts.
_BLACK_TOLERANCE = 64


def _cfa_kind(cfa):
    return "X-Trans" if len(cfa) == 36 else "Bayer"


def check_cfa(path, cfa, camera):
    """Returns where the camera's phase begins in a file's CFA.

    Raises:
      LowlightError: where the model is of another CFA.
    """
    offset = cfa_offset(cfa, camera)
    if offset is None:
        kind = _cfa_kind(cfa)
        raise LowlightError(f"{path} has a {kind} CFA, the model is of {_cfa_kind(camera.cfa)} cameras; name a model of {kind} cameras "
                            "with --checkpoint_dir")
    return offset


def _levels(raw, camera, path):
    """Returns black and white level: the camera's row as in its training, or the file's own where it is of another camera; and a note."""
    black, white, notes = raw.black_level, float(raw.white_level), ()
    if camera.black_level is not None:
        if max(abs(level - camera.black_level) for level in black) <= _BLACK_TOLERANCE:
            black, white = (float(camera.black_level),) * 4, float(camera.white_level)
        else:
            notes = (f"the model is of camera {camera.name}, this file of another: colours may be off",)
    if white <= max(black):
        raise LowlightError(f"{path} says black level {max(black):.0f} and white level {white:.0f}; expected white above black")
    return black, white, notes


def read_raw_frame(path, camera):
    """Reads a raw file as a Frame of the model's Camera.

    Raises:
      LowlightError: for a file that cannot be read, is smaller than a CFA tile, or has another CFA than the model.
    """
    raw = read_raw(path)
    offset = check_cfa(path, raw.cfa, camera)
    check_size(path, raw.mosaic.shape, camera)
    black, white, notes = _levels(raw, camera, path)
    return Frame(path, "raw", raw.mosaic, offset, black, white, raw.wb_gains, raw.ccm, raw.flip, completed(read_metadata(path), raw), notes,
                 lambda ratio: render(path, ratio, stretch=False))
