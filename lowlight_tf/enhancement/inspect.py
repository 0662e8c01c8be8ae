"""What LibRaw sees in a file, how dark it is, and whether a model fits it: in words, or as JSON for other programs."""

import json
import pathlib

from lowlight_tf.checkpoints import checkpoint
from lowlight_tf.console import output, visible
from lowlight_tf.enhancement import exposure
from lowlight_tf.enhancement.frames import read_frame
from lowlight_tf.enhancement.jobs import named_photographs
from lowlight_tf.enhancement.shipped_model import model_for
from lowlight_tf.errors import LowlightError
from lowlight_tf.network import model
from lowlight_tf.raw import packing
from lowlight_tf.raw.cameras import cfa_kind, cfa_offset, generic_camera
from lowlight_tf.stages import line_of


def _model_fit(camera, checkpoint_dir):
    """Says in words whether a model can take the files of a camera."""
    try:
        of, *_ = model.from_description(checkpoint.read_config(checkpoint_dir), checkpoint_dir)
    except LowlightError as error:
        return {"fits": False, "why": str(error)}
    fits = cfa_offset(camera.cfa, of) is not None
    other = "" if fits else ", this file is of the other kind"
    return {"fits": fits, "why": f"{checkpoint_dir} is a model of {cfa_kind(of.cfa)} cameras{other}"}


def _facts(path, frame, camera):
    said, taken_with = frame.metadata, frame.exposure
    return {
        "file": str(path),
        "kind": frame.kind,
        "camera": said.camera,
        "lens": said.lens,
        "taken": said.taken,
        "seconds": taken_with.seconds,
        "aperture": taken_with.aperture,
        "iso": taken_with.iso,
        "width": frame.mosaic.shape[1],
        "height": frame.mosaic.shape[0],
        "cfa": "X-Trans" if camera.tile == 6 else frame.cfa,
        "black_level": list(frame.black_level),
        "white_level": frame.white_level,
        "bits": int(frame.white_level).bit_length(),
        "wb_gains": [round(gain / frame.wb_gains[1], 4) for gain in frame.wb_gains],
        "color_matrix": [[round(float(value), 4) for value in row] for row in frame.ccm],
        "applied": list(frame.applied),
    }


def inspect(path, checkpoint_dir):
    """Looks at one file.

    Args:
      path: a raw file or a picture.
      checkpoint_dir: the model whose fitting is asked; "" for the one that ships for the file's sensor.
    Returns:
      dict that JSON can hold.
    Raises:
      LowlightError: where the file cannot be read.
    """
    frame = read_frame(path)
    camera = generic_camera(path, frame.cfa)
    darkness = exposure.measure(packing.pack_frame(frame.mosaic, camera, frame.offset), frame, camera)
    seen = {"mean": darkness.mean, "read_noise": darkness.read_noise, "clipped": darkness.clipped}
    try:
        exposure.check_not_empty(darkness, path)
        ratio, reason = exposure.auto_ratio(darkness, frame.kind != "raw")
    except LowlightError as error:
        ratio, reason = None, str(error)
    return {
        **_facts(path, frame, camera),
        "darkness": seen,
        "ratio": ratio,
        "ratio_reason": reason,
        "notes": list(frame.notes),
        "model": _model_fit(camera, checkpoint_dir or model_for(camera.cfa)),
    }


def in_words(facts):
    """Returns what `inspect` found as lines of text."""
    exposed = [
        f"{facts['seconds']:.4g} s" if facts["seconds"] else "",
        f"f/{facts['aperture']:.3g}" if facts["aperture"] else "",
        f"ISO {facts['iso']:.0f}" if facts["iso"] else "",
    ]
    mean, noise, clipped = (f"{100 * facts['darkness'][name]:.2g} %" for name in ("mean", "read_noise", "clipped"))
    rows = (
        ("camera", " with ".join(filter(None, (facts["camera"], facts["lens"]))) or "not said"),
        ("taken", ", ".join(filter(None, (facts["taken"], *exposed))) or "not said"),
        (
            "size",
            f"{facts['width']}x{facts['height']}, {facts['cfa']}, {facts['bits']} bits"
            if facts["kind"] == "raw"
            else f"{facts['width']}x{facts['height']}, {facts['kind']}",
        ),
        ("levels", f"black {' '.join(f'{level:g}' for level in facts['black_level'])}, white {facts['white_level']:g}"),
        ("white balance", "R {:.3g}, G {:.3g}, B {:.3g}".format(*facts["wb_gains"])),
        ("darkness", f"mean {mean} of white, noise {noise}, clipped {clipped} of the frame"),
        ("ratio", f"x{facts['ratio']:g} ({facts['ratio_reason']})" if facts["ratio"] else facts["ratio_reason"]),
        ("model", ("fits: " if facts["model"]["fits"] else "does not fit: ") + facts["model"]["why"]),
        *(("applied", what) for what in facts["applied"]),
        *(("note", note) for note in facts["notes"]),
    )
    return "\n".join(visible(line) for line in (facts["file"], *(f"  {name:14} {value}" for name, value in rows)))


def inspect_files(names, checkpoint_dir, as_json, problems):
    """Prints what is to be known of files.

    Args:
      names: files, globs and folders.
      checkpoint_dir: as for `inspect`.
      as_json: print one JSON list instead of words.
      problems: Problems, told of each file that cannot be read.
    """
    found = []
    for path in named_photographs(names, None, problems):
        try:
            with line_of(path):
                found.append(inspect(pathlib.Path(path), checkpoint_dir))
        except LowlightError as error:
            problems.add(error)
            continue
        if not as_json:
            output(in_words(found[-1]))
    if as_json:
        output(json.dumps(found, indent=2))
