"""Imports go down only, and the package stays pure TensorFlow: read from the sources with ast."""

import ast
import re

import pytest
from conftest import ROOT

LAYERS = {
    "errors": 0,
    "devices": 0,
    "beam_jobs": 0,
    "console": 0,
    "files": 0,
    "provenance": 0,
    "versions": 0,
    "arguments": 0,
    "cameras": 0,
    "tiff_tags": 0,
    "raw_container": 0,
    "dng_tags": 0,
    "libraw": 1,
    "raw_levels": 1,
    "raw_borders": 1,
    "raw_color": 1,
    "raw_file": 1,
    "rendering": 1,
    "defects": 1,
    "gain_maps": 1,
    "color_profile": 1,
    "png_chunks": 1,
    "tiff_picture": 1,
    "image_file": 1,
    "linear_file": 1,
    "metadata": 1,
    "exif_output": 1,
    "photo_file": 1,
    "photograph_files": 1,
    "shutter": 0,
    "packing": 1,
    "winograd": 1,
    "network": 1,
    "denoise20": 1,
    "losses": 1,
    "metrics": 1,
    "optimizer": 1,
    "light": 1,
    "model": 1,
    "isp": 1,
    "raw_histogram": 1,
    "report_pictures": 1,
    "datasets": 2,
    "checkpoint": 2,
    "slim_checkpoint": 2,
    "frame": 1,
    "raw_frame": 2,
    "picture_frame": 2,
    "frame_source": 2,
    "exposure": 2,
    "tiling": 1,
    "finishing": 1,
    "weights": 1,
    "jobs": 2,
    "stages": 0,
    "engine": 3,
    "enhancement": 3,
    "enhancement_beam": 3,
    "ratio_sheet": 3,
    "shipping": 3,
    "inspecting": 3,
    "evaluation": 3,
    "scores": 3,
    "loading": 2,
    "overview": 3,
    "html_report": 3,
    "report_entries": 3,
    "subjects": 3,
    "replicas": 3,
    "report": 3,
    "training": 3,
    "training_config": 3,
    "training_data": 3,
    "transfer": 3,
    "transfer_study": 3,
    "study_report": 3,
    "plan": 3,
    "export": 3,
    "export_graph": 3,
    "export_onnx": 3,
    "export_litert": 3,
    "importing": 3,
    "simulation": 3,
    "simulation_plan": 3,
    "simulation_beam": 3,
    "simulation_figure": 3,
    "api": 3,
    "describe": 3,
    "__main__": 4,
}
PACKAGE = ROOT / "lowlight_tf"
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path):
    """Yields every imported dotted name of a file, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_modules(path):
    """Returns the layers' modules of ours that a file imports."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("lowlight_tf.")}
    return {name for name in names if name in LAYERS}


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "__init__.py" or path.parent != PACKAGE], ids=lambda p: p.stem)
def test_imports_go_down_only(path):
    module = module_of(path)
    assert module in LAYERS, f"{path} has no layer: add it here and to WORKSPACE.md"
    for imported in own_modules(path) - {module}:
        assert LAYERS[imported] <= LAYERS[module], f"{path} imports {imported}, which is above it"


@pytest.mark.parametrize("module", ["winograd", "network", "denoise20", "losses", "metrics", "optimizer"])
def test_the_mathematics_imports_nothing_of_ours(module):
    assert own_modules(PACKAGE / f"{module}.py") <= {"winograd"}


@pytest.mark.parametrize(
    "importer, forbidden",
    [
        ("datasets", {"network", "denoise20"}),
        ("training", {"raw_file"}),
        ("evaluation", {"training"}),
        ("enhancement", {"training"}),
        ("engine", {"training"}),
        ("replicas", {"training"}),
        ("report", {"training"}),
    ],
)
def test_forbidden_pairs(importer, forbidden):
    for path in FILES:
        if module_of(path) == importer:
            assert not own_modules(path) & forbidden, path


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
        graph.setdefault(module_of(path), set()).update(own_modules(path) - {module_of(path)})
    finished, entered = set(), set()

    def visit(module):
        assert module not in entered or module in finished, f"{module} imports itself by way of others"
        if module not in finished:
            entered.add(module)
            for imported in graph.get(module, ()):
                visit(imported)
            finished.add(module)

    for module in graph:
        visit(module)


def test_entry_scripts_are_short():
    for name in ("train.py", "test.py", "enhance.py"):
        assert len((ROOT / name).read_text().splitlines()) <= 60
