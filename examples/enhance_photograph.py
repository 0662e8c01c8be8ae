"""Makes one dark photograph bright: python examples/enhance_photograph.py IMG_0001.ARW bright.png

Any raw file, JPEG, PNG or TIFF will do. Without a photograph, one is taken in simulated low light.
"""

import sys

import imageio.v3 as imageio
import skimage.data

import lowlight_tf


def main(photograph=None, output="bright.png"):
    model = lowlight_tf.load()  # the model that ships, of any Bayer camera
    if photograph is None:
        photograph, _ = lowlight_tf.simulate(skimage.data.astronaut(), "bayer", ratio=100, seed=1)
    picture = model(photograph)  # uint8 [H, W, 3], sRGB; ratio and strength are chosen by the frame
    imageio.imwrite(output, picture)
    print(f"{output}: {picture.shape[1]}x{picture.shape[0]}, mean {picture.mean():.0f} of 255")


if __name__ == "__main__":
    main(*sys.argv[1:])
