"""What a study has found so far, as a table for people, one for programs, and a plot. The only file that knows matplotlib."""

import csv
import pathlib

import matplotlib

from lowlight_tf.files import atomic_path
from lowlight_tf.pictures.provenance import SOFTWARE, may_replace

matplotlib.use("Agg")  # before pyplot, so that no screen is asked for
import matplotlib.pyplot as plt

FILES = ("table.csv", "table.md", "plot.png")
METRICS = ("psnr", "ssim")
_HEADER = ("what", "real pairs", "PSNR in dB", "SSIM", "images")


def _rows(curves, levels):
    rows = [(label, None, metrics) for label, metrics in levels.items()]
    rows += [(label, count, metrics) for label, points in curves.items() for count, metrics in points.items()]
    return [(label, count, *(metrics[field] for field in METRICS), metrics["images"]) for label, count, metrics in rows]


def _markdown(rows):
    lines = ["| " + " | ".join(_HEADER) + " |", "|" + "---|" * len(_HEADER)]
    for label, count, psnr, ssim, images in rows:
        cells = ["-" if value is None else f"{value:{form}}" for value, form in ((count, "d"), (psnr, ".2f"), (ssim, ".3f"))]
        lines.append(f"| {label} | {' | '.join(cells)} | {images} |")
    return "\n".join(lines)


def _draw(axes, curves, levels, field):
    ticks = sorted({count for points in curves.values() for count in points})
    for label, points in curves.items():
        places = [ticks.index(count) for count in points]
        axes.plot(places, [metrics[field] for metrics in points.values()], marker="o", label=label)
    for (label, metrics), style in zip(levels.items(), ("--", "-.", ":"), strict=False):
        if metrics[field] is not None:
            axes.axhline(metrics[field], color="0.4", linestyle=style, linewidth=1, label=label)
    axes.set_xticks(range(len(ticks)), [str(tick) for tick in ticks])
    axes.set_xlabel("real pairs")
    axes.grid(alpha=0.3)


def write_study(folder, curves, levels):
    """Writes table.csv, table.md and plot.png.

    Args:
      folder: where to.
      curves: {label: {number of real pairs: metrics}}, metrics as metrics.json holds them.
      levels: {label: metrics} of what needs no real pair, drawn as horizontal lines; at most three.
    Returns:
      table.md's text.
    """
    folder, rows = pathlib.Path(folder), _rows(curves, levels)
    with atomic_path(folder / "table.csv", may_replace) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows(rows)
    with atomic_path(folder / "table.md", may_replace) as temporary:
        temporary.write_text(_markdown(rows) + "\n")
    figure, panels = plt.subplots(1, len(METRICS), figsize=(10, 4.4), layout="constrained")
    for axes, field, name in zip(panels, METRICS, _HEADER[2:4], strict=False):
        _draw(axes, curves, levels, field)
        axes.set_ylabel(name)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    with atomic_path(folder / "plot.png", may_replace) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": SOFTWARE})
    plt.close(figure)
    return _markdown(rows)
