"""What is exported: the network as a function of named inputs, packed light or the mosaic itself, and what a reader must know of it."""

import dataclasses

import numpy as np
import tensorflow as tf

from lowlight_tf import __version__, model, packing, winograd
from lowlight_tf.cameras import Camera

KINDS = ("packed", "mosaic")
OUTPUT, METADATA = "picture", "lowlight_tf"

_MEANINGS = {
    "packed": "amplified linear light in [0, 1], black level taken off, packed: what the network sees",
    "mosaic": "sensor counts, beginning in the phase of the camera's CFA, at least one CFA tile large",
    "ratio": "how much to amplify",
    "black_level": "counts of R, G, B and the second G",
    "white_level": "counts",
    "wb_gains": "as-shot gains of R, G, B with G = 1",
}


@dataclasses.dataclass(frozen=True)
class Graph:
    """A network to be exported.

    Attributes:
      camera, network: the model's.
      kind: what goes in, one of KINDS.
      specs: a tf.TensorSpec for each input.
      function: tf.function of them -> {"picture": float32 [1, H, W, 3]}.
      variables: what the function reads, to be kept alive and saved.
    """

    camera: Camera
    network: object
    kind: str
    specs: tuple
    function: object
    variables: tuple


def input_specs(camera, network, kind):
    """Returns a tf.TensorSpec for each input. Levels that the camera's row fixes are constants; gains go in where they are used."""
    if kind == "packed":
        return (tf.TensorSpec([1, None, None, network.input_channels], tf.float32, "packed"),)
    names = {"ratio": []}
    if camera.black_level is None:
        names |= {"black_level": [4], "white_level": []}
    if network.white_balance_input:
        names["wb_gains"] = [3]
    return (tf.TensorSpec([1, None, None], tf.uint16, "mosaic"), *(tf.TensorSpec(shape, tf.float32, name) for name, shape in names.items()))


def network_light(camera, network, mosaic, ratio, black_level=None, white_level=None, wb_gains=None):
    """Turns counts into what the network sees.

    Args:
      camera, network: the model's.
      mosaic: [1, H, W] counts in the camera's phase.
      ratio: scalar.
      black_level, white_level: [4] and scalar counts; the camera's row wins where it has any.
      wb_gains: [3], for networks with white_balance_input.
    Returns:
      float32 [1, h, w, network.input_channels].
    """
    if camera.black_level is not None:
        black_level, white_level = (float(camera.black_level),) * 4, float(camera.white_level)
    # Floats hold all counts, and every runtime can move them.
    light = packing.normalise(packing.pack(tf.cast(mosaic, tf.float32), camera), camera, black_level, white_level,
                               getattr(network, "signed_input", False))
    if network.white_balance_input:
        light = packing.white_balance(light, camera, wb_gains)
    return packing.network_input(packing.amplify(light, ratio), camera, network.input_channels)


def make_graph(params, camera, network, kind, half=False):
    """Builds the function that is exported.

    Args:
      params: dict of variables.
      camera, network: the model's.
      kind: one of KINDS.
      half: keep the weights as float16 and compute with float32.
    Returns:
      A Graph.
    """
    kept = {name: tf.Variable(tf.cast(value, tf.float16)) for name, value in params.items()} if half else params
    specs = input_specs(camera, network, kind)

    def forward(light):
        with winograd.off():
            return model.forward({name: tf.cast(value, tf.float32) for name, value in kept.items()} if half else kept, light, network)

    def from_mosaic(mosaic, **levels):
        height, width = tf.unstack(tf.shape(mosaic)[1:])
        return {OUTPUT: forward(network_light(camera, network, mosaic, **levels))[:, :height, :width]}

    def from_packed(packed):
        return {OUTPUT: forward(packed)}

    names = [spec.name for spec in specs]
    run = from_packed if kind == "packed" else lambda *values: from_mosaic(**dict(zip(names, values)))
    return Graph(camera, network, kind, specs, tf.function(run, input_signature=specs), tuple(kept.values()))


def make_feed(graph, short, ratio):
    """Returns the inputs for a frame: dict from name to numpy array.

    Args:
      graph: a Graph.
      short: what has mosaic [H, W] in the camera's phase, black_level, white_level, wb_gains.
      ratio: exposure ratio.
    """
    levels = {"ratio": ratio, "black_level": short.black_level, "white_level": short.white_level, "wb_gains": short.wb_gains}
    levels = {name: np.asarray(value, np.float32) for name, value in levels.items()}
    if graph.kind == "packed":
        return {"packed": network_light(graph.camera, graph.network, short.mosaic[None], **levels).numpy()}
    return {"mosaic": short.mosaic[None], **{spec.name: levels[spec.name] for spec in graph.specs[1:]}}


def describe(graph, step, quantize):
    """Returns what the file says of itself, as JSON can hold it: `camera` has CFA, packing order and levels, `target` what comes out."""
    inputs = {spec.name: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name, "meaning": _MEANINGS[spec.name]} for spec in graph.specs}
    return {**model.describe(graph.camera, graph.network), "step": step, "quantize": quantize or "none", "input": graph.kind,
            "inputs": inputs, "output": {OUTPUT: "float32 [1, H, W, 3], target with 1 as white, not clipped"},
            "versions": {"lowlight_tf": __version__, "tensorflow": tf.__version__}}
