"""The page's own pieces of HTML: strip, pictures with a divider, facts, progress. Every text of a file is escaped here."""

import base64
import html
import io
import logging
import os

import numpy as np
from PIL import Image

from lowlight_tf.app.catalog import encode_jpeg, key_of
from lowlight_tf.app.develop import CANCELLED, DONE, FAILED, WAITING
from lowlight_tf.errors import LowlightError, first_line

_JPEG_QUALITY = 88
_SHOWN = 60  # finished pictures that are shown small at a time


def text(value):
    """Escapes a text for HTML; a name that is no UTF-8 is shown with replacement characters."""
    return html.escape(os.fsencode(str(value)).decode("utf-8", "replace"), quote=True)


def _uri(content, kind="jpeg"):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _exact(picture):
    """A PNG of uint8 [H, W, 3]: pixels as they are."""
    with io.BytesIO() as file:
        Image.fromarray(np.ascontiguousarray(picture)).save(file, format="PNG", compress_level=1)
        return _uri(file.getvalue(), "png")


def problem(line):
    """A line where a picture would be."""
    return f'<p class="problem" role="alert">{text(line)}</p>'


def line_of(error):
    """What is said of an error."""
    if isinstance(error, LowlightError):
        return str(error)
    logging.getLogger(__name__).error("unforeseen", exc_info=error)
    return f"unforeseen {type(error).__name__}: {first_line(error)}; please report it"


def notice(lines):
    """Lines above the pictures; nothing where there are none."""
    return "".join(f'<p class="notice" role="status">{text(line)}</p>' for line in lines)


def _facts(entry):
    mean = f"{100 * entry.mean:.2g} % of white" if entry.mean is not None else "measuring \N{HORIZONTAL ELLIPSIS}"
    ratio = f"\N{MULTIPLICATION SIGN}{entry.ratio:.3g} suggested" if entry.ratio is not None else ""
    return " \N{MIDDLE DOT} ".join(filter(None, (entry.camera, f"ISO {entry.iso:.0f}" if entry.iso else "", mean, ratio)))


def _cell(entry, is_selected):
    name = text(entry.name)
    if entry.problem:
        return f'<li><div class="shot"><span class="name">{name}</span>{problem(entry.problem)}</div></li>'
    picture = f'<img src="{_uri(entry.thumbnail)}" alt="">' if entry.thumbnail else '<span class="blank"></span>'
    key = key_of(entry.name)
    return (
        f'<li><button type="button" class="shot" data-key="{key}">{picture}<span class="name">{name}</span>'
        f'<span class="facts">{text(_facts(entry))}</span></button><label><input type="checkbox" data-key="{key}"'
        f'{" checked" if is_selected else ""}> select<span class="hidden"> {name}</span></label></li>'
    )


def strip(entries, selected):
    """The photographs in a row: each a button and a box that puts it into the selection."""
    if not entries:
        return '<p class="notice">No photographs yet. Drop some above, or start with a folder: lowlight app FOLDER</p>'
    return f'<ul class="strip">{"".join(_cell(entry, entry.name in selected) for entry in entries)}</ul>'


def compared(view, before, label, exact=False, box=None):
    """Two pictures and a divider.

    Args:
      view: a View.
      before: what the left one is, in words.
      label: what is shown, in words.
      exact: pixels as they are, and never scaled.
      box: a part of the frame to be marked, fractions (left, top, width, height), or None.
    """
    left, right = (_exact(picture) if exact else _uri(encode_jpeg(picture, _JPEG_QUALITY)) for picture in (view.before, view.after))
    height, width = view.after.shape[:2]
    mark = ""
    if box is not None:
        place = ";".join(f"{side}:{100 * value:.3f}%" for side, value in zip(("left", "top", "width", "height"), box, strict=True))
        mark = f'<span class="box" style="{place}"></span>'
    return (
        f'<figure class="compare{" exact" if exact else ""}"><div class="views" style="--width:{width};--height:{height}">'
        f'<img src="{left}" width="{width}" height="{height}" alt="{text(label)}, {text(before.lower())}">'
        f'<img class="after" src="{right}" width="{width}" height="{height}" alt="{text(label)}, the result">{mark}'
        f'<span class="tag">{text(before)}</span><span class="tag right">Result</span><span class="line"></span><input class="divider"'
        f' type="range" min="0" max="100" value="50" step="1" aria-label="Divider of {text(label.lower())}"></div>'
        f"<figcaption>{text(label)}</figcaption></figure>"
    )


def facts(rows):
    """A list of (what, words)."""
    return f'<dl class="facts">{"".join(f"<div><dt>{text(what)}</dt><dd>{text(words)}</dd></div>" for what, words in rows)}</dl>'


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _item(item):
    name, words = text(item.job.inside), {WAITING: "waiting", CANCELLED: "cancelled"}.get(item.state, "")
    if item.state == FAILED:
        return f"<li>{name}{problem(item.line)}</li>"
    if item.state == DONE:
        return f'<li class="done">{name} \N{RIGHTWARDS ARROW} {text(item.job.output)} <span class="facts">{text(item.line)}</span></li>'
    bar = "" if words else f'<progress max="1" value="{item.share:.2f}" aria-label="{name}"></progress>'
    return f"<li>{name} {bar}{words}</li>"


def development(run):
    """How far a Development is: counted, in a list, and the finished ones as small pictures."""
    if run is None:
        return ""
    done, left = sum(item.state == DONE for item in run.items), run.seconds_left()
    state = f"{done} of {len(run.items)} done" + (f", about {_duration(left)} left" if run.is_running and left is not None else "")
    if not run.is_running:
        failed, cancelled = (sum(item.state == state for item in run.items) for state in (FAILED, CANCELLED))
        state += "".join(f", {number} {word}" for number, word in ((failed, "failed"), (cancelled, "cancelled")) if number)
    pictures = "".join(
        f'<img src="{_uri(item.small)}" alt="{text(item.job.output.name)}, finished" title="{text(item.job.output.name)}">'
        for item in [item for item in run.items if item.small][-_SHOWN:]
    )
    error = problem(run.error) if run.error else ""
    return (
        f'<p class="state" role="status">{state}</p>{error}<div class="finished">{pictures}</div>'
        f'<ol class="items">{"".join(map(_item, run.items))}</ol>'
    )
