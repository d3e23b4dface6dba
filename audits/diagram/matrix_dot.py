"""A heat map in the language of Graphviz: one node, which is a table."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from graphviz import Digraph

from audits.diagram import palette
from audits.diagram.dot import TONES
from audits.diagram.key import TONES as TONE_MEANINGS
from audits.diagram.labels import FONT, Caption, broken, coloured, heading, hint
from audits.diagram.matrix import Field, Matrix
from audits.diagram.picture import Tone
from audits.formats import glyphs

SMALL = 9
COLUMN = 10
"""Characters of a module's name on one line."""
SHARE = "12 %: the part of the module's gradient that the loss holds at its weight"


def matrix_dot(matrix: Matrix) -> str:
    """The source of a graph. Every colour is one of `palette`."""
    graph = Digraph("gradient_matrix")
    graph.attr(bgcolor=palette.PAPER.light, pad="0.2", tooltip=hint(matrix.title))
    graph.attr("node", shape="plain", fontname=FONT, fontsize="11", fontcolor=palette.INK.light)
    rows = "".join(f"<tr>{row}</tr>" for row in _rows(matrix))
    label = f'<<table border="0" cellborder="0" cellspacing="2" cellpadding="4">{rows}</table>>'
    graph.node("matrix", label=label, tooltip=hint(matrix.title))
    return graph.source


def _rows(matrix: Matrix) -> Iterator[str]:
    columns = len(matrix.modules) + 2
    for line in _heading(matrix):
        yield f'<td colspan="{columns}" align="left" cellpadding="1">{line}</td>'
    if any(matrix.roles):
        spans = (f'<td colspan="{len(modules)}">{_small(role)}</td>' for role, modules in matrix.roles.items())
        yield f'<td colspan="2"></td>{"".join(spans)}'
    yield f'<td colspan="2"></td>{"".join(map(_column, matrix.modules))}'
    colours = palette.family_colours(list(matrix.families))
    for family, members in matrix.families.items():
        shown = [loss for loss in members if loss in matrix.losses]
        for number, loss in enumerate(shown):
            bar = f'<td rowspan="{len(shown)}" bgcolor="{colours[family].light}" width="4" cellpadding="0"></td>'
            name = f'<td align="left" cellpadding="3">{escape(loss)}</td>'
            fields = (_field(matrix.fields[loss, module], colours[family]) for module in matrix.modules)
            yield ("" if number else bar) + name + "".join(fields)


def _heading(matrix: Matrix) -> Iterator[str]:
    tones = {field.tone for field in matrix.fields.values()}
    swatches = [Caption(TONE_MEANINGS[tone], colour) for tone, colour in TONES.items() if tone in tones]
    has_shares = any(field.percent for field in matrix.fields.values())
    written = {field.status for field in matrix.fields.values() if not field.percent}
    statuses = [status for status in matrix.statuses if status in written]
    glyphed = [Caption(f"{glyphs.UNICODE[status]} {glyphs.MEANINGS[status]}") for status in statuses]
    return heading(matrix.title, swatches, [*([Caption(SHARE)] if has_shares else []), *glyphed], notes=matrix.notes)


def _column(module: str) -> str:
    return f'<td valign="bottom" cellpadding="1">{"<br/>".join(_small(part) for part in _parts(module))}</td>'


def _parts(name: str) -> list[str]:
    """A long name on as many lines as it needs."""
    parts = broken(name, COLUMN)
    return parts if len(parts) == 1 else [line for part in parts for line in _parts(part)]


def _small(text: str) -> str:
    return coloured(text, palette.MUTED, SMALL) if text else ""


def _field(field: Field, colour: palette.Colour) -> str:
    ground = palette.PANEL if field.strength is None else palette.shade(colour, field.strength)
    look = f'bgcolor="{ground.light}" width="48" height="20" cellpadding="1"'
    if field.tone is not Tone.PLAIN:
        style = ' style="dashed"' if field.tone in (Tone.REMOVED, Tone.UNMEASURED) else ""
        look += f' border="2" color="{TONES[field.tone].light}"{style}'
    ink = palette.MUTED if field.strength is None else palette.INK
    glyph = glyphs.UNICODE[field.status] if field.status else ""
    text = field.sign + (f"{field.percent} %" if field.percent else glyph)
    drawn = coloured(text, ink, SMALL) if text else ""
    return f'<td {look} title="{escape(field.hint)}" href="#">{drawn}</td>'
