"""One HTML page with nothing outside it: pictures before and after, pieces pixel by pixel, the raw's histogram, numbers to sort by.

The page itself is html_report.html, .css and .js beside this file; here it is filled. Whatever comes from files is escaped.
"""

import html
import math
import os
import pathlib
import string
import unicodedata
import urllib.parse

from lowlight_tf.console import BIDI, say
from lowlight_tf.errors import LowlightError, OutputError
from lowlight_tf.files import atomic_path
from lowlight_tf.pictures.provenance import SOFTWARE, may_replace
from lowlight_tf.reporting.pictures import CROP_SIDE, LONG_SIDE
from lowlight_tf.reporting.raw_histogram import describe, histogram_svg
from lowlight_tf.stages import undisturbed

PAGE_NAME = "report.html"
_FORMS = {"SSIM": ".3f", "Input SSIM": ".3f", "Ratio": ".4g", "Strength": ".2g", "Seconds": ".1f", "Images": "d"}  # else .2f
_PARTS = pathlib.Path(__file__).with_suffix("")


def text(value):
    """Escapes what a file or a person said for HTML; control characters, those that turn the order of letters, and bytes that are no
    UTF-8 become replacement characters."""
    return html.escape(
        "".join(
            "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in ("Cc", "Cs") or letter in BIDI else letter
            for letter in str(value)
        )
    )


def relative_url(path, folder):
    """Returns where `path` is as a link from a page in `folder`."""
    return urllib.parse.quote(os.fsencode(pathlib.PurePath(os.path.relpath(path, folder)).as_posix()))


def number(value, column):
    """Writes a number of a column; a dash where there is none."""
    return "\N{EN DASH}" if value is None else "\N{INFINITY}" if math.isinf(value) else f"{value:{_FORMS.get(column, '.2f')}}"


def _image(embedded, alt):
    return f'<img src="{embedded.uri}" width="{embedded.width}" height="{embedded.height}" alt="{text(alt)}">'


def _comparison(entry):
    """The whole pictures: side by side where there is no JavaScript and on paper, else two of them with a divider."""
    labels, main = list(entry.views), entry.crops[0][1]
    figures = "".join(
        f'<figure class="view{"" if label in main else " extra"}">{_image(view, f"{entry.name}: {label}")}'
        f"<figcaption>{text(label)}</figcaption></figure>"
        for label, view in entry.views.items()
    )
    buttons = "".join(
        f'<button type="button" data-left="{labels.index(left)}" data-right="{labels.index(right)}">'
        f'{text(left)} <span aria-label="against">|</span> {text(right)}</button>'
        for left, right in entry.pairs
    )
    choice = f'<div class="choice" role="group" aria-label="What is compared">{buttons}</div>' if entry.pairs else ""
    return f'<div class="compare" data-name="{text(entry.name)}">{figures}</div>{choice}'


def _crops(entry):
    parts = []
    for name, pieces in entry.crops:
        tiles = "".join(
            f"<figure>{_image(piece, f'{entry.name}, {name}: {label}')}<figcaption>{text(label)}</figcaption></figure>"
            for label, piece in pieces.items()
        )
        parts.append(f'<div class="crop"><h4>{text(name)}</h4><div class="tiles">{tiles}</div></div>')
    return f'<section class="crops"><h3>100&#8239;% crops</h3><div class="rows">{"".join(parts)}</div></section>'


def _article(entry, place):
    facts = "".join(f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in entry.facts.items() if value != "")
    links = ", ".join(f'<a href="{text(url)}">{text(label)}</a>' for label, url in entry.links.items())
    size = next(iter(entry.views.values()))
    return (
        f'<article id="picture-{place}" style="--width:{size.width}px;--aspect:{size.width / size.height:.4f}">'
        f"<h2>{text(entry.name)}</h2>"
        f'<div class="main"><div class="pictures">{_comparison(entry)}</div>'
        f'<div class="said"><dl>{facts}<div><dt>Files</dt><dd>{links}</dd></div></dl>'
        f'<h3>Raw histogram</h3>{histogram_svg(entry.histogram)}<p class="note">{describe(entry.histogram)}</p></div></div>'
        f"{_crops(entry)}</article>\n"
    )


def _sort_value(value):
    """What a cell is sorted by: text as it is, numbers as JavaScript reads them, nothing where there is no value."""
    return "" if value is None else str(value).replace("inf", "Infinity") if isinstance(value, float) else str(value)


