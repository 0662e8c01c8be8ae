"""The pages: links and anchors lead somewhere, commands name scripts, tools, targets and flags that exist, what stands twice is equal."""

import ast
import re
import shlex

import numpy as np
import pytest
from conftest import ROOT

from benchmarks.__main__ import BENCHMARKS
from lowlight_tf.isp.noise import SONY_A7S2
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.tools import parser_of

_OURS = ("docs", "models", "benchmarks", "tests", "examples", ".ci")
PAGES = sorted([*ROOT.glob("*.md"), *(path for folder in _OURS for path in (ROOT / folder).rglob("*.md"))])
PACKAGE = ROOT / "lowlight_tf"
SCRIPTS = ("train.py", "test.py", "enhance.py")
# Options of Beam's runners, which --beam_args hands on.
_BEAM = {
    "flink_master",
    "environment_type",
    "environment_config",
    "parallelism",
    "spark_master_url",
    "project",
    "region",
    "temp_location",
    "sdk_container_image",
    "service_port",
    "dask_client_address",
    "dask_partition_size",
    "dask_npartitions",
}
_OTHERS = ("apache_beam.runners.worker.worker_pool_main", "pytest", "pip", "venv")  # modules of other packages


def page_name(path):
    return str(path.relative_to(ROOT))


def prose_and_blocks(text):
    """Splits a page into what stands outside of code blocks, and the list of the blocks."""
    parts = re.split(r"^```.*$", text, flags=re.MULTILINE)
    return "\n".join(parts[::2]), parts[1::2]


def anchors(text):
    """Returns the anchors that GitHub gives a page's headings."""
    prose, _ = prose_and_blocks(text)
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path):
    """Yields the relative links of a page that lead nowhere."""
    text = path.read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_and_blocks(text)[0]):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            yield link


def flags_of(module):
    """Reads which flags a file defines, and those of the flags modules that it imports: {name: whether it is a switch}."""
    tree, found = ast.parse((ROOT / module).read_text()), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("flags.DEFINE_"):
            found[node.args[0].value] = ast.unparse(node.func).endswith("_bool")
        elif isinstance(node, ast.ImportFrom) and (node.module == "flags" or (node.level and not node.module)):
            for name in (alias.name for alias in node.names):
                found |= flags_of(f"flags/{name}.py")
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("flags."):
            found |= flags_of(f"{node.module.replace('.', '/')}.py")
    return found


def tool_flags():
    """Returns {tool of python -m lowlight_tf: its flags}."""
    [tools] = [action for action in parser_of("")._actions if action.dest == "tool"]
    return {
        name: {option.lstrip("-") for action in tool._actions for option in action.option_strings} for name, tool in tools.choices.items()
    }


FLAGS = {script: flags_of(script) for script in SCRIPTS}
TOOLS = tool_flags()
TARGETS = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


def unknown_flags(words, known, switches=()):
    for name, value in re.findall(r"(?<![\w-])--([a-z]\w*)(=?)", words):
        plain = name.removeprefix("no")
        if name not in known and not (plain in switches and not value):
            yield f"--{name}"


def wrong_in_script(script, words):
    known = FLAGS[script]
    switches = {name for name, switch in known.items() if switch}
    return list(unknown_flags(re.sub(r"--beam_args='[^']*'", "--beam_args", words), {*known, "help"}, switches))


def wrong_in_module(module, words):
    """Says what is wrong with `python -m module words`."""
    names = [word for word in words.split() if re.fullmatch(r"[a-z]\w+", word)]
    if module == "lowlight_tf":
        if not names or names[0] not in TOOLS:
            return [] if not words.strip() or words.split()[0] == "TOOL" else [f"no tool {words}"]
        return list(unknown_flags(re.sub(r"--beam_args='[^']*'", "--beam_args", words), TOOLS[names[0]]))
    if module == "benchmarks":
        return [name for name in names if name not in BENCHMARKS]
    file = ROOT / (module.replace(".", "/") + ".py")
    return [] if file.is_file() or module in _OTHERS else [f"no module {module}"]


