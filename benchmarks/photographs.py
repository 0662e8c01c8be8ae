"""The photographs at hand, as links in one folder: python -m benchmarks.photographs photos

scikit-image's colour photographs, and those of Debian's packages lomiri-wallpapers-16.04 and mate-backgrounds where they are installed
(apt install lomiri-wallpapers-16.04 mate-backgrounds; CC-BY-SA, each with its author in its name or in the package's copyright file).
"""

import importlib.resources
import pathlib
import sys

SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
PACKAGES = (pathlib.Path("/usr/share/backgrounds"), "*_by_*.jpg"), (pathlib.Path("/usr/share/backgrounds/mate/nature"), "*.jpg")


def collect(folder):
    """Links the photographs into `folder` and returns how many there are."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [importlib.resources.files("skimage.data").joinpath(name) for name in SCIKIT_IMAGE]
    paths += [path for place, pattern in PACKAGES for path in sorted(place.glob(pattern))]
    for path in paths:
        if path.is_file() and not (folder / path.name).is_symlink():
            (folder / path.name).symlink_to(path)
    return len(list(folder.iterdir()))


if __name__ == "__main__":
    print(collect(sys.argv[1]), "photographs in", sys.argv[1])
