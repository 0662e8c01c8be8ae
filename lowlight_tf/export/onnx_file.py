"""A Graph as an ONNX file: tf2onnx converts it, onnxruntime's tools quantise it."""

import pathlib
import tempfile

from lowlight_tf.console import quiet_libraries
from lowlight_tf.errors import LowlightError
from lowlight_tf.export.graph import METADATA

OPSET = 17  # what runtimes from 2022 on know


def check_packages(quantize):
    """Refuses to start without the packages that it takes.

    Raises:
      LowlightError: with the command that installs them.
    """
    try:
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401

        if quantize == "int8":
            import onnxruntime.quantization  # noqa: F401
    except ImportError as error:
        wanted = "tf2onnx onnx" + (" onnxruntime" if quantize == "int8" else "")
        raise LowlightError(f"--format=onnx needs a package that is missing ({error}); run: pip install {wanted}") from error


def _name_sizes(values):
    """Gives the sizes that may be anything names that a person can read."""
    for value in values:
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if not size.HasField("dim_value"):
                size.dim_param = f"{value.name}_{('batch', 'height', 'width', 'channels')[axis]}"


def _halve_weights(proto):
    """Keeps weights as float16; a cast, which runtimes do once when they load the file, makes float32 of them."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name, stored = tensor.name, f"{tensor.name}_float16"
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(casts + nodes)
    return proto


def _full_resolution(proto):
    """Returns the names of the convolutions before the first block's end and after the last up-convolution."""
    kinds = [node.op_type for node in proto.graph.node]
    last_up = len(kinds) - 1 - kinds[::-1].index("ConvTranspose")
    early = [node.name for node in proto.graph.node if node.op_type == "Conv"][:2]
    return early + [node.name for node in proto.graph.node[last_up:] if node.op_type == "Conv"]


def _to_int8(proto, feeds):
    """Quantises the convolutions to int8, calibrated by `feeds`; those at full resolution, whose errors show, stay float."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self._feeds = iter(feeds)

        def get_next(self):
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "int8.onnx"
        quantize_static(
            proto,
            str(path),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_full_resolution(proto),
        )
        return onnx.load(path)


def write_onnx(path, graph, quantize, metadata, feeds):
    """Writes an ONNX file.

    Args:
      path: the file.
      graph: a Graph.
      quantize: "" for float32, "float16" or "int8".
      metadata: text that is kept in metadata_props under "lowlight_tf".
      feeds: inputs to calibrate int8 with.
    """
    import onnx
    import tf2onnx

    with quiet_libraries():
        proto, _ = tf2onnx.convert.from_function(graph.function, graph.specs, opset=OPSET)
        _name_sizes([*proto.graph.input, *proto.graph.output])
        if quantize == "float16":
            proto = _halve_weights(proto)
        elif quantize == "int8":
            proto = _to_int8(proto, feeds)
    onnx.helper.set_model_props(proto, {METADATA: metadata})
    onnx.checker.check_model(proto)
    onnx.save(proto, path)
