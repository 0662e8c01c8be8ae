"""Runs every benchmark in a process of its own and writes benchmarks/RESULTS.md."""

import os
import pathlib
import platform
import subprocess
import sys

import numpy
import tensorflow

HERE = pathlib.Path(__file__).parent
BENCHMARKS = ("training_step", "input_pipeline", "resume")


def machine():
    """Returns the lines that say what was measured on."""
    facts = pathlib.Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    versions = f"Python {platform.python_version()}, TensorFlow {tensorflow.__version__}, numpy {numpy.__version__}"
    return f"{processor}, {os.cpu_count()} cores; {versions}"


def main():
    sections = ["# Measured results", "", "Written by `make bench`; each part alone: `python -m benchmarks.NAME`.", "", machine(), ""]
    for name in sys.argv[1:] or BENCHMARKS:
        result = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], capture_output=True, text=True, cwd=HERE.parent)
        print(result.stdout)
        if result.returncode:
            sys.exit(f"benchmarks.{name} failed:\n{result.stderr}")
        sections += [f"## {name}", "", result.stdout.strip(), ""]
    (HERE / "RESULTS.md").write_text("\n".join(sections))


if __name__ == "__main__":
    main()
