"""MIT-Adobe FiveK on disk: 5,000 DNGs of many cameras, and what five experts made of each.

Reference: Bychkovsky et al., "Learning Photographic Global Tonal Adjustment with a Database of Input / Output Image Pairs", CVPR 2011;
the folders are those of the authors' archives.
"""

import pathlib

from lowlight_tf.console import warn
from lowlight_tf.datasets.photographs import Photograph
from lowlight_tf.errors import LowlightError
from lowlight_tf.raw.photograph_files import walk


def _raw_folder(data_dir):
    """The folder of the DNGs: raw_photos (its parts HQa1to700 ... with their photos/ and all), or data_dir itself."""
    data_dir = pathlib.Path(data_dir)
    if not data_dir.is_dir():
        raise LowlightError(f"the folder {data_dir} does not exist; name the one with FiveK's raw_photos, or with its DNGs")
    return next((folder for folder in (data_dir / "raw_photos", data_dir / "fivek_dataset" / "raw_photos") if folder.is_dir()), data_dir)


def _expert_folder(data_dir, raw_folder, expert):
    places = list(dict.fromkeys(parent / f"tiff16_{expert}" for parent in (raw_folder.parent, raw_folder, pathlib.Path(data_dir))))
    for folder in places:
        if folder.is_dir():
            return folder
    raise LowlightError(f"--expert={expert}: none of {', '.join(map(str, places))} exists; put the expert's TIFFs into one of them")


def find_fivek(data_dir, expert="", problems=None):
    """Lists FiveK's frames.

    Args:
      data_dir: the folder that holds raw_photos, fivek_dataset/, raw_photos itself, or one with the DNGs.
      expert: "a" to "e" for the renderings in tiff16_<expert>/ as targets, found beside raw_photos, in it, or in data_dir.
      problems: Problems, told of broken links and folders that cannot be read; None to print them.
    Returns:
      list of Photograph, by name.
    Raises:
      LowlightError: where there is no such folder, or no DNG in it.
    """
    folder = _raw_folder(data_dir)
    paths = sorted(walk(folder, (".dng",), warn if problems is None else problems.add), key=lambda path: path.name)
    if not paths:
        raise LowlightError(f"{folder} holds no DNG; expected raw_photos/HQa1to700/photos/a0001-*.dng and so on, or DNGs in one folder")
    if not expert:
        return [Photograph(path.stem, path) for path in paths]
    renderings = _expert_folder(data_dir, folder, expert)
    return [Photograph(path.stem, path, renderings / f"{path.stem}.tif") for path in paths]
