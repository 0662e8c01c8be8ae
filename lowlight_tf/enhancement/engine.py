"""A model applied to a photograph of any size: tiles that fit into memory, and the same picture as of the whole frame."""

import contextlib
import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from lowlight_tf import memory
from lowlight_tf.checkpoints.load import load_network
from lowlight_tf.enhancement import tiling
from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.noise_estimate import frame_noise
from lowlight_tf.network import ensemble, model
from lowlight_tf.pictures.finishing import check_finite, finish
from lowlight_tf.raw import light
from lowlight_tf.raw.cameras import Camera
from lowlight_tf.raw.rendering import RENDERING_BYTES

_SLACK = 350_000_000  # bytes that libraries come to hold as they work: TensorFlow's pool does not fit its tensors exactly
_ALIGNMENT = 64  # bytes


@dataclasses.dataclass(frozen=True)
class Model:
    """A model to be run: `run_once` takes float32 [1, h, w, C] to [1, H, W, 3]; `interface` says what goes in and comes out; `step` is its
    age, `config` what config.json says of it, `quality` one of network.QUALITIES, `folder` where it was loaded from."""

    camera: Camera
    network: object
    interface: light.Interface
    step: int
    run_once: Callable
    config: dict = dataclasses.field(default_factory=dict)
    quality: str = "normal"
    folder: str = ""

    def run(self, inputs):
        """Runs it in its quality: float32 [1, h, w, C] -> float32 [1, H, W, 3]."""
        return ensemble.mean_of_mirrors(self.run_once, inputs, self.camera, self.network, self.quality)

    @property
    def target(self):
        """What the output is."""
        return self.interface.target


def make_model(loaded, mixed_precision=False, quality="normal"):
    """Returns the Model of a checkpoint's parts, a Loaded; the other arguments are those of `load_model`."""
    params, camera, network, interface = loaded.params, loaded.camera, loaded.network, loaded.interface

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, network.input_channels], tf.float32)], autograph=False)
    def run(inputs):
        return model.run(params, inputs, camera, network, interface, mixed_precision)

    return Model(camera, network, interface, loaded.step, run, loaded.config, quality, loaded.folder)


def load_model(checkpoint_dir, mixed_precision=False, quality="normal"):
    """Loads a model to enhance with, or to be scored.

    Args:
      checkpoint_dir: its folder.
      mixed_precision: run it in bfloat16.
      quality: one of network.QUALITIES; fast loads the narrower model beside it.
    Returns:
      A Model.
    Raises:
      LowlightError: where there is no whole checkpoint.
    """
    return make_model(load_network(checkpoint_dir, quality), mixed_precision, quality)


def noise_of(packed, frame, loaded, strength=1.0):
    """Returns the (shot, read) noise that the network is told of, by a frame's whole packed counts [h, w, C]; None for none.

    Above a strength of 1 it is so many times what there is. Shot noise is a variance, and goes by the square.
    """
    if not loaded.interface.noise_planes:
        return None
    (shot, read), times = frame_noise(packed, frame, loaded.camera), max(strength, 1.0)
    return shot * times**2, read * times


def network_inputs(packed, frame, ratio, loaded, noise=None):
    """Turns packed counts [h, w, C] into what the network sees: float32 [1, h, w, C], or full-resolution RGB where it takes that.

    `noise` is that of the whole frame, from `noise_of`, or known from elsewhere: nothing is measured tile by tile.
    """
    return light.frame_input(packed[None], frame, ratio, loaded.camera, loaded.interface, loaded.network.input_channels, noise)


def free_memory(memory_limit=0):
    """Returns how many bytes photographs may take. To be asked once, when the model is loaded and no photograph is yet.

    Args:
      memory_limit: bytes that the whole process may take; 0 for half of what is free.
    """
    return memory.free(memory_limit) - (_SLACK if memory_limit else 0)


@contextlib.contextmanager
def memory_said(path, remedy="give --memory_limit, or close other programs"):
    """Makes a lack of memory, which what is done to a file meets, one line.

    Raises:
      LowlightError: naming the file.
    """
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise LowlightError(f"{path} does not fit into memory; {remedy}") from error


def window_pixels(loaded, frame, settings, free, has_neighbours, renders_next=False):
    """Returns how many pixels of network input there is memory for at a time.

    Args:
      loaded: a Model.
      frame: the Frame.
      settings: a Finish.
      free: bytes, from `free_memory`.
      has_neighbours: the next frame is decoded and the last picture encoded meanwhile; taken to be of the same size.
      renders_next: LibRaw renders the next frame while the network runs, too, not only before.
    """
    picture = 3 if settings.eight_bits else 6
    blends = settings.strength < 1
    # Mosaic and picture; then packed and the plain rendering, or a turned copy: TensorFlow keeps what a tile took for the next one.
    photosite = 2 + picture + max(2 + 6 * blends, picture)
    if blends and has_neighbours:  # and so it does while LibRaw renders the next frame, from mosaic and packed
        photosite = max(photosite, 2 + 2 + RENDERING_BYTES)
    photosite += (2 + 2 + 2 * picture) * has_neighbours  # mosaic, packed; picture, and the encoder's copy of it
    photosite += RENDERING_BYTES * renders_next
    return tiling.most_pixels(loaded.network, free - photosite * frame.mosaic.size, loaded.quality)


