"""What is fuzzed: kinds of files, each with the seeds that are mutated, mutations that know its format, and how it is read."""

import pathlib
import random
import shutil

import numpy as np
from fuzz_mutations import mutate_archive, mutate_bytes, mutate_json, mutate_lines, mutate_tiff


def _photographs(folder, real):
    """Synthetic photographs of each kind, and real ones where they are at hand."""
    from conftest import write_frame

    from lowlight_tf.pictures import SUFFIXES
    from lowlight_tf.pictures.metadata import Metadata
    from lowlight_tf.pictures.photo_file import write_photo

    for name, camera, cfa in (("bayer", "sony", "GBRG"), ("xtrans", "fuji", None)):
        write_frame(folder / f"{name}.dng", camera, size=(96, 120), cfa=cfa, scale=300)
    tags = Metadata({271: "Make", 272: "Model", 274: 6}, {33434: 0.1, 34855: 800, 42036: "Lens"}, {1: "N", 2: (52.0, 30.0, 12.5)})
    picture = np.random.RandomState(0).randint(0, 9000, (64, 80, 3)).astype(np.uint16)
    for kind in ("jpeg", "png", "tiff"):
        write_photo(folder / f"picture{SUFFIXES[kind]}", picture, kind, tags)
    jpeg = (folder / "picture.jpg").read_bytes()
    where = (100).to_bytes(4, "big") + len(jpeg).to_bytes(4, "big")
    (folder / "jpeg_inside.raf").write_bytes(b"FUJIFILMCCD-RAW".ljust(84, b"\0") + where + b"\0" * 8 + jpeg)
    return [*sorted(folder.iterdir()), *real]


def _config(folder, real):
    from conftest import write_model

    return [write_model(folder / "model") / "config.json"]


def _archive(folder, real):
    from conftest import write_model

    from lowlight_tf.checkpoints.shipping import ship

    ship([str(write_model(folder.parent / "to_ship"))], folder / "model")
    return [folder / "model" / "weights.npz"]


def _checkpoint(folder, real):
    from conftest import write_model

    return sorted(write_model(folder / "model").glob("ckpt-*"))


def _set(folder):
    from conftest import write_pairs

    return write_pairs(folder / "set", ids=("00001",), size=(48, 60))


def _cached(folder, real):
    read_cache(_set(folder) / "x")
    return sorted((folder / "cache").glob("*"))


def _list(folder, real):
    data = _set(folder)
    line = "./Sony/short/00001_00_0.1s.ARW ./Sony/long/00001_00_10s.ARW ISO200 F9"
    (data / "Sony_train_list.txt").write_text("\n".join([line, line.replace("00001", "00002")]) + "\n")
    return [data / "Sony_train_list.txt"]


def read_model(path):
    """Loads the model whose folder a file is in."""
    from lowlight_tf.checkpoints.load import load_network

    load_network(path.parent)


def read_cache(path):
    """Builds the cache beside the set: what is damaged is made again, so this never fails."""
    from lowlight_tf.datasets import cache, sid
    from lowlight_tf.errors import Problems
    from lowlight_tf.raw.cameras import CAMERAS

    folder, problems = path.parent.parent, Problems(lambda message: None)
    pairs = sid.find_pairs(folder / "set", CAMERAS["sony"], "train", problems)
    built = cache.build(pairs, CAMERAS["sony"], folder / "cache", problems)
    assert len(built) == 1 and np.load(built[0].mosaic).shape == (48, 60) and not problems.messages, problems.messages


def read_list(path):
    """Lists the pairs that a list names."""
    from lowlight_tf.datasets import sid
    from lowlight_tf.errors import LowlightError, Problems
    from lowlight_tf.raw.cameras import CAMERAS

    problems = Problems(lambda message: None)
    sid.find_pairs(path.parent, CAMERAS["sony"], "train", problems)
    if problems.messages:
        raise LowlightError(problems.messages[0])


# name: (share of the cases, seeds, mutation, reader; None for the whole way of a photograph)
KINDS = {
    "photographs": (6, _photographs, mutate_bytes, None),
    "TIFF and EXIF directories": (5, _photographs, mutate_tiff, None),
    "config.json": (4, _config, mutate_json, read_model),
    "weights.npz": (4, _archive, mutate_archive, read_model),
    "checkpoints": (2, _checkpoint, mutate_bytes, read_model),
    "cache entries": (2, _cached, lambda content, rng: (mutate_json if content[:1] == b"{" else mutate_bytes)(content, rng), read_cache),
    "list files": (1, _list, mutate_lines, read_list),
}


def place_case(seed, content, seeds, folder):
    """Puts a mutated file where its reader finds it: a cache's entry into its own place, for its name says where its source is, others
    into a copy of their folder.

    Args:
      seed: the seed's path.
      content: the mutated bytes.
      seeds: {path: content} of all seeds of the kind.
      folder: of the copy.
    """
    if seed.parent.name == "cache":
        for name, original in seeds.items():
            pathlib.Path(name).write_bytes(original)
        seed.write_bytes(content)
        return seed
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(seed.parent, folder / seed.parent.name)
    path = folder / seed.parent.name / seed.name
    path.write_bytes(content)
    return path


def choose(contents, rng):
    """Draws a kind by its share, one of its seeds, and a mutation: (kind, seed's path, content)."""
    kind = rng.choices(list(KINDS), [share for share, *_ in KINDS.values()])[0]
    seed = pathlib.Path(rng.choice(sorted(contents[kind])))
    return kind, seed, KINDS[kind][2](contents[kind][str(seed)], rng)


def rng_of(seed, case):
    """Returns the source of a case's draws."""
    return random.Random(f"{seed}/{case}")
