"""train.py as a user meets it: help, presets, bad input, and being stopped in every way."""

import csv
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, SMALL_RUN, expect_failure, run_script, shared, write_frame, write_pairs

from lowlight_tf.pictures.image_file import write_png


def rows(folder):
    with open(folder / "model" / "history.csv") as file:
        return list(csv.reader(file))[1:]


def checkpoints(cwd):
    return {path.name for path in (cwd / "model").glob("ckpt-*.index")}


def launch(cwd, data, *arguments):
    """Starts a training that will be disturbed."""
    command = [sys.executable, str(ROOT / "train.py"), "--camera=sony", f"--data_dir={data}", "--checkpoint_dir=model", *SMALL_RUN]
    return subprocess.Popen([*command, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start(cwd, data, *arguments):
    """Starts a training and waits for it to write a checkpoint of its own."""
    before = checkpoints(cwd)
    process = launch(cwd, data, *arguments)
    deadline = time.time() + 120
    while not checkpoints(cwd) - before:
        assert time.time() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def test_help_is_short_and_grouped(tmp_path):
    training = ("Model and data", "Training", "Network", "Simulated light", "Transfer")
    for script, groups in (("train.py", training), ("test.py", ("Model and data", "Testing"))):
        result = run_script(script, "--help", cwd=tmp_path)
        assert result.returncode == 0 and len(result.stdout.splitlines()) <= 70
        for group in groups:
            assert group in result.stdout
        assert "--checkpoint_dir" in result.stdout and "logtostderr" not in result.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "--camera is missing"),
        (["--camera=nikon"], "camera"),
        (["--camera=sony", "--typo=1"], "typo"),
        (["--camera=sony", "--steps=5", "--epochs=5"], "--steps and --epochs say the same thing"),
        (["--camera=sony", "--steps=-1"], "steps"),
        (["--camera=sony", "--batch_size=3", "--num_replicas=2"], "cannot be shared"),
        (["--camera=sony", "picture.ARW"], "unexpected argument"),
        (["--camera=sony", "--learning_rate=0"], "trains nothing"),
        (["--camera=sony", "--learning_rate=nan"], "--learning_rate=nan is no finite number"),
        (["--camera=sony", "--max_hours=inf"], "--max_hours=inf is no finite number"),
        (["--camera=sony", "--clip_norm=nan"], "--clip_norm=nan is no finite number"),
        (["--camera=sony", "--pool_window=5"], "pool_window"),
        (["--camera=sony", "--validation_images=3", "--validate_every=0"], "needs --validate_every"),
        (["--camera=sony", "--checkpoint_dir="], "--checkpoint_dir is empty"),
    ],
)
def test_bad_usage_ends_before_anything_is_loaded(tmp_path, arguments, words):
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "tensorflow.py").write_text("raise SystemExit('TensorFlow was loaded')")
    result = run_script("train.py", *arguments, cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path / 'stub'}:{ROOT}"})
    expect_failure(result, 2, words)
    assert [path.name for path in tmp_path.iterdir()] == ["stub"]


@pytest.mark.parametrize(
    "content, words",
    [("{bad", "TF_CONFIG"), ('{"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 3}}', "TF_CONFIG")],
)
def test_a_bad_cluster_is_a_usage_error(tmp_path, small_set, content, words):
    result = run_script("train.py", "--camera=sony", f"--data_dir={small_set}", "--steps=1", cwd=tmp_path, env={"TF_CONFIG": content})
    expect_failure(result, 2, words)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_frames_are_decoded(tmp_path, number):
    data = write_pairs(tmp_path / "set", ids=("00001",), size=(2400, 3000))
    for frame in [*data.glob("Sony/*/00001*")]:
        for scene in range(2, 9):  # eight scenes take far longer than a signal does; each is a file of its own to the cache
            os.link(frame, frame.with_name(frame.name.replace("00001", f"{scene:05}")))
    process = launch(tmp_path, data, "--steps=2")
    assert "Decoding into" in process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in err and "run the same command again" in err
    for whole in (tmp_path / "cache").glob("[!.]*.npy"):
        assert np.load(whole).shape[:2] == (2400, 3000)


