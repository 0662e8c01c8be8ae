"""Two processes on loopback under MultiWorkerMirroredStrategy end with the weights of one process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import tensorflow as tf
from conftest import ROOT, SMALL_RUN, expect_failure, run_script
from test_training import config_for

from lowlight_tf.errors import Problems, UsageError
from lowlight_tf.training import replicas, train


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(cwd, arguments, own=((), ()), before=()):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    processes = []
    for index in (0, 1):
        environment = {**os.environ, "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})}
        processes.append(
            subprocess.Popen(
                [*before, sys.executable, str(ROOT / "train.py"), *arguments, *own[index]],
                cwd=cwd,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    return processes


# What Kubernetes, Slurm or a person does with a worker that failed.
SUPERVISOR = 'for attempt in 1 2 3; do "$@" && break; done; [ "$attempt" -gt 1 ]'


def children(process):
    """Returns the processes that a shell runs, which may just be between two of them."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children()
    return []


def tensors(folder):
    prefix = tf.train.latest_checkpoint(str(folder))
    return {
        name: tf.train.load_variable(prefix, name)
        for name, _ in tf.train.list_variables(prefix)
        if name.startswith(("parameters", "optimizer", "step"))
    }


def test_two_workers_equal_one_process(tmp_path, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", "--batch_size=2", *SMALL_RUN, "--steps=4"]
    workers = start_workers(tmp_path, [*arguments, "--checkpoint_dir=two"])
    outputs = [worker.communicate(timeout=200) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    result = run_script("train.py", *arguments, "--checkpoint_dir=one", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    one, two = tensors(tmp_path / "one"), tensors(tmp_path / "two")
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-5, err_msg=name)
    assert "2 replicas" in outputs[0][0]
    # Only the chief writes: one event file, one history.
    assert len(list((tmp_path / "two" / "events").glob("events*"))) == 1


def test_a_stop_on_one_worker_stops_both_at_the_same_step(tmp_path, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", "--batch_size=2", *SMALL_RUN, "--steps=100000", "--checkpoint_dir=model"]
    workers = start_workers(tmp_path, [*arguments, "--stopped_exit_code=75"])
    deadline = time.time() + 150
    while not list(tmp_path.glob("model/ckpt-*.index")):
        assert time.time() < deadline and all(worker.poll() is None for worker in workers), [
            w.communicate() for w in workers if w.poll() is not None
        ]
        time.sleep(0.1)
    workers[1].send_signal(signal.SIGTERM)
    outputs = [worker.communicate(timeout=100)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [75, 75], outputs
    stops = [next(line for line in output.splitlines() if line.startswith("Stopped at step")) for output in outputs]
    assert stops[0] == stops[1]


def test_workers_that_would_train_different_things_are_refused(tmp_path, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", "--batch_size=2", *SMALL_RUN, "--steps=4", "--checkpoint_dir=model"]
    others = ["--seed=2", "--learning_rate=1e-2", "--patch_size=8", "--base_width=8"]
    workers = start_workers(tmp_path, arguments, own=(["--seed=1"], others))
    errors = [worker.communicate(timeout=100)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [1, 1], errors
    for error in errors:
        [line] = [line for line in error.splitlines() if line.startswith("error: the workers do not agree on ")]
        named = line.removeprefix("error: the workers do not agree on ").partition("; give all of them the same flags")[0]
        assert sorted(named.split(", ")) == ["--base_width", "--learning_rate", "--patch_size", "--seed"] and "Traceback" not in error
    assert not list(tmp_path.glob("model/ckpt*"))


@pytest.mark.parametrize(
    "config, words",
    [
        ("{", "does not describe a cluster"),
        ({"cluster": {"worker": ["localhost", "other:2"]}, "task": {"type": "worker", "index": 0}}, "localhost is no host:port"),
        ({"cluster": {"worker": ["a:1", "b:99999"]}, "task": {"type": "worker", "index": 0}}, "b:99999 is no host:port"),
        ({"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": -1}}, "there is no worker with index -1"),
        ({"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}, "there is no worker with index 2"),
        ({"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}, "it names no worker"),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "boss", "index": 0}}, "there is no boss with index 0"),
        ([], "does not describe a cluster"),
    ],
)
def test_a_cluster_that_cannot_be_is_one_line(monkeypatch, config, words):
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(UsageError, match=words):
        replicas.make_strategy(0)


def test_a_port_that_is_taken_is_one_line(tmp_path, small_set):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cluster = {"worker": [f"127.0.0.1:{taken.getsockname()[1]}", f"127.0.0.1:{free_ports(1)[0]}"]}
        environment = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}})}
        result = run_script(
            "train.py", "--camera=sony", f"--data_dir={small_set}", "--batch_size=2", *SMALL_RUN, "--steps=4", cwd=tmp_path, env=environment
        )
    expect_failure(result, 1, "cannot start this worker's server", "is its port in TF_CONFIG free")


def test_a_killed_worker_is_started_again_and_the_run_ends_as_if_undisturbed(tmp_path, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", "--batch_size=2", *SMALL_RUN, "--save_every=15", "--steps=60"]
    workers = start_workers(tmp_path, [*arguments, "--checkpoint_dir=two"], before=("bash", "-c", SUPERVISOR, "supervisor"))
    deadline = time.time() + 150
    while not list(tmp_path.glob("two/ckpt-*.index")):
        assert time.time() < deadline and all(worker.poll() is None for worker in workers)
        time.sleep(0.02)
    [killed] = children(workers[1])
    killed.kill()
    outputs = [worker.communicate(timeout=150) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    survivor, errors = outputs[0]
    assert errors.count("error: another worker was lost") == 1 and "Traceback" not in errors, errors
    starts = [line.split("from step ")[1].split()[0] for line in survivor.splitlines() if line.startswith("Training sony")]
    assert starts[0] == "0" and 15 <= int(starts[1]) < 60 and "Finished at step 60" in survivor
    undisturbed = config_for(tmp_path, small_set, num_replicas=2, steps=60, save_every=60)
    train.train(undisturbed, Problems())
    one, two = tensors(undisturbed.checkpoint_dir), tensors(tmp_path / "two")
    for name in one:  # the same bits where this was written
        np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-6, err_msg=name)
