"""Runs every benchmark in a process of its own and writes benchmarks/RESULTS.md, which keeps what was measured on other processors.

python -m benchmarks                     all that need no data
python -m benchmarks winograd overlap    these
python -m benchmarks variations CROPS    one that needs data, with its arguments
"""

import os
import pathlib
import platform
import re
import subprocess
import sys

import numpy
import tensorflow

from lowlight_tf.devices import processor

HERE = pathlib.Path(__file__).parent
BENCHMARKS = (
    "training_step",
    "contenders",
    "input_pipeline",
    "resume",
    "simulation_speed",
    "loader_threads",
    "enhancement",
    "scaling",
    "strips",
    "beam_job",
    "overlap",
    "startup",
    "up_filters",
    "winograd",
    "qualities",
    "variations",
    "classic_sweep",
)
OF_DATA = ("variations", "classic_sweep")
MAY_HAVE_DATA = ("qualities",)


def machine():
    """Returns the lines that say what was measured on."""
    versions = f"Python {platform.python_version()}, TensorFlow {tensorflow.__version__}, numpy {numpy.__version__}"
    return f"{processor()}, {os.cpu_count()} cores; {versions}"


def read_sections(path):
    """Returns {(benchmark, processor): its text} of an earlier RESULTS.md."""
    parts = re.split(r"^## (\w+), (.+)\n", path.read_text(), flags=re.MULTILINE)[1:] if path.is_file() else []
    return {(name, on): text.strip() for name, on, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}


def page(sections):
    """Returns the text of RESULTS.md, from {(benchmark, processor): its text}."""
    ordered = sorted(sections, key=lambda key: ([*BENCHMARKS, key[0]].index(key[0]), key))  # what is no benchmark any more comes last
    body = "\n\n".join(f"## {name}, {on}\n\n{sections[name, on]}" for name, on in ordered)
    return f"# Measured results\n\nWritten by `make bench`; one part alone: `python -m benchmarks NAME`.\n\n{body}\n"


def asked(words):
    """Parts the command line into the benchmarks to run, and the arguments of those that need data."""
    named, arguments = [word for word in words if word in BENCHMARKS], [word for word in words if word not in BENCHMARKS]
    names = named or [name for name in BENCHMARKS if name not in OF_DATA]
    if arguments and not set(named) & {*OF_DATA, *MAY_HAVE_DATA}:
        sys.exit(f"there is no benchmark {arguments[0]}; expected some of {', '.join(BENCHMARKS)}")
    return names, arguments


def main():
    """Runs the benchmarks that are asked for; the sections of the others stay."""
    path = HERE / "RESULTS.md"
    sections = read_sections(path)
    names, arguments = asked(sys.argv[1:])
    for name in names:
        command = [sys.executable, "-m", f"benchmarks.{name}", *(arguments if name in OF_DATA + MAY_HAVE_DATA else ())]
        result = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
        print(result.stdout)
        if result.returncode:
            sys.exit(f"benchmarks.{name} failed:\n{result.stderr}")
        sections[name, processor() or "unknown processor"] = f"{machine()}\n\n{result.stdout.strip()}"
        path.write_text(page(sections))


if __name__ == "__main__":
    main()
