"""Drawings as one web page that works offline: point at a loss or a module, and its flow lights up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from audits.diagram import key, palette
from audits.diagram.dot import identifiers
from audits.diagram.drawing import source
from audits.diagram.matrix import Matrix
from audits.diagram.picture import Picture
from audits.diagram.svg import stylesheet, svg


@dataclass(frozen=True)
class Sheet:
    """One drawing, and the values of the gates at which it holds."""

    drawing: Picture | Matrix
    values: Mapping[str, Any]


def page(sheets: Sequence[Sheet], gates: Mapping[str, Sequence[Any]]) -> str:
    """HTML in one file; the first sheet is shown first. Raises AuditError where Graphviz fails."""
    first = sheets[0].drawing
    data = {
        "gates": {name: [str(value) for value in values] for name, values in gates.items()},
        "families": _families(first) if isinstance(first, Picture) else [],
        "sheets": [_sheet(sheet) for sheet in sheets],
    }
    colours = "".join(_variable(name, colour) for name, colour in COLOURS.items())
    dark = "".join(_variable(name, palette.Colour(colour.dark, "")) for name, colour in COLOURS.items())
    style = f":root{{{colours}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}{stylesheet()}{_asset('page.css')}"
    parts = {
        "TITLE": escape(first.title),
        "STYLE": style,
        "DATA": json.dumps(data, ensure_ascii=False).replace("</", "<\\/").replace("<!", "\\u003c!"),
        "SCRIPT": _asset("page.js"),
    }
    html = _asset("page.html")
    for name, text in parts.items():
        html = html.replace(f"<!--{name}-->", text)
    return html


COLOURS = {
    "paper": palette.PAPER,
    "panel": palette.PANEL,
    "rule": palette.RULE,
    "ink": palette.INK,
    "muted": palette.MUTED,
    "cut": palette.CUT,
    "focus": palette.FAMILIES[0],
}
"""By name of the CSS variable that has it."""


def _variable(name: str, colour: palette.Colour) -> str:
    return f"--{name}:{colour.light};"


def _asset(name: str) -> str:
    return files("audits.diagram").joinpath(name).read_text(encoding="utf-8")


def _families(picture: Picture) -> list[dict[str, Any]]:
    colours = palette.family_colours(list(picture.families))
    return [
        {
            "title": title,
            "colour": colours[family].light,
            "dark": colours[family].dark,
            "losses": [loss for loss in picture.families[family] if loss in picture.losses],
        }
        for family, title in key.families(picture)
    ]


def _sheet(sheet: Sheet) -> dict[str, Any]:
    drawing = sheet.drawing
    return {
        "title": drawing.title,
        "values": {name: str(value) for name, value in sheet.values.items()},
        "svg": svg(source(drawing), styled=False),
        **(_parts(drawing) if isinstance(drawing, Picture) else {"boxes": [], "arrows": []}),
    }


def _parts(picture: Picture) -> dict[str, Any]:
    names = identifiers(picture)
    return {
        "boxes": [
            {"id": names[box.key], "shape": box.shape, "lines": box.lines, "losses": box.losses, "hint": box.hint}
            for box in picture.boxes
        ],
        "arrows": [
            {"source": names[arrow.source], "sink": names[arrow.sink], "losses": arrow.losses, "hint": arrow.hint}
            for arrow in picture.arrows
        ],
    }
