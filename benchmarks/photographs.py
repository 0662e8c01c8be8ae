"""The photographs at hand, as links in one folder: python -m benchmarks.photographs photos

With a number after the folder they are PNGs instead, whose longer side has at most so many pixels: sharper and cleaner as targets.

scikit-image's colour photographs, and those of Debian's packages lomiri-wallpapers-16.04 and mate-backgrounds where they are installed
(apt install lomiri-wallpapers-16.04 mate-backgrounds; CC-BY-SA, each with its author in its name or in the package's copyright file).
"""

import importlib.resources
import pathlib
import sys

from PIL import Image

SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
PACKAGES = (pathlib.Path("/usr/share/backgrounds"), "*_by_*.jpg"), (pathlib.Path("/usr/share/backgrounds/mate/nature"), "*.jpg")


def collect(folder, longest=0):
    """Links the photographs into `folder`, or writes them there shrunk to `longest` pixels, and returns how many there are."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [importlib.resources.files("skimage.data").joinpath(name) for name in SCIKIT_IMAGE]
    paths += [path for place, pattern in PACKAGES for path in sorted(place.glob(pattern))]
    for path in filter(pathlib.Path.is_file, map(pathlib.Path, paths)):
        if longest:
            picture = Image.open(path).convert("RGB")
            scale = min(1.0, longest / max(picture.size))
            picture.resize([round(side * scale) for side in picture.size], Image.LANCZOS).save(folder / f"{path.stem}.png")
        elif not (folder / path.name).is_symlink():
            (folder / path.name).symlink_to(path)
    return len(list(folder.iterdir()))


if __name__ == "__main__":
    print(collect(sys.argv[1], *map(int, sys.argv[2:3])), "photographs in", sys.argv[1])