def commands(text):
    """Yields what is said to be run in code blocks and in inline code, continued lines joined and comments left out."""
    prose, blocks = prose_and_blocks(text)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    inline = [code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", prose)]
    for line in [*lines, *inline]:
        yield from re.split(r" && |; ", re.sub(r"(^|\s)#.*$", "", line))


def wrong_in_command(command):
    """Says what is wrong with a command; [] where nothing is, or it is none of those that are looked at."""
    if made := re.match(r"make +([a-z]+)", command):
        return [] if made[1] in TARGETS else [f"no target {made[1]}"]
    if tests := re.match(r"pytest +(.+)", command):
        return [name for name in tests[1].split() if not (ROOT / name).exists()]
    if ran := re.search(r"(?:^|[\s'])python3? +-m +([\w.]+)(.*)", command):
        return wrong_in_module(ran[1], ran[2])
    if ran := re.search(r"(?:^|[\s'])(?:python3? +)?([\w/]+\.py)( .*|$)", command):
        if ran[1] in SCRIPTS:
            return wrong_in_script(ran[1], ran[2])
        return [f"no script {ran[1]}"] if "python" in command and not (ROOT / ran[1]).is_file() else []
    if re.match(r"--[a-z]", command):
        known = set().union(*FLAGS.values(), *TOOLS.values(), _BEAM)
        return list(unknown_flags(command, known, {name for known in FLAGS.values() for name in known}))
    return []


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_links_and_commands(path):
    text = path.read_text()
    assert list(broken_links(path)) == []
    assert {command: wrong for command in commands(text) if (wrong := wrong_in_command(command))} == {}


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_the_tools_take_the_commands_of_the_blocks(path):
    """Values, too, by the tools' own parser."""
    for block in prose_and_blocks(path.read_text())[1]:
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.startswith("python -m lowlight_tf "):
                words = shlex.split(line, comments=True)[3:]
                assert parser_of("").parse_args(words).tool == words[0], line


@pytest.mark.parametrize(
    "command, wrong",
    [
        ("python train.py --camera=sony --nowhite_balance_input", []),
        ("python train.py --camera=sony --nosteps", ["--nosteps"]),
        ("python train.py --learning-rates=1", ["--learning"]),
        ("exec python train.py --max_hour=3", ["--max_hour"]),
        ("python gone.py", ["no script gone.py"]),
        ("enhance.py --beam_runner=FlinkRunner --beam_args='--flink_master=a:1'", []),
        ("enhance.py --protocol=sid-00", ["--protocol"]),
        ("python -m lowlight_tf plan --epoch=3", ["--epoch"]),
        ("python -m lowlight_tf simulation", ["no tool  simulation"]),
        ("python -m benchmarks winograd speed", ["speed"]),
        ("python -m benchmarks.gone CROPS", ["no module benchmarks.gone"]),
        ("make tests", ["no target tests"]),
        ("pytest tests/test_gone.py", ["tests/test_gone.py"]),
        ("--strenght=1", ["--strenght"]),
    ],
)
def test_wrong_commands_are_found(command, wrong):
    assert wrong_in_command(command) == wrong


def test_wrong_links_are_found(tmp_path):
    (tmp_path / "b.md").write_text("# What's `--here`?\n")
    (tmp_path / "a.md").write_text("# A\n[1](b.md) [2](c.md) [3](b.md#whats---here) [4](b.md#there) [5](#a) [6](#b) [7](https://a.b/c)\n")
    assert list(broken_links(tmp_path / "a.md")) == ["c.md", "b.md#there", "#b"]


def test_presets_hold_flags_of_training():
    for path in (ROOT / "flags").glob("*.flags"):
        assert wrong_in_script("train.py", path.read_text()) == [], path


@pytest.mark.parametrize("module", sorted((ROOT / "flags").glob("*_flags.py")), ids=lambda path: path.stem)
def test_help_is_one_line_of_its_own(module):
    """Each flag is explained by itself: the words begin with what it is, and do not go on in the next flag's."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("flags.DEFINE_"):
            text = node.args[3 if "_enum" in ast.unparse(node.func) else 2]
            words = "".join(part.value for part in ast.walk(text) if isinstance(part, ast.Constant))
            assert 20 < len(words) < 200 and "\n" not in words, ast.unparse(node)
            assert not re.match(r"(of|in|or|and|to) ", words) and not re.search(r"(, or|,|:|;)$", words), ast.unparse(node)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def mapped_modules(words):
    """Returns the modules in the first cells of the map's tables; a name without a folder is in the folder of the one before it."""
    found = set()
    for row in re.findall(r"^\| (`[^|]*`) \|", words, re.MULTILINE):
        folder = ""
        for name in re.findall(r"`([\w/]+\.py)`", row):
            folder = name.rpartition("/")[0] or folder
            found.add(f"{folder}/{name.rpartition('/')[2]}".lstrip("/"))
    return found


def test_the_map_lists_every_module_and_decision():
    words = (ROOT / "WORKSPACE.md").read_text()
    modules = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    tables = words.split("## Folders")[1].split("## Decisions")[0]
    assert {name for name in modules if not name.endswith("__init__.py")} <= mapped_modules(tables)
    assert mapped_modules(tables) <= modules | set(SCRIPTS) | {"flags/entry.py"}
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        title, text = page.read_text().split("\n", 1)
        for anchor in anchors(text) - anchors(title):
            assert f"(docs/decisions/{page.name}#{anchor})" in words, f"{page.name}#{anchor} is not in WORKSPACE.md"


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_code_that_is_named_is_there(path):
    """Files such as `isp/noise.py`, and what modules hold, such as `isp/noise.add_noise`."""
    for code in re.findall(r"`([\w/.]+)`", prose_and_blocks(path.read_text())[0]):
        if code.endswith(".py"):
            assert any((ROOT / folder / code).is_file() for folder in ("", "tests", "benchmarks")) or any(PACKAGE.rglob(code)), code
        elif re.fullmatch(r"[\w/]+\.[A-Za-z_]+", code) and not code.endswith((".png", ".json", ".html", ".csv", ".md", ".npz")):
            module, name = code.rsplit(".", 1)
            texts = [file.read_text() for file in PACKAGE.rglob(f"{module}.py")]
            assert not texts or any(re.search(rf"^(def |class )?{name}\b", text, re.MULTILINE) for text in texts), code


def test_no_words_that_stop_a_reader():
    texts = {path: path.read_text() for path in (*PAGES, *(ROOT / "flags").iterdir()) if path.is_file()}
    for path, text in texts.items():
        assert "in the place of" not in text.replace("\n", " "), path
    for path in (*texts, *PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")):
        assert not re.search(r"\bprotocol(?:'s)?,? \(?facts? \d", path.read_text()), f"{path}: docs/protocol.md has no numbers"


def table_below(page, heading):
    """Returns the rows of the first table below a heading, cells stripped, without its head."""
    section = (ROOT / "docs" / page).read_text().split(f"# {heading}\n")[1]
    rows = [line for line in section.split("\n#")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_the_x_trans_table_is_the_cameras():
    order = CAMERAS["fuji"].pack_order
    for channel, color, *sources in table_below("protocol.md", "X-Trans: nine channels"):
        places = [tuple(map(int, re.findall(r"\d", source))) for source in sources]
        assert places == [cell[int(channel)] for cell in order]
        assert {CAMERAS["fuji"].cfa[row * 6 + column] for row, column in places} == {color}


def test_the_noise_table_is_the_simulators():
    rows = [" ".join(row[1:]).replace("\N{MINUS SIGN} ", "-") for row in table_below("simulate.md", "Noise in figures")]
    said = [tuple(map(float, re.findall(r"-?\d\.\d+", row))) for row in rows]
    np.testing.assert_equal(said, [SONY_A7S2.gaussian_read, SONY_A7S2.tukey_read, SONY_A7S2.row])
