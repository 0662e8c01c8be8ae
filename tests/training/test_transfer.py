"""Adapting a trained model: the head that starts as the identity, what is loaded and frozen, subsets of pairs, simulated pairs between."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, changed, expect_failure, run_script, write_pairs

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.datasets import DataConfig, Mixing, pipeline, sid, subset
from lowlight_tf.datasets.mixture import Mixture
from lowlight_tf.errors import LowlightError, Problems, UsageError
from lowlight_tf.network import model
from lowlight_tf.network.sid import NetworkConfig, forward, initialize_parameters, parameter_shapes
from lowlight_tf.raw.cameras import CAMERAS
from lowlight_tf.training import transfer
from lowlight_tf.training.config import TrainingConfig
from lowlight_tf.training.data import prepare_source
from lowlight_tf.training.train import train
from lowlight_tf.training.transfer import Transfer, trainable_names

SONY = CAMERAS["sony"]
BODY = NetworkConfig(base_width=4)
HEADED = dataclasses.replace(BODY, head="fc", head_units=8)


def light(config, size=(18, 22)):
    return tf.random.stateless_uniform([1, *size, config.input_channels], [3, 4])


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("network_input", ["packed", "rgb"])
def test_a_new_head_changes_no_output(camera, network_input):
    plain = model.network_for(CAMERAS[camera], network_input=network_input, base_width=4)
    headed = dataclasses.replace(plain, head="fc", head_units=16)
    params = initialize_parameters(headed, 5)
    body = {name: value for name, value in params.items() if not transfer.is_head(name)}
    np.testing.assert_array_equal(forward(params, light(plain), headed), forward(body, light(plain), plain))
    assert list(body) == list(parameter_shapes(plain))


def test_the_head_by_hand():
    """Each pixel x becomes x + leaky_relu(x W1 + b1) W2 + b2: with one unit and worked numbers."""
    config = NetworkConfig(input_channels=3, upscale=1, base_width=1, head="fc", head_units=1)
    params = initialize_parameters(config)
    body = {name: value for name, value in params.items() if not transfer.is_head(name)}
    plain = dataclasses.replace(config, head="none", head_units=0)
    before = forward(body, light(config), plain).numpy()
    params["head1/weights"].assign([[1.0], [0.0], [0.0]])
    params["head1/biases"].assign([-100.0])  # negative: leaky
    params["head2/weights"].assign([[0.0, 1.0, 0.0]])
    params["head2/biases"].assign([0.0, 0.0, 0.5])
    expected = before + np.stack([0 * before[..., 0], 0.2 * (before[..., 0] - 100), 0 * before[..., 0] + 0.5], axis=-1)
    np.testing.assert_allclose(forward(params, light(config), config), expected, atol=1e-5)


def test_head_sizes():
    shapes = parameter_shapes(NetworkConfig(head="fc", head_units=64))
    assert shapes["head1/weights"] == (12, 64) and shapes["head2/weights"] == (64, 12)
    assert sum(int(np.prod(shape)) for name, shape in shapes.items() if transfer.is_head(name)) == 12 * 64 + 64 + 64 * 12 + 12
    for options in ({"head": "fc"}, {"head_units": 4}, {"head": "dense", "head_units": 4}):
        with pytest.raises(ValueError):
            NetworkConfig(**options)


def test_every_parameter_of_a_head_is_trained():
    params = initialize_parameters(HEADED)
    for name in ("head2/weights", "head2/biases"):
        params[name].assign(tf.random.stateless_normal(params[name].shape, [1, 2]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(forward(params, light(HEADED), HEADED) - 1))
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, params).values())


def test_erasing_gives_the_head_its_first_values():
    params, fresh = initialize_parameters(HEADED, 7), initialize_parameters(HEADED, 7)
    for parameter in params.values():
        parameter.assign_add(tf.ones(parameter.shape))
    assert transfer.erase_head(params, 7) == ["head1/weights", "head1/biases", "head2/weights", "head2/biases"]
    for name, parameter in params.items():
        np.testing.assert_array_equal(parameter, fresh[name] + (0 if transfer.is_head(name) else 1))


def run_config(tmp_path, small_set, name, **options):
    data = DataConfig(dataset="sid", data_dir=str(small_set), cache_dir=str(tmp_path / "cache"), mixing=Mixing(**options.pop("mixing", {})))
    config = TrainingConfig(camera=SONY, network=BODY, data=data, checkpoint_dir=str(tmp_path / name))
    return changed(config, **{"steps": 3, "patch_size": 16, "picture_every": 0, **options})


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, small_set):
    folder = tmp_path_factory.mktemp("pretrained")
    train(run_config(folder, small_set, "model"), Problems())
    return folder / "model"


def values(folder, config):
    params = model.initialize_parameters(config)
    checkpoint.load_parameters(folder, params)
    return {name: parameter.numpy() for name, parameter in params.items()}


@pytest.mark.parametrize("train_only", ["head", "decoder", "all"])
def test_what_is_frozen_keeps_every_bit_and_the_rest_moves(tmp_path, small_set, pretrained, train_only):
    start = Transfer(str(pretrained), train_only=train_only)
    config = run_config(tmp_path, small_set, "model", transfer=start, network=HEADED)
    assert train(config, Problems()) == 3
    before, after = values(pretrained, BODY), values(tmp_path / "model", HEADED)
    fresh = initialize_parameters(HEADED, config.seed)
    trained = set(trainable_names(after, start))
    for name, value in after.items():
        same = np.array_equal(value, before.get(name, fresh[name].numpy()))
        # After one update behind a second layer of zeros the first one moves too; three steps are more than enough for all.
        assert same != (name in trained), name
    parts = json.loads((tmp_path / "model" / "config.json").read_text())["transfer"]
    assert set(parts["trained"]) == trained and set(parts["trained"]) | set(parts["frozen"]) == set(after)
    assert parts["loaded"] == list(before) and parts["erased"] == [] and parts["from_step"] == 3
    assert parts["added"] == [name for name in after if transfer.is_head(name)]


def test_the_decoder_is_the_way_up():
    config = NetworkConfig(base_width=1, downsample="strided", extra_blocks=1, head="fc", head_units=1)
    down = {name.split("/")[0] for name in parameter_shapes(config) if not transfer.is_decoder(name)}
    assert down == {f"conv{i}_{j}" for i in range(1, 6) for j in (1, 2)} | {f"down{i}" for i in range(1, 5)}


def test_a_learned_head_is_erased_or_kept(tmp_path, small_set, pretrained):
    adapted = run_config(tmp_path, small_set, "adapted", transfer=Transfer(str(pretrained)), network=HEADED, learning_rate=1e-2)
    train(adapted, Problems())
    learned = values(tmp_path / "adapted", HEADED)
    for erase in (False, True):
        params = initialize_parameters(HEADED, 1)
        start = transfer.load_start(params, Transfer(str(tmp_path / "adapted"), erase_head=erase), 1)
        assert bool(start["erased"]) == erase and start["added"] == []
        head = {name: np.array_equal(params[name], learned[name]) for name in ("head1/weights", "head2/weights")}
        assert set(head.values()) == {not erase}
        np.testing.assert_array_equal(params["conv3_1/weights"], learned["conv3_1/weights"])


def test_a_stopped_transfer_goes_on_without_its_source(tmp_path, small_set, pretrained):
    options = {"transfer": Transfer(str(pretrained)), "mixing": {"simulated_fraction": 0.5}}
    train(run_config(tmp_path, small_set, "whole", steps=6, **options), Problems())
    train(run_config(tmp_path, small_set, "stopped", steps=2, **options), Problems())
    gone = options | {"transfer": Transfer(str(tmp_path / "gone"))}
    train(run_config(tmp_path, small_set, "stopped", steps=6, **gone), Problems())
    for whole, stopped in zip(values(tmp_path / "whole", BODY).values(), values(tmp_path / "stopped", BODY).values(), strict=False):
        np.testing.assert_array_equal(whole, stopped)
    assert json.loads((tmp_path / "stopped" / "config.json").read_text())["transfer"]["from_step"] == 3


def pairs_of(*names):
    return [sid.make_pair(f"short/{name}.ARW", f"long/{name[:5]}_00_10s.ARW") for name in names]


def test_subsets_are_nested_and_spread_over_scenes_and_ratios():
    pairs = pairs_of(*(f"{scene:05}_00_{seconds}s" for scene in range(1, 8) for seconds in ("0.1", "0.04", "0.033")))
    order = subset.in_order(pairs)
    assert sorted(order, key=str) == sorted(pairs, key=str) and order == subset.in_order(pairs[::-1])
    assert len({pair.id for pair in order[:7]}) == 7 and len({pair.id for pair in order[7:14]}) == 7
    for count in range(1, len(pairs) + 1):
        ratios = [pair.ratio_label for pair in order[:count]]
        assert max(map(ratios.count, set(ratios))) - min(map(ratios.count, {"x100", "x250", "x300"})) <= 2
    few, more = subset.choose(pairs, 6), subset.choose(pairs, 13)
    assert len(few) == 6 and set(map(str, few)) < set(map(str, more)) and more == [pair for pair in pairs if pair in more]
    assert subset.choose(pairs, 0) == pairs and len(subset.choose(pairs, 0.5)) == 10 and len(subset.choose(pairs, 0.001)) == 1
    with pytest.raises(LowlightError, match="500 training pairs are asked for and there are 21; use 21 or less"):
        subset.choose(pairs, 500)


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.7])
def test_a_mixture_visits_every_real_pair_and_as_many_simulated_ones_as_asked(tmp_path, small_set, fraction):
    config = run_config(tmp_path, small_set, "unused", mixing={"simulated_fraction": fraction})
    mixed = prepare_source(config, config.data, Problems())
    assert isinstance(mixed, Mixture) and mixed.scenes == round(2 / (1 - fraction))
    split = [(int(before), bool(is_simulated)) for before, is_simulated in map(mixed.split, range(100))]
    simulated = [number for number, (_, is_simulated) in enumerate(split) if is_simulated]
    assert len(simulated) == pytest.approx(100 * fraction, abs=1)
    assert [split[number][0] for number in simulated] == list(range(len(simulated)))
    real = [number - before for number, (before, is_simulated) in enumerate(split) if not is_simulated]
    assert real == list(range(len(real)))


def test_examples_of_a_mixture_are_those_of_its_tables(tmp_path, small_set):
    config = run_config(tmp_path, small_set, "unused", mixing={"simulated_fraction": 0.5})
    mixed = prepare_source(config, config.data, Problems())
    batches = list(pipeline.training_batches(mixed, SONY, config.example, batch_size=1, seed=0, first_step=0, last_step=6))
    alone = list(pipeline.training_batches(mixed.real, SONY, config.example, batch_size=1, seed=0, first_step=0, last_step=3))
    for (inputs, target), (real_inputs, real_target) in zip(batches[::2], alone, strict=False):
        np.testing.assert_array_equal(inputs, real_inputs)
        np.testing.assert_array_equal(target, real_target)
    assert len({inputs.numpy().tobytes() for inputs, _ in batches}) == 6


@pytest.mark.parametrize(
    "start, given, words",
    [
        ({}, {"base_width": 8}, "base_width=4, not 8; leave --base_width out"),
        ({}, {"network": "denoise20"}, "of --network=sid, not of denoise20"),
        ({}, {"input_channels": 3}, "input_channels=4, not 3"),
        ({"erase_head": True}, {"head": "fc"}, "has no head to erase"),
        ({"train_only": "head"}, {}, "has no head; add one with --head=fc"),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(pretrained, start, given, words):
    with pytest.raises((LowlightError, UsageError), match=words):
        transfer.start_network(Transfer(str(pretrained), **start), SONY, given)
    with pytest.raises(LowlightError, match="--camera=sony, whose sensor is not of the kind of fuji"):
        transfer.start_network(Transfer(str(pretrained)), CAMERAS["fuji"], {})


def test_the_command_adapts_and_says_what_it_did(tmp_path, small_model, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", "--checkpoint_dir=adapted", f"--init_from={small_model / 'model'}"]
    more = ["--head=fc", "--head_units=8", "--train_only=head", "--train_pairs=1", "--steps=2", "--patch_size=16"]
    result = run_script("train.py", *arguments, *more, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "on 1 pair of 1 scene" in result.stdout and "frozen 42 tensors" in result.stdout and "trained 4 tensors" in result.stdout
    described = json.loads((tmp_path / "adapted" / "config.json").read_text())
    assert described["network"]["head_units"] == 8 and described["network"]["base_width"] == 4
    assert described["training"]["decay_step"] == 1200  # of flags/transfer.flags
    result = run_script("test.py", "--checkpoint_dir=adapted", cwd=tmp_path)
    assert result.returncode == 0 and "1 image scored" in result.stdout, result.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--erase_head"], "give --init_from"),
        (["--train_only=head"], "give --init_from"),
        (["--train_pairs=2.5"], "expected a whole number"),
        (["--head_units=8"], "give --head=fc"),
        (["--simulated_data_dir=x"], "needs --simulated_fraction"),
        (["--dataset=folder", "--data_dir=x", "--train_pairs=2"], "--train_pairs is for real pairs"),
        (["--network=denoise20", "--head=fc"], "--head is of the SID network"),
        (["--init_from=x", "--train_only=head", "--freeze_up_filters"], "leave --freeze_up_filters out"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, arguments, words):
    expect_failure(run_script("train.py", "--camera=sony", "--steps=1", *arguments, cwd=tmp_path), 2, words)


def test_more_pairs_than_there_are(tmp_path, small_set):
    result = run_script(
        "train.py",
        "--camera=sony",
        f"--data_dir={small_set}",
        "--checkpoint_dir=m",
        "--train_pairs=3",
        *SMALL_RUN,
        "--steps=1",
        cwd=tmp_path,
    )
    expect_failure(result, 1, "3 training pairs are asked for and there are 2")


def test_a_study_draws_the_curve_and_goes_on(tmp_path, small_model, small_set):
    arguments = ["--camera=sony", f"--data_dir={small_set}", f"--init_from={small_model / 'model'}", "--patch_size=16", "--steps=2"]
    first = run_script("lowlight_tf", "transfer_study", *arguments, "--pairs=0,1", "--strategies=zero_shot,head", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    wider = [*arguments, "--pairs=0,1,2", "--strategies=zero_shot,head,decoder,all,scratch", f"--baseline={small_model / 'model'}"]
    refused = run_script("lowlight_tf", "transfer_study", *wider, cwd=tmp_path)
    expect_failure(refused, 1, "holds a study with baseline=")
    (tmp_path / "study" / "results" / "zero_shot" / "overview.png").unlink()  # as a kill left it when metrics.json was not the last
    result = run_script("lowlight_tf", "transfer_study", *wider[:-1], cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "pretrained, head adapted, 1 real pairs:" in first.stdout and "pretrained, head adapted, 1 real pairs:" not in result.stdout
    lines = (tmp_path / "study" / "table.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 + 1 + 4 * 2 and lines[3].startswith('"pretrained, no real pair",0,')
    assert (tmp_path / "study" / "table.md").read_text().count("\n") == 1 + len(lines)
    for name in ("plot.png", "best.png"):
        picture = tf.io.decode_png((tmp_path / "study" / name).read_bytes())
        assert min(picture.shape[:2]) > 100 and np.std(picture) > 1
    scratch = json.loads((tmp_path / "study" / "models" / "scratch-1" / "config.json").read_text())
    assert "transfer" not in scratch and scratch["data"]["train_pairs"] == 1
    assert len(list(pathlib.Path(tmp_path / "study" / "results").iterdir())) == 10


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--strategies=zero_shot,magic"], "unknown strategy magic; expected some of zero_shot, head, decoder, all, scratch"),
        (["--pairs=0,3"], "3 training pairs are asked for and there are 2"),
        (["--pairs=two"], "--pairs=two are no numbers"),
        (["--camera=fuji"], "--camera=sony, whose sensor is not of the kind of fuji"),
    ],
)
def test_a_study_that_cannot_be_is_one_line(tmp_path, small_model, tmp_path_factory, arguments, words):
    data = write_pairs(tmp_path, camera="fuji" if "--camera=fuji" in arguments else "sony")
    base = ["--camera=sony", f"--data_dir={data}", f"--init_from={small_model / 'model'}", "--patch_size=16", "--pairs=0,1"]
    result = run_script("lowlight_tf", "transfer_study", *base, *arguments, cwd=tmp_path)
    expect_failure(result, 2 if "no numbers" in words else 1, words)
    assert not (tmp_path / "study").exists()
