"""What the strip shows of a photograph: at once what its head says, and once it was decoded how dark it is and which ratio is suggested."""

import dataclasses
import hashlib
import io
import os
import pathlib
import warnings

import numpy as np
import tifffile
from PIL import Image, ImageOps

from lowlight_tf.enhancement import exposure
from lowlight_tf.enhancement.choice import measured
from lowlight_tf.enhancement.exposure import block_means
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.errors import LowlightError, NotRawError, first_line
from lowlight_tf.isp.color import linear_to_srgb
from lowlight_tf.pictures.image_file import is_finished_picture
from lowlight_tf.pictures.metadata import read_metadata
from lowlight_tf.raw import packing
from lowlight_tf.raw.frame import as_seen, upright
from lowlight_tf.raw.libraw import read_thumbnail
from lowlight_tf.raw.raw_file import visible_size
from lowlight_tf.raw.shutter import Exposure

MOST_PIXELS = 256_000_000  # of a photograph: what is larger is refused before it is decoded
_MOST_IN_THUMBNAIL = 64_000_000
_THUMBNAIL = 240, 160  # pixels, the most of its width and height
_QUALITY = 80


def key_of(name):
    """Returns what the page calls a photograph by: letters and digits, whatever bytes its name is made of."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A photograph of the strip.

    Attributes:
      name: its path below the folder, with / between its parts.
      path: the file.
      thumbnail: bytes of a JPEG, upright; b"" where there is none yet.
      camera, exposure, taken: as the file says them, or "".
      iso: or 0.0.
      mean: light of the frame, 1 at white; None before it was measured.
      ratio: the one that is suggested; None before it was measured.
      reason: how the ratio came about, in words.
      problem: one line that says why it cannot be used, or "".
    """

    name: str
    path: pathlib.Path
    thumbnail: bytes = b""
    camera: str = ""
    exposure: str = ""
    taken: str = ""
    iso: float = 0.0
    mean: float | None = None
    ratio: float | None = None
    reason: str = ""
    problem: str = ""

    @property
    def is_measured(self):
        """Whether there is nothing more to be found out."""
        return self.mean is not None or bool(self.problem)


def _picture_size(path):
    """(height, width) of a finished picture, from its head."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on large pictures, which is what is asked here
            with Image.open(path) as picture:
                return picture.height, picture.width
    except Exception:  # Pillow raises whatever the place of the damage does, and does not know every TIFF  # noqa: BLE001
        with tifffile.TiffFile(path) as file:
            return max(((page.imagelength, page.imagewidth) for page in file.pages), key=lambda size: size[0] * size[1])


def check_pixels(path):
    """Refuses a photograph that is too large, by its head and before anything is decoded.

    Raises:
      LowlightError: with its size and the largest one.
    """
    try:
        height, width = _picture_size(path) if is_finished_picture(path) else visible_size(path)
    except NotRawError as error:
        try:
            height, width = _picture_size(path)
        except Exception:  # noqa: BLE001
            raise error from None
    if height * width > MOST_PIXELS:
        raise LowlightError(
            f"{path} is {width}x{height}, which is {height * width / 1e6:.0f} megapixels; expected at most "
            f"{MOST_PIXELS // 1000000}. enhance.py takes it, with --memory_limit"
        )


def encode_jpeg(picture, quality=_QUALITY):
    """Encodes uint8 [H, W, 3] as bytes of a JPEG."""
    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, format="JPEG", quality=quality)
        return file.getvalue()


def _small(picture):
    """A Pillow picture as a thumbnail: uint8 [h, w, 3]."""
    picture.thumbnail(_THUMBNAIL)
    return np.asarray(picture.convert("RGB"))


def _of_jpeg(content, flip):
    with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as picture:
        if picture.width * picture.height > _MOST_IN_THUMBNAIL and picture.format != "JPEG":
            return b""
        picture.draft("RGB", (_THUMBNAIL[0] * 2, _THUMBNAIL[1] * 2))  # a JPEG is decoded at a fraction of its size
        if flip is None:
            picture = ImageOps.exif_transpose(picture)
        return encode_jpeg(upright(_small(picture), flip or 0))


def read_small(path):
    """Returns the thumbnail that a file brings, or a small version of a finished picture: bytes of a JPEG, b"" where neither can be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_finished_picture(path):
                return _of_jpeg(path, None)
            found, flip = read_thumbnail(path)
            if found is None:
                return b""
            return _of_jpeg(found, flip) if isinstance(found, bytes) else encode_jpeg(upright(_small(Image.fromarray(found)), flip))
    except Exception:  # a damaged thumbnail is no reason to refuse its photograph  # noqa: BLE001
        return b""


def glance(name, path):
    """Looks at the head of a file: an Entry, at once."""
    try:
        check_pixels(path)
    except LowlightError as error:
        return Entry(name, path, problem=str(error))
    except Exception as error:  # noqa: BLE001
        return Entry(name, path, problem=f"{path} cannot be read: {first_line(error)}")
    metadata = read_metadata(path)
    return Entry(
        name,
        path,
        read_small(path),
        metadata.camera,
        str(Exposure(metadata.seconds, metadata.aperture, metadata.iso)),
        metadata.taken,
        metadata.iso,
    )


def _quick_look(frame, packed, camera, ratio):
    """A thumbnail of a frame without a network: superpixels, white-balanced, amplified."""
    block = max(1, -(-max(packed.shape[:2]) // _THUMBNAIL[0]))
    colors = list(camera.channel_colors)
    light = block_means(packed, block) - np.asarray(frame.black_level, np.float32)[colors]
    light = packing.superpixels(light / np.float32(frame.white_level - np.mean(frame.black_level)), camera).numpy()
    light = np.minimum(light * np.asarray(frame.wb_gains, np.float32) * np.float32(ratio * frame.light_gain), 1) @ frame.ccm.T
    coded = linear_to_srgb(np.clip(light, 0, 1).astype(np.float32)).numpy()
    return encode_jpeg(_small(Image.fromarray(as_seen(np.rint(coded * 255).astype(np.uint8), frame))))


def measure(entry, camera):
    """Decodes a photograph: its Entry with how dark it is, which ratio is suggested, and a thumbnail where the file brings none.

    Args:
      entry: an Entry.
      camera: the Camera of the model.
    """
    try:
        frame = read_frame(entry.path, camera)
        packed = packing.pack_frame(frame.mosaic, camera, frame.offset)
        darkness = measured(frame, packed, camera)
        ratio, reason = exposure.auto_ratio(darkness, frame.kind != "raw")
        small = entry.thumbnail or _quick_look(frame, packed, camera, ratio)
    except LowlightError as error:
        return dataclasses.replace(entry, problem=str(error))
    except Exception as error:  # noqa: BLE001
        return dataclasses.replace(entry, problem=f"{entry.path}: unforeseen {type(error).__name__}: {first_line(error)}; please report it")
    said = frame.metadata
    return dataclasses.replace(
        entry,
        thumbnail=small,
        camera=said.camera,
        exposure=str(frame.exposure),
        taken=said.taken,
        iso=said.iso,
        mean=darkness.mean,
        ratio=ratio,
        reason=reason,
    )


def in_order(entries, by):
    """Sorts entries by "name", "time" or "darkness", darkest first; those that do not say come last."""
    keys = {
        "name": lambda entry: (False, ""),
        "time": lambda entry: (not entry.taken, entry.taken),
        "darkness": lambda entry: (entry.mean is None, entry.mean or 0.0),
    }
    return sorted(entries, key=lambda entry: (*keys[by](entry), entry.name))
