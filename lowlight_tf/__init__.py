"""lowlight_tf: dark raw photographs in, bright clean pictures out (See-in-the-Dark in pure TensorFlow 2).

    import lowlight_tf
    model = lowlight_tf.load()                   # the model that ships, or load("checkpoints/sony")
    picture = model("IMG_0001.ARW")              # uint8 [H, W, 3], sRGB, upright: what enhance.py writes
    picture = model.develop(mosaic, cfa="RGGB", black_level=512, white_level=16383)

    raw = lowlight_tf.read_raw("IMG_0001.ARW")   # RawImage: counts, CFA, levels, gains, colour matrix
    short, target = lowlight_tf.simulate(photograph, "sony", ratio=100)

    config = lowlight_tf.NetworkConfig()         # the SID network's sizes and variations
    params = lowlight_tf.initialize_parameters(config, seed=0)
    output = lowlight_tf.forward(params, packed, config)

These names, CAMERAS, Model, RawImage, LowlightError, DEFAULT_MODEL and __version__ are public. Everything else may change from one version
to the next. Names are loaded when they are used, so that `import lowlight_tf` is quick; import it before TensorFlow.
"""

import importlib
import os
import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowlight_tf.api import Model, load, simulate
    from lowlight_tf.errors import LowlightError
    from lowlight_tf.network.model import forward, initialize_parameters
    from lowlight_tf.network.sid import NetworkConfig
    from lowlight_tf.raw.cameras import CAMERAS
    from lowlight_tf.raw.raw_file import RawImage, read_raw

__all__ = [
    "CAMERAS",
    "DEFAULT_MODEL",
    "LowlightError",
    "Model",
    "NetworkConfig",
    "RawImage",
    "__version__",
    "forward",
    "initialize_parameters",
    "load",
    "read_raw",
    "simulate",
]

# Read by TensorFlow when it is first imported. TensorFlow switches oneDNN's kernels on by itself only on some processors; with them
# everywhere, results differ less between machines (the golden losses stay within 1e-5). A value set by the user wins.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.2.0"

# The model that photographs are enhanced with where no other is named.
_HERE = pathlib.Path(__file__).resolve().parent
_MODELS = _HERE / "models"  # where the package is installed; in a checkout the folder lies beside it
DEFAULT_MODEL = (_MODELS if _MODELS.is_dir() else _HERE.parent / "models") / "bayer"

_MODULES = {
    "CAMERAS": "raw.cameras",
    "LowlightError": "errors",
    "Model": "api",
    "NetworkConfig": "network.sid",
    "RawImage": "raw.raw_file",
    "forward": "network.model",
    "initialize_parameters": "network.model",
    "load": "api",
    "read_raw": "raw.raw_file",
    "simulate": "api",
}


def __getattr__(name: str) -> object:
    """Loads a public name when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module 'lowlight_tf' has no attribute {name!r}")
    from lowlight_tf.console import quiet_stderr

    with quiet_stderr():  # TensorFlow's loader talks about GPUs it does not find
        return getattr(importlib.import_module(f"lowlight_tf.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
