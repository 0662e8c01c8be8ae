"""lowlight_tf: dark raw photographs in, bright clean pictures out (See-in-the-Dark in pure TensorFlow 2)."""

import os

# Read by TensorFlow when it is first imported. oneDNN's kernels are about twice as fast here, and TensorFlow switches them on by
# itself only on some processors; a value set by the user wins.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
