"""The Beam jobs on a real engine: a Dask scheduler and two workers, processes of their own on this machine, one of which is killed."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, run_script, write_frame
from simulation.test_simulation import make_photos

dask = pytest.importorskip("distributed", reason="dask and distributed are optional and not installed")
pytest.importorskip("apache_beam", reason="apache-beam is optional and not installed")

_PATIENCE = 400  # seconds, for a machine that is busy with other things
_HIDDEN = re.compile(r"\..*\.lowlight_tf-[0-9a-f]{8}\.tmp\.\w+")


def start(program, *arguments, folder, **environment):
    """Starts a program of Dask; what it says is in a file of the folder."""
    with open(folder / f"{program}_{environment.get('ROLE', '')}.log", "w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file=scheduler.json", "--host=127.0.0.1", *arguments],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MARKS": str(folder), **environment},
        )


@pytest.fixture
def cluster(tmp_path):
    """The folder of a scheduler.json, and {role: the process of a worker}; both workers are there."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    scheduler = start("dask_scheduler", "--port=0", "--dashboard-address=127.0.0.1:0", folder=folder)
    preload = f"--preload={ROOT / 'tests' / 'dask_preload.py'}"
    alone = ("--no-nanny", "--nthreads=1", "--memory-limit=0", "--no-dashboard", f"--local-directory={folder}", preload)
    workers = {role: start("dask_worker", *alone, folder=folder, ROLE=role) for role in ("survivor", "victim")}
    try:
        wait_until((folder / "scheduler.json").exists, scheduler)
        with dask.Client(scheduler_file=str(folder / "scheduler.json"), timeout=_PATIENCE) as client:
            client.wait_for_workers(2, timeout=_PATIENCE)
        yield folder, workers
    finally:
        for process in (*workers.values(), scheduler):
            process.kill()
            process.wait()


def wait_until(happened, process):
    """Waits for what a process brings about."""
    end = time.monotonic() + _PATIENCE
    while not happened():
        assert process.poll() is None, "it ended before that"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def run_and_kill(cluster, script, *arguments, runner, cwd):
    """Runs a job on the cluster and kills one of its workers in the middle of an element.

    Returns:
      its result; {role: names of what it did}.
    """
    folder, workers = cluster
    arguments = (*arguments, runner, f"--beam_args=--dask_scheduler_file={folder / 'scheduler.json'}")
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run_script, script, *arguments, cwd=cwd, timeout=_PATIENCE)
        wait_until(lambda: (folder / "victim is in the middle").exists() or job.done(), workers["victim"])
        assert not job.done(), job.result()
        workers["victim"].send_signal(signal.SIGKILL)
        result = job.result()
    assert workers["victim"].wait() == -signal.SIGKILL and workers["survivor"].poll() is None
    return result, {role: (folder / f"done by {role}").read_bytes().splitlines() for role in workers}


def contents(folder, *suffixes):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.suffix in suffixes and path.name[0] != "."}


def check_shares(done, names):
    """Both worked. All is done, by each worker once: what the killed one had finished and not yet handed in is looked at again."""
    assert len(done["victim"]) == 1 and len(done["survivor"]) > 1
    assert len(set(done["survivor"])) == len(done["survivor"])
    assert {*done["victim"], *done["survivor"]} == set(names)


def half_written(folder):
    return [path for path in folder.rglob("*") if _HIDDEN.fullmatch(path.name) and path.is_file()]


def test_enhancement_outlives_a_killed_worker(tmp_path, cluster, copying_model):
    archive = tmp_path / "archive"
    for number, name in enumerate(("a.dng", "night/b.dng", "night/c d.dng", "e.dng")):
        write_frame(archive / name, size=(64 + 2 * number, 80), scale=300, seed=number)
    (archive / "bad.nef").write_text("a text file\n" * 500)
    (archive / os.fsdecode(b"latin\xe9.dng")).write_bytes(b"")
    names = [os.fsencode(path) for path in archive.rglob("*") if path.is_file()]
    arguments = (archive, f"--checkpoint_dir={copying_model}", "--format=png")
    local = run_script("enhance.py", *arguments, "--result_dir=local", cwd=tmp_path)
    assert local.returncode == 1, local.stderr
    result, done = run_and_kill(
        cluster, "enhance.py", *arguments, "--overwrite", "--result_dir=dask", runner="--beam_runner=DaskRunner", cwd=tmp_path
    )
    assert result.returncode == 1 and "4 of 6 photographs have their result in dask" in result.stdout, result.stderr
    assert "2 skipped:" in result.stderr and "Traceback" not in result.stderr, result.stderr
    check_shares(done, names)
    assert len(contents(tmp_path / "local", ".png")) == 4 and contents(tmp_path / "dask", ".png") == contents(tmp_path / "local", ".png")
    lines = (tmp_path / "dask" / "skipped.tsv").read_bytes().splitlines()
    assert [line.split(b"\t")[0] for line in lines] == [os.fsencode(archive / "bad.nef"), os.fsencode(archive) + b"/latin\xe9.dng"]
    assert len(half_written(tmp_path / "dask")) <= 1


def test_simulation_outlives_a_killed_worker(tmp_path, cluster):
    photos = make_photos(tmp_path / "photos")
    arguments = ("simulate", f"--input={photos}", "--camera=sony", "--ratios=100,300")
    local = run_script("lowlight_tf", *arguments, "--output=local", cwd=tmp_path)
    assert local.returncode == 1, local.stderr
    result, done = run_and_kill(cluster, "lowlight_tf", *arguments, "--output=dask", runner="--runner=dask", cwd=tmp_path)
    assert result.returncode == 1 and "3 of 4 photographs are simulated" in result.stdout, result.stderr
    assert "bad.jpg is damaged" in result.stderr and "Traceback" not in result.stderr, result.stderr
    check_shares(done, [b"00001", b"00002", b"00003", b"00004"])
    kinds = (".dng", ".png", ".json")
    assert contents(tmp_path / "dask", *kinds) == contents(tmp_path / "local", *kinds)
    assert (pathlib.Path(tmp_path) / "dask" / "Sony" / "skipped_train.tsv").read_text().startswith("00003\t")
    assert len(half_written(tmp_path / "dask")) <= 1
