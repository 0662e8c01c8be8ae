"""TFDS image datasets: read in an order that is a pure function of (seed, index), darkened on the fly, and errors that say what to do."""

import csv
import dataclasses
import io
import json
import sys

import imageio.v3 as imageio
import numpy as np
import pytest
import tensorflow as tf
from conftest import changed, expect_failure, run_script

from lowlight_tf.datasets import DataConfig, pipeline, rgb_images
from lowlight_tf.datasets.examples import ExampleConfig, Simulation
from lowlight_tf.errors import LowlightError, Problems
from lowlight_tf.isp.color import bt709_to_linear, srgb_to_linear
from lowlight_tf.network.model import network_for
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training import train
from lowlight_tf.training.config import Batches, TrainingConfig, Watching
from lowlight_tf.training.schedule import Schedule

tfds = pytest.importorskip("tensorflow_datasets")
SONY, SIMULATED = CAMERAS["sony"], Simulation(noise="gaussian")
RGB = {"image": tfds.features.Image(shape=(None, None, 3)), "label": tfds.features.ClassLabel(num_classes=10)}
CIFAR10 = {"id": tfds.features.Text(), "image": tfds.features.Image(shape=(32, 32, 3)), "label": tfds.features.ClassLabel(num_classes=10)}


def prepare(data_dir, name, features, examples, *, shards=3, split="train"):
    """Writes examples as a dataset that TFDS has prepared: TFRecord shards and metadata."""
    folder, features = data_dir / name / "1.0.0", tfds.features.FeaturesDict(features)
    folder.mkdir(parents=True)
    records = [features.serialize_example(features.encode_example(example)) for example in examples]
    lengths = [len(records[shard::shards]) for shard in range(shards)]
    for shard in range(shards):
        with tf.io.TFRecordWriter(str(folder / f"{name}-{split}.tfrecord-{shard:05}-of-{shards:05}")) as writer:
            for record in records[shard::shards]:
                writer.write(record)
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name=name, split=split, filetype_suffix="tfrecord")
    info = tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=sum(map(len, records)), filename_template=template)
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features, split_infos=[info], check_data=False)
    return data_dir


def flat_colors(number):
    """Colours of the flat images, told apart by red against green."""
    return [(60 + 5 * i, 180 - 5 * i, 90) for i in range(number)]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A real dataset, `flat`: 23 flat images of 32x32 pixels, from a folder of pictures by way of TFDS' ImageFolder."""
    root = tmp_path_factory.mktemp("tfds")
    for i, color in enumerate(flat_colors(23)):
        path = root / "pictures" / "train" / "any" / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        imageio.imwrite(path, np.full((32, 32, 3), color, np.uint8))
    folder = tfds.folder_dataset.ImageFolder(str(root / "pictures"))
    pictures = folder.as_dataset(split="train", decoders={"image": tfds.decode.SkipDecoding()}).as_numpy_iterator()
    features = CIFAR10 | {"image": tfds.features.Image(shape=(32, 32, 3), encoding_format="png")}
    examples = [{"id": str(i), "image": io.BytesIO(picture["image"]), "label": 0} for i, picture in enumerate(pictures)]
    assert len(examples) == 23
    return prepare(root / "data", "flat", features, examples)


@pytest.fixture(scope="module")
def flat(data_dir):
    return rgb_images.open_images("tfds:flat", str(data_dir), SONY, 16)


def indices_and_images(source, first_step, last_step, batch_size=4, seed=3, start=0, size=None):
    part = pipeline.Part(first_step, last_step, batch_size, start, size or batch_size)
    return [(int(index), image.numpy()) for index, image in source.entries(part, seed)]


def batches(source, camera="sony", patch_size=16, direct_rgb=False, **options):
    defaults = dict(batch_size=4, seed=3, first_step=0, last_step=5)
    config = ExampleConfig(patch_size, simulation=SIMULATED, direct_rgb=direct_rgb)
    made = pipeline.training_batches(source, CAMERAS[camera], config, **defaults | options)
    return [tuple(part.numpy() for part in batch) for batch in made]


def test_an_epoch_visits_each_image_once_in_an_order_of_its_own(flat):
    seen = indices_and_images(flat, 0, 30)
    assert [index for index, _ in seen] == list(range(120)) and flat.scenes == 23
    epochs = [tuple(image for _, image in seen[23 * epoch : 23 * epoch + 23]) for epoch in range(5)]
    assert all(len(set(epoch)) == 23 for epoch in epochs)
    assert len(set(epochs)) == 5
    assert indices_and_images(flat, 0, 5, seed=4) != seen[:20]


