"""Enhances dark photographs. What it does is in flags/enhance_command.py; see --help."""

from flags import enhance_command

if __name__ == "__main__":
    enhance_command.main()
