"""Files of a few bytes that say to hold a gigapixel: refused by their heads, and what is read of them stays small."""

import resource
import struct
import zlib

import numpy as np
import pytest
import tifffile
from conftest import write_frame
from PIL import Image

from lowlight_tf import memory
from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import decode_picture, write_png
from lowlight_tf.pictures.picture_head import picture_size
from lowlight_tf.pictures.provenance import png_chunk
from lowlight_tf.raw.raw_file import read_raw

SIDE = 30000


def tiff_bomb(path):
    entries = [
        (256, 4, 1, SIDE),
        (257, 4, 1, SIDE),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, SIDE),
        (279, 4, 1, 1),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory)


def png_bomb(path):
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    rows = zlib.compress(bytes(10**6))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b""))


def jpeg_bomb(path):
    Image.new("L", (64, 64)).save(path, "JPEG")
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 4] = struct.pack(">HH", 12000, 12000)  # within Pillow's own limit
    path.write_bytes(content)


@pytest.mark.parametrize("write, side", [(tiff_bomb, SIDE), (png_bomb, SIDE), (jpeg_bomb, 12000)])
def test_a_bomb_is_refused_by_its_head(tmp_path, write, side):
    path = tmp_path / "a.picture"
    write(path)
    assert path.stat().st_size < 10000 and picture_size(path) == (side, side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    words = f"does not fit into memory: {side}x{side} pixels would take .* GiB"
    with memory.limited(2**30 + 512 * 2**20), pytest.raises(LowlightError, match=words):
        decode_picture(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB


def test_what_fits_is_decoded_and_a_raw_file_is_held_against_the_limit(tmp_path):
    picture = np.random.RandomState(0).randint(0, 65536, (40, 50, 3)).astype(np.uint16)
    write_png(tmp_path / "a.png", picture)
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb")
    write_frame(tmp_path / "a.dng")
    for name in ("a.png", "a.tif"):
        assert picture_size(tmp_path / name) == (40, 50)
        np.testing.assert_array_equal(decode_picture(tmp_path / name).values, picture)
    assert read_raw(tmp_path / "a.dng").mosaic.shape == (96, 120)
    words = r"a.dng does not fit into memory: 120x96 pixels would take .* raise --memory_limit"
    with memory.limited(1), pytest.raises(LowlightError, match=words):
        read_raw(tmp_path / "a.dng")


def test_the_limit_is_the_whole_process_and_ends_with_its_block():
    without = memory.free()
    with memory.limited(10**15):
        assert 10**15 - 10**11 < memory.free() < 10**15
        assert memory.free(0) < 10**14
    assert memory.free() == pytest.approx(without, rel=0.5)
    memory.check("a small thing", 1)
    with pytest.raises(LowlightError, match="a large thing does not fit into memory: it would take 9.1e[+]02 GiB, and .* do without"):
        memory.check("a large thing", 910 * 2**30 + 10**9, remedy="do without")
