"""Enhances dark photographs. What it does is in flags/enhance_command.py; see --help."""

from flags.enhance_command import main

if __name__ == "__main__":
    main()
