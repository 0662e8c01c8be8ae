"""What the page shows of a photograph: the whole frame at the size of a screen, and a piece of it at 100 %.

Both are made by the engine that makes the final picture. The piece is developed with as much around it as the network looks at, in the
phase of the CFA and of the network's poolings, so it has the final picture's pixels (see enhancement/tiling.py). What follows from the
whole frame, its noise and its darkness, is measured once a photograph and handed on. The whole frame is a smaller mosaic of the same light.
"""

import dataclasses
import math
import pathlib

import numpy as np

from lowlight_tf.app.pieces import kept, network_window, on_sensor, part_around, plain_window, seen_box, window
from lowlight_tf.enhancement import engine
from lowlight_tf.enhancement.choice import check_takes_strength, choose_by, measured
from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.exposure import block_means
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.pictures.finishing import Finish, finish
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw import packing
from lowlight_tf.raw.balancing import balanced, check_takes_balance, with_base
from lowlight_tf.raw.frame import Frame, as_seen

SCREEN_SIDE, CROP_SIDE = 1600, 512  # pixels: the most of the whole frame's longer side, and a side of the piece at 100 %
AS_SHOT, AMPLIFIED = "As shot", "Amplified, without the network"
_WHITE = 65535


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """A photograph that is looked at.

    Attributes:
      frame: its Frame, whose noise_profile is that of the whole frame where the model asks for it.
      packed: uint16 [h, w, C], its packed counts.
      small: the same photograph as a Frame at the size of a screen.
      base: uint16 [H, W, 3], the finished picture that it is, or None for a raw file.
      loaded: the engine's Model.
      darkness: dict of WhiteBalance -> Darkness, filled as they are asked for.
      decided: dict of PhotoSettings -> Decided, the last one.
      plain: dict of (WhiteBalance, gain) -> the whole frame's plain rendering, the last one that was needed.
    """

    frame: Frame
    packed: np.ndarray
    small: Frame
    base: np.ndarray | None
    loaded: engine.Model
    darkness: dict = dataclasses.field(default_factory=dict)
    decided: dict = dataclasses.field(default_factory=dict)
    plain: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Decided:
    """What is done to a photograph: ratio, the reason for it in words, and a Finish."""

    ratio: float
    reason: str
    finish: Finish


@dataclasses.dataclass(frozen=True)
class View:
    """Two pictures, uint8 [H, W, 3], upright; and the part of the frame that they show as fractions (left, top, width, height)."""

    before: np.ndarray
    after: np.ndarray
    box: tuple = (0.0, 0.0, 1.0, 1.0)


def _shrunken_picture(base, block, shape):
    """Averages blocks of a picture, uint16, to a mosaic's shape."""
    rows, columns = (size * block for size in shape)
    padded = np.pad(base, ((0, max(rows - base.shape[0], 0)), (0, max(columns - base.shape[1], 0)), (0, 0)), mode="edge")
    return np.rint(block_means(padded[:rows, :columns], block)).astype(np.uint16)


