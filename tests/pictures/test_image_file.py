import numpy as np
import pytest
import tifffile

from lowlight_tf.errors import LowlightError
from lowlight_tf.pictures.image_file import read_picture, to_uint8, write_png

SIXTEEN_BITS = np.random.RandomState(0).randint(0, 65536, (13, 17, 3)).astype(np.uint16)


def test_16_bit_png_stays_16_bit(tmp_path):
    write_png(tmp_path / "a.png", SIXTEEN_BITS)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), SIXTEEN_BITS)


@pytest.mark.parametrize("suffix", ["tif", "TIFF"])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_16_bit_tiff_stays_16_bit(tmp_path, suffix, compression):
    tifffile.imwrite(tmp_path / f"a.{suffix}", SIXTEEN_BITS, photometric="rgb", compression=compression)
    np.testing.assert_array_equal(read_picture(tmp_path / f"a.{suffix}"), SIXTEEN_BITS)


def test_8_bit_pictures_keep_white(tmp_path):
    picture = (SIXTEEN_BITS >> 8).astype(np.uint8)
    write_png(tmp_path / "a.png", picture)
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb")
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name), picture.astype(np.uint16) * 257)


def test_to_uint8_rounds_and_clips():
    values = np.array([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 2.0], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 255, 255]
    assert to_uint8(np.array([0, 128, 129, 65535], np.uint16)).tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_bad_pictures_are_one_clear_line(tmp_path, name):
    with pytest.raises(LowlightError, match="cannot read"):
        read_picture(tmp_path / name)
    for content, words in ((b"", "is empty"), (b"no picture at all", "damaged")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LowlightError, match=words):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("keep", [0.3, 0.9])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_truncated_pictures(tmp_path, keep, compression):
    write_png(tmp_path / "a.png", SIXTEEN_BITS)
    tifffile.imwrite(tmp_path / "a.tif", SIXTEEN_BITS, photometric="rgb", compression=compression)
    for name in ("a.png", "a.tif"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(LowlightError):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("compression", ["lzw", "deflate"])
def test_a_flipped_bit_is_no_traceback(tmp_path, compression):
    tifffile.imwrite(tmp_path / "a.tif", SIXTEEN_BITS, photometric="rgb", compression=compression)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    for place in range(len(data) // 3, len(data), 97):
        data[place] ^= 0x10
    (tmp_path / "a.tif").write_bytes(data)
    try:
        assert read_picture(tmp_path / "a.tif").shape == SIXTEEN_BITS.shape  # some damage is not to be seen
    except LowlightError as error:
        assert "a.tif" in str(error)


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LowlightError, match="cannot write"):
        write_png(tmp_path / "file" / "a.png", SIXTEEN_BITS)
    with pytest.raises(Exception, match="rank|shape|dimension|image"):
        write_png(tmp_path / "b.png", SIXTEEN_BITS[0, 0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
