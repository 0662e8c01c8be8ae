"""Which programs a result was made with."""

import importlib
import platform

from lowlight_tf import __version__

# Those that decide what a picture's pixels are; LibRaw comes within rawpy.
_DECISIVE = ("tensorflow", "numpy", "rawpy")


def versions() -> dict[str, str]:
    """Returns {name: version} of lowlight_tf, Python and the libraries that decide what a picture's pixels are.

    The modules are asked, not the installed packages: TensorFlow comes in packages of several names.
    """
    libraries = {name: str(importlib.import_module(name).__version__) for name in _DECISIVE}
    return {"lowlight_tf": __version__, "python": platform.python_version(), **libraries}