def shrunken(frame, packed, camera, base=None, side=SCREEN_SIDE):
    """Makes a smaller Frame of the same light: packed pixels averaged in blocks, and spread over 16 bits so that nothing is rounded away.

    Args:
      frame: a Frame.
      packed: [h, w, C], its packed counts.
      camera: the Camera they were packed for.
      base: uint16 [H, W, 3], the finished picture that the frame is, or None.
      side: the most pixels of the longer side.
    Returns:
      A Frame; the same one where it is small already. A mean of n photosites has 1/n of the noise's variance.
    """
    block = -(-max(packed.shape[:2]) * camera.upscale // side)
    if block <= 1:
        return frame if base is None else with_base(frame, base)
    scale = np.float32(_WHITE / frame.white_level)
    small = block_means(packed, block)
    small = small[: max(len(small) // camera.cells, 1) * camera.cells, : max(small.shape[1] // camera.cells, 1) * camera.cells]
    counts = np.rint(np.minimum(small * scale, _WHITE)).astype(np.uint16)
    noise = frame.noise_profile and (frame.noise_profile[0] / block**2, frame.noise_profile[1] / block)
    mosaic = packing.unpack(counts, camera).numpy()
    reduced = dataclasses.replace(
        frame,
        mosaic=mosaic,
        cfa=camera.cfa,
        offset=(0, 0),
        white_level=float(_WHITE),
        noise_profile=noise,
        black_level=tuple(float(level * scale) for level in frame.black_level),
    )
    return reduced if base is None else with_base(reduced, _shrunken_picture(base, block, mosaic.shape))


def open_photograph(path, loaded):
    """Reads a photograph for a model and measures what follows from the whole of it: an Opened.

    Raises:
      LowlightError: as `read_frame`.
    """
    frame = read_frame(pathlib.Path(path), loaded.camera)
    packed = packing.pack_frame(frame.mosaic, loaded.camera, frame.offset)
    base = None if frame.kind == "raw" else frame.plain(1.0)
    frame = dataclasses.replace(frame, noise_profile=engine.noise_of(packed, frame, loaded) or frame.noise_profile)
    return Opened(frame, packed, shrunken(frame, packed, loaded.camera, base), base, loaded)


def decide(opened, asked):
    """Decides, as enhance.py does, what is done to a photograph of which a PhotoSettings is asked: a Decided.

    Raises:
      LowlightError: for a frame that shows nothing, or a white balance that the file or the model cannot have.
    """
    if asked in opened.decided:
        return opened.decided[asked]
    config = EnhanceConfig("", "", finish=Finish(eight_bits=True)).of(asked)
    check_takes_balance(opened.loaded.interface, asked.white_balance, config.checkpoint_dir)
    check_takes_strength(opened.loaded, config.finish.strength)
    frame = balanced(opened.frame, asked.white_balance)
    if asked.white_balance not in opened.darkness:
        opened.darkness[asked.white_balance] = measured(frame, opened.packed, opened.loaded.camera)
    opened.decided.clear()
    opened.decided[asked] = Decided(*choose_by(opened.darkness[asked.white_balance], frame, config))
    return opened.decided[asked]


def _developed(frame, opened, decided, before):
    """Develops a Frame: (before, after) on its mosaic pixel by pixel, uint8."""
    loaded, gain = opened.loaded, decided.ratio * frame.light_gain
    packed = packing.pack_frame(frame.mosaic, loaded.camera, frame.offset)
    plain = frame.plain(gain) if decided.finish.strength < 1 or before == AMPLIFIED else None
    after = engine.develop(frame, packed, gain, loaded, decided.finish, math.inf, plain)
    return to_uint8(plain if before == AMPLIFIED else frame.plain(frame.light_gain)), after


def view_whole(opened, asked, decided, before=AMPLIFIED):
    """Develops the whole frame at the size of a screen: a View.

    Args:
      opened: an Opened.
      asked: a PhotoSettings.
      decided: its Decided.
      before: AMPLIFIED or AS_SHOT, what the result is compared with.
    """
    frame = balanced(opened.small, asked.white_balance)
    return View(*(as_seen(picture, frame) for picture in _developed(frame, opened, decided, before)))


def piece_at(opened, place, side=CROP_SIDE):
    """Returns the piece of a photograph about a place of the upright picture: rows and columns of the mosaic, pairs of (start, stop)."""
    frame = opened.frame
    return tuple(
        part_around(fraction, size, side) for fraction, size in zip(on_sensor(place, frame.flip), frame.mosaic.shape, strict=False)
    )


def box_at(opened, place, side=CROP_SIDE):
    """Returns where that piece lies in the upright picture: fractions (left, top, width, height)."""
    return seen_box(*piece_at(opened, place, side), opened.frame.mosaic.shape, opened.frame.flip)


def _whole_plain(opened, asked, gain):
    """The whole frame's plain rendering, kept until another is asked for.

    LibRaw demosaics X-Trans in blocks of 512 photosites and is not the same at their borders, so a piece alone would not be the frame's.
    """
    key = asked.white_balance, gain
    if key not in opened.plain:
        whole = balanced(opened.frame, asked.white_balance).plain(gain)
        opened.plain.clear()
        opened.plain[key] = whole
    return opened.plain[key]


def _piece_plain(opened, asked, gain, rows, columns, is_exact):
    """The plain rendering of a piece: uint16 [H, W, 3]."""
    camera = opened.loaded.camera
    if is_exact and camera.tile == 6 and opened.base is None:
        return _whole_plain(opened, asked, gain)[slice(*rows), slice(*columns)]
    piece, *inner = window(opened.frame, opened.packed.shape[:2], camera, *plain_window(camera), rows, columns, opened.base)
    return balanced(piece, asked.white_balance).plain(gain)[tuple(inner)]


def _piece_output(opened, asked, gain, rows, columns, strength):
    """The network's output of a piece: float32 [H, W, 3]."""
    loaded, camera = opened.loaded, opened.loaded.camera
    piece, *inner = window(opened.frame, opened.packed.shape[:2], camera, *network_window(loaded), rows, columns)
    piece = balanced(piece, asked.white_balance)
    packed = packing.pack_frame(piece.mosaic, camera, piece.offset)
    spans, parts = zip(
        *(
            kept(part, -offset % camera.tile, size * camera.upscale, loaded.network.upscale)
            for part, offset, size in zip(inner, piece.offset, packed.shape, strict=False)
        ),
        strict=False,
    )
    return engine.tile_output(*spans, packed, piece, gain, loaded, engine.noise_of(packed, piece, loaded, strength))[parts]


def view_crop(opened, asked, decided, place, before=AMPLIFIED, side=CROP_SIDE):
    """Develops a piece at 100 %, with the final picture's pixels: a View.

    Args:
      opened, asked, decided, before: as for `view_whole`.
      place: its middle in the upright picture, fractions (across, down).
      side: of the piece, pixels.
    """
    frame, (rows, columns) = opened.frame, piece_at(opened, place, side)
    gain, strength = decided.ratio * frame.light_gain, decided.finish.strength
    plain = _piece_plain(opened, asked, gain, rows, columns, strength < 1) if strength < 1 or before == AMPLIFIED else None
    output = _piece_output(opened, asked, gain, rows, columns, strength) if strength > 0 else None
    after = finish(output, plain if strength < 1 else None, frame.ccm, opened.loaded.target, decided.finish)
    other = plain if before == AMPLIFIED else _piece_plain(opened, asked, frame.light_gain, rows, columns, False)
    return View(as_seen(to_uint8(other), frame), as_seen(after, frame), box_at(opened, place, side))
