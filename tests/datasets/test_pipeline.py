"""From files to batches: the cache, and examples as a pure function of (seed, index)."""

import collections
import os
import time

import numpy as np
import pytest
import tensorflow as tf
from conftest import write_frame, write_pairs

from lowlight_tf.datasets import cache, pipeline, sid
from lowlight_tf.datasets.examples import ExampleConfig, make_example
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.raw.raw_file import read_raw
from lowlight_tf.raw.rendering import render


def build(folder, cache_dir, camera="sony", problems=None):
    problems = problems or Problems(report=lambda message: None)
    pairs = sid.find_pairs(folder, CAMERAS[camera], "train", problems)
    return cache.build(pairs, CAMERAS[camera], cache_dir, problems)


@pytest.fixture(scope="module")
def cached(small_set, tmp_path_factory):
    return build(small_set, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def fuji_cached(tmp_path_factory):
    folder = write_pairs(tmp_path_factory.mktemp("fuji"), ids=("00001",), size=(516, 522), camera="fuji")
    return build(folder, tmp_path_factory.mktemp("fuji_cache"), "fuji")


def batches(table, camera="sony", **options):
    defaults = dict(batch_size=2, seed=3, first_step=0, last_step=5)
    made = pipeline.training_batches(table, CAMERAS[camera], ExampleConfig(16), **defaults | options)
    return [tuple(part.numpy() for part in batch) for batch in made]


def test_the_cache_holds_the_frames_exactly(small_set, cached):
    assert [pair.id for pair in cached] == ["00001", "00002"]
    for pair in cached:
        np.testing.assert_array_equal(np.load(pair.mosaic), read_raw(small_set / "Sony" / "short" / f"{pair.name}.dng").mosaic)
        np.testing.assert_array_equal(np.load(pair.target), render(small_set / "Sony" / "long" / f"{pair.id}_00_10s.dng"))
        assert pair.ratio == 100 and pair.black_level == (512,) * 4 and pair.white_level == 16383


def test_a_second_build_decodes_nothing(small_set, cached, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "run_jobs", lambda jobs, *_: pytest.fail("decoded again") if jobs else set())
    assert build(small_set, os.path.dirname(cached[0].mosaic)) == cached


def test_the_size_counts_another_sets_frames_of_the_same_names(small_set, tmp_path, capsys):
    build(small_set, tmp_path / "cache")
    first = capsys.readouterr().out
    other = write_pairs(tmp_path / "other", ids=("00001", "00002"))
    build(other, tmp_path / "cache")
    assert capsys.readouterr().out.split(" GB to write")[0] == first.split(" GB to write")[0]
    pairs = sid.find_pairs(other, CAMERAS["sony"], "train", Problems())
    shorts, longs = cache._entries(pairs, CAMERAS["sony"], tmp_path / "empty", Problems())
    assert cache._bytes_needed(pairs, shorts, longs) == 2 * 96 * 120 * (2 + 6)
    shorts, longs = cache._entries(pairs, CAMERAS["sony"], tmp_path / "cache", Problems())
    assert cache._bytes_needed(pairs, shorts, longs) == 0


def test_a_changed_file_is_decoded_again(tmp_path):
    folder = write_pairs(tmp_path / "set", ids=("00001",))
    before = build(folder, tmp_path / "cache")[0]
    write_frame(folder / "Sony" / "short" / "00001_00_0.1s.dng", seed=5)
    after = build(folder, tmp_path / "cache")[0]
    assert before.mosaic != after.mosaic and before.target == after.target


def test_the_cache_states_its_size_and_refuses_a_small_disk(small_set, tmp_path, monkeypatch, capsys):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(LowlightError, match=r"needs 0\.00 GB more and its disk has 0\.00 GB free"):
        build(small_set, tmp_path / "cache")
    assert "GB to write" in capsys.readouterr().out
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_target_lies_on_each_short_of_its_scene(tmp_path):
    folder = write_pairs(tmp_path / "set", ids=("00001",))
    write_frame(folder / "Sony" / "short" / "00001_00_0.04s.dng", size=(80, 100))
    problems = Problems(report=lambda message: None)
    assert [pair.name for pair in build(folder, tmp_path / "cache", problems=problems)] == ["00001_00_0.1s"]
    assert "00001_00_10s.dng is 120x96, its short exposure is 100x80" in problems.messages[0]


def test_a_short_of_another_phase_gets_a_target_of_its_own(tmp_path):
    folder = write_pairs(tmp_path / "set", ids=("00001",))
    before = build(folder, tmp_path / "cache")[0]
    write_frame(folder / "Sony" / "short" / "00001_00_0.1s.dng", cfa="BGGR")
    after = build(folder, tmp_path / "cache")[0]
    assert after.size == (94, 118)
    np.testing.assert_array_equal(np.load(after.target), np.load(before.target)[1:95, 1:119])


def test_a_broken_link_is_skipped_and_named(tmp_path):
    folder = write_pairs(tmp_path / "set", ids=("00001", "00002"))
    link = folder / "Sony" / "short" / "00002_00_0.1s.dng"
    link.unlink()
    link.symlink_to(tmp_path / "gone.dng")
    problems = Problems(report=lambda message: None)
    assert [pair.id for pair in build(folder, tmp_path / "cache", problems=problems)] == ["00001"]
    assert "cannot read" in problems.messages[0] and "00002_00_0.1s.dng" in problems.messages[0]


def test_what_a_killed_process_left_is_swept_after_a_day(tmp_path):
    folder, cache_dir = write_pairs(tmp_path / "set", ids=("00001",)), tmp_path / "cache"
    cache_dir.mkdir()
    for name, age in ((".old.lowlight_tf-0123abcd.tmp.npy", 2 * 86400), (".new.lowlight_tf-0123abcd.tmp.npy", 60)):
        (cache_dir / name).write_bytes(b"half")
        os.utime(cache_dir / name, (time.time() - age,) * 2)
    build(folder, cache_dir)
    assert [path.name for path in cache_dir.glob(".*")] == [".new.lowlight_tf-0123abcd.tmp.npy"]


def test_bad_files_are_skipped_and_named(tmp_path):
    folder = write_pairs(tmp_path / "set", ids=("00001", "00002", "00003", "00004"))
    short = folder / "Sony" / "short" / "00002_00_0.1s.dng"
    short.write_bytes(short.read_bytes()[:5000])
    (folder / "Sony" / "long" / "00003_00_10s.dng").write_bytes(b"")
    write_frame(folder / "Sony" / "long" / "00004_00_10s.dng", size=(96, 122))
    problems = Problems(report=lambda message: None)
    assert [pair.id for pair in build(folder, tmp_path / "cache", problems=problems)] == ["00001"]
    text = "\n".join(problems.messages)
    assert len(problems.messages) == 3
    assert "00002_00_0.1s.dng is truncated" in text and "00003_00_10s.dng is empty" in text and "00004_00_10s.dng is 122x96" in text
    assert not [path for path in (tmp_path / "cache").iterdir() if "tmp" in path.name]


def test_an_example_is_the_original_recipe(cached):
    """Normalise, amplify, crop, flip rows, flip columns, transpose, clip: done here in numpy on the whole frame."""
    camera, size = CAMERAS["sony"], 16
    table = pipeline.make_table(cached, camera, size)
    seen = set()
    for index in range(12):
        draw = pipeline.draw_example(index, 3, table, size)
        packed, target = make_example(draw, table, camera, ExampleConfig(size))
        draw = {name: value.numpy() for name, value in draw.items()}
        pair = table.pairs[draw["pair"]]
        whole = np.maximum(packing.pack(np.load(pair.mosaic), camera).numpy().astype(np.float32) - 512, 0) / (16383 - 512) * pair.ratio
        row, column = draw["row"], draw["column"]
        expected = [
            whole[row : row + size, column : column + size],
            np.load(pair.target)[2 * row : 2 * (row + size), 2 * column : 2 * (column + size)] / 65535,
        ]
        for name, flip in (
            ("flip_rows", lambda x: x[::-1]),
            ("flip_columns", lambda x: x[:, ::-1]),
            ("transpose", lambda x: x.transpose(1, 0, 2)),
        ):
            if draw[name]:
                expected = [flip(x) for x in expected]
        np.testing.assert_allclose(packed, np.minimum(expected[0], 1), rtol=1e-6)
        np.testing.assert_allclose(target, expected[1], rtol=1e-6)
        seen.add((draw["flip_rows"], draw["flip_columns"], draw["transpose"], draw["pair"]))
    assert len(seen) > 4


def test_xtrans_crops_start_at_any_cell(fuji_cached):
    camera, size = CAMERAS["fuji"], 15
    table = pipeline.make_table(fuji_cached, camera, size)
    pair = table.pairs[0]
    whole = packing.amplify(
        packing.normalise(packing.pack(np.load(pair.mosaic), camera), camera, pair.black_level, pair.white_level), pair.ratio
    )
    no_flips = {name: tf.constant(False) for name in ("flip_rows", "flip_columns", "transpose")}
    for row, column in ((0, 0), (1, 4), (2, 3), (5, 1), (172 - 15, 174 - 15)):
        draw = {"pair": tf.constant(0, tf.int64), "row": tf.constant(row, tf.int64), "column": tf.constant(column, tf.int64), **no_flips}
        packed, target = make_example(draw, table, camera, ExampleConfig(size))
        np.testing.assert_array_equal(packed, whole[row : row + size, column : column + size])
        np.testing.assert_allclose(
            target, np.load(pair.target)[3 * row : 3 * (row + size), 3 * column : 3 * (column + size)] / 65535, rtol=1e-6
        )


def test_batches_have_the_shapes_and_ranges_of_the_contract(cached, fuji_cached):
    for camera, pairs in (("sony", cached), ("fuji", fuji_cached)):
        row = CAMERAS[camera]
        for packed, target in batches(pipeline.make_table(pairs, row, 16), camera):
            assert packed.shape == (2, 16, 16, row.channels) and target.shape == (2, 16 * row.upscale, 16 * row.upscale, 3)
            assert packed.dtype == target.dtype == np.float32
            assert packed.min() >= 0 and packed.max() <= 1 and target.min() >= 0 and target.max() <= 1


def test_eager_equals_tf_data(cached):
    camera = CAMERAS["sony"]
    table = pipeline.make_table(cached, camera, 16)
    for index, (packed, target) in enumerate(batches(table, batch_size=1)):
        eager = make_example(pipeline.draw_example(index, 3, table, 16), table, camera, ExampleConfig(16))
        np.testing.assert_array_equal(packed[0], eager[0])
        np.testing.assert_array_equal(target[0], eager[1])


def test_what_a_step_sees_does_not_depend_on_where_the_run_began(cached):
    table = pipeline.make_table(cached, CAMERAS["sony"], 16)
    whole, resumed = batches(table), batches(table, first_step=3)
    for before, after in zip(whole[3:], resumed, strict=False):
        np.testing.assert_array_equal(before[0], after[0])
    assert any((a[0] != b[0]).any() for a, b in zip(whole, batches(table, seed=4), strict=False))


@pytest.mark.parametrize("shares", [[(2, 0, 2)], [(2, 0, 1), (2, 1, 1)], [(4, 0, 2), (4, 2, 2)]])
def test_shares_make_up_the_same_global_batches(cached, shares):
    table = pipeline.make_table(cached, CAMERAS["sony"], 16)
    whole = [batch[0] for batch in batches(table, batch_size=4)]
    parts = [np.concatenate([batch[0] for batch in batches(table, batch_size=4, share=pipeline.Share(*share))]) for share in shares]
    per_share = [part.reshape(5, -1, 16, 16, 4) for part in parts]
    np.testing.assert_array_equal(np.concatenate(per_share, axis=1), np.stack(whole))


def test_an_epoch_visits_each_scene_once():
    pairs = [
        cache.CachedPair(f"{scene:05}_00_{seconds}s", f"{scene:05}", 100, "", "", (64, 64), (512,) * 4, 16383)
        for scene in range(7)
        for seconds in ("0.1", "0.04")
    ]
    table = pipeline.make_table(pairs[::-1], CAMERAS["sony"], 16)
    assert [pair.name for pair in table.pairs] == [pair.name for pair in sorted(pairs, key=lambda p: p.name)]
    drawn = [int(pipeline.draw_example(index, 1, table, 16)["pair"]) for index in range(70)]
    scenes = [[table.pairs[pair].id for pair in drawn[epoch * 7 : epoch * 7 + 7]] for epoch in range(10)]
    assert all(len(set(epoch)) == 7 for epoch in scenes)
    assert len({tuple(epoch) for epoch in scenes}) > 5
    assert set(drawn) == set(range(14))


def test_crops_reach_every_place():
    pairs = [cache.CachedPair("00001_00_0.1s", "00001", 100, "", "", (40, 44), (512,) * 4, 16383)]
    table = pipeline.make_table(pairs, CAMERAS["sony"], 16)
    draws = [pipeline.draw_example(index, 1, table, 16) for index in range(150)]
    assert {int(draw["row"]) for draw in draws} == set(range(5)) and {int(draw["column"]) for draw in draws} == set(range(7))


def test_a_patch_larger_than_a_frame_is_refused(cached):
    with pytest.raises(LowlightError, match=r"--patch_size=49 does not fit 00001_00_0.1s, whose shorter side is 48"):
        pipeline.make_table(cached, CAMERAS["sony"], 49)
