"""Which programs a result was made with."""

import platform
from importlib import metadata

from lowlight_tf import __version__

# Those that decide what a picture's pixels are; LibRaw comes within rawpy.
_DECISIVE = ("tensorflow", "numpy", "rawpy")


def versions() -> dict[str, str]:
    """Returns {name: version} of lowlight_tf, Python and the libraries that decide what a picture's pixels are."""
    return {"lowlight_tf": __version__, "python": platform.python_version(), **{name: metadata.version(name) for name in _DECISIVE}}
