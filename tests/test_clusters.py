"""docs/clusters.md: the YAML parses and fits together, the scripts run, and each worker gets the TF_CONFIG that it should."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, run_script

PAGE = (ROOT / "docs" / "clusters.md").read_text()
LOOP, SLURM = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
[DASK_ON_SLURM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


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
    return [list(yaml.safe_load_all(text)) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def bash_accepts(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_kubernetes_job(tmp_path, manifests):
    service, job = manifests[0]
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


def unknown_to_enhance(arguments, cwd):
    """Lists the flags that enhance.py does not have."""
    known = run_script("enhance.py", "--help", cwd=cwd).stdout
    names = [argument[2:].split("=")[0] for argument in arguments if argument.startswith("--")]
    assert "beam_runner" in names and "beam_args" in names
    return [name for name in names if f"  --{name} " not in known]


def test_dask_on_slurm(tmp_path):
    (tmp_path / "dask_jobqueue.py").write_text(
        "import contextlib, json, pathlib\n"
        "class SLURMCluster(contextlib.nullcontext):\n"
        "    scheduler_address = 'tcp://login:4567'\n"
        "    def __init__(self, **settings):\n"
        "        super().__init__(self)\n"
        "        pathlib.Path('asked').write_text(json.dumps(settings))\n"
        "    def adapt(self, minimum_jobs, maximum_jobs):\n"
        "        assert 0 < minimum_jobs < maximum_jobs\n"
        "    def __exit__(self, *error):\n"
        "        pathlib.Path('closed').touch()\n"
    )
    (tmp_path / "enhance.py").write_text("import json, sys; json.dump(sys.argv[1:], open('called', 'w')); sys.exit(1)")
    (tmp_path / "job.py").write_text(DASK_ON_SLURM)
    result = subprocess.run([sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr == "" and (tmp_path / "closed").exists()
    asked = json.loads((tmp_path / "asked").read_text())
    assert asked["cores"] == 1 and asked["python"] == sys.executable  # one thread a worker
    arguments = json.loads((tmp_path / "called").read_text())
    assert arguments[-1] == "--beam_args=--dask_client_address=tcp://login:4567"
    assert not unknown_to_enhance(arguments, tmp_path)


def test_dask_on_kubernetes(tmp_path, manifests):
    [job] = manifests[1]
    command, cluster = job["spec"]["job"]["spec"], job["spec"]["cluster"]["spec"]
    worker, scheduler = cluster["worker"]["spec"], cluster["scheduler"]["spec"]
    assert command["restartPolicy"] == "Never"
    assert cluster["scheduler"]["service"]["selector"] == {
        "dask.org/cluster-name": job["metadata"]["name"],
        "dask.org/component": "scheduler",
    }
    ports = {port["name"]: port["containerPort"] for port in scheduler["containers"][0]["ports"]}
    assert {port["targetPort"]: port["port"] for port in cluster["scheduler"]["service"]["ports"]} == ports
    assert len({pod["containers"][0]["image"] for pod in (command, worker, scheduler)}) == 1
    for pod in (command, worker):  # both see the same folder
        assert pod["containers"][0]["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]
        assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "lowlight"}
    arguments = worker["containers"][0]["args"]
    assert arguments[arguments.index("--nthreads") + 1] == "1"
    python, script, *arguments = command["containers"][0]["args"]
    assert (python, script) == ("python", "enhance.py") and "$(DASK_SCHEDULER_ADDRESS)" in arguments[-1]
    assert not unknown_to_enhance(arguments, tmp_path)
