"""From examples to a trained model, and from there to another camera's.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

SCHEDULES = ("step", "cosine")
TRAIN_ONLY = ("all", "decoder", "head")
