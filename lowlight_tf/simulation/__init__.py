"""From photographs to raw files of the dark."""
