"""Takes a bright photograph again in low light: python examples/simulate_low_light.py photograph.jpg 250

Writes long.png, what a long exposure shows, and short.png, the short exposure, amplified: the light is there again, and so is the noise.
"""

import sys

import imageio.v3 as imageio
import numpy as np
import skimage.data

import lowlight_tf


def main(photograph=None, ratio=250):
    picture = skimage.data.astronaut() if photograph is None else imageio.imread(photograph)[..., :3]
    short, target = lowlight_tf.simulate(picture, "sony", ratio=float(ratio), seed=1)
    print(
        f"{short.mosaic.shape[1]}x{short.mosaic.shape[0]} counts, {short.black_level[0]:.0f} to {short.white_level}, mean "
        f"{short.mosaic.mean():.1f}; white balance {', '.join(f'{gain:.2f}' for gain in short.wb_gains)}"
    )
    imageio.imwrite("long.png", np.rint(np.clip(target, 0, 1) * 255).astype(np.uint8))
    model = lowlight_tf.load()
    imageio.imwrite("short.png", model(short, ratio=float(ratio), strength=0))  # strength 0: the plain rendering, no network
    print("Look at long.png and short.png.")


if __name__ == "__main__":
    main(*sys.argv[1:])
