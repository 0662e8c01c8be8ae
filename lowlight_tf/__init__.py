"""lowlight_tf: dark raw photographs in, bright clean pictures out (See-in-the-Dark in pure TensorFlow 2)."""

import os
import pathlib

# Read by TensorFlow when it is first imported. TensorFlow switches oneDNN's kernels on by itself only on some processors; with them
# everywhere, results differ less between machines (the golden losses stay within 1e-5). A value set by the user wins.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

# The model that photographs are enhanced with where no other is named.
DEFAULT_MODEL = pathlib.Path(__file__).resolve().parent.parent / "models" / "bayer"
