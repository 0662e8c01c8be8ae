"""Scores of the model that is being trained, on the val split."""

import statistics

from lowlight_tf import datasets
from lowlight_tf.console import say
from lowlight_tf.datasets import sources
from lowlight_tf.errors import LowlightError
from lowlight_tf.evaluation import evaluate
from lowlight_tf.evaluation.metrics import psnr, ssim
from lowlight_tf.stages import line_of


class Validator:
    """Scores the current parameters on the val split; quiet where the dataset has none."""

    def __init__(self, params, config, located, problems):
        self._pairs = []
        if config.watching.validate_every and located.dataset in datasets.PAIRED:
            self._pairs = sources.find_pairs(located, config.camera, "val", problems)[: config.watching.validation_images or None]
        self._predict = evaluate.make_predictor(params, config.camera, config.network, config.interface)
        self._camera, self._problems = config.camera, problems
        if config.watching.validate_every and not self._pairs:
            say("No val split (names that begin with 2) in the data: training without validation.")

    def __call__(self, step, report):
        """Scores the val split and tells the report; what cannot be scored is left out from then on."""
        scores, usable = [], []
        for pair in self._pairs:
            try:
                with line_of(pair.short):
                    _, output, target = evaluate.score_output(self._predict, pair, self._camera)
            except LowlightError as error:
                self._problems.add(error)
                continue
            usable.append(pair)
            scores.append((psnr(output, target), ssim(output, target)))
        self._pairs = usable
        if scores:
            report.validation(step, statistics.fmean(p for p, _ in scores), statistics.fmean(s for _, s in scores), len(scores))