def _cell(column, value, place):
    """A cell of the table of all pictures; the first column leads to the picture."""
    if place is not None:
        return f'<th scope="row" data-value="{text(value)}"><a href="#picture-{place}">{text(value)}</a></th>'
    shown, kind = (text(value) or "\N{EN DASH}", "") if isinstance(value, str) else (number(value, column), ' class="number"')
    return f'<td{kind} data-value="{text(_sort_value(value))}">{shown}</td>'


def _index(entries):
    """The table of all pictures, whose heads are the buttons that sort it and the pictures with it."""
    columns = list(entries[0].cells)
    kinds = {column: "text" if isinstance(entries[0].cells[column], str) else "number" for column in columns}
    heads = "".join(
        f'<th scope="col" class="{kinds[column]}" aria-sort="{"none" if i else "ascending"}">'
        f'<button type="button" disabled data-kind="{kinds[column]}">{text(column)}</button></th>'
        for i, column in enumerate(columns)
    )
    rows = "".join(
        f'<tr data-place="{place}">'
        + "".join(_cell(column, entry.cells[column], None if i else place) for i, column in enumerate(columns))
        + "</tr>\n"
        for place, entry in enumerate(entries)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="All pictures"><table id="index"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _summary(table):
    """A small table: its first row is the heads."""
    if not table:
        return ""
    head, *rows = table
    heads = "".join(f'<th scope="col"{" class=number" if i else ""}>{text(cell)}</th>' for i, cell in enumerate(head))
    body = "".join(
        f'<tr><th scope="row">{text(row[0])}</th>' + "".join(f'<td class="number">{text(cell)}</td>' for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table class="summary"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _left_out(messages):
    if not messages:
        return ""
    items = "".join(f"<li>{text(message)}</li>" for message in messages)
    return f'<section class="left-out"><h2>Not on this page</h2><ul>{items}</ul></section>'


def write_page(path, title, lead, entries, *, summary=(), left_out=()):
    """Writes the page, atomically, and never over a file that lowlight_tf did not write.

    Args:
      path: where to.
      title: the heading.
      lead: lines of text under it.
      entries: list of Entry, all with the same cells; at least one.
      summary: rows of text of a table above everything, heads first.
      left_out: lines of text about what the page does not show.
    Raises:
      OutputError: where it cannot be written. LowlightError: where a file is there that stays.
    """
    style, script, page = (_PARTS.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".css", ".js", ".html"))
    values = {
        "title": text(title),
        "software": SOFTWARE,
        "style": style,
        "script": script,
        "lead": "".join(f"<p>{text(line)}</p>" for line in lead),
        "summary": _summary(summary),
        "index": _index(entries),
        "left_out": _left_out(left_out),
        "long_side": f"{LONG_SIDE:,}",
        "crop_side": CROP_SIDE,
    }
    head, tail = (string.Template(part).substitute(values) for part in page.split("$articles"))
    with atomic_path(path, may_replace) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(head)
        file.writelines(_article(entry, place) for place, entry in enumerate(entries))
        file.write(tail)


class Collector:
    """Takes the entries of a run and writes them as a page when the run ends, also when Ctrl-C ends it."""

    def __init__(self, path, title, lead, asked, left_out, problems):
        """Prepares a page.

        Args:
          path, title, left_out: `write_page`'s.
          lead: a line of text under the title.
          asked: how many photographs the run is to make.
          problems: Problems; what they name is listed as left out.
        """
        self._path, self._title, self._lead, self._left_out = path, title, lead, left_out
        self._asked, self._problems, self._entries = asked, problems, []

    def add(self, entry):
        """Takes an Entry."""
        self._entries.append(entry)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and issubclass(kind, OutputError):  # the page could not be written either
            return
        if not self._entries:
            say(f"No picture was finished, so {self._path} was not written.")
            return
        of_this_run = f"This page shows one run: {len(self._entries)} of the {self._asked} photographs that it was to make."
        try:
            with undisturbed():
                write_page(
                    self._path,
                    self._title,
                    [self._lead, of_this_run],
                    sorted(self._entries, key=lambda entry: entry.name),
                    left_out=[*self._left_out, *self._problems.messages],
                )
        except OutputError:
            raise
        except LowlightError as error:  # a file that came there during the run; what was made is whole all the same
            self._problems.add(error)
            return
        say(f"Look at {self._path}: every picture before and after")
