"""What may be chosen: each list stands once, in its folder's page, and flags and tools offer that list without loading TensorFlow."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT, run_script

from lowlight_tf import export, isp, network, raw
from lowlight_tf.export.export import FORMATS
from lowlight_tf.isp.denoise import DENOISERS
from lowlight_tf.network.model import BY_NAME
from lowlight_tf.pictures.finishing import TARGETS


def test_what_is_listed_is_what_there_is():
    assert tuple(BY_NAME) == network.NETWORKS
    assert tuple(DENOISERS) == isp.DENOISERS
    assert tuple(TARGETS) == raw.TARGETS
    assert tuple(FORMATS) == export.FORMATS
    assert {kind for made in FORMATS.values() for kind in made.quantize} == set(export.QUANTIZATIONS)


def _offers(path):
    """Yields (name, node of the values) of each enum flag and each argument with choices of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "DEFINE_enum":
                yield node.args[0].value, node.args[2]
            elif node.func.attr == "add_argument":
                yield from ((ast.unparse(node.args[0]), keyword.value) for keyword in node.keywords if keyword.arg == "choices")


# What is no list of the library: what test.py scores, and whose networks the original's checkpoints hold.
SPELLED = {"model": ["network", "classic"], "'--camera'": ["sony", "fuji"]}


def test_no_list_is_spelled_again():
    found = [offer for path in (*(ROOT / "flags").glob("*.py"), ROOT / "lowlight_tf" / "tools.py") for offer in _offers(path)]
    assert len(found) > 20
    for name, values in found:
        if isinstance(values, ast.List | ast.Tuple) and any(isinstance(value, ast.Constant) and value.value for value in values.elts):
            assert ast.literal_eval(values) == SPELLED.get(name), name


@pytest.mark.parametrize("command", ["train.py", "test.py", "enhance.py", "lowlight_tf/__main__.py"])
def test_help_comes_without_tensorflow(command):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{command!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / command)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "    assert 'tensorflow' not in sys.modules\n"
        "    print('end')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0 and result.stdout.endswith("end\n"), result.stderr


@pytest.mark.parametrize(
    "command, words",
    [
        (("train.py", "--camera=sony", "--model=denoise20"), "--model is called --network here; give --network=denoise20"),
        (("train.py", "--camera=sony", "--model", "denoise20"), "--model is called --network here; give --network=sid"),
        (("lowlight_tf", "describe", "--camera=sony", "--model=denoise20"), "is called --network here; give --network=denoise20"),
        (("test.py", "--checkpoint_dir=m", "--network=sid"), "Unknown command line flag 'network'"),
    ],
)
def test_the_older_name_of_a_flag_says_the_new_one(tmp_path, command, words):
    result = run_script(*command, cwd=tmp_path)
    errors = [line for line in result.stderr.splitlines() if "error: " in line]
    assert result.returncode == 2 and "Traceback" not in result.stderr and len(errors) == 1 and words in errors[0], result.stderr
