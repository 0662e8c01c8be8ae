"""Image datasets of TFDS, prepared on disk, such as CIFAR-10 and ImageNet: low light is simulated in each image as it is read."""

import dataclasses
import typing

import tensorflow as tf

from lowlight_tf.console import quiet_stderr, say
from lowlight_tf.datasets.examples import augment, picture_example
from lowlight_tf.errors import LowlightError
from lowlight_tf.isp.color import srgb_to_linear

_SPLIT = "train"
# Encoded images that wait to be shuffled; TFDS has shuffled them once already when it wrote them.
_BUFFER_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True)
class RgbImages:
    """A pipeline.Source of the images of a TFDS builder.

    Attributes:
      builder: a tfds.core.DatasetBuilder whose files are on disk.
      feature: name of its image feature.
      scenes: number of images; an epoch visits each once.
      buffer: how many of them are shuffled at a time.
    """

    builder: typing.Any
    feature: str
    scenes: int
    buffer: int

    @property
    def identity(self):
        """The dataset, its version and its size."""
        return f"{self.builder.info.full_name} {self.feature} {self.scenes}"

    @property
    def remedy(self):
        """What to do where reading fails."""
        return f"if a file in {self.builder.data_dir} is damaged or gone, prepare the dataset again"

    def entries(self, part, seed):
        """Returns a tf.data.Dataset of (index, encoded image) of a pipeline.Part.

        Examples of the epochs before the part's first are not read, those of its own epoch are read and not decoded.
        """
        first_epoch = part.first // self.scenes
        epochs = tf.data.Dataset.range(first_epoch, -(-part.last // self.scenes))
        with quiet_stderr():  # TFDS warns of its own deprecated properties
            images = epochs.flat_map(tf.autograph.experimental.do_not_convert(lambda epoch: self._epoch(seed, epoch)))
        numbered = images.enumerate(first_epoch * self.scenes)
        return numbered.skip(part.first - first_epoch * self.scenes).take(part.last - part.first).filter(lambda index, _: part.holds(index))

    def _epoch(self, seed, epoch):
        """One epoch's encoded images: shards in a drawn order, then a buffer's worth of images at a time."""
        import tensorflow_datasets as tfds

        order = tf.random.stateless_uniform([], tf.stack([tf.cast(seed, tf.int64), epoch]), None, None, tf.int64)
        reading = tfds.ReadConfig(
            shuffle_seed=order, shuffle_reshuffle_each_iteration=False, try_autocache=False, enable_ordering_guard=False
        )
        encoded = tfds.decode.PartialDecoding({self.feature: True}, decoders={self.feature: tfds.decode.SkipDecoding()})
        images = self.builder.as_dataset(split=_SPLIT, shuffle_files=True, decoders=encoded, read_config=reading)
        return images.map(lambda example: example[self.feature]).shuffle(self.buffer, seed=order, reshuffle_each_iteration=False)

    def example(self, index, encoded, *, seed, camera, config):
        """Turns an entry into a training example; the result is that of `examples.make_example`."""
        seed = tf.stack([tf.cast(seed, tf.int64), index])
        uniform = tf.random.stateless_uniform([5], seed)
        image = self.builder.info.features[self.feature].decode_example(encoded)
        rgb = tf.cast(random_crop(image, crop_side(camera, config.patch_size), uniform[:2]), tf.float32) / 255.0
        rgb = rgb if image.shape[-1] == 3 else tf.repeat(rgb, 3, axis=-1)
        draw = {name: uniform[2 + place] < 0.5 for place, name in enumerate(("flip_rows", "flip_columns", "transpose"))}
        rgb = augment(rgb, draw) if config.keeps_phase else rgb
        inputs, target = picture_example(srgb_to_linear(rgb), tf.random.fold_in(seed, 1), camera, config)
        size = config.patch_size * camera.upscale
        small = size if config.direct_rgb else config.patch_size
        channels = 3 if config.direct_rgb else camera.channels + config.interface.more_channels
        inputs = tf.ensure_shape(inputs[:small, :small], [small, small, channels])
        target = tf.ensure_shape(target[:size, :size], [size, size, 3])
        return (inputs, target) if config.keeps_phase else (augment(inputs, draw), augment(target, draw))


def crop_side(camera, patch_size):
    """Returns the pixels a side of the whole CFA tiles that hold a patch."""
    return -(-patch_size // camera.cells) * camera.tile


def random_crop(image, side, uniform):
    """Crops an image, enlarged first where it is smaller.

    Args:
      image: uint8 [H, W, C].
      side: pixels.
      uniform: float32 [2] in [0, 1), where in the room that there is.
    Returns:
      uint8 [side, side, C].
    """
    size = tf.shape(image)[:2]
    shorter = tf.reduce_min(size)

    def enlarged():  # rounded up, so that no side falls short of `side`
        return tf.cast(tf.round(tf.image.resize(image, (size * side + shorter - 1) // shorter)), tf.uint8)

    image = tf.cond(shorter < side, enlarged, lambda: image)
    room = tf.cast(tf.shape(image)[:2] - side + 1, tf.float32)
    row, column = tf.unstack(tf.cast(uniform * room, tf.int32))
    return image[row : row + side, column : column + side]


def _import_tfds():
    try:
        import tensorflow_datasets as tfds
        from tensorflow_datasets.core import read_only_builder
    except ImportError as error:
        raise LowlightError(f"datasets of TFDS need a package that is missing ({error}); run: pip install -r requirements.txt") from error
    return tfds, read_only_builder.builder_from_files


def _how_to_prepare(tfds, name, data_dir):
    """Says what is to be done for a dataset that is not on disk: nothing is ever downloaded unasked."""
    if name.split("/")[0].split(":")[0] not in tfds.list_builders(with_community_datasets=False):
        return (
            f"no dataset {name} is prepared in {data_dir}, and TFDS {tfds.__version__} knows none of that name; "
            "check --dataset and --data_dir"
        )
    by_hand = ""
    if tfds.builder_cls(name).MANUAL_DOWNLOAD_INSTRUCTIONS:
        by_hand = f"download its archives by hand into {data_dir}/downloads/manual (see tensorflow.org/datasets/catalog/{name}), then "
    return (
        f"{name} is not prepared in {data_dir}; {by_hand}run: "
        f"python -c \"import tensorflow_datasets as tfds; tfds.load('{name}', data_dir='{data_dir}')\""
    )


def _image_feature(tfds, builder, name):
    """Returns the name of the one feature that is an 8-bit grey or RGB image."""
    features = builder.info.features
    images = [
        key
        for key, feature in (features.items() if isinstance(features, tfds.features.FeaturesDict) else ())
        if isinstance(feature, tfds.features.Image)
        and not isinstance(feature, tfds.features.LabeledImage)
        and feature.np_dtype == "uint8"
        and feature.shape[-1] in (1, 3)
    ]
    if "image" in images or len(images) == 1:
        return "image" if "image" in images else images[0]
    raise LowlightError(
        f"{name} has {'several image features' if images else 'no 8-bit grey or RGB image feature'} "
        f"({', '.join(sorted(images or features))}); expected one, or one named image"
    )


def open_images(name, data_dir, camera, patch_size):
    """Opens an image dataset that TFDS has prepared on disk.

    Args:
      name: as TFDS spells it: "cifar10", "my_images/config:1.0.0"; a leading "tfds:" is left out.
      data_dir: TFDS' folder.
      camera: a Camera.
      patch_size: packed pixels.
    Returns:
      An RgbImages of its train split.
    Raises:
      LowlightError: where it is not prepared (with the command that does it), or holds no images to train on.
    """
    tfds, builder_from_files = _import_tfds()
    name = name.removeprefix("tfds:")
    try:
        with quiet_stderr():
            builder = builder_from_files(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise LowlightError(_how_to_prepare(tfds, name, data_dir)) from error
    except Exception as error:  # a name that does not parse, or whatever TFDS meets in damaged metadata
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise LowlightError(f"the dataset {name} in {data_dir} cannot be opened ({reason}); check the name or prepare it anew") from error
    split, feature = builder.info.splits.get(_SPLIT), _image_feature(tfds, builder, name)
    if not split or not split.num_examples:
        raise LowlightError(
            f"{name} in {builder.data_dir} has no images in a split named {_SPLIT}; its splits: {', '.join(builder.info.splits)}"
        )
    shape, side = builder.info.features[feature].shape, crop_side(camera, patch_size)
    say(f"{split.num_examples:,} images of {builder.info.full_name} in {builder.data_dir}.")
    if None not in shape and min(shape[:2]) < side:
        say(f"Its images of {shape[1]}x{shape[0]} are enlarged to hold {side}x{side}; a smaller --patch_size takes them as they are.")
    mean_bytes = split.num_bytes / split.num_examples or 2**17
    return RgbImages(builder, feature, split.num_examples, max(1, min(split.num_examples, int(_BUFFER_BYTES / mean_bytes))))
