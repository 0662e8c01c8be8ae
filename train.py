"""Trains a model. What it does is in flags/train_command.py; see --help."""

from flags import train_command

if __name__ == "__main__":
    train_command.main()
