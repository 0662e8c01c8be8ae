"""The package: what pyproject.toml says agrees with the rest, and a wheel of it works from any folder."""

import ast
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, write_frame
from packaging.requirements import Requirement

import lowlight_tf
from lowlight_tf.pictures.image_file import read_picture

COMMANDS = {"lowlight-train": "--camera", "lowlight-test": "--protocol", "lowlight-enhance": "--ratio", "lowlight": "import_slim"}


def project():
    """Returns pyproject.toml."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read TOML; the later versions hold this")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements(name):
    """Returns what a requirements file asks for itself, without what it takes from another."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {line for line in lines if line and not line.startswith("-r")}


@pytest.mark.parametrize(
    "name, extra", [("requirements-dev.txt", "dev"), ("requirements-bench.txt", "bench"), ("requirements-app.txt", "app")]
)
def test_extras_are_the_requirements_files(name, extra):
    assert set(project()["project"]["optional-dependencies"][extra]) == requirements(name)


def test_dependencies_are_requirements_txt():
    assert project()["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    assert "rawpy>=0.27" in requirements("requirements.txt")  # raw.other and raw.lens


def test_an_extra_asks_for_the_versions_that_are_tested():
    extras = project()["project"]["optional-dependencies"]
    assert {*extras["onnx"], *extras["litert"], *extras["beam"], *extras["dask"], *extras["app"]} <= {*extras["dev"]}


def disagreements(wanted):
    """Returns what installed packages ask of each other and do not have, from those that are wanted on downwards."""
    found, seen, waiting = set(), set(), [("", requirement, "") for requirement in wanted]
    while waiting:
        who, text, extra = waiting.pop()
        requirement = Requirement(text)
        if (text, extra) in seen or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        seen.add((text, extra))
        try:
            package = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if who and not requirement.specifier.contains(package.version, prereleases=True):
            found.add(f"{who} asks for {requirement}, not {package.version}")
        for needed in package.requires or ():
            waiting += [(requirement.name, needed, of) for of in ("", *requirement.extras)]
    return found


def test_the_packages_of_all_extras_fit_together(tmp_path, monkeypatch):
    extras = project()["project"]["optional-dependencies"]
    wanted = [*requirements("requirements.txt"), *extras["dev"], *extras["app"], *extras["dask"]]
    assert not disagreements(wanted)
    (tmp_path / "needy-1.0.dist-info").mkdir()
    (tmp_path / "needy-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: needy\nVersion: 1.0\nRequires-Dist: pillow<5\nRequires-Dist: numpy<1; extra == 'old'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    pillow, numpy = (importlib.metadata.version(name) for name in ("pillow", "numpy"))
    assert disagreements([*wanted, "needy"]) == {f"needy asks for pillow<5, not {pillow}"}
    assert f'needy asks for numpy<1; extra == "old", not {numpy}' in disagreements(["needy[old]"])


def test_the_version_is_said_once():
    assert project()["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "lowlight_tf.__version__"}
    assert f"## {lowlight_tf.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {lowlight_tf.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_every_folder_of_python_and_every_model_is_a_package():
    folders = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in (ROOT / "lowlight_tf").rglob("*.py")}
    models = {path.parent.name for path in (ROOT / "models").glob("*/config.json")}
    setup = project()["tool"]["setuptools"]
    assert {*setup["packages"]} == folders | {"lowlight_tf.flags"} | {f"lowlight_tf.models.{name}" for name in models}
    assert all(setup["package-data"][f"lowlight_tf.models.{name}"] == ["*"] for name in models)


def test_the_flags_modules_import_each_other_wherever_they_lie():
    for path in (ROOT / "flags").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "flags"), path


def test_importing_the_package_loads_nothing_and_sets_tensorflows_environment():
    code = (
        "import os, sys, lowlight_tf; assert 'numpy' not in sys.modules and 'tensorflow' not in sys.modules, sorted(sys.modules)\n"
        "assert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '1'"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_wheel_say_what_they_do(installed, tmp_path, command):
    result = installed(command, "--help", cwd=tmp_path)
    assert result.returncode == 0 and COMMANDS[command] in result.stdout, result.stderr
    assert command in result.stdout and "python " not in result.stdout.splitlines()[0]


@pytest.mark.slow
def test_a_wheel_enhances_a_raw_file_from_another_folder(installed, tmp_path):
    write_frame(tmp_path / "a.dng", size=(96, 128), scale=300)
    result = installed("lowlight-enhance", "a.dng", "--format=png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    picture = read_picture(tmp_path / "results" / "enhanced" / "a.png")
    assert picture.shape == (96, 128, 3) and np.mean(picture) > 3000
    where = installed("python", "-c", "import lowlight_tf; print(lowlight_tf.__file__, lowlight_tf.DEFAULT_MODEL)", cwd=tmp_path).stdout
    assert all(not pathlib.Path(path).is_relative_to(ROOT) and pathlib.Path(path).exists() for path in where.split()), where


@pytest.mark.slow
def test_presets_travel_and_no_other_top_level_package_does(installed, tmp_path):
    result = installed("lowlight-train", "--camera=sony", "--dataset=sid", "--data_dir=nowhere", cwd=tmp_path)
    assert result.returncode == 1 and re.search(r"^error: .*nowhere", result.stderr, re.M), result.stderr  # the preset gave it a length
    names = installed(
        "python",
        "-c",
        "import lowlight_tf, pathlib; site = pathlib.Path(lowlight_tf.__file__).parent.parent;"
        "print([p.name for p in site.glob('lowlight_tf*/top_level.txt')], *[p.read_text() for p in "
        "site.glob('lowlight_tf*/top_level.txt')])",
        cwd=tmp_path,
    ).stdout.split()
    assert names == ["['top_level.txt']", "lowlight_tf"]
    assert shutil.which("lowlight-train", path=str(installed.bin))
