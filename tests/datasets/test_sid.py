import collections
import doctest

import pytest
from conftest import shared

from lowlight_tf.datasets import PROTOCOLS, SPLITS, sid
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.raw.cameras import CAMERAS


def quiet():
    return Problems(report=lambda message: None)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(pairs):
    return [(pair.short.name, pair.long.name) for pair in pairs]


# The table of docs/protocol.md: rows, ids, x100, x250, x300, rows of burst 00.
COUNTS = {
    ("Sony", "train"): (1865, 161, 587, 457, 821, 280),
    ("Sony", "val"): (234, 20, 72, 62, 100, 36),
    ("Sony", "test"): (598, 50, 182, 180, 236, 93),
    ("Fuji", "train"): (1655, 135, 805, 427, 423, 286),
    ("Fuji", "val"): (218, 17, 109, 67, 42, 38),
    ("Fuji", "test"): (524, 41, 203, 156, 165, 94),
}


def counts(pairs):
    ratios = collections.Counter(pair.ratio_label for pair in pairs)
    return (len(pairs), len({pair.id for pair in pairs}), ratios["x100"], ratios["x250"], ratios["x300"], len(sid.select(pairs)))


@pytest.mark.parametrize("camera, split", COUNTS)
def test_the_authors_lists_give_the_protocols_counts(camera, split):
    pairs = sid.parse_list(shared(f"lists/{camera}_{split}_list.txt").read_text())
    assert counts(pairs) == COUNTS[camera, split]
    assert {pair.id[0] for pair in pairs} == {SPLITS[split]}


def test_the_named_protocols_score_as_many_images_as_published():
    for camera, images in (
        ("Sony", {"sid-all": 598, "sid-00": 93, "sid-clean": 562, "sid-clean-00": 88}),
        ("Fuji", {"sid-all": 524, "sid-00": 94, "sid-clean": 510, "sid-clean-00": 91}),
    ):
        pairs = sid.parse_list(shared(f"lists/{camera}_test_list.txt").read_text())
        for protocol, rules in PROTOCOLS.items():
            chosen = sid.select(pairs, all_bursts=rules.all_bursts, exclude_misaligned=rules.exclude_misaligned)
            assert len(chosen) == images[protocol]
    sony = sid.parse_list(shared("lists/Sony_test_list.txt").read_text())
    assert counts(sid.select(sony, all_bursts=True, exclude_misaligned=True)) == (562, 47, 160, 176, 226, 88)


def test_the_counts_come_out_of_a_folder_as_well(tmp_path):
    # Every file of the list, empty, in the authors' layout: names alone must give the same pairs as the list.
    text = shared("lists/Sony_val_list.txt").read_text()
    touch(tmp_path, *{path for line in text.splitlines() for path in line.split()[:2]})
    by_name = sid.find_pairs(tmp_path, CAMERAS["sony"], "val", quiet(), all_bursts=True)
    (tmp_path / "Sony_val_list.txt").write_text(text)
    by_list = sid.find_pairs(tmp_path, CAMERAS["sony"], "val", quiet(), all_bursts=True)
    assert counts(by_name) == counts(by_list) == COUNTS["Sony", "val"]
    assert sorted(names(by_name)) == sorted(names(by_list))


def test_doctests():
    assert doctest.testmod(sid).failed == 0


@pytest.mark.parametrize(
    "short, long, ratio, label", [(0.1, 10, 100, "x100"), (0.04, 10, 250, "x250"), (0.033, 10, 300, "x300"), (0.1, 30, 300, "x300")]
)
def test_ratios_are_sids(short, long, ratio, label):
    pair = sid.make_pair(f"short/10003_00_{short}s.ARW", f"long/10003_00_{long}s.ARW")
    assert pair.ratio == pytest.approx(ratio) and pair.ratio_label == label
    assert (pair.name, pair.id) == (f"10003_00_{short}s", "10003")


@pytest.mark.parametrize(
    "name", ["IMG_1234.ARW", "30003_00_0.1s.ARW", "10003_0_0.1s.ARW", "10003_00_0.1.ARW", "10003_00_0s.ARW", "10003_00_.1s.ARW"]
)
def test_other_names_do_not_parse(name):
    with pytest.raises(LowlightError, match="does not parse; expected a split digit"):
        sid.parse_name(name)


def test_pairs_must_belong_together():
    with pytest.raises(LowlightError, match="another scene"):
        sid.make_pair("short/00001_00_0.1s.ARW", "long/00002_00_10s.ARW")
    with pytest.raises(LowlightError, match="exposed longer"):
        sid.make_pair("short/00001_00_10s.ARW", "long/00001_00_1s.ARW")
    with pytest.raises(LowlightError, match="does not parse"):
        sid.parse_list("./Sony/short/10003_00_0.04s.ARW")


