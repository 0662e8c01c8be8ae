"""A Graph as a LiteRT file (TensorFlow Lite): TensorFlow's own converter makes it, the package ai-edge-litert runs it."""

import numpy as np
import tensorflow as tf

from lowlight_tf.console import quiet_libraries
from lowlight_tf.errors import LowlightError
from lowlight_tf.export.graph import METADATA


def check_packages(quantize):
    """Refuses a TensorFlow without the converter.

    Raises:
      LowlightError: with the command that installs one.
    """
    if not hasattr(tf, "lite"):
        raise LowlightError(f"TensorFlow {tf.__version__} has no LiteRT converter; run: pip install tensorflow==2.21.*")


def _converter(graph):
    module = tf.Module()
    module.kept = graph.variables
    return tf.lite.TFLiteConverter.from_concrete_functions([graph.function.get_concrete_function()], module)


def _full_resolution(content):
    """Returns the nodes before the first halving of the resolution and after its last doubling, by their outputs' names."""
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator
    from tensorflow.lite.tools import flatbuffer_utils

    found = flatbuffer_utils.read_model_from_bytearray(content)
    nodes = found.subgraphs[0].operators
    codes = [max(code.deprecatedBuiltinCode, code.builtinCode) for code in (found.operatorCodes[node.opcodeIndex] for node in nodes)]
    first = next(
        i
        for i, node in enumerate(nodes)
        if codes[i] in (BuiltinOperator.MAX_POOL_2D, BuiltinOperator.CONV_2D) and node.builtinOptions.strideH == 2
    )
    last = len(codes) - 1 - codes[::-1].index(BuiltinOperator.TRANSPOSE_CONV)
    return [found.subgraphs[0].tensors[output].name.decode() for node in (*nodes[:first], *nodes[last:]) for output in node.outputs]


def _to_int8(converter, feeds):
    """Quantises to int8, calibrated by `feeds`; what is at full resolution, whose errors show, stays float."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(feeds)
    # The one public way to leave nodes out. Its calibrated model tells their names.
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=converter.representative_dataset)
    debugger.options.denylisted_nodes = _full_resolution(debugger.calibrated_model)
    return debugger.get_nondebug_quantized_model()


def _with_metadata(content, text):
    """Adds text to a file's named metadata."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    found = flatbuffer_utils.read_model_from_bytearray(content)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = METADATA, len(found.buffers)
    found.buffers.append(buffer)
    found.metadata = [*(found.metadata or []), entry]
    return flatbuffer_utils.convert_object_to_bytearray(found)


def write_litert(path, graph, quantize, metadata, feeds):
    """Writes a LiteRT file.

    Args:
      path: the file.
      graph: a Graph.
      quantize: "" for float32, "float16" or "int8".
      metadata: text that is kept in the file's metadata "lowlight_tf".
      feeds: inputs to calibrate int8 with.
    """
    with quiet_libraries():
        converter = _converter(graph)
        if quantize == "int8":
            content = _to_int8(converter, feeds)
        else:
            if quantize == "float16":
                converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
            content = converter.convert()
    path.write_bytes(_with_metadata(content, metadata))
