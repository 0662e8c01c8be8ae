"""The photographs at hand, as links in one folder: python -m benchmarks.photographs photos

With a number after the folder they are PNGs instead, whose longer side has at most so many pixels: sharper and cleaner as targets.

scikit-image's colour photographs, and those of Debian's packages lomiri-wallpapers-16.04 and mate-backgrounds where they are installed
(apt install lomiri-wallpapers-16.04 mate-backgrounds; CC-BY-SA, each with its author in its name or in the package's copyright file).
"""

import importlib.resources
import itertools
import pathlib
import sys

import numpy as np
from PIL import Image

SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
_PIECE, _SHRINKS = 320, (2, 3, 4)
PACKAGES = (pathlib.Path("/usr/share/backgrounds"), "*_by_*.jpg"), (pathlib.Path("/usr/share/backgrounds/mate/nature"), "*.jpg")


def at_hand():
    """Returns the paths of the photographs."""
    paths = [importlib.resources.files("skimage.data").joinpath(name) for name in SCIKIT_IMAGE]
    paths += [path for place, pattern in PACKAGES for path in sorted(place.glob(pattern))]
    return list(filter(pathlib.Path.is_file, map(pathlib.Path, paths)))


def _detail(piece):
    """How much changes from pixel to pixel: the mean second difference, in values of 8 bits."""
    values = np.asarray(piece.convert("L"), np.float32)
    return float(
        np.abs(2 * values[:, 1:-1] - values[:, :-2] - values[:, 2:]).mean() + np.abs(2 * values[1:-1] - values[:-2] - values[2:]).mean()
    )


def cut_sharp(paths, folder):
    """Writes PNGs of at most _PIECE pixels a side that are sharp to the pixel, most of them full of detail.

    A photograph as a camera writes it is soft at the scale of its pixels, and half of what it shows is sky, wall or blur. A network that is
    trained on such crops learns no demosaicing. So photographs are shrunk, cut up, and of the pieces the more detailed half is kept, with
    an eighth of all the others for the quiet parts of pictures. A photograph that is too small to be halved is cut up as it is.

    Args:
      paths: of photographs.
      folder: a folder that is there.
    Returns:
      how many pieces there are.
    """
    pieces = []
    for path in paths:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        side = min(_PIECE, *picture.size)
        for shrink in _SHRINKS if min(picture.size) >= min(_SHRINKS) * _PIECE else (1,):
            small = picture.reduce(shrink)
            corners = itertools.product(range(0, small.height - side + 1, side), range(0, small.width - side + 1, side))
            for number, (top, left) in enumerate(corners):
                piece = small.crop((left, top, left + side, top + side))
                written = pathlib.Path(folder) / f"{path.stem}_{shrink}_{number}.png"
                piece.save(written)
                pieces.append((_detail(piece), written))
    pieces.sort(reverse=True)
    quiet = pieces[(len(pieces) + 1) // 2 :]
    for number, (_, written) in enumerate(quiet):
        if number % 4:
            written.unlink()
    return len(pieces) - len(quiet) + -(-len(quiet) // 4)


def collect(folder, longest=0):
    """Links the photographs into `folder`, or writes them there shrunk to `longest` pixels, and returns how many there are."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in at_hand():
        if longest:
            picture = Image.open(path).convert("RGB")
            scale = min(1.0, longest / max(picture.size))
            picture.resize([round(side * scale) for side in picture.size], Image.LANCZOS).save(folder / f"{path.stem}.png")
        elif not (folder / path.name).is_symlink():
            (folder / path.name).symlink_to(path)
    return len(list(folder.iterdir()))


if __name__ == "__main__":
    print(collect(sys.argv[1], *map(int, sys.argv[2:3])), "photographs in", sys.argv[1])
