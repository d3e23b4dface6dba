"""Pictures and heat maps on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.diagram import key, text
from audits.diagram.matrix import Field, Matrix
from audits.diagram.picture import Picture, Tone
from audits.formats import glyphs
from audits.result import Status
from jepa_cli.terminal import grid as audit_grid
from jepa_cli.terminal.page import Page

if TYPE_CHECKING:
    from rich.console import Console

FAMILIES = ("blue", "dark_orange", "green", "magenta", "yellow", "purple", "cyan", "red")
TONES = {
    Tone.FAINT: "dim",
    Tone.ADDED: "bold green",
    Tone.REMOVED: "bold red",
    Tone.UNDOCUMENTED: "bold red",
    Tone.UNMEASURED: "red",
}
SIGNS = {Tone.ADDED: "+", Tone.REMOVED: "-", Tone.UNDOCUMENTED: "!", Tone.UNMEASURED: "?"}
CELL = 5
SHARE = "12 percent of the module's gradient that the loss holds at its weight"


def show_picture(picture: Picture, console: Console) -> None:
    """A tree of what is computed from what, and to the right the families whose gradient flows back."""
    page, style_of = Page(console), _styles(list(picture.families))
    for line in text.lines(picture):
        parts = ((part.text, TONES.get(part.tone) or style_of[part.family]) for part in line)
        page.line(*((part.translate(text.ASCII) if page.ascii_only else part, style) for part, style in parts))


def show_matrix(matrix: Matrix, console: Console) -> None:
    """A heat map. Each number is a loss's share of a module's gradient, in percent."""
    page, style_of = Page(console), _styles(list(matrix.families))
    marks, strokes = (glyphs.ASCII, audit_grid.ASCII) if page.ascii_only else (glyphs.UNICODE, audit_grid.UNICODE)
    page.paragraph(matrix.title, style="bold")
    page.blank()
    shown = [
        module for module in matrix.modules if any(_is_shown(matrix.fields[loss, module]) for loss in matrix.losses)
    ]
    rows = []
    for family, members in matrix.families.items():
        for loss in (loss for loss in members if loss in matrix.losses):
            fields = (matrix.fields[loss, module] for module in shown)
            rows.append(
                audit_grid.GridRow(page.shown(loss), [_cell(field, style_of[family], marks) for field in fields])
            )
    columns = [page.shown(module) for module in shown]
    for line in audit_grid.grid(columns, rows, width=page.width, strokes=strokes, cell=CELL):
        page.line(*line)
    page.blank()
    shares = [SHARE] if any(field.percent for field in matrix.fields.values()) else []
    tones = {field.tone for field in matrix.fields.values()}
    signs = [f"{sign} {key.TONES[tone]}" for tone, sign in SIGNS.items() if tone in tones]
    written = [field.status for field in matrix.fields.values() if field.status and not field.percent]
    page.items([*shares, *glyphs.legend(written, marks), *signs])
    if unused := [module for module in matrix.modules if module not in shown]:
        page.paragraph(f"updated by none of these losses: {', '.join(unused)}")
    for note in matrix.notes:
        page.paragraph(note)


def _cell(field: Field, style: str, marks: dict[Status, str]) -> audit_grid.Part:
    text = field.percent or (marks[field.status] if field.status else "")
    sign = SIGNS.get(field.tone, "")
    return f"{sign or ' '}{text}".ljust(CELL), TONES.get(field.tone, style) if _is_shown(field) else "dim"


def _is_shown(field: Field) -> bool:
    """Whether there is anything to show."""
    return field.strength is not None or field.tone is not Tone.PLAIN


def _styles(families: list[str]) -> dict[str, str]:
    return {"": ""} | {family: FAMILIES[number % len(FAMILIES)] for number, family in enumerate(families)}
