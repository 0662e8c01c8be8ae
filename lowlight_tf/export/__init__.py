"""From a checkpoint to the formats of other runtimes."""
