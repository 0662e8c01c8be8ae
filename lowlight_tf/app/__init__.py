"""The page of `lowlight app`: a folder's photographs looked at, two sliders moved, all of it developed."""
