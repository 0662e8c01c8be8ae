"""The classic pipeline's denoiser at several strengths: the fair baseline of a model is the best of them.

    python -m benchmarks classic_sweep SETS ...

Each of SETS is a folder with short/ and long/, scored as `test.py --model=classic --denoiser_strength=...` does. The camera, bayer or
xtrans, follows from the first short's colour filter array. CALIBRATED=FOLDER in the environment is a model that `calibrate` wrote: its
black offsets are taken off for the classic pipeline, too.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import tempfile

STRENGTHS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0)


def camera_of(folder):
    """Returns the generic Camera that the first short of a set fits.

    Raises:
      LowlightError: where there is no short, or it cannot be used.
    """
    from lowlight_tf.errors import LowlightError
    from lowlight_tf.raw.cameras import generic_camera
    from lowlight_tf.raw.raw_file import read_raw

    shorts = sorted(path for path in (pathlib.Path(folder) / "short").glob("*") if path.is_file())
    if not shorts:
        raise LowlightError(f"{folder} has no short exposures; expected a folder with short/ and long/")
    return generic_camera(shorts[0], read_raw(shorts[0]).cfa)


def _black_offsets():
    """Returns those of the model in CALIBRATED; none where that is not said."""
    folder = os.environ.get("CALIBRATED")
    return (
        tuple(json.loads((pathlib.Path(folder) / "config.json").read_text())["camera"].get("black_offsets", (0.0,) * 4))
        if folder
        else (0.0,) * 4
    )


def sweep(folder, strengths=STRENGTHS):
    """Scores the classic pipeline on a set: {strength: metrics.json's content}.

    Raises:
      LowlightError: as `evaluate`, and where a pair cannot be scored, because strengths are compared on the same pairs.
    """
    from lowlight_tf.datasets import DataConfig
    from lowlight_tf.errors import LowlightError, Problems
    from lowlight_tf.evaluation.evaluate import evaluate
    from lowlight_tf.evaluation.subjects import classic_subject

    camera, found = dataclasses.replace(camera_of(folder), black_offsets=_black_offsets()), {}
    for strength in strengths:
        problems = Problems()
        # What `evaluate` says is no part of the table.
        with tempfile.TemporaryDirectory() as results, contextlib.redirect_stdout(sys.stderr):
            subject = classic_subject(camera, "nlm", strength)
            found[strength] = evaluate(subject, DataConfig(data_dir=str(folder)), results, "sid-00", problems)
        if problems.messages:
            raise LowlightError(f"{problems.messages[0]}; a sweep needs all pairs of {folder}")
    return found


def table(found):
    """Returns the lines of a set's table: a strength a row, the best of each column in bold.

    Args:
      found: {strength: metrics.json's content}.
    """
    ratios = list(next(iter(found.values()))["per_ratio"])
    rows = {
        strength: [metrics["psnr"], metrics["aligned_psnr"], *(metrics["per_ratio"][ratio]["psnr"] for ratio in ratios)]
        for strength, metrics in found.items()
    }
    best = [max(column) for column in zip(*rows.values(), strict=True)]
    lines = ["| strength | PSNR | aligned PSNR | " + " | ".join(ratios) + " |", "|---" * (len(best) + 1) + "|"]
    for strength, row in rows.items():
        cells = (f"**{value:.2f}**" if value == most else f"{value:.2f}" for value, most in zip(row, best, strict=True))
        lines.append(f"| {strength:g} | " + " | ".join(cells) + " |")
    return lines


def main():
    from lowlight_tf.errors import LowlightError

    if not sys.argv[1:]:
        sys.exit(__doc__)
    print("Non-local means; PSNR in dB, the best strength of each column in bold.")
    for folder in sys.argv[1:]:
        try:
            found = sweep(folder)
        except LowlightError as error:
            sys.exit(f"error: {error}")
        name, images = pathlib.Path(folder).name, next(iter(found.values()))["images"]
        print(f"\n{name}, camera {camera_of(folder).name}, {images} images:\n", *table(found), sep="\n", flush=True)


if __name__ == "__main__":
    main()
