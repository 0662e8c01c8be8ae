"""The examples run, and do what they say."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from lowlight_tf.pictures.image_file import read_picture, write_png

EXAMPLES = ROOT / "examples"


def run(name, *arguments, cwd):
    """Runs an example as a user would where the package is installed."""
    result = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr
    return result


def test_enhance_photograph(tmp_path):
    write_png(tmp_path / "dark.png", np.full([64, 80, 3], 3000, np.uint16))
    result = run("enhance_photograph", "dark.png", cwd=tmp_path)
    assert "bright.png: 80x64" in result.stdout
    assert result.stderr == ""  # what TensorFlow's loader says of GPUs is kept away
    assert np.mean(read_picture(tmp_path / "bright.png")) > 2 * 3000


def test_simulate_low_light(tmp_path):
    write_png(tmp_path / "photograph.png", np.full([64, 80, 3], 40000, np.uint16))
    assert "80x64 counts, 512 to 16383" in run("simulate_low_light", "photograph.png", 100, cwd=tmp_path).stdout
    clean, noisy = (read_picture(tmp_path / f"{name}.png") for name in ("long", "short"))
    assert clean.shape == noisy.shape == (64, 80, 3) and noisy.std() > 5 * clean.std()


def test_train_tiny_learns(tmp_path):
    printed = run("train_tiny", 80, cwd=tmp_path).stdout.splitlines()
    losses = [float(line.split()[-1]) for line in printed]
    assert printed[0].startswith("step 20: ") and len(losses) == 4 and losses[-1] < 0.7 * losses[0]


def test_each_example_is_listed():
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"[{path.name}]({path.name})" in listed for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb"))


def _kernel(folder, installed):
    """Writes a kernel that runs in the environment of the installed wheel; returns its name."""
    kernel = folder / "kernels" / "installed" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [str(installed.bin / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "installed", "language": "python"}))
    return kernel.parent.name


@pytest.mark.slow
def test_the_notebook_trains_and_enhances(tmp_path, monkeypatch, installed):
    nbformat, nbclient = (pytest.importorskip(name, reason=f"needs {name}, which runs notebooks") for name in ("nbformat", "nbclient"))
    if importlib.util.find_spec("ipykernel") is None:
        pytest.skip("needs ipykernel, which runs notebooks")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for name, value in installed.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    notebook = nbformat.read(EXAMPLES / "colab.ipynb", as_version=4)
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    assert "STEPS, PATCH, WIDTH = 300, 128, 32" in parameters.source
    parameters.source = parameters.source.replace("= 300, 128, 32", "= 2, 16, 4")
    kernel = _kernel(tmp_path / "jupyter", installed)
    (tmp_path / "work").mkdir()
    nbclient.NotebookClient(notebook, timeout=240, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path / "work")}}).execute()
    assert (tmp_path / "work" / "checkpoints" / "notebook" / "ckpt-2.index").is_file()
    assert read_picture(tmp_path / "work" / "enhanced.png").ndim == 3
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs), outputs


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads((EXAMPLES / "colab.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
