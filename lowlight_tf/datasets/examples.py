"""A draw -> a training example: a crop of a real pair, or a crop of a bright frame and the short exposure simulated from it."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from lowlight_tf.datasets.turns import augment, turned_in_phase
from lowlight_tf.isp.capture import DARKEST, camera_target, expose, expose_picture, expose_planes, random_capture
from lowlight_tf.isp.color import decoded_bt709
from lowlight_tf.raw import light, packing

_COLOR_DRIFT = 0.1  # deviation of each colour's black level, of the largest drift
_NOISE_SCATTER = 0.15  # of what a network is told of the noise in training, for what is measured in a frame is no better known


@dataclasses.dataclass(frozen=True)
class Simulation:
    """How shorts are simulated.

    Attributes:
      noise: one of isp.NOISES.
      darkest: lowest brightness of a picture's long exposure.
      many_cameras: draw the sensor, and any exposure ratio, from those of many makers.
      mix_colors: exchange the channels of pictures.
    """

    noise: str = "physical"
    darkest: float = DARKEST
    mix_colors: bool = False
    many_cameras: bool = False

    def random_capture(self, seed, camera):
        """Draws a Capture."""
        return random_capture(seed, camera, self.noise, self.darkest, self.mix_colors, self.many_cameras)


@dataclasses.dataclass(frozen=True)
class ExampleConfig:
    """What an example is.

    Attributes:
      patch_size: packed pixels.
      interface: what the model is fed and what it is to return.
      simulation: None for real pairs.
      turns_in_phase: turn real pairs so that their mosaics keep the CFA's phase; SID's turns ignore it.
      black_drift: counts of the file, 0 to which the black level of a real short is raised by, and a tenth of it each colour's.
      direct_rgb: leave the mosaic out: three planes at full resolution, each with its own noise, instead of the packed mosaic.
    """

    patch_size: int
    interface: light.Interface = light.SID
    simulation: Simulation | None = None
    direct_rgb: bool = False
    turns_in_phase: bool = False
    black_drift: float = 0.0

    @property
    def camera_rgb(self):
        """Whether the target is the sensor's own colour."""
        return self.interface.target == "camera_rgb"

    @property
    def keeps_phase(self):
        """Whether a packed channel must always hold the photosites that the CFA puts there."""
        return self.camera_rgb or self.turns_in_phase or self.interface.skip != "none"

    @property
    def whole_tiles(self):
        """Whether a crop must begin with a whole CFA tile: a demosaicing and turns in phase know the places of one."""
        return self.turns_in_phase or self.interface.skip != "none"


