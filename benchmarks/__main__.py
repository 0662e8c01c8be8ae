"""Runs every benchmark in a process of its own and writes benchmarks/RESULTS.md."""

import os
import pathlib
import platform
import re
import subprocess
import sys

import numpy
import tensorflow

HERE = pathlib.Path(__file__).parent
BENCHMARKS = ("training_step", "contenders", "input_pipeline", "resume", "simulation_speed", "enhancement",
              "scaling", "overlap", "up_filters", "winograd")


def machine():
    """Returns the lines that say what was measured on."""
    facts = pathlib.Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    versions = f"Python {platform.python_version()}, TensorFlow {tensorflow.__version__}, numpy {numpy.__version__}"
    return f"{processor}, {os.cpu_count()} cores; {versions}"


def read_sections(path):
    """Returns {benchmark: its text} of an earlier RESULTS.md."""
    parts = re.split(r"^## (\w+)\n", path.read_text(), flags=re.MULTILINE)[1:] if path.is_file() else []
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2])}


def main():
    """Runs the benchmarks named on the command line, or all; the sections of the others stay."""
    path = HERE / "RESULTS.md"
    sections = read_sections(path)
    for name in sys.argv[1:] or BENCHMARKS:
        result = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], capture_output=True, text=True, cwd=HERE.parent)
        print(result.stdout)
        if result.returncode:
            sys.exit(f"benchmarks.{name} failed:\n{result.stderr}")
        sections[name] = f"{machine()}\n\n{result.stdout.strip()}"
        body = "\n\n".join(f"## {name}\n\n{sections[name]}" for name in BENCHMARKS if name in sections)
        path.write_text(f"# Measured results\n\nWritten by `make bench`; one part alone: `python -m benchmarks NAME`.\n\n{body}\n")


if __name__ == "__main__":
    main()