def _aligned_empty(shape, dtype):
    """An array that begins where TensorFlow wants its tensors to begin, so that it can use it without a copy."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def _part(plain, where, padded):
    """The plain rendering at slices of the canvas, which begins `padded` (rows, columns) before it: black where there is none."""
    if plain is None:
        return None
    found = plain[tuple(slice(max(along.start - before, 0), along.stop - before) for along, before in zip(where, padded, strict=False))]
    ahead = [max(before - along.start, 0) for along, before in zip(where, padded, strict=False)]
    behind = [along.stop - along.start - start - side for along, start, side in zip(where, ahead, found.shape, strict=False)]
    if not any((*ahead, *behind)):
        return found  # np.pad copies even then
    return np.pad(found, (*zip(ahead, behind, strict=False), (0, 0)))


def tile_output(rows, columns, packed, frame, ratio, loaded, noise):
    """Runs the network on one tile.

    Args:
      rows, columns: a Span each, of the network's input.
      packed, frame, ratio, loaded: as for `develop`.
      noise: from `noise_of`.
    Returns:
      float32 [H, W, 3], the part that is kept.
    """
    shrink, scale = loaded.camera.upscale // loaded.network.upscale, loaded.network.upscale
    top, left = rows.start // shrink, columns.start // shrink
    part = packed[top : -(-rows.stop // shrink), left : -(-columns.stop // shrink)]
    inputs = network_inputs(part, frame, ratio, loaded, noise)
    inputs = inputs[:, rows.start - top * shrink : rows.stop - top * shrink, columns.start - left * shrink : columns.stop - left * shrink]
    output = loaded.run(inputs)[
        0,
        (rows.keep - rows.start) * scale : (rows.keep_end - rows.start) * scale,
        (columns.keep - columns.start) * scale : (columns.keep_end - columns.start) * scale,
    ]
    return check_finite(output, frame.path)


def _plan(frame, height, width, loaded, most_pixels):
    try:
        return tiling.plan(height, width, tiling.halo(loaded.network, loaded.quality), most_pixels)
    except LowlightError as error:
        raise LowlightError(f"{frame.path} does not fit into memory: {error}") from error


def canvas_size(packed, loaded):
    """Returns (H, W) of the picture of packed counts [h, w, C]: that of the mosaic, padded to the camera's phase."""
    return tuple(side * loaded.camera.upscale for side in packed.shape[:2])


def is_whole(packed, loaded, most_pixels):
    """Tells whether a frame of packed counts [h, w, C] can be run as a whole with `most_pixels` of network input at a time."""
    return math.prod(canvas_size(packed, loaded)) <= most_pixels * loaded.network.upscale**2


def network_tiles(frame, packed, ratio, loaded, most_pixels, strength=1.0):
    """Runs the network on a frame, tile by tile: with the whole frame's result, in the memory of a tile.

    Args:
      frame, packed, ratio, loaded, most_pixels: as for `develop`.
      strength: of a Finish; at 0 the network is not run.
    Yields:
      where: slices of rows and columns of the canvas.
      output: float32 [rows, columns, 3], the network's there, not clipped; None where it is not run.
      tiles: how many there are in all.
    Raises:
      LowlightError: where memory does not suffice for the smallest tile.
    """
    scale = loaded.network.upscale
    height, width = (side // scale for side in canvas_size(packed, loaded))  # the mosaic's where the network takes RGB
    tiles = _plan(frame, height, width, loaded, most_pixels)
    noise = noise_of(packed, frame, loaded, strength) if strength else None
    for rows, columns in tiles:
        where = slice(rows.keep * scale, rows.keep_end * scale), slice(columns.keep * scale, columns.keep_end * scale)
        yield where, tile_output(rows, columns, packed, frame, ratio, loaded, noise) if strength else None, len(tiles)


def develop(frame, packed, ratio, loaded, settings, most_pixels, plain=None, tell=lambda done, tiles: None):
    """Runs the network on a frame, tile by tile, and finishes the picture.

    Args:
      frame: a Frame.
      packed: uint16 [h, w, C], its packed counts.
      ratio: what the light is multiplied by: the exposure ratio, and the frame's own light_gain.
      loaded: a Model.
      settings: a Finish.
      most_pixels: of the network's input at a time.
      plain: uint16 [H, W, 3], the frame's plain rendering at `ratio`; needed where settings.strength is below 1, and else unused.
      tell: called after each tile with the number done and the number of all.
    Returns:
      uint16 [H, W, 3], or uint8 with settings.eight_bits, on the frame's mosaic pixel by pixel.
    Raises:
      LowlightError: where memory does not suffice for the smallest tile.
    """
    top, left = (-start % loaded.camera.tile for start in frame.offset)  # padded to the camera's phase
    canvas = _aligned_empty((*canvas_size(packed, loaded), 3), np.uint8 if settings.eight_bits else np.uint16)
    plain = plain if settings.strength < 1 else None
    outputs = network_tiles(frame, packed, ratio, loaded, most_pixels, settings.strength)
    for done, (where, output, tiles) in enumerate(outputs, 1):
        canvas[where] = finish(output, _part(plain, where, (top, left)), frame.ccm, loaded.target, settings)
        tell(done, tiles)
    return canvas[top : top + frame.mosaic.shape[0], left : left + frame.mosaic.shape[1]]
