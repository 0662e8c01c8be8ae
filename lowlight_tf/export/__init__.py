"""From a checkpoint to the formats of other runtimes.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

FORMATS = ("saved_model", "litert", "onnx")
QUANTIZATIONS = ("float16", "int8")
INPUTS = ("packed", "mosaic")