def test_presets_give_way_to_the_command_line():
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from flags import entry, train_flags\n"
        "entry.parse(sys.argv, train_flags.preset_names)\n"
        "c = train_flags.training_config()\n"
        "s = c.schedule\n"
        "print(s.steps, s.epochs, s.decay_step, s.decay_epoch, c.batches.patch_size, s.learning_rate, c.checkpoint_dir)"
    )

    def parsed(*arguments):
        result = subprocess.run([sys.executable, "-c", code, str(ROOT), *arguments], capture_output=True, text=True, cwd="/")
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    assert parsed("--camera=sony", "--dataset=sid") == ["0", "4001", "0", "2001", "512", "0.0001", "checkpoints/sony"]
    assert parsed("--camera=fuji", "--data_dir=x", "--steps=30", "--patch_size=128") == [
        "30",
        "0",
        "0",
        "2001",
        "128",
        "0.0001",
        "checkpoints/fuji",
    ]
    samples = parsed("--camera=sony", "--dataset=samples", "--decay_epoch=5")
    assert samples[0] != "0" and samples[2:4] == ["0", "5"] and samples[6] == "checkpoints/sony"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_stop_saves_and_the_same_command_goes_on(tmp_path, small_set, number):
    process = start(tmp_path, small_set, "--steps=100000")
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in err, err
    assert "Run the same command again to go on." in out
    step = int(rows(tmp_path)[-1][0])
    assert f"Stopped at step {step} of 100000" in out
    result = run_script(
        "train.py", "--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=model", *SMALL_RUN, f"--steps={step + 3}", cwd=tmp_path
    )
    assert result.returncode == 0 and f"from step {step} to {step + 3}" in result.stdout
    assert [int(row[0]) for row in rows(tmp_path)] == list(range(1, step + 4))


def test_killed_at_any_moment_the_losses_repeat_bit_for_bit(tmp_path, small_set):
    (tmp_path / "killed").mkdir(), (tmp_path / "whole").mkdir()
    arguments = ("--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=model", *SMALL_RUN, "--steps=120")
    for delay in (0.0, 0.13):
        process = start(tmp_path / "killed", small_set, "--steps=120")
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    result = run_script("train.py", *arguments, cwd=tmp_path / "killed")
    assert result.returncode == 0, result.stderr
    assert int(re.search(r"from step (\d+) to 120", result.stdout)[1]) >= 4
    assert run_script("train.py", *arguments, cwd=tmp_path / "whole").returncode == 0
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole") and len(rows(tmp_path / "whole")) == 120


def test_one_bad_file_is_skipped_and_makes_the_exit_code_1(tmp_path):
    data = write_pairs(tmp_path / "set", ids=("00001", "00002"))
    (data / "Sony" / "short" / "00002_00_0.1s.dng").write_bytes(b"not a raw file")
    (data / "Sony" / "short" / "badname.dng").write_bytes(b"x")
    result = run_script("train.py", "--camera=sony", f"--data_dir={data}", "--checkpoint_dir=model", *SMALL_RUN, "--steps=2", cwd=tmp_path)
    assert result.returncode == 1 and "Finished at step 2" in result.stdout
    assert (
        "2 skipped:" in result.stderr
        and "badname.dng" in result.stderr
        and "00002_00_0.1s.dng is damaged, truncated or no raw file" in result.stderr
    )


def test_each_kind_of_bad_file_is_one_line_and_leaves_nothing_half_written(tmp_path, small_model):
    data = write_pairs(tmp_path / "set", ids=[f"{split}000{scene}" for split in (0, 1) for scene in range(1, 7)])
    spoil = {
        "1_00_0.1s.dng": lambda path: path.write_bytes(b""),
        "2_00_0.1s.dng": lambda path: path.write_bytes(path.read_bytes()[:9000]),
        "3_00_10s.dng": lambda path: write_png(path.with_suffix(".png"), np.zeros((50, 60, 3), np.uint16)),
        "4_00_10s.dng": lambda path: path.with_suffix(".png").write_bytes(b""),
        "5_00_10s.dng": lambda path: path.with_suffix(".png").write_bytes(b"no picture"),
    }
    for path in data.rglob("*.dng"):
        spoil.get(path.name[4:], lambda path: None)(path)
    train = ("train.py", "--camera=sony", f"--data_dir={data}", "--checkpoint_dir=model", *SMALL_RUN, "--steps=2")
    test = ("test.py", f"--checkpoint_dir={small_model / 'model'}", f"--data_dir={data}", "--result_dir=out")
    for split, command, done in (("0", train, "on 1 pair of 1 scene"), ("1", test, "1 image scored")):
        result = run_script(*command, cwd=tmp_path)
        assert result.returncode == 1 and "Traceback" not in result.stderr and done in result.stdout, result.stderr
        lines = [line for line in result.stderr.splitlines() if line.startswith("skipped: ")]
        assert len(lines) == 5 and "{{" not in result.stderr, result.stderr
        for name, words in (
            ("1_00_0.1s.dng", "is empty"),
            ("2_00_0.1s.dng", "is truncated"),
            ("3_00_10s.png", "is 60x50, its short exposure is 120x96"),
            ("4_00_10s.png", "is empty"),
            ("5_00_10s.png", "is damaged or no PNG file"),
        ):
            assert sum(f"{split}000{name} {words}" in line for line in lines) == 1, (name, lines)
    assert {path.name.split("_")[0] for path in (tmp_path / "out").glob("*.png")} == {"10006", "overview.png"}
    assert not [path for path in tmp_path.rglob("*") if ".tmp" in path.name]


