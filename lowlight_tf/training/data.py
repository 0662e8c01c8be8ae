"""What a training run takes its examples from: real pairs, simulated ones, or both."""

from lowlight_tf import datasets
from lowlight_tf.console import say
from lowlight_tf.datasets import bright, cache, mixture, photographs, pipeline, rgb_images, sources, subset
from lowlight_tf.errors import LowlightError


def _bright_table(found, where, config, problems):
    cached = bright.build(found, config.camera, config.data.cache_dir, problems, config.batches.patch_size)
    if not cached:
        raise LowlightError(
            f"no photographs to train on in {where}: {len(found)} found, none usable with "
            f"--patch_size={config.batches.patch_size}; see the lines above"
        )
    say(f"{len(cached):,} of {len(found):,} frames usable.")
    return pipeline.make_table(cached, config.camera, config.batches.patch_size)


def _mixture(real, pairs, config, problems):
    """Adds simulated examples: of a folder of photographs where one is named, else of the real pairs' own long exposures."""
    folder = config.data.mixing.simulated_data_dir
    if folder:
        found, simulation = photographs.find_photographs(folder, problems), config.simulation(photographs=True)
    else:
        found = [photographs.Photograph(long.stem, long, rendered=True) for long in sorted({pair.long for pair in pairs})]
        simulation = config.simulation(photographs=False)
    simulated = _bright_table(found, folder or config.data.data_dir, config, problems)
    return mixture.Mixture(real, simulated, config.data.mixing.simulated_fraction, simulation)


def prepare_source(config, located, problems):
    """Finds and decodes the training pairs, or the photographs or images to simulate them from.

    Args:
      config: a TrainingConfig.
      located: its DataConfig, from `sources.locate`.
      problems: Problems, told of every file that cannot be used.
    Returns:
      A pipeline.Source.
    Raises:
      LowlightError: where none can be used, or fewer than were asked for.
    """
    if datasets.is_tfds(located.dataset):
        return rgb_images.open_images(located.dataset, located.data_dir, config.camera, config.batches.patch_size)
    if located.simulated:
        return _bright_table(sources.find_bright_frames(located, config.camera, problems), located.data_dir, config, problems)
    pairs = subset.choose(sources.find_pairs(located, config.camera, "train", problems), located.mixing.train_pairs)
    cached = cache.build(pairs, config.camera, config.data.cache_dir, problems)
    if not cached:
        raise LowlightError(
            f"no training pairs in {located.data_dir}: {len(pairs)} found, none usable; expected shorts "
            "whose names begin with 0 in short/, and their longs in long/"
        )
    if config.interface.noise_planes:
        cached = cache.measure_noise(cached, config.camera)
    real = pipeline.make_table(cached, config.camera, config.batches.patch_size)
    return _mixture(real, pairs, config, problems) if located.mixing.simulated_fraction else real
