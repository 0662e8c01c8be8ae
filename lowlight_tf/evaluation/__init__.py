"""From a checkpoint to its scores."""
