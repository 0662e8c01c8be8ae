"""SID's folder layout, file names, list files and test protocols -> pairs of a short and a long exposure.

Reference: the list files and scripts of cchen156/Learning-to-See-in-the-Dark; misaligned ids as its authors named them in 2018-08.
"""

import dataclasses
import pathlib
import re

from lowlight_tf.datasets import SPLITS
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import PICTURE_SUFFIXES
from lowlight_tf.raw.raw_file import RAW_SUFFIXES

MISALIGNED_IDS = ("10034", "10045", "10172")
MAX_RATIO = 300
_NAME = re.compile(r"(?P<id>[012]\d{4})_(?P<burst>\d{2})_(?P<seconds>\d+(\.\d+)?)s")


@dataclasses.dataclass(frozen=True)
class FrameName:
    """What a name such as 10003_00_0.04s.ARW says: id with its split digit, burst, exposure in seconds."""

    id: str
    burst: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Pair:
    """A short exposure, the long exposure of the same scene, and the exposure ratio between them."""

    short: pathlib.Path
    long: pathlib.Path
    ratio: float

    @property
    def name(self):
        """The short's name without its suffix."""
        return self.short.stem

    @property
    def id(self):
        """The scene: split digit and four digits."""
        return parse_name(self.short.name).id

    @property
    def ratio_label(self):
        """The ratio as SID's tables name it: x100, x250, x300."""
        return f"x{self.ratio:.0f}"


def parse_name(name):
    """Reads a file name of SID.

    Args:
      name: such as "10003_00_0.04s.ARW".
    Returns:
      A FrameName.
    Raises:
      LowlightError: where the name does not follow SID's form, or names no exposure above 0.

    >>> parse_name("10003_00_0.04s.ARW")
    FrameName(id='10003', burst='00', seconds=0.04)
    """
    match = _NAME.fullmatch(pathlib.PurePath(name).stem)
    if match is None or float(match["seconds"]) <= 0:
        raise LowlightError(
            f"{name}: the name does not parse; expected a split digit 0-2, 4 digits, _, 2 digits of burst, _, seconds, s "
            "and a suffix, such as 10003_00_0.04s.ARW"
        )
    return FrameName(match["id"], match["burst"], float(match["seconds"]))


def exposure_ratio(short_seconds, long_seconds):
    """Returns min(long / short, 300), both from the file names: the protocol does not trust EXIF here."""
    return min(long_seconds / short_seconds, MAX_RATIO)


def make_pair(short, long):
    """Pairs two paths of one scene.

    Raises:
      LowlightError: where a name does not parse, the ids differ, or the short is not the shorter one.
    """
    short, long = pathlib.Path(short), pathlib.Path(long)
    short_name, long_name = parse_name(short.name), parse_name(long.name)
    if short_name.id != long_name.id:
        raise LowlightError(f"{short} is paired with {long.name} of another scene; expected the same first five digits")
    if long_name.seconds < short_name.seconds:
        raise LowlightError(f"{short} is exposed longer than {long.name}; expected the short exposure in short/")
    return Pair(short, long, exposure_ratio(short_name.seconds, long_name.seconds))