def _tiles(camera, start, patch_size):
    """The mosaic's rows or columns of the whole CFA tiles around a crop, as a slice."""
    return slice(start // camera.cells * camera.tile, -(-(start + patch_size) // camera.cells) * camera.tile)


def _read_crop(table, camera, patch_size, in_phase):
    """Returns (pair, row, column, flip_rows, flip_columns, transpose) -> (mosaic, target) for tf.numpy_function, both in whole CFA tiles
    around the crop; real pairs turned where they are to keep the phase.

    A picture has no mosaic: [0, 0]. The maps are opened anew each time: pages that stay mapped would count as this process's memory,
    up to the size of the whole cache.
    """

    def read(pair, row, column, *turns):
        where = _tiles(camera, row, patch_size), _tiles(camera, column, patch_size)
        cached = table.pairs[pair]
        if in_phase and cached.mosaic:
            opened = [np.load(path, mmap_mode="r") for path in (cached.mosaic, cached.target)]
            return tuple(map(np.ascontiguousarray, turned_in_phase(*opened, where, turns, camera)))
        mosaic = np.ascontiguousarray(np.load(cached.mosaic, mmap_mode="r")[where]) if cached.mosaic else np.zeros((0, 0), np.uint16)
        return mosaic, np.ascontiguousarray(np.load(cached.target, mmap_mode="r")[where])

    return read


def _scattered(noise, seed):
    """What a network is told of (shot, read) noise: not quite what it is."""
    scatter = tf.exp(_NOISE_SCATTER * tf.random.stateless_normal([2], tf.random.fold_in(seed, 4)))
    return noise[0] * scatter[0], noise[1] * scatter[1]


def _drifted(black_level, most, seed):
    """Raises [4] black levels, by 0 to `most` counts and a little for each: shorts are darker than their files say, and none shows by how
    much."""
    together, each = tf.unstack(tf.random.split(tf.random.fold_in(seed, 5)))  # of one seed, the two would follow from each other
    return black_level + most * (tf.random.stateless_uniform([], together) + _COLOR_DRIFT * tf.random.stateless_normal([4], each))


def _captured(packed, capture, camera, config, wb_gains):
    """Packed counts of a simulated short -> what a network sees."""
    black, white = camera.levels
    noise = None
    if config.interface.noise_planes:
        noise = _scattered([counts / (white - black) for counts in (capture.noise.gain, capture.noise.dark_deviation)], capture.seed)
    return light.packed_input(
        packed,
        camera,
        config.interface,
        black_level=[black] * 4,
        white_level=white,
        wb_gains=wb_gains,
        ratio=capture.exposure_ratio,
        noise=noise,
    )


def picture_example(rgb_linear, seed, camera, config):
    """Simulates low light in a picture.

    Args:
      rgb_linear: float32 [H, W, 3], linear sRGB light, 1 at white, which linear pictures exceed; whole CFA tiles.
      seed: [2] integers.
      camera: a Camera.
      config: an ExampleConfig with a simulation.
    Returns:
      inputs: float32 [H / s, W / s, C], or [H, W, 3] where config.direct_rgb, what config.interface makes of the counts.
      target: float32 [H, W, 3] in [0, 1].
    """
    capture = config.simulation.random_capture(seed, camera)
    short, target = (expose_planes if config.direct_rgb else expose_picture)(rgb_linear, capture, camera, config.camera_rgb)
    if config.direct_rgb:
        return light.rgb_input(short, camera.levels, config.interface, capture.wb_gains, capture.exposure_ratio), target
    return _captured(packing.pack(short, camera), capture, camera, config, capture.wb_gains), target


def _raw_example(mosaic, target, facts, seed, camera, config):
    """Simulates a shorter exposure of a raw frame, whose target stays its own; as `picture_example`."""
    capture = config.simulation.random_capture(seed, camera)
    clean = packing.unpack(packing.normalise(packing.pack(mosaic, camera), camera, facts["black_level"], facts["white_level"]), camera)
    inputs = _captured(packing.pack(expose(clean, capture, camera), camera), capture, camera, config, facts["wb_gains"])
    return (packing.with_channels(inputs, camera, 3) if config.direct_rgb else inputs), target


def make_example(draw, table, camera, config):
    """Turns a draw into a training example.

    Args:
      draw: from `pipeline.draw_example`.
      table: a pipeline.Table.
      camera: a Camera.
      config: an ExampleConfig.
    Returns:
      inputs: float32 [patch_size, patch_size, C], what config.interface makes of the counts; [patch_size * s, patch_size * s, 3] where
        config.direct_rgb.
      target: float32 [patch_size * s, patch_size * s, 3] in [0, 1], s = camera.upscale.
    """
    turned = functools.partial(augment, draw=draw) if config.keeps_phase else lambda image: image
    if config.whole_tiles:
        draw = draw | {name: draw[name] // camera.cells * camera.cells for name in ("row", "column")}
    mosaic, coded = tf.numpy_function(
        _read_crop(table, camera, config.patch_size, config.turns_in_phase),
        [draw[name] for name in ("pair", "row", "column", "flip_rows", "flip_columns", "transpose")],
        [tf.uint16, tf.uint16],
        stateful=False,
    )
    mosaic, coded = tf.ensure_shape(mosaic, [None, None]), tf.ensure_shape(coded, [None, None, 3])
    target = tf.cast(coded, tf.float32) / 65535.0
    facts = {
        name: tf.gather(np.array([getattr(pair, name) for pair in table.pairs], np.float32), draw["pair"])
        for name in ("black_level", "white_level", "wb_gains", "ratio", "from_srgb", "noise", "headroom")
    }
    from_srgb, noise, headroom = (facts.pop(name) for name in ("from_srgb", "noise", "headroom"))
    is_picture = tf.equal(tf.size(mosaic), 0)
    if config.camera_rgb:  # a picture, which has no sensor of its own, is turned where the sensor is drawn
        target = tf.cond(is_picture, lambda: target, lambda: camera_target(target, from_srgb))
    if config.simulation is None:
        told = _scattered(tf.unstack(noise), draw["seed"]) if config.interface.noise_planes else None
        if config.black_drift:
            facts["black_level"] = _drifted(facts["black_level"], config.black_drift, draw["seed"])
        inputs = light.packed_input(packing.pack(mosaic, camera), camera, config.interface, noise=told, **facts)
    else:
        inputs, target = tf.cond(
            tf.logical_not(is_picture),
            lambda: _raw_example(mosaic, target, facts, draw["seed"], camera, config),
            lambda: picture_example(tf.gather(decoded_bt709(), tf.cast(turned(coded), tf.int32)) * headroom, draw["seed"], camera, config),
        )
    return _cut_out(inputs, target, draw, is_picture, camera, config)


def _cut_out(inputs, target, draw, is_picture, camera, config):
    """Cuts the patch out of the whole CFA tiles around it, and turns it where the phase does not matter."""
    size, scale = config.patch_size, camera.upscale
    top, left = draw["row"] % camera.cells, draw["column"] % camera.cells
    if config.keeps_phase:
        top, left = tf.cond(tf.logical_and(is_picture, draw["transpose"]), lambda: (left, top), lambda: (top, left))
    channels, step = (3, scale) if config.direct_rgb else (camera.channels + config.interface.more_channels, 1)
    inputs = inputs[top * step : (top + size) * step, left * step : (left + size) * step]
    target = target[top * scale : (top + size) * scale, left * scale : (left + size) * scale]
    inputs = tf.ensure_shape(inputs, [size * step, size * step, channels])
    target = tf.ensure_shape(target, [size * scale, size * scale, 3])
    return (inputs, target) if config.keeps_phase else (augment(inputs, draw), augment(target, draw))
