"""Tests a model. What it does is in flags/test_command.py; see --help."""

from flags.test_command import main

if __name__ == "__main__":
    main()