def test_a_buffer_smaller_than_the_set_loses_and_repeats_nothing(flat):
    small = dataclasses.replace(flat, buffer=4)
    seen = indices_and_images(small, 0, 12)
    assert len({image for _, image in seen[:23]}) == 23 and len({image for _, image in seen[23:46]}) == 23
    assert [image for _, image in seen[:23]] != [image for _, image in seen[23:46]]
    assert indices_and_images(small, 9, 12) == seen[36:]


@pytest.mark.parametrize("first_step", [1, 5, 6, 7, 23, 29])
def test_what_a_step_sees_does_not_depend_on_where_the_run_began(flat, first_step):
    assert indices_and_images(flat, first_step, 30) == indices_and_images(flat, 0, 30)[4 * first_step :]


def test_resumed_batches_are_equal_bit_for_bit(flat):
    whole, resumed = batches(flat, last_step=8), batches(flat, first_step=6, last_step=8)
    for before, after in zip(whole[6:], resumed, strict=True):
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])


@pytest.mark.parametrize("shares", [[(2, 0, 2)], [(2, 0, 1), (2, 1, 1)], [(4, 0, 2), (4, 2, 2)]])
def test_shares_make_up_the_same_global_batches(flat, shares):
    whole = [batch[0] for batch in batches(flat, last_step=8)]
    parts = [np.concatenate([batch[0] for batch in batches(flat, last_step=8, share=pipeline.Share(*share))]) for share in shares]
    np.testing.assert_array_equal(np.concatenate([part.reshape(8, -1, 16, 16, 4) for part in parts], axis=1), np.stack(whole))


def test_an_example_is_its_image_in_low_light(flat):
    """The target is the image dimmed: its red against its green tells which; the amplified input scatters around it."""
    config = ExampleConfig(16, simulation=Simulation(noise="poisson", darkest=0.9))
    for index, encoded in indices_and_images(flat, 0, 3):
        inputs, target = flat.example(tf.constant(index, tf.int64), tf.constant(encoded), seed=3, camera=SONY, config=config)
        color = srgb_to_linear(tf.image.decode_png(encoded)[0, 0] / 255)
        light = bt709_to_linear(target)
        brightness = light[0, 0] / color
        assert 0.9 <= float(brightness[0]) <= 1.001
        np.testing.assert_allclose(light, tf.broadcast_to(color * brightness[0], [32, 32, 3]), atol=1e-4)
        assert inputs.shape == (16, 16, 4) and float(tf.math.reduce_std(inputs[..., 1])) > 0
        assert 0.2 < float(tf.reduce_mean(inputs) / tf.reduce_mean(light)) < 1.5


@pytest.mark.parametrize("camera, patch_size", [("sony", 16), ("fuji", 10), ("fuji", 9), ("fuji", 16)])
@pytest.mark.parametrize("direct_rgb", [False, True])
def test_batches_have_the_shapes_and_ranges_of_the_contract(flat, camera, patch_size, direct_rgb):
    row = CAMERAS[camera]
    side = patch_size * row.upscale
    for inputs, target in batches(flat, camera, patch_size, direct_rgb, last_step=2):
        assert target.shape == (4, side, side, 3)
        assert inputs.shape == ((4, side, side, 3) if direct_rgb else (4, patch_size, patch_size, row.channels))
        assert inputs.dtype == target.dtype == np.float32
        assert inputs.min() >= 0 and inputs.max() <= 1 and target.min() >= 0 and target.max() <= 1 and target.std() > 0


def test_crops_hold_whole_tiles():
    assert [rgb_images.crop_side(SONY, size) for size in (15, 16)] == [30, 32]
    assert [rgb_images.crop_side(CAMERAS["fuji"], size) for size in (9, 10, 16)] == [30, 30, 48]


def test_crops_reach_every_place_and_small_images_are_enlarged():
    image = tf.constant(np.stack(np.mgrid[0:10, 0:12], axis=-1).astype(np.uint8))
    drawn = np.random.RandomState(0).uniform(size=(400, 2)).astype(np.float32)
    corners = {tuple(rgb_images.random_crop(image, 8, u)[0, 0].numpy().tolist()) for u in drawn}
    assert corners == {(row, column) for row in range(3) for column in range(5)}
    almost = np.nextafter(np.float32(1), np.float32(0))
    assert rgb_images.random_crop(image, 8, tf.constant([almost, almost])).shape == (8, 8, 2)
    for side in (16, 25, 31):
        large = rgb_images.random_crop(image, side, tf.constant([0.0, almost])).numpy().astype(int)
        assert large.shape == (side, side, 2) and large[0, 0, 0] == 0 and large[-1, 0, 0] == 9 and large[0, -1, 1] == 11


