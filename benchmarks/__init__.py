"""The README's measured claims, each re-runnable: python -m benchmarks."""
