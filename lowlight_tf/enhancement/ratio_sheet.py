"""One contact sheet of a photograph at several ratios, to choose from: small, so that it takes a moment."""

import numpy as np

from lowlight_tf.enhancement import exposure
from lowlight_tf.enhancement.engine import network_inputs
from lowlight_tf.isp.noise_estimate import measure_noise
from lowlight_tf.pictures.finishing import Finish, check_finite, finish
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.pictures.panels import labelled
from lowlight_tf.raw.frame import as_seen

_SIDE = 256  # packed pixels of the longer side of a small picture
_STOPS = (-3, -2, -1, 0, 1, 2)
_COLUMNS, _GAP, _STRIP = 3, 8, 26


def sheet_ratios(ratio):
    """Returns the ratios of a sheet: `ratio` and others in whole stops around it, from 1 to what models have seen, ascending."""
    return sorted({min(max(ratio * 2.0**stops, 1.0), exposure.MOST) for stops in _STOPS})


def make_ratio_sheet(packed, frame, ratio, loaded):
    """Runs the network on the shrunken frame at several ratios.

    Args:
      packed: uint16 [h, w, C], its packed counts.
      frame: the Frame.
      ratio: the one that would be taken.
      loaded: a Model.
    Returns:
      uint16 [H, W, 3], the sheet, upright.
    """
    small = exposure.block_means(packed, max(1, max(packed.shape[:2]) // _SIDE))
    noise, panels = measure_noise(small, loaded.camera, frame.black_level, frame.white_level) if loaded.interface.noise_planes else None, []
    for value in sheet_ratios(ratio):
        output = check_finite(loaded.run(network_inputs(small, frame, value * frame.light_gain, loaded, noise))[0], frame.path)
        picture = to_uint8(as_seen(finish(output, None, frame.ccm, loaded.target, Finish()), frame))
        panels.append(labelled(picture, f"--ratio={value:.3g}" + (" (chosen)" if value == ratio else ""), _STRIP, font_size=16))
    blank = np.full_like(panels[0], 255)
    panels += [blank] * (-len(panels) % _COLUMNS)
    rows = [
        np.concatenate([np.pad(panel, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for panel in panels[i : i + _COLUMNS]], axis=1)
        for i in range(0, len(panels), _COLUMNS)
    ]
    return np.concatenate(rows).astype(np.uint16) * 257