def test_grey_images_become_rgb(tmp_path):
    features = {"image": tfds.features.Image(shape=(28, 28, 1))}
    prepare(tmp_path, "digits", features, [{"image": np.full((28, 28, 1), 20 * i, np.uint8)} for i in range(12)])
    source = rgb_images.open_images("tfds:digits:1.0.0", str(tmp_path), SONY, 14)
    for inputs, target in batches(source, patch_size=14, last_step=3):
        assert inputs.shape == (4, 14, 14, 4) and target.shape == (4, 28, 28, 3)
        np.testing.assert_allclose(target[..., 0], target[..., 1], atol=1e-6)


@pytest.mark.parametrize("name, features", [("cifar10", CIFAR10), ("imagenet2012", RGB | {"file_name": tfds.features.Text()})])
def test_the_named_datasets_as_tfds_mocks_them(tmp_path, name, features):
    example = {"id": "", "image": np.zeros((32, 32, 3), np.uint8), "label": 0, "file_name": ""}
    prepare(tmp_path, name, features, [{key: example[key] for key in features}] * 9)
    with tfds.testing.mock_data(num_examples=9, data_dir=str(tmp_path)):
        source = rgb_images.open_images(name, str(tmp_path), SONY, 16)
        assert source.scenes == 9 and name in source.identity
        whole, resumed = batches(source, last_step=5), batches(source, first_step=3, last_step=5)
    assert all(inputs.shape == (4, 16, 16, 4) and target.std() > 0.01 for inputs, target in whole)
    np.testing.assert_array_equal(whole[3][0], resumed[0][0])


def config_for(folder, data_dir, **changes):
    config = TrainingConfig(
        camera=SONY,
        network=network_for(SONY, base_width=4),
        data=DataConfig(dataset="tfds:flat", data_dir=str(data_dir)),
        checkpoint_dir=str(folder / "model"),
        batches=Batches(16, 4),
        schedule=Schedule(9),
        watching=Watching(picture_every=0),
    )
    return changed(config, **changes)


def losses(folder):
    with open(folder / "model" / "history.csv") as file:
        return list(csv.reader(file))


def test_a_resumed_run_repeats_an_undisturbed_one(tmp_path, data_dir):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    train.train(config_for(tmp_path / "a", data_dir), Problems())
    for steps in (5, 9):
        train.train(config_for(tmp_path / "b", data_dir, steps=steps), Problems())
    assert len(losses(tmp_path / "a")) == 10 and losses(tmp_path / "a") == losses(tmp_path / "b")


def test_two_replicas_equal_one(tmp_path, data_dir):
    (tmp_path / "one").mkdir(), (tmp_path / "two").mkdir()
    for name, replicas in (("one", 1), ("two", 2)):
        train.train(config_for(tmp_path / name, data_dir, num_replicas=replicas, steps=7), Problems())
    for before, after in zip(losses(tmp_path / "one")[1:], losses(tmp_path / "two")[1:], strict=True):
        assert float(before[1]) == pytest.approx(float(after[1]), abs=1e-5)


def test_epochs_are_counted_in_images(tmp_path, data_dir):
    assert train.train(config_for(tmp_path, data_dir, steps=0, epochs=2), Problems()) == 12  # 2 * 23 / 4, rounded up


@pytest.mark.parametrize("network_input", ["packed", "rgb"])
def test_the_script_trains_on_images_of_32_pixels(tmp_path, data_dir, network_input):
    cifar = tmp_path / "data"
    cifar.mkdir()
    prepare(cifar, "cifar10", CIFAR10, [{"id": "", "image": np.full((32, 32, 3), 25 * i, np.uint8), "label": i} for i in range(10)])
    result = run_script(
        *("train.py", "--camera=sony", "--dataset=cifar10", f"--data_dir={cifar}", "--checkpoint_dir=model"),
        *(f"--network_input={network_input}", "--steps=3", "--batch_size=4", "--base_width=4", "--picture_every=2"),
        cwd=tmp_path,
    )
    assert result.returncode == 0 and result.stderr == "", result.stderr
    assert "10 images of cifar10/1.0.0" in result.stdout and "Finished at step 3" in result.stdout
    result = run_script("test.py", "--checkpoint_dir=model", cwd=tmp_path)
    expect_failure(result, 1, "--dataset=cifar10 holds no short exposures", "name pairs to test it on")


