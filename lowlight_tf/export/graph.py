"""What is exported: the network as a function of named inputs, packed light or the mosaic itself, and what a reader must know of it."""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf import __version__
from lowlight_tf.isp.noise_estimate import frame_noise
from lowlight_tf.network import ensemble, model
from lowlight_tf.network.convolution import without_winograd
from lowlight_tf.raw import light, packing
from lowlight_tf.raw.cameras import Camera

OUTPUT, METADATA = "picture", "lowlight_tf"

_MEANINGS = {
    "packed": "what the network sees: packed light, black level taken off, amplified, as `interface` says; at most 1",
    "mosaic": "sensor counts, beginning in the phase of the camera's CFA, at least one CFA tile large",
    "ratio": "how much to amplify",
    "black_level": "counts of R, G, B and the second G, as the file says",
    "white_level": "counts",
    "wb_gains": "as-shot gains of R, G, B with G = 1",
    "noise": "variance that a unit of light brings, and standard deviation in the dark, of black to white: NoiseProfile's S and root of O",
}


@dataclasses.dataclass(frozen=True)
class Graph:
    """A network to be exported.

    Attributes:
      camera, network, interface: the model's.
      kind: what goes in, one of export.INPUTS.
      specs: a tf.TensorSpec for each input.
      function: tf.function of them -> {"picture": float32 [1, H, W, 3]}.
      variables: what the function reads, to be kept alive and saved.
      quality: how the network is run, one of network.QUALITIES.
    """

    camera: Camera
    network: object
    interface: light.Interface
    kind: str
    specs: tuple
    function: object
    variables: tuple
    quality: str = "normal"


def input_specs(camera, network, interface, kind):
    """Returns a tf.TensorSpec for each input. Levels that the camera's row fixes are constants; gains and noise go in where they are used:
    whoever runs the file knows them from the raw file, or measures the noise as `noise_estimate.frame_noise` does."""
    if kind == "packed":
        return (tf.TensorSpec([1, None, None, network.input_channels], tf.float32, "packed"),)
    names = {"ratio": []}
    if camera.black_level is None:
        names |= {"black_level": [4], "white_level": []}
    if interface.white_balance:
        names["wb_gains"] = [3]
    if interface.noise_planes:
        names["noise"] = [2]
    return (tf.TensorSpec([1, None, None], tf.uint16, "mosaic"), *(tf.TensorSpec(shape, tf.float32, name) for name, shape in names.items()))


def mosaic_input(camera, network, interface, mosaic, ratio, black_level=None, white_level=None, wb_gains=None, noise=None):
    """Turns counts into what the network sees.

    Args:
      camera, network, interface: the model's.
      mosaic: [1, H, W] counts in the camera's phase.
      ratio: scalar.
      black_level, white_level: [4] and scalar counts; the camera's row wins where it has any.
      wb_gains: [3], where the interface has white_balance.
      noise: [2], shot and read noise as for `light.noise_channels`, where the interface has noise_planes.
    Returns:
      float32 [1, h, w, network.input_channels].
    """
    if camera.black_level is not None:
        black_level, white_level = (float(camera.black_level),) * 4, float(camera.white_level)
    if any(camera.black_offsets):
        black_level = black_level + np.asarray(camera.black_offsets, np.float32)
    packed = packing.pack(tf.cast(mosaic, tf.float32), camera)  # floats hold all counts, and every runtime can move them
    return light.network_input(
        packed,
        camera,
        interface,
        network.input_channels,
        black_level=black_level,
        white_level=white_level,
        wb_gains=wb_gains,
        ratio=ratio,
        noise=None if noise is None else tf.unstack(noise, 2),
    )


def make_graph(params, camera, network, kind, interface=light.SID, *, half=False, quality="normal"):
    """Builds the function that is exported.

    Args:
      params: dict of variables.
      camera, network: the model's.
      kind: one of export.INPUTS.
      interface: the model's.
      half: keep the weights as float16 and compute with float32.
      quality: one of network.QUALITIES.
    Returns:
      A Graph.
    """
    kept = {name: tf.Variable(tf.cast(value, tf.float16)) for name, value in params.items()} if half else params
    specs = input_specs(camera, network, interface, kind)

    def run(inputs):
        read = {name: tf.cast(value, tf.float32) for name, value in kept.items()} if half else kept
        with without_winograd():
            return ensemble.mean_of_mirrors(
                lambda seen: model.run(read, seen, camera, network, interface), inputs, camera, network, quality
            )

    def from_mosaic(mosaic, **levels):
        height, width = tf.unstack(tf.shape(mosaic)[1:])
        return {OUTPUT: run(mosaic_input(camera, network, interface, mosaic, **levels))[:, :height, :width]}

    def from_packed(packed):
        return {OUTPUT: run(packed)}

    names = [spec.name for spec in specs]
    function = from_packed if kind == "packed" else lambda *values: from_mosaic(**dict(zip(names, values, strict=False)))
    return Graph(camera, network, interface, kind, specs, tf.function(function, input_signature=specs), tuple(kept.values()), quality)


def make_feed(graph, short, ratio):
    """Returns the inputs for a frame: dict from name to numpy array.

    Args:
      graph: a Graph.
      short: what has mosaic [H, W] in the camera's phase, black_level, white_level, wb_gains.
      ratio: exposure ratio.
    """
    levels = {
        "ratio": ratio,
        "black_level": np.subtract(short.black_level, graph.camera.black_offsets),  # the graph adds them
        "white_level": short.white_level,
        "wb_gains": short.wb_gains,
    }
    if graph.interface.noise_planes:
        levels["noise"] = frame_noise(packing.pack(short.mosaic, graph.camera).numpy(), short, graph.camera)
    levels = {name: np.asarray(value, np.float32) for name, value in levels.items()}
    if graph.kind == "packed":
        return {"packed": mosaic_input(graph.camera, graph.network, graph.interface, short.mosaic[None], **levels).numpy()}
    return {"mosaic": short.mosaic[None], **{spec.name: levels[spec.name] for spec in graph.specs[1:]}}


def describe(graph, step, quantize):
    """Returns what the file says of itself, as JSON can hold it: `camera` has CFA, packing order and levels, `target` what comes out."""
    inputs = {spec.name: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name, "meaning": _MEANINGS[spec.name]} for spec in graph.specs}
    what = model.describe(graph.camera, graph.network, graph.interface)
    return {
        **what,
        "step": step,
        "quantize": quantize or "none",
        "quality": graph.quality,
        "input": graph.kind,
        "inputs": inputs,
        "output": {OUTPUT: "float32 [1, H, W, 3], target with 1 as white, not clipped"},
        "versions": {"lowlight_tf": __version__, "tensorflow": tf.__version__},
    }
