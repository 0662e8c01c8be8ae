"""What the page says of a photograph that was enhanced, and of a pair that was scored."""

import dataclasses
import pathlib

import numpy as np

from lowlight_tf.isp.color import linear_to_srgb
from lowlight_tf.pictures.finishing import color_matrix
from lowlight_tf.pictures.image_file import to_uint8
from lowlight_tf.raw.frame import as_seen
from lowlight_tf.reporting.page import relative_url
from lowlight_tf.reporting.pictures import choose_crops, embed, shrink
from lowlight_tf.reporting.raw_histogram import raw_histogram

# Memory that a page takes for each photosite: LibRaw's mosaic, its picture of four channels and what it returns, or the renderings that
# wait; then three pictures of 8 bits.
BYTES_PER_PHOTOSITE = 2 + 8 + 6 + 9
_ROWS = 512
AS_SHOT, PLAIN, RESULT = "As shot", "Amplified", "Enhanced"
INPUT, OUTPUT, TRUTH = "Input", "Output", "Ground truth"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One picture on the page, as small as it is there.

    Attributes:
      name: of the photograph.
      cells: {column: value} of the table that the page is sorted by: text, a number or None, in the order of the columns.
      facts: {label: text}.
      links: {label: path} of files, as written from the page's folder.
      views: {label: Embedded} of the whole picture.
      pairs: the (left, right) labels that can be compared; the first is shown first.
      crops: (name, {label: Embedded}) of pieces pixel by pixel.
      histogram: the raw's Histogram.
    """

    name: str
    cells: dict
    facts: dict
    links: dict
    views: dict
    pairs: tuple
    crops: tuple
    histogram: object


def make_entry(name, cells, facts, links, pictures, pairs, histogram, *, chosen_by, whole_only=()):
    """Makes an Entry of full-size pictures.

    Args:
      name, cells, facts, links, pairs, histogram: Entry's.
      pictures: {label: uint8 [H, W, 3]}, all of one size.
      chosen_by: label of the picture whose detail decides which crops are shown.
      whole_only: labels that have no crops.
    """
    crops = tuple(
        (crop, {label: embed(picture[rows, columns]) for label, picture in pictures.items() if label not in whole_only})
        for crop, rows, columns in choose_crops(pictures[chosen_by])
    )
    views = {label: embed(shrink(picture)) for label, picture in pictures.items()}
    return Entry(name, cells, facts, links, views, tuple(pairs), crops, histogram)


def _coded(linear, matrix):
    """Codes a DNG's linear light, uint16 [H, W, 3] in the colours that `matrix` takes to sRGB, as pictures are: uint8. In strips."""
    coded = np.empty(linear.shape, np.uint8)
    for row in range(0, len(linear), _ROWS):
        light = linear[row : row + _ROWS] / np.float32(65535) @ np.asarray(matrix, np.float32).T
        coded[row : row + _ROWS] = to_uint8(linear_to_srgb(np.clip(light, 0, 1)).numpy())
    return coded


def _shown(plain, frame):
    """A plain rendering, upright, uint8."""
    return as_seen(to_uint8(plain), frame)


def photograph_entry(file, output, finish, seconds, loaded, result_dir):
    """Makes the Entry of a photograph that was enhanced.

    Args:
      file: what has its frame (a Frame), ratio, reason, picture ([H, W, 3], upright), and its plain renderings, [H, W, 3] of 8 or 16 bits,
        as the frame lies: `plain` amplified, `as_shot` not, which is None where the ratio is 1.
      output: path of the result.
      finish: the Finish that the picture was made with.
      seconds: that it took.
      loaded: the engine's Model.
      result_dir: the page's folder.
    """
    frame, ratio = file.frame, file.ratio
    result = _coded(file.picture, color_matrix(loaded.target, frame.ccm)) if finish.linear else to_uint8(file.picture)
    pictures = {} if file.as_shot is None else {AS_SHOT: _shown(file.as_shot, frame)}
    pictures |= {PLAIN: _shown(file.plain, frame), RESULT: result}
    name = str(pathlib.Path(output).relative_to(result_dir).with_name(frame.path.name))
    height, width = result.shape[:2]
    notes = (*frame.notes, *(("the histogram is of the picture put back on a sensor",) if frame.kind != "raw" else ()))
    cells = {
        "Name": name,
        "Ratio": ratio,
        "Strength": finish.strength,
        "Camera": frame.metadata.camera,
        "Exposure": str(frame.exposure),
        "Seconds": seconds,
    }
    facts = {
        "Camera": cells["Camera"],
        "Exposure": cells["Exposure"],
        "Size": f"{width}\N{MULTIPLICATION SIGN}{height}",
        "Ratio": f"\N{MULTIPLICATION SIGN}{ratio:.4g} ({file.reason})",
        "Strength": f"{finish.strength:.3g}",
        "Brightness": f"{finish.stops:+g} stops" if finish.stops else "",
        "Time": f"{seconds:.1f} s",
        "Note": "; ".join(notes),
    }
    histogram = raw_histogram(frame.mosaic, loaded.camera, frame.offset, frame.black_level, frame.white_level)
    return make_entry(
        name,
        cells,
        facts,
        {pathlib.Path(output).name: relative_url(output, result_dir)},
        pictures,
        [(label, RESULT) for label in (PLAIN, AS_SHOT) if label in pictures],
        histogram,
        chosen_by=RESULT,
        whole_only=(AS_SHOT,),
    )


def _of(value, reference, form, unit=""):
    """Writes a score, and what it was before where that is known."""
    return f"{value:{form}}{unit}" + (f" (input {reference:{form}}{unit})" if reference is not None else "")


def pair_entry(pair, short, output, target, scaled, score, camera):
    """Makes the Entry of a pair that was scored.

    Args:
      pair: a sid.Pair.
      short: its Frame.
      output, target, scaled: uint8 [H, W, 3], of the model, the ground truth, and LibRaw's rendering of the amplified short or None.
      score: its Score.
      camera: the Camera.
    """
    pictures = {INPUT: scaled, OUTPUT: output, TRUTH: target}
    pictures = {label: picture for label, picture in pictures.items() if picture is not None}
    cells = {
        "Name": pair.name,
        "Ratio": pair.ratio,
        "PSNR": score.psnr,
        "SSIM": score.ssim,
        "Aligned PSNR": score.aligned_psnr,
        "Input PSNR": score.input_psnr,
        "Input SSIM": score.input_ssim,
    }
    facts = {
        "PSNR": _of(score.psnr, score.input_psnr, ".2f", " dB"),
        "SSIM": _of(score.ssim, score.input_ssim, ".3f"),
        "Ratio": f"\N{MULTIPLICATION SIGN}{pair.ratio:.4g} (long and short exposure)",
        "Camera": camera.name,
        "Size": f"{score.width}\N{MULTIPLICATION SIGN}{score.height}",
        "Short": pair.short.name,
        "Long": pair.long.name,
    }
    links = {
        label: relative_url(f"{pair.name}_{what}.png", ".")
        for label, what in ((INPUT, "scaled-input"), (OUTPUT, "out"), (TRUTH, "gt"))
        if label in pictures
    }
    histogram = raw_histogram(short.mosaic, camera, (0, 0), short.black_level, short.white_level)
    pairs = [couple for couple in ((INPUT, OUTPUT), (OUTPUT, TRUTH), (INPUT, TRUTH)) if couple[0] in pictures]
    return make_entry(pair.name, cells, facts, links, pictures, pairs, histogram, chosen_by=OUTPUT)
