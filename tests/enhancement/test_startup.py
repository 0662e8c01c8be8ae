"""What a start costs: one tracing of the network for all sizes, nothing on stderr, no package imported that the run does not use."""

import subprocess
import sys

from conftest import ROOT, run_script, write_frame

from lowlight_tf.enhancement.config import EnhanceConfig
from lowlight_tf.enhancement.enhance import enhance
from lowlight_tf.errors import Problems
from lowlight_tf.network import model
from lowlight_tf.pictures import finishing
from lowlight_tf.pictures.finishing import Finish

SIZES = ((64, 80), (62, 96), (48, 48), (96, 120), (80, 64), (50, 70), (64, 66))


def _write_frames(folder):
    folder.mkdir()
    for number, size in enumerate(SIZES):
        write_frame(folder / f"{number}.dng", size=size, scale=300, seed=number)
    return folder


def _counted(monkeypatch, module, name):
    """Counts how often a function's own lines are run: where a graph holds it, that is once a tracing."""
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given, **named: calls.append(name) or function(*given, **named))
    return calls


def test_frames_of_all_sizes_are_one_tracing(tmp_path, copying_model, monkeypatch):
    finishing._finisher.cache_clear()
    networks, blends = _counted(monkeypatch, model, "run"), _counted(monkeypatch, finishing, "_light")
    frames, problems = _write_frames(tmp_path / "in"), Problems()
    enhance([str(frames)], EnhanceConfig(str(copying_model), str(tmp_path / "out"), ratio=5.0, finish=Finish(0.5)), problems)
    assert len(list((tmp_path / "out").iterdir())) == len(SIZES) and not problems.messages
    assert (len(networks), len(blends)) == (1, 1)
    finishing._finisher.cache_clear()  # what was traced while it was counted


def test_nothing_is_warned_of(tmp_path, copying_model):
    frames = _write_frames(tmp_path / "in")
    result = run_script("enhance.py", frames, f"--checkpoint_dir={copying_model}", "--ratio=5", cwd=tmp_path, own_interpreter=True)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith(f"Enhancing {len(SIZES)} photographs with step ")


def test_one_photograph_is_one(tmp_path, copying_model):
    write_frame(tmp_path / "a.dng")
    result = run_script("enhance.py", "a.dng", f"--checkpoint_dir={copying_model}", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout.startswith("Enhancing 1 photograph with step "), result.stderr


def test_what_few_runs_need_is_not_imported():
    command = "import sys, flags.enhance_command, lowlight_tf.enhancement.enhance; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "rawpy" in loaded
    assert not loaded & {"scipy.fft", "scipy.ndimage", "skimage", "tensorflow_datasets", "apache_beam", "imageio", "gradio"}