def test_a_folder_is_read_by_names(tmp_path):
    touch(
        tmp_path,
        "Sony/short/00001_00_0.1s.ARW",
        "Sony/short/00001_01_0.1s.ARW",
        "Sony/short/10001_00_0.04s.ARW",
        "Sony/short/._00001_00_0.1s.ARW",
        "Sony/short/notes.txt",
        "Sony/long/00001_00_10s.ARW",
        "Sony/long/10001_00_10s.ARW",
    )
    problems = quiet()
    assert names(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems)) == [("00001_00_0.1s.ARW", "00001_00_10s.ARW")]
    assert len(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems, all_bursts=True)) == 2
    assert names(sid.find_pairs(tmp_path, CAMERAS["sony"], "test", problems)) == [("10001_00_0.04s.ARW", "10001_00_10s.ARW")]
    assert problems.messages == []


def test_your_own_pairs_need_no_camera_folder(tmp_path):
    touch(tmp_path, "short/00001_00_0.1s.NEF", "long/00001_00_10s.NEF")
    assert len(sid.find_pairs(tmp_path, CAMERAS["bayer"], "train", quiet())) == 1


def test_a_ready_picture_takes_the_place_of_the_long_raw(tmp_path):
    touch(tmp_path, "Sony/short/00001_00_0.1s.ARW", "Sony/long/00001_00_10s.ARW", "Sony/long/00001_00_10s.png")
    assert names(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", quiet())) == [("00001_00_0.1s.ARW", "00001_00_10s.png")]
    (tmp_path / "Sony_train_list.txt").write_text("./Sony/short/00001_00_0.1s.ARW ./Sony/long/00001_00_10s.ARW ISO200 F8\n")
    assert names(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", quiet())) == [("00001_00_0.1s.ARW", "00001_00_10s.png")]


def test_what_cannot_be_paired_is_named_and_left_out(tmp_path):
    touch(
        tmp_path,
        "Sony/short/00001_00_0.1s.ARW",
        "Sony/short/00002_00_0.1s.ARW",
        "Sony/short/hello.ARW",
        "Sony/long/00001_00_10s.ARW",
        "Sony/long/odd.ARW",
    )
    problems = quiet()
    assert len(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems)) == 1
    text = "\n".join(problems.messages)
    assert len(problems.messages) == 3
    assert (
        "00002_00_0.1s.ARW has no long exposure" in text and "short/hello.ARW: the name does not parse" in text and "long/odd.ARW" in text
    )


def test_a_listed_file_that_is_missing_is_named(tmp_path):
    touch(tmp_path, "Sony/short/00001_00_0.1s.ARW", "Sony/long/00001_00_10s.ARW")
    (tmp_path / "Sony_train_list.txt").write_text(
        "./Sony/short/00001_00_0.1s.ARW ./Sony/long/00001_00_10s.ARW ISO200 F8\n\n"
        "./Sony/short/00003_00_0.1s.ARW ./Sony/long/00003_00_10s.ARW ISO200 F8\n"
    )
    problems = quiet()
    assert len(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems)) == 1
    assert len(problems.messages) == 2 and "00003_00_0.1s.ARW is in the list but not on disk" in problems.messages[0]


def test_a_list_that_does_not_parse_is_named(tmp_path):
    touch(tmp_path, "Sony/short/00001_00_0.1s.ARW", "Sony/long/00001_00_10s.ARW")
    for line in ("./Sony/short/00001_00_0.1s.ARW", "./Sony/short/one.ARW ./Sony/long/00001_00_10s.ARW ISO200 F8"):
        (tmp_path / "Sony_train_list.txt").write_text(line)
        with pytest.raises(LowlightError, match=r"Sony_train_list.txt: .*does not parse"):
            sid.find_pairs(tmp_path, CAMERAS["sony"], "train", quiet())


def test_rarer_suffixes_are_found(tmp_path):
    touch(tmp_path, "Sony/short/00001_00_0.1s.BAY", "Sony/long/00001_00_10s.k25", "Sony/short/00001_00_0.1s.xmp")
    problems = quiet()
    assert [pair.short.suffix for pair in sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems)] == [".BAY"]
    assert problems.messages == []


def test_a_list_asks_only_for_the_bursts_that_are_wanted(tmp_path):
    touch(tmp_path, "Sony/short/00001_00_0.1s.ARW", "Sony/long/00001_00_10s.ARW")
    row = "./Sony/short/00001_{}_0.1s.ARW ./Sony/long/00001_00_10s.ARW ISO200 F8\n"
    (tmp_path / "Sony_train_list.txt").write_text(row.format("00") + row.format("01"))
    problems = quiet()
    assert len(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems)) == 1 and problems.messages == []
    assert len(sid.find_pairs(tmp_path, CAMERAS["sony"], "train", problems, all_bursts=True)) == 1
    assert len(problems.messages) == 1 and "00001_01_0.1s.ARW is in the list but not on disk" in problems.messages[0]


def test_a_folder_without_pairs_is_an_error(tmp_path):
    with pytest.raises(LowlightError, match="no pairs in"):
        sid.find_pairs(tmp_path, CAMERAS["sony"], "train", quiet())


def test_misaligned_scenes_go_on_request():
    pairs = [sid.make_pair(f"short/{scene}_00_0.1s.ARW", f"long/{scene}_00_10s.ARW") for scene in ("10003", "10034", "10045", "10172")]
    assert [pair.id for pair in sid.select(pairs, exclude_misaligned=True)] == ["10003"]
    assert len(sid.select(pairs)) == 4
