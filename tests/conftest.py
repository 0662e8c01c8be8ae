"""Shared by all tests: two logical CPUs, paths of optional real data, small synthetic frames, and entry scripts as subprocesses."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# isort: off
import lowlight_tf  # noqa: E402,F401  (sets TensorFlow's environment, so it comes before TensorFlow)

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
from script_server import ScriptServer  # noqa: E402

from lowlight_tf.checkpoints import checkpoint  # noqa: E402
from lowlight_tf.devices import prepare_devices  # noqa: E402
from lowlight_tf.network import model  # noqa: E402
from lowlight_tf.raw.cameras import CAMERAS  # noqa: E402
from lowlight_tf.pictures.image_file import write_dng  # noqa: E402
from lowlight_tf.raw.light import SID  # noqa: E402

# isort: on

# Where tests are started in the background the shell has them ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

prepare_devices()  # scripts that tests start want some of a GPU's memory too
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)

# Real SID crops, camera files and list files that a developer may have beside the repository; LOWLIGHT_TF_DATA names another place.
SHARED = pathlib.Path(os.environ.get("LOWLIGHT_TF_DATA", ROOT.parent / "shared"))


_SERVER = ScriptServer()


def pytest_runtest_setup(item):
    """Skips what is marked `gpu` where there is none."""
    if item.get_closest_marker("gpu") and not tf.config.list_physical_devices("GPU"):
        pytest.skip("needs a GPU, and TensorFlow sees none (tensorflow[and-cuda] has the libraries for NVIDIA's)")


def shared(name):
    """Returns a path of the optional real data, or skips the test with the reason."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs the real data {name}, which is not on this machine")
    return path


def run_script(script, *arguments, cwd, timeout=240, env=None, preexec_fn=None, own_interpreter=False):
    """Runs an entry script as a user would; in a fork of a Python that has TensorFlow imported, where nothing speaks against it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    what = [str(ROOT / script) if script.endswith(".py") else script, *map(str, arguments)]
    if not (own_interpreter or env or preexec_fn):
        return _SERVER.run(what, cwd, timeout, environment)
    command = [sys.executable, *what] if script.endswith(".py") else [sys.executable, "-m", *what]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, env=environment, preexec_fn=preexec_fn)


def expect_failure(result, code, *words):
    """Asserts that a run ended with one clear line: the exit code, no traceback, each of the words in the line."""
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    for word in words:
        assert word in errors[0], (word, errors[0])


def write_frame(path, camera="sony", size=(96, 120), *, cfa=None, seconds=0.1, scale=60, seed=0, black=None, mosaic=None):
    """Writes a synthetic raw file; returns its mosaic."""
    row = CAMERAS[camera]
    black = (row.black_level or 512) if black is None else black
    if mosaic is None:
        mosaic = (black + np.random.RandomState(seed).randint(0, scale, size)).astype(np.uint16)
    write_dng(
        path,
        mosaic,
        cfa or row.cfa,
        black_level=black,
        white_level=16383,
        wb_gains=(2.0, 1.0, 2.4),
        xyz_to_camera=row.xyz_to_camera,
        exposure_seconds=seconds,
        make=row.make,
        model=row.model,
    )
    return mosaic


def write_unmarked_png(path, picture):
    """Writes a uint8 or uint16 [H, W, 3] picture as another program does: without our mark, by which results are known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(picture).numpy())


def changed(config, **settings):
    """dataclasses.replace of a TrainingConfig that finds each setting in the part of the config that has it."""
    for part in ("batches", "schedule", "updates", "saving", "watching"):
        value = getattr(config, part)
        names = {field.name for field in dataclasses.fields(value)} & set(settings)
        config = dataclasses.replace(config, **{part: dataclasses.replace(value, **{name: settings.pop(name) for name in names})})
    return dataclasses.replace(config, **settings)