def parse_list(text, data_dir="."):
    """Reads one of SID's list files.

    Args:
      text: lines such as "./Sony/short/10003_00_0.04s.ARW ./Sony/long/10003_00_10s.ARW ISO200 F9".
      data_dir: folder that the paths start from.
    Returns:
      list of Pair, in the file's order.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    for row in rows:
        if len(row) < 2:
            raise LowlightError(f"list line {' '.join(row)!r} does not parse; expected a short path, a long path, ISO and aperture")
    return [make_pair(pathlib.Path(data_dir) / row[0], pathlib.Path(data_dir) / row[1]) for row in rows]


def select(pairs, *, all_bursts=False, exclude_misaligned=False):
    """Keeps burst 00 unless `all_bursts`, and drops the misaligned scenes where asked."""
    return [
        pair
        for pair in pairs
        if (all_bursts or parse_name(pair.short.name).burst == "00") and not (exclude_misaligned and pair.id in MISALIGNED_IDS)
    ]


def camera_folder(data_dir, camera):
    """Finds the folder that holds short/ and long/: data_dir/Sony (the authors' layout) or data_dir itself (your own pairs).

    Raises:
      LowlightError: where there is neither.
    """
    data_dir = pathlib.Path(data_dir)
    for folder in (data_dir / camera.folder, data_dir):
        if (folder / "short").is_dir() and (folder / "long").is_dir():
            return folder
    raise LowlightError(
        f"no pairs in {data_dir}: expected {data_dir / camera.folder / 'short'} and .../long (or short/ and long/ in it); "
        "check --data_dir and --camera"
    )


def _frames(folder, suffixes):
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith("."))
    except OSError as error:
        raise LowlightError(f"cannot read {folder}: {error.strerror}") from error


def _read_list(list_file, data_dir):
    try:
        return parse_list(list_file.read_text(), data_dir)
    except (OSError, UnicodeDecodeError, LowlightError) as error:
        raise LowlightError(f"cannot read the list {list_file}: {error}") from error


def _on_disk(listed, shorts, longs, problems):
    """Exchanges a list's paths for the files that stand for them, whatever their suffix (a ready PNG for an ARW); reports missing ones."""
    shorts, longs, pairs = {path.stem: path for path in shorts}, {path.stem: path for path in longs}, []
    for pair in listed:
        missing = [path for path, found in ((pair.short, shorts), (pair.long, longs)) if path.stem not in found]
        for path in missing:
            problems.add(f"{path} is in the list but not on disk; copy it there or take it out of the list")
        if not missing:
            pairs.append(Pair(shorts[pair.short.stem], longs[pair.long.stem], pair.ratio))
    return pairs


def _paired_by_name(shorts, longs, split, problems):
    longs_by_id, pairs = {}, []
    for path in longs:
        try:
            longs_by_id.setdefault(parse_name(path.name).id, path)
        except LowlightError as error:
            problems.add(f"{path.parent.name}/{error}")
    for path in shorts:
        try:
            scene = parse_name(path.name).id
            if not scene.startswith(SPLITS[split]):
                continue
            if scene not in longs_by_id:
                raise LowlightError(f"{path} has no long exposure; expected a file {scene}_00_*s.* in {path.parent.parent / 'long'}")
            pairs.append(make_pair(path, longs_by_id[scene]))
        except LowlightError as error:
            problems.add(error if str(error).startswith(str(path.parent)) else f"{path.parent.name}/{error}")
    return pairs


def find_pairs(data_dir, camera, split, problems, *, all_bursts=False, exclude_misaligned=False):
    """Lists a split's pairs on disk.

    Where data_dir holds the authors' list file (such as Sony_train_list.txt), it says which pairs there are; else the names do. A ready
    16-bit PNG or TIFF in long/ takes the place of the long raw.

    Args:
      data_dir: SID's folder, or a folder with short/ and long/.
      camera: a Camera.
      split: a key of datasets.SPLITS.
      problems: Problems, told of every file that had to be left out.
    Returns:
      list of Pair, in the order of the list or of the names; empty where the split has none.
    Raises:
      LowlightError: where the folder does not hold short/ and long/, or a line of the list does not parse.
    """
    folder = camera_folder(data_dir, camera)
    shorts = _frames(folder / "short", RAW_SUFFIXES)
    # Sorted so that a ready picture, found last, wins over a raw file of the same stem.
    longs = _frames(folder / "long", RAW_SUFFIXES) + _frames(folder / "long", PICTURE_SUFFIXES)
    longs = list({path.stem: path for path in longs}.values())
    list_file = pathlib.Path(data_dir) / f"{camera.folder}_{split}_list.txt"
    rules = {"all_bursts": all_bursts, "exclude_misaligned": exclude_misaligned}
    if list_file.is_file():  # selected first: a folder that holds only _00 need not hold the other bursts of the list
        return _on_disk(select(_read_list(list_file, data_dir), **rules), shorts, longs, problems)
    return select(_paired_by_name(shorts, longs, split, problems), **rules)
