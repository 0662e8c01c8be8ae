"""One image's scores, their means, and both as CSV and as lines of text."""

import csv
import dataclasses
import math
import statistics

from lowlight_tf.files import atomic_path
from lowlight_tf.pictures.provenance import may_replace


@dataclasses.dataclass(frozen=True)
class Score:
    """One image's row of metrics.csv.

    input_* score LibRaw's rendering of the amplified short, None where LibRaw cannot render it; aligned_psnr is the output's after a gain
    for each colour.
    """

    name: str
    ratio: str
    width: int
    height: int
    psnr: float
    ssim: float
    input_psnr: float | None
    input_ssim: float | None
    aligned_psnr: float | None = None


def _mean(scores, field):
    values = [getattr(score, field) for score in scores if getattr(score, field) is not None]
    mean = statistics.fmean(values) if values else math.nan
    return mean if math.isfinite(mean) else None  # JSON has no infinity, the PSNR of equal pictures


def summarise(scores, protocol):
    """Returns metrics.json's content: means over all images and for each ratio, with the number of images."""
    fields = ("psnr", "ssim", "aligned_psnr", "input_psnr", "input_ssim")
    ratios = sorted({score.ratio for score in scores}, key=lambda label: int(label[1:]))
    groups = {ratio: [score for score in scores if score.ratio == ratio] for ratio in ratios}

    def means(group):
        return {"images": len(group), **{field: _mean(group, field) for field in fields}}

    return {"protocol": protocol, **means(scores), "per_ratio": {ratio: means(group) for ratio, group in groups.items()}}


def write_csv(path, scores):
    """Writes metrics.csv: one Score a row."""
    with atomic_path(path, may_replace) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Score)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(score) for score in scores)


def rows(metrics):
    """The numbers as rows of text: the heads, each ratio, and all of them."""

    def row(label, means):
        forms = {"psnr": ".2f", "ssim": ".3f", "aligned_psnr": ".2f", "input_psnr": ".2f", "input_ssim": ".3f"}
        cells = (f"{means[field]:{form}}" if means[field] is not None else "-" for field, form in forms.items())
        return [label, str(means["images"]), *cells]

    ratios = [row(ratio, means) for ratio, means in metrics["per_ratio"].items()]
    return [["ratio", "images", "PSNR", "SSIM", "aligned PSNR", "input PSNR", "input SSIM"], *ratios, row("all", metrics)]


def table(metrics):
    """Lays out the numbers as lines of text."""
    widths = (7, 9, 8, 15, 13, 12)
    return [
        f"{label:8}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)) for label, *cells in rows(metrics)
    ]
