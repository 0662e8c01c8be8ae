"""MIT-Adobe FiveK: DNGs of many cameras as users have them on disk, and experts' renderings laid on their mosaics."""

import numpy as np
import pytest
import rawpy
import tensorflow as tf
import tifffile
from conftest import expect_failure, run_script, write_frame
from profiles import in_srgb, rgb_profile

from lowlight_tf.datasets import DataConfig, bright, pipeline, sources
from lowlight_tf.datasets.examples import ExampleConfig, Simulation, make_example
from lowlight_tf.datasets.renditions import place, turn_back
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS, cfa_offset
from lowlight_tf.raw.raw_file import Framing, read_framing, read_raw

SONY = CAMERAS["sony"]
# EXIF's orientation -> how numpy turns what the sensor saw upright.
UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x, 1),
}


def quiet():
    return Problems(report=lambda message: None)


def add_tags(path, orientation=1, crop=None, active=None):
    """Writes a DNG again with tags of its framing; crop is (top, left, height, width) from the active area (top, left, bottom, right)."""
    with tifffile.TiffFile(path) as old:
        mosaic = old.asarray()
        kept = [tag for tag in old.pages.first.tags.values() if tag.code > 30000 or tag.code in (271, 272)]
        tags = [(tag.code, tag.dtype, 0 if tag.dtype == 2 else tag.count, tag.value, True) for tag in kept]
    tags.append((274, "H", 1, orientation, True))
    if crop:
        top, left, height, width = crop
        tags += [(50719, "2I", 2, (left, 1, top, 1), True), (50720, "2I", 2, (2 * width, 2, 2 * height, 2), True)]
    if active:
        tags.append((50829, "I", 4, active, True))
    tifffile.imwrite(path, mosaic, photometric="cfa", extratags=tags, metadata=None, software=False)


def bright_frame(path, cfa="RGGB", size=(96, 120), **options):
    """Writes a DNG whose counts above black say where they stand: 100 a row and 1 a column."""
    black = options.pop("black", 512)
    mosaic = (black + np.add.outer(100 * np.arange(size[0]), np.arange(size[1]))).astype(np.uint16)
    write_frame(path, mosaic=mosaic, cfa=cfa, black=black)
    add_tags(path, **options)
    return mosaic


def located(folder, expert=""):
    return sources.locate(DataConfig("fivek", str(folder), expert=expert), SONY)


def build(folder, cache_dir, problems, expert="", smallest=1):
    photographs = sources.find_bright_frames(located(folder, expert), SONY, problems)
    return bright.build(photographs, SONY, cache_dir, problems, smallest)


def test_the_archives_folders_are_found(tmp_path):
    for number, part in enumerate(("HQa1to700", "HQa701to1400"), 1):
        bright_frame(tmp_path / "fivek_dataset" / "raw_photos" / part / "photos" / f"a000{number}-x.dng", size=(16, 16))
    (tmp_path / "fivek_dataset" / "raw_photos" / "HQa1to700" / "photos" / ".a0009-x.dng").write_bytes(b"of another system")
    (tmp_path / "fivek_dataset" / "raw_photos" / "filesAdobe.txt").write_text("a0001-x")
    for folder in (tmp_path, tmp_path / "fivek_dataset", tmp_path / "fivek_dataset" / "raw_photos"):
        found = sources.find_bright_frames(located(folder), SONY, quiet())
        assert [photograph.name for photograph in found] == ["a0001-x", "a0002-x"]
    part = tmp_path / "fivek_dataset" / "raw_photos" / "HQa1to700" / "photos"
    assert len(sources.find_bright_frames(located(part), SONY, quiet())) == 1


