"""From a folder of photographs to finished pictures, tile by tile."""
