"""Pictures in and out: their files, their metadata and profiles, and the last steps from a network's output to a finished picture.

What may be chosen is listed here, so that flags can offer and check it without TensorFlow.
"""

# kind of file to write -> what its name ends with
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "dng": ".dng"}
MOST_STRENGTH = 2.0  # of a Finish
