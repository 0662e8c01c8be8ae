"""Imports go down only, and the package stays pure TensorFlow: read from the sources with ast."""

import ast
import re

import pytest
from conftest import ROOT

PACKAGE = ROOT / "lowlight_tf"
FILES = sorted(PACKAGE.rglob("*.py"))
EVERYBODY = {"errors", "console", "files", "durable", "memory", "arguments", "versions", "devices", "stages", "beam_jobs"}
COMMANDS = {"api", "describe", "describe_command", "tools", "__main__", "__init__"}


def folder_table():
    """Returns WORKSPACE.md's table of folders, from top to bottom: {folder: the folders that it may import}."""
    section = (ROOT / "WORKSPACE.md").read_text().split("## Folders")[1].split("What everybody uses:")[0]
    rows = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) ?\|$", section, re.MULTILINE)
    return {folder: set(re.findall(r"`(\w+)`", others)) for folder, others in rows}


MAY_IMPORT = folder_table()


def place_of(path):
    """The folder of a file, or the name of a module that is in none."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    """Yields every imported dotted name of a file, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path):
    """Returns the folders and single modules of ours that a file imports."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("lowlight_tf.")}
    return {name for name in names if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


def test_every_module_has_its_place():
    assert {place_of(path) for path in FILES} == {*MAY_IMPORT, *EVERYBODY, *COMMANDS}


def test_the_table_goes_down_only():
    folders = list(MAY_IMPORT)
    for number, folder in enumerate(folders):
        assert MAY_IMPORT[folder] <= set(folders[:number]), f"{folder} imports what stands below it in the table"


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_folders_import_what_the_table_says(folder):
    found = set().union(*(own_imports(path) for path in (PACKAGE / folder).rglob("*.py"))) - {folder}
    assert found - EVERYBODY == MAY_IMPORT[folder]


def test_what_everybody_uses_uses_nobody():
    for name in EVERYBODY:
        assert own_imports(PACKAGE / f"{name}.py") <= EVERYBODY, name


MATHEMATICS = (
    "network/winograd",
    "network/convolution",
    "network/sid",
    "network/denoise20",
    "network/losses",
    "network/optimizer",
    "evaluation/metrics",
)


@pytest.mark.parametrize("module", MATHEMATICS)
def test_the_mathematics_imports_nothing_of_ours(module):
    """But the convolution, the lists of what may be chosen, and, where the convolution chooses an algorithm, what it runs on."""
    ours = {name for name in imports(PACKAGE / f"{module}.py") if name.startswith("lowlight_tf")}
    modules = {name for name in ours if not name.split(".")[-1].isupper() and "convolution." not in name}
    machine = {"lowlight_tf.devices", "lowlight_tf.devices.is_intel"} if module == "network/convolution" else set()
    assert modules - machine - {"lowlight_tf.network"} <= {"lowlight_tf.network.convolution", "lowlight_tf.network.winograd"}


def test_tests_have_the_same_folders():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.glob("test_*.py"))}
    assert folders == set(MAY_IMPORT)


def test_libraries_stay_where_they_belong():
    for path in FILES:
        names = set(imports(path))
        roots = {name.split(".")[0] for name in names}
        assert not re.search(r"\bkeras\b", path.read_text()), path
        assert "flags" not in roots and "absl" not in roots, path
        assert "rawpy" not in roots or path.name == "libraw.py", path
        assert "tensorflow_datasets" not in roots or path.name == "rgb_images.py", path


def test_tensorflow_datasets_is_imported_only_when_it_is_used():
    tree = ast.parse((PACKAGE / "datasets" / "rgb_images.py").read_text())
    assert not [node for node in tree.body if "tensorflow_datasets" in ast.unparse(node) and isinstance(node, (ast.Import, ast.ImportFrom))]


def test_no_import_cycles():
    graph = {}
    for path in FILES:
        modules = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in FILES}
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        graph[name] = {imported for imported in imports(path) if imported in modules} - {name}
    finished, entered = set(), set()

    def visit(module):
        assert module not in entered or module in finished, f"{module} imports itself by way of others"
        if module not in finished:
            entered.add(module)
            for imported in graph[module]:
                visit(imported)
            finished.add(module)

    for module in graph:
        visit(module)


def test_entry_scripts_are_short():
    for name in ("train.py", "test.py", "enhance.py"):
        assert len((ROOT / name).read_text().splitlines()) <= 60
