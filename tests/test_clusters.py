"""docs/clusters.md: the YAML parses and fits together, bash accepts the scripts, and each worker gets the TF_CONFIG that it should."""

import json
import os
import re
import subprocess

import pytest
from conftest import ROOT, run_script

PAGE = (ROOT / "docs" / "clusters.md").read_text()
LOOP, SLURM = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


def stubs(folder, **scripts):
    """Writes programs that stand in for a cluster's; returns the environment in which they are found."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def told(folder):
    """Returns what each python was given: its TF_CONFIG and its arguments."""
    lines = (folder / "calls").read_text().splitlines()
    return [(json.loads(config), arguments.split()) for config, arguments in zip(lines[::2], lines[1::2], strict=False)]


def python_stub(folder, code=0):
    return f'echo $TF_CONFIG >> "{folder}/calls"; echo "$@" >> "{folder}/calls"; exit {code}'


@pytest.fixture(scope="module")
def manifests():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return list(yaml.safe_load_all(text))


def bash_accepts(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_kubernetes_job(tmp_path, manifests):
    service, job = manifests
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    name, count = job["metadata"]["name"], job["spec"]["completions"]
    assert service["metadata"]["name"] == pod["subdomain"] == name and service["spec"]["clusterIP"] in (None, "None")
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert job["spec"]["completionMode"] == "Indexed" and job["spec"]["parallelism"] == count and pod["restartPolicy"] == "Never"
    [script] = container["args"]
    bash_accepts(script)
    environment = stubs(tmp_path, python=python_stub(tmp_path)) | {entry["name"]: entry["value"] for entry in container["env"]}
    for index in range(count):
        subprocess.run([*container["command"], script], check=True, env=environment | {"JOB_COMPLETION_INDEX": str(index)})
    workers = [f"{name}-{index}.{name}:2222" for index in range(count)]
    assert [config for config, _ in told(tmp_path)] == [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}} for index in range(count)
    ]
    assert "--stopped_exit_code=75" in told(tmp_path)[0][1]
    assert [rule["onExitCodes"]["values"] for rule in job["spec"]["podFailurePolicy"]["rules"][:2]] == [[2], [75]]
    mounted = {volume["mountPath"] for volume in container["volumeMounts"]}
    assert any(argument.endswith("/shared/model") for argument in told(tmp_path)[0][1]) and "/shared" in mounted


@pytest.mark.parametrize("code, requeued", [(0, False), (75, True), (1, True), (2, False)])
def test_the_slurm_script(tmp_path, code, requeued):
    bash_accepts(SLURM)
    environment = stubs(
        tmp_path,
        python=python_stub(tmp_path, code),
        scontrol=f'if [ "$1" = show ]; then printf "node%d\\n" 3 4 7; else echo "$@" > "{tmp_path}/requeued"; fi',
        srun='for SLURM_PROCID in 0 1 2; do export SLURM_PROCID; "$@"; code=$?; done; exit $code',
    )
    slurm = {"SLURM_JOB_ID": "1234567", "SLURM_JOB_NODELIST": "node[3-4,7]"}
    result = subprocess.run(["bash", "-c", SLURM], env=environment | slurm, capture_output=True, text=True)
    assert result.returncode == code and result.stderr == ""
    workers = ["node3:24567", "node4:24567", "node7:24567"]
    assert [config for config, _ in told(tmp_path)] == [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}} for index in range(3)
    ]
    assert (tmp_path / "requeued").exists() == requeued
    if requeued:
        assert (tmp_path / "requeued").read_text() == "requeue 1234567\n"
        (tmp_path / "requeued").unlink()
        subprocess.run(["bash", "-c", SLURM], env=environment | slurm | {"SLURM_RESTART_COUNT": "50"})
        assert not (tmp_path / "requeued").exists()


def test_the_loop_without_a_scheduler(tmp_path):
    bash_accepts(LOOP)
    fails_twice = f'{python_stub(tmp_path, 0).rpartition("exit")[0]} [ $(wc -l < "{tmp_path}/calls") -ge 6 ]'
    subprocess.run(["bash", "-c", LOOP], check=True, env=stubs(tmp_path, python=fails_twice, sleep="exit 0"))
    assert len(told(tmp_path)) == 3 and told(tmp_path)[0][0]["task"]["index"] == 0


def test_the_flags_that_the_page_names_exist(tmp_path):
    known = run_script("train.py", "--help", cwd=tmp_path).stdout
    used = set(re.findall(r"--(\w+)=", "".join(re.findall(r"python train\.py (?:.*\\\n)*.*", PAGE))))
    assert {"stopped_exit_code", "cache_dir", "batch_size"} <= used
    assert not [name for name in used if f"  --{name} " not in known]
