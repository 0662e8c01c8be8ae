"""Trains a model. What it does is in flags/train_command.py; see --help."""

from flags.train_command import main

if __name__ == "__main__":
    main()