def test_folders_without_what_was_asked_for_are_errors(tmp_path):
    with pytest.raises(LowlightError, match="needs --data_dir: the folder of MIT-Adobe FiveK"):
        located("")
    with pytest.raises(LowlightError, match="does not exist"):
        sources.find_bright_frames(located(tmp_path / "no"), SONY, quiet())
    with pytest.raises(LowlightError, match="holds no DNG"):
        sources.find_bright_frames(located(tmp_path), SONY, quiet())
    bright_frame(tmp_path / "raw_photos" / "a0001.dng", size=(16, 16))
    with pytest.raises(LowlightError, match=r"--expert=c: none of .*tiff16_c"):
        sources.find_bright_frames(located(tmp_path, "c"), SONY, quiet())


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("black", [0, 128, 2048])
def test_any_phase_and_level_is_read_from_its_file(tmp_path, cfa, black):
    whole = bright_frame(tmp_path / "a.dng", cfa, black=black, orientation=6)
    problems = quiet()
    (frame,) = build(tmp_path, tmp_path / "cache", problems)
    row, column = cfa_offset(cfa, SONY)
    np.testing.assert_array_equal(np.load(frame.mosaic), whole[row : 96 - row, column : 120 - column])
    assert frame.black_level == (black,) * 4 and frame.white_level == 16383 and problems.messages == []


def test_frames_that_cannot_be_used_are_named(tmp_path):
    for name in ("a0001", "a0002", "a0003", "a0004", "a0005", "a0006"):
        bright_frame(tmp_path / f"{name}.dng")
    (tmp_path / "a0002.dng").write_bytes((tmp_path / "a0001.dng").read_bytes()[:9000])
    version = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "Grey", True)]
    tifffile.imwrite(tmp_path / "a0003.dng", np.zeros((96, 120), np.uint16), photometric="minisblack", extratags=version)
    with tifffile.TiffFile(tmp_path / "a0003.dng", mode="r+") as dng:
        dng.pages.first.tags[262].overwrite(34892)  # LinearRaw: a sensor without a CFA
    (tmp_path / "a0004.dng").write_bytes(b"no picture at all")
    write_frame(tmp_path / "a0005.dng", "fuji", (96, 120))
    bright_frame(tmp_path / "a0006.dng", size=(24, 120))
    problems = quiet()
    assert [frame.name for frame in build(tmp_path, tmp_path / "cache", problems, smallest=16)] == ["a0001"]
    text = "\n".join(problems.messages)
    assert len(problems.messages) == 5 and all(f"a000{number}" in text for number in range(2, 7))
    assert "is X-Trans" in text and "smaller than a patch" in text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_upright_picture_is_turned_as_libraw_turns(tmp_path, orientation):
    bright_frame(tmp_path / "a.dng", size=(60, 80), orientation=orientation)
    framing = read_framing(tmp_path / "a.dng")
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        upright, lying = raw.postprocess(), raw.postprocess(user_flip=0)
    np.testing.assert_array_equal(turn_back(upright, framing.flip), lying)
    picture = np.random.RandomState(0).randint(0, 255, (60, 80, 3))
    np.testing.assert_array_equal(turn_back(UPRIGHT[orientation](picture), framing.flip), picture)


def test_the_crop_counts_from_the_active_area(tmp_path):
    bright_frame(tmp_path / "a.dng", crop=(3, 5, 80, 100))
    assert read_framing(tmp_path / "a.dng") == Framing((96, 120), 0, (3, 5, 80, 100))
    bright_frame(tmp_path / "b.dng", crop=(3, 5, 80, 100), active=(3, 5, 95, 119))
    framing, raw = read_framing(tmp_path / "b.dng"), read_raw(tmp_path / "b.dng")
    first = raw.mosaic[framing.crop[0], framing.crop[1]]
    assert first == 512 + 100 * (3 + 3) + (5 + 5) and framing.crop[2:] == (80, 100)
    bright_frame(tmp_path / "c.dng")
    assert read_framing(tmp_path / "c.dng").crop is None


