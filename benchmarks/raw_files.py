"""Raw files to be timed on."""

import numpy as np


def write_raw(path, counts):
    """Writes counts [H, W] as a DNG of the camera `bayer`, 512 at black and 16383 at white, exposed for a tenth of a second."""
    from lowlight_tf.pictures.image_file import write_dng
    from lowlight_tf.raw.cameras import CAMERAS

    camera = CAMERAS["bayer"]
    write_dng(
        path,
        np.clip(counts, 0, 16383).astype(np.uint16),
        camera.cfa,
        black_level=512,
        white_level=16383,
        wb_gains=(2, 1, 2),
        xyz_to_camera=camera.xyz_to_camera,
        exposure_seconds=0.1,
        make=camera.make,
        model=camera.model,
    )