def test_a_reader_that_goes_away_ends_no_run(tmp_path, small_set, small_model):
    command = [sys.executable, str(ROOT / "test.py"), f"--checkpoint_dir={small_model / 'model'}", f"--data_dir={small_set}"]
    process = subprocess.Popen([*command, "--result_dir=out"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 0
    assert (tmp_path / "out" / "overview.png").is_file()


def test_folders_that_hold_no_pairs(tmp_path):
    train = ("train.py", "--camera=sony", "--steps=1", "--checkpoint_dir=model")
    expect_failure(run_script(*train, "--data_dir=gone", cwd=tmp_path), 1, "gone does not exist")
    (tmp_path / "empty").mkdir()
    expect_failure(run_script(*train, "--data_dir=empty", cwd=tmp_path), 1, "no pairs in empty")
    data = write_pairs(tmp_path / "set", ids=("00001",))
    (data / "Sony" / "long" / "00001_00_10s.dng").unlink()
    result = run_script(*train, f"--data_dir={data}", cwd=tmp_path)
    expect_failure(result, 1, "no training pairs in")
    assert "has no long exposure" in result.stderr


def test_a_file_of_another_camera(tmp_path):
    data = write_pairs(tmp_path / "set", ids=("00001",))
    write_frame(data / "Sony" / "short" / "00001_00_0.1s.dng", "fuji")
    result = run_script("train.py", "--camera=sony", f"--data_dir={data}", "--steps=1", cwd=tmp_path)
    expect_failure(result, 1, "no training pairs")
    assert "is X-Trans" in result.stderr and "use --camera=xtrans" in result.stderr


def _without_root_rights():
    # Root may write anywhere; dropping CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from the bounding set makes read-only mean it.
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)


def test_a_read_only_folder(tmp_path, small_set):
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(0o555)
    result = run_script(
        "train.py",
        "--camera=sony",
        f"--data_dir={small_set}",
        "--checkpoint_dir=locked/model",
        *SMALL_RUN,
        "--steps=2",
        cwd=tmp_path,
        preexec_fn=_without_root_rights if os.geteuid() == 0 else None,
    )
    expect_failure(result, 1, "cannot write", "Permission denied")
    assert list((tmp_path / "locked").iterdir()) == []


def _full_disk():
    # Any file of more than 80 kB fails as it does on a full disk: frames of the small set fit, a checkpoint does not.
    resource.setrlimit(resource.RLIMIT_FSIZE, (80000, 80000))


def test_a_full_disk(tmp_path, small_set, small_model):
    def train(data, checkpoint_dir):
        arguments = ("--camera=sony", f"--data_dir={data}", f"--checkpoint_dir={checkpoint_dir}", *SMALL_RUN, "--steps=2")
        return run_script("train.py", *arguments, cwd=tmp_path, preexec_fn=_full_disk)

    expect_failure(train(small_set, "model"), 1, "cannot write checkpoint 2", "free some space")
    assert not list((tmp_path / "model").glob("*ckpt*"))
    big = write_pairs(tmp_path / "big", ids=("00001", "10001"), size=(300, 300))
    expect_failure(train(big, "other"), 1, "cannot write", "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if "tmp" in path.name]
    arguments = (f"--checkpoint_dir={small_model / 'model'}", f"--data_dir={big}", "--result_dir=out")
    expect_failure(run_script("test.py", *arguments, cwd=tmp_path, preexec_fn=_full_disk), 1, "cannot write", "out")
    assert not [path for path in (tmp_path / "out").iterdir() if "tmp" in path.name]


def test_the_real_crops_train(tmp_path):
    data = shared("sid_mini")
    result = run_script(
        "train.py",
        "--camera=sony",
        f"--data_dir={data}",
        "--checkpoint_dir=model",
        "--patch_size=64",
        "--steps=8",
        "--save_every=4",
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "on 12 pairs of 12 scenes" in result.stdout and len(rows(tmp_path)) == 8
    result = run_script("test.py", "--checkpoint_dir=model", "--result_dir=out", cwd=tmp_path)
    assert result.returncode == 0 and "4 images scored" in result.stdout and "22.4" in result.stdout


def test_a_train_run_without_data_uses_the_samples(tmp_path):
    result = run_script("train.py", "--camera=sony", "--steps=2", "--base_width=4", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Using the embedded samples" in result.stdout and "36 pairs of 12 scenes" in result.stdout
    assert (tmp_path / "checkpoints" / "sony" / "config.json").is_file()
    result = run_script("test.py", "--checkpoint_dir=checkpoints/sony", cwd=tmp_path)
    assert result.returncode == 0 and "6 images scored" in result.stdout
    assert (tmp_path / "results" / "sony" / "sid-00" / "metrics.json").is_file()
