"""Text in the language of Graphviz: labels, hints, and the heading above a drawing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from textwrap import wrap
from typing import NamedTuple

from graphviz import escape as quoted

from audits.diagram import palette
from audits.diagram.palette import Colour

FONT = "Helvetica,Arial,sans-serif"
LONGEST_ROW = 100
"""Characters of a line of the heading."""


class Caption(NamedTuple):
    """An explanation, perhaps of a colour."""

    text: str
    colour: Colour | None = None


def heading(title: str, *explained: Sequence[Caption], notes: Iterable[str] = ()) -> Iterator[str]:
    """A line of HTML-like text each: the title, explanations beside each other, notes below each other."""
    yield f'<font point-size="14"><b>{escape(title)}</b></font>'
    for items in explained:
        for row in _rows(items):
            yield "   ".join(map(_item, row))
    yield from (coloured(line, palette.MUTED) for note in notes for line in wrap(note, LONGEST_ROW))


def label(lines: Iterable[str], *, small: Iterable[str] = (), align: str = "center") -> str:
    """A label of several lines; the small ones below."""
    end = f'<br align="{align}"/>'
    big = end.join(map(escape, lines)) + (end if align != "center" else "")
    rest = "".join(f'{end}<font point-size="9">{escape(line)}</font>' for line in small)
    return f"<{big}{rest}>"


def hint(text: str) -> str:
    """Text as a value of DOT, where a backslash and an ampersand would mean something."""
    return quoted(escape(text, quote=False))


def coloured(text: str, colour: Colour, size: int | None = None) -> str:
    points = f' point-size="{size}"' if size else ""
    return f'<font color="{colour.light}"{points}>{escape(text)}</font>'


def broken(name: str, longest: int) -> list[str]:
    """A long name on two lines, parted at the underscore or dot nearest to its middle."""
    places = [match.end() for match in re.finditer(r"[_.]", name[:-1])]
    if len(name) <= longest or not places:
        return [name]
    middle = min(places, key=lambda place: abs(place - len(name) / 2))
    return [name[:middle], name[middle:]]


def _item(item: Caption) -> str:
    swatch = coloured("■", item.colour) + " " if item.colour else ""
    return swatch + coloured(item.text, palette.MUTED)


def _rows(items: Iterable[Caption]) -> Iterator[list[Caption]]:
    """No longer than a line."""
    row: list[Caption] = []
    for item in items:
        if row and sum(len(text) + 3 for text, _ in (*row, item)) > LONGEST_ROW:
            yield row
            row = []
        row.append(item)
    if row:
        yield row