def write_model(folder, camera="bayer", *, copying=True, **options):
    """Writes a model as train.py does.

    Args:
      folder: where to.
      camera: a key of CAMERAS.
      copying: with weights that make the output the input's superpixels, each repeated over its photosites (Bayer, packed input);
        otherwise with random ones.
      **options: of `model.network_for`.
    """
    network = model.network_for(CAMERAS[camera], **{"base_width": 4, **options})
    params = model.initialize_parameters(network)
    if copying:
        for name, value in params.items():
            value.assign(tf.zeros_like(value))
            if name in ("conv1_1/weights", "conv1_2/weights", "conv9_1/weights", "conv9_2/weights"):
                centre = np.zeros(value.shape, np.float32)
                centre[1, 1, -4:] = np.eye(4)  # the skip connection is the second half of the concat
                value.assign(centre)
        rgb = np.array([[1, 0, 0], [0, 0.5, 0], [0, 0, 1], [0, 0.5, 0]], np.float32)
        params["conv10/weights"].assign(np.tile(rgb, 4)[None, None])
    checkpoint.write_config(folder, model.describe(CAMERAS[camera], network, options.get("interface", SID)))
    checkpoint.Store(folder, params).save(1)
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def copying_model(tmp_path_factory):
    """The folder of a Bayer model whose output is the amplified input's superpixels."""
    return write_model(tmp_path_factory.mktemp("copying_model"))


def write_pairs(folder, ids=("00001", "00002", "10001"), size=(96, 120), camera="sony"):
    """Writes a small set in SID's layout: smooth long exposures and noisy shorts a hundred times darker."""
    root = pathlib.Path(folder) / CAMERAS[camera].folder
    for number, scene in enumerate(ids):
        rng = np.random.RandomState(number)
        ramp = np.add.outer(np.linspace(200, 6000, size[0]), np.linspace(0, 4000, size[1]))
        short = np.clip(ramp / 100 + 3 * rng.standard_normal(size) + 512, 0, 16383)
        write_frame(root / "long" / f"{scene}_00_10s.dng", camera, mosaic=(ramp + 512).astype(np.uint16), seconds=10.0)
        write_frame(root / "short" / f"{scene}_00_0.1s.dng", camera, mosaic=short.astype(np.uint16))
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def small_set(tmp_path_factory):
    """A SID-shaped folder with two training scenes and one test scene."""
    return write_pairs(tmp_path_factory.mktemp("small_set"))


@pytest.fixture(scope="session")
def small_model(tmp_path_factory, small_set):
    """A narrow network trained for four steps by train.py, and the folder it was run in."""
    cwd = tmp_path_factory.mktemp("small_model")
    result = run_script("train.py", "--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=model", *SMALL_RUN, "--steps=4", cwd=cwd)
    assert result.returncode == 0, result.stderr
    return cwd


def _virtual_environment(folder):
    """Makes an environment that sees the packages of this one; returns its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = pathlib.Path(
        subprocess.run(
            [folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    (site / "tests.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")) + "\n")
    return folder / "bin"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A function that runs a program of an environment into which a wheel of this package was installed; `bin` is its folder."""
    pytest.importorskip("setuptools", reason="needs setuptools, which builds the wheel")
    pytest.importorskip("pip", reason="needs pip, which builds and installs the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("lowlight_tf", "flags", "models"):  # a copy, for a build leaves its folders in the sources
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, folder / "source"], check=True
    )
    programs = _virtual_environment(folder / "environment")
    subprocess.run(
        [*pip, f"--python={programs / 'python'}", "install", "--quiet", "--no-deps", "--no-index", *folder.glob("*.whl")], check=True
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"

    def run(program, *arguments, cwd):
        command = [str(programs / program), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, env=environment)

    run.bin, run.environment = programs, environment
    return run


SMALL_RUN = ("--patch_size=16", "--base_width=4", "--save_every=2", "--picture_every=2")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A Chromium that keeps the log of its console and of its network."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.get("about:blank")
    yield browser
    browser.quit()
