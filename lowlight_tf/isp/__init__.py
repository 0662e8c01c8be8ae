"""The camera's image pipeline, both ways: colour conversions, sRGB -> raw, and what low light does to raw."""
