"""From a camera's file to light: counts, levels, colour and the packed planes that a network sees."""