def test_other_datasets_share_a_preset_and_may_be_changed_aloud(tmp_path, data_dir):
    run = ("--camera=sony", f"--data_dir={data_dir}", "--checkpoint_dir=model", "--batch_size=2", "--base_width=2")
    result = run_script("train.py", *run, "--dataset=tfds:flat", "--steps=1", cwd=tmp_path)
    assert result.returncode == 0 and "images of 32x32 are enlarged to hold 128x128" in result.stdout, result.stderr
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["training"]["patch_size"] == 64 and config["training"]["decay_step"] == 24000
    assert config["data"]["dataset"] == "tfds:flat" and config["data"]["scenes"] == 23
    result = run_script("train.py", *run, "--dataset=tfds:flat:1.0.0", "--steps=2", cwd=tmp_path)
    assert "Note: dataset was tfds:flat so far and is tfds:flat:1.0.0 from here on." in result.stdout


def test_a_patch_larger_than_the_images_is_told(data_dir, capsys):
    rgb_images.open_images("tfds:flat", str(data_dir), CAMERAS["fuji"], 16)
    assert "images of 32x32 are enlarged to hold 48x48" in capsys.readouterr().out


def test_what_is_not_prepared_is_one_line_with_the_command(tmp_path):
    result = run_script("train.py", "--camera=sony", "--dataset=cifar10", cwd=tmp_path, env={"TFDS_DATA_DIR": str(tmp_path / "none")})
    expect_failure(result, 1, "cifar10 is not prepared in", "none", "python -c \"import tensorflow_datasets as tfds; tfds.load('cifar10'")
    assert "downloads/manual" not in result.stderr and not (tmp_path / "none").exists()
    with pytest.raises(LowlightError, match=r"by hand into .*downloads/manual .*tfds.load\('imagenet2012'"):
        rgb_images.open_images("imagenet2012", str(tmp_path), SONY, 16)
    with pytest.raises(LowlightError, match="knows none of that name"):
        rgb_images.open_images("tfds:nothing_like_it", str(tmp_path), SONY, 16)
    with pytest.raises(LowlightError, match="cannot be opened"):
        rgb_images.open_images("tfds:a/b/c:d", str(tmp_path), SONY, 16)


def test_datasets_that_hold_no_images_to_train_on_are_refused(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    prepare(tmp_path, "text", {"label": tfds.features.Text()}, [{"label": "x"}])
    prepare(tmp_path, "film", {"video": tfds.features.Video(shape=(None, 8, 8, 3))}, [{"video": [image]}])
    prepare(tmp_path, "stereo", {"left": RGB["image"], "right": RGB["image"]}, [{"left": image, "right": image}])
    prepare(tmp_path, "exam", {"image": RGB["image"]}, [{"image": image}], split="test")
    deep = tfds.features.Image(shape=(None, None, 3), dtype=np.uint16, encoding_format="png")
    prepare(tmp_path, "deep", {"image": deep}, [{"image": image.astype(np.uint16)}])
    for name, words in (
        ("text", "no 8-bit grey or RGB image feature"),
        ("film", "no 8-bit grey or RGB image feature"),
        ("deep", "no 8-bit grey or RGB image feature"),
        ("stereo", "several image features .left, right"),
        ("exam", "no images in a split named train; its splits: test"),
    ):
        with pytest.raises(LowlightError, match=words):
            rgb_images.open_images(f"tfds:{name}", str(tmp_path), SONY, 4)


def test_a_damaged_file_is_one_clear_line(tmp_path):
    prepare(tmp_path, "flat", RGB, [{"image": np.full((32, 32, 3), i, np.uint8), "label": 0} for i in range(9)], shards=1)
    (path,) = (tmp_path / "flat" / "1.0.0").glob("*tfrecord*")
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(LowlightError, match=r"reading a training example failed .*prepare the dataset again"):
        train.train(config_for(tmp_path, tmp_path), Problems())
    path.unlink()
    with pytest.raises(LowlightError, match=r"reading a training example failed .*prepare the dataset again"):
        train.train(config_for(tmp_path, tmp_path), Problems())


def test_without_the_package_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(LowlightError, match="pip install -r requirements.txt"):
        rgb_images.open_images("cifar10", str(tmp_path), SONY, 16)


@pytest.mark.parametrize("name", ["tfds:", "imagenet", "TFDS:x"])
def test_an_unknown_dataset_is_a_usage_error(tmp_path, name):
    expect_failure(run_script("train.py", "--camera=sony", f"--dataset={name}", cwd=tmp_path), 2, "--dataset", "cifar10", "tfds:NAME")