def test_the_tags_are_found_where_adobes_converter_puts_them(tmp_path):
    """The first directory of the file is a thumbnail, with the orientation; the raw frame and its crop are in a directory below it."""
    bright_frame(tmp_path / "flat.dng", crop=(3, 5, 80, 100), active=(2, 4, 96, 120))
    with tifffile.TiffFile(tmp_path / "flat.dng") as flat:
        mosaic, pages = flat.asarray(), flat.pages.first.tags.values()
        tags = [(tag.code, tag.dtype, 0 if tag.dtype == 2 else tag.count, tag.value, True) for tag in pages if tag.code > 30000]
    first = {271, 272, 50706, 50707, 50708, 50721, 50728, 50778}
    with tifffile.TiffWriter(tmp_path / "a.dng") as dng:
        top = [tag for tag in tags if tag[0] in first] + [(274, "H", 1, 8, True)]
        dng.write(np.zeros((16, 24, 3), np.uint8), photometric="rgb", subifds=1, extratags=top, metadata=None, subfiletype=1)
        below = [tag for tag in tags if tag[0] not in first]
        dng.write(mosaic, photometric="cfa", extratags=below, metadata=None, subfiletype=0)
    framing = read_framing(tmp_path / "a.dng")
    assert framing == Framing((94, 116), 5, (3, 5, 80, 100))
    np.testing.assert_array_equal(read_raw(tmp_path / "a.dng").mosaic, mosaic[2:96, 4:120])


def test_where_a_picture_lies():
    cropped, plain = Framing((96, 120), 0, (3, 5, 80, 100)), Framing((96, 120), 0, None)
    assert place((80, 100), cropped) == (3, 5) and place((96, 120), cropped) == (0, 0) and place((82, 100), cropped) is None
    assert place((90, 112), plain) == (3, 4) and place((97, 120), plain) is None
    assert place((96, 120), Framing((400, 400), 0, None)) is None and place((80, 100), Framing((96, 102), 0, (3, 5, 80, 100))) is None


