"""lowlight_tf: dark raw photographs in, bright clean pictures out (See-in-the-Dark in pure TensorFlow 2)."""

import os
import pathlib

# Read by TensorFlow when it is first imported. TensorFlow switches oneDNN's kernels on by itself only on some processors; with them
# everywhere, results differ less between machines (the golden losses stay within 1e-5). A value set by the user wins.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

# The model that photographs are enhanced with where no other is named.
_HERE = pathlib.Path(__file__).resolve().parent
_MODELS = _HERE / "models"  # where the package is installed; in a checkout the folder lies beside it
DEFAULT_MODEL = (_MODELS if _MODELS.is_dir() else _HERE.parent / "models") / "bayer"
