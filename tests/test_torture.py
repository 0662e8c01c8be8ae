"""A sample of `make torture`: tools killed, and refused the disk, at some of the files that they touch."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("tools, trials", [("ship,simulate,enhance", 9)])
def test_some_trials_go_well(tools, trials):
    command = [sys.executable, "-m", "tests.torture", f"--tools={tools}", f"--trials={trials}", "--seed=1", "--seconds=200"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{trials} of " in result.stdout and "0 went wrong" in result.stdout, result.stdout