def expert_frame(folder, name, cfa, orientation, crop, profile=None, expert="c"):
    """Writes a DNG and an expert's upright TIFF of its crop, whose red says the row in the mosaic and green the column; returns both."""
    mosaic = bright_frame(folder / "raw_photos" / f"{name}.dng", cfa, orientation=orientation, crop=crop)
    rows, columns = np.mgrid[0:96, 0:120]
    picture = np.stack([rows * 256, columns * 256, np.full_like(rows, 999)], axis=-1).astype(np.uint16)
    top, left, height, width = crop or (0, 0, 96, 120)
    (folder / f"tiff16_{expert}").mkdir(exist_ok=True)
    upright = np.ascontiguousarray(UPRIGHT[orientation](picture[top : top + height, left : left + width]))
    tags = [(34675, "B", len(profile), profile, True)] if profile else []
    tifffile.imwrite(folder / f"tiff16_{expert}" / f"{name}.tif", upright, photometric="rgb", extratags=tags)
    return mosaic, picture


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("orientation, crop", [(1, (0, 0, 96, 120)), (6, (3, 5, 80, 101)), (8, (2, 7, 91, 100)), (3, (1, 4, 90, 110))])
def test_an_experts_picture_lies_on_its_mosaic(tmp_path, cfa, orientation, crop):
    expert_frame(tmp_path, "a0001", cfa, orientation, crop)
    problems = quiet()
    (frame,) = build(tmp_path, tmp_path / "cache", problems, "c")
    mosaic, target = np.load(frame.mosaic).astype(int) - 512, np.load(frame.target)
    assert problems.messages == [] and mosaic.shape == target.shape[:2] == frame.size
    np.testing.assert_array_equal(mosaic, 100 * (target[..., 0] // 256) + target[..., 1] // 256)
    row, column = divmod(mosaic[0, 0], 100)
    assert (row - cfa_offset(cfa, SONY)[0]) % 2 == 0 and (column - cfa_offset(cfa, SONY)[1]) % 2 == 0
    assert all(side % 2 == 0 and whole - 4 <= side <= whole for side, whole in zip(mosaic.shape, crop[2:], strict=True))
    assert build(tmp_path, tmp_path / "cache", problems, "c") == [frame]


def test_experts_pictures_that_are_missing_or_do_not_fit_are_named(tmp_path):
    crop = (3, 5, 80, 100)
    for number in range(1, 7):
        expert_frame(tmp_path, f"a000{number}", "RGGB", 1, crop)
    folder = tmp_path / "tiff16_c"
    (folder / "a0002.tif").unlink()
    (folder / "a0003.tif").unlink()
    tifffile.imwrite(folder / "a0004.tif", np.zeros((82, 100, 3), np.uint16), photometric="rgb")
    (folder / "a0005.tif").write_bytes((folder / "a0005.tif").read_bytes()[:4000])
    expert_frame(tmp_path, "a0006", "RGGB", 1, crop, profile=b"no profile")
    problems = quiet()
    assert [frame.name for frame in build(tmp_path, tmp_path / "cache", problems, "c")] == ["a0001"]
    text = "\n".join(problems.messages)
    assert len(problems.messages) == 4 and "2 of 6 raw files have no picture in" in text and "a0002.dng, a0003.dng" in text
    assert "a0004.tif is 100x82, which is neither" in text and "a0005" in text
    assert "a0006.tif has a colour profile that cannot be used" in text


def test_prophoto_becomes_srgb(tmp_path):
    _, picture = expert_frame(tmp_path, "a0001", "RGGB", 1, (0, 0, 96, 120), profile=rgb_profile("prophoto"))
    (frame,) = build(tmp_path, tmp_path / "cache", quiet(), "c")
    np.testing.assert_allclose(np.load(frame.target), in_srgb(picture, "prophoto"), atol=128)  # half a code of 8 bits


def test_examples_see_the_experts_picture(tmp_path):
    _, picture = expert_frame(tmp_path, "a0001", "GBRG", 6, (3, 5, 80, 100))
    frames = build(tmp_path, tmp_path / "cache", quiet(), "c")
    table = pipeline.make_table(frames, SONY, 16)
    draw = pipeline.draw_example(3, 0, table, 16) | {name: tf.constant(False) for name in ("flip_rows", "flip_columns", "transpose")}
    packed, target = make_example(draw, table, SONY, ExampleConfig(16, simulation=Simulation()))
    row, column = (np.round(target[0, 0, :2] * 255.99).astype(int)).tolist()
    np.testing.assert_allclose(target, picture[row : row + 32, column : column + 32] / 65535, rtol=1e-6)
    clean = packing.pack(np.add.outer(100 * np.arange(row, row + 32), np.arange(column, column + 32)).astype(np.float32), SONY) / 15871
    assert abs(float(tf.reduce_mean(packed - clean))) < 0.1 and packed.shape == (16, 16, 4)


def test_training_on_fivek_counts_what_it_could_use(tmp_path):
    for number in range(1, 5):
        expert_frame(tmp_path, f"a000{number}", ("RGGB", "GBRG", "BGGR", "GRBG")[number - 1], 6, (3, 5, 80, 100), expert="e")
    (tmp_path / "raw_photos" / "a0004.dng").write_bytes(b"")
    run = ("--camera=sony", "--dataset=fivek", f"--data_dir={tmp_path}", "--checkpoint_dir=model", "--patch_size=16", "--base_width=4")
    result = run_script("train.py", *run, "--expert=e", "--steps=3", "--batch_size=2", cwd=tmp_path)
    assert result.returncode == 1 and "3 of 4 frames usable." in result.stdout and "Finished at step 3" in result.stdout, result.stderr
    assert "1 skipped:" in result.stderr and "a0004.dng is empty" in result.stderr and "Traceback" not in result.stderr
    result = run_script("train.py", *run, "--expert=b", cwd=tmp_path)
    expect_failure(result, 1, "--expert=b", "tiff16_b")


def test_an_expert_goes_with_fivek_only(tmp_path):
    result = run_script("train.py", "--camera=sony", "--dataset=folder", f"--data_dir={tmp_path}", "--expert=c", cwd=tmp_path)
    expect_failure(result, 2, "--expert=c", "--dataset=fivek")
