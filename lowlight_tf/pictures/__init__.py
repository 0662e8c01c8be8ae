"""Pictures in and out: their files, their metadata and profiles, and the last steps from a network's output to a finished picture."""
