"""absl flags and presets -> frozen configs. The package below knows nothing of flags."""
