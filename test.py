"""Tests a model. What it does is in flags/test_command.py; see --help."""

from flags import test_command

if __name__ == "__main__":
    test_command.main()
