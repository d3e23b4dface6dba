"""What real optimizer steps moved, on a terminal."""

from __future__ import annotations

from rich.cells import cell_len

from audits.formats import moves_table
from audits.formats.moves_table import HEADINGS, MoveRow
from audits.formats.wording import counted
from audits.moves import BY_HAND, Move
from audits.result import Audit
from jepa_cli.terminal.grid import GridRow
from jepa_cli.terminal.page import Page

GAP = 2
MOVED, STILL, NOT_HELD = "moved", "still", "not held"
UNICODE = {MOVED: "▲", STILL: "△", NOT_HELD: "·"}
ASCII = {MOVED: "M", STILL: "S", NOT_HELD: "."}
STYLES = {MOVED: "green", STILL: "yellow", NOT_HELD: "dim"}
MEANINGS = {MOVED: "the step moves it", STILL: "held by the optimizer, not moved"}


def move_rows(page: Page, audit: Audit) -> list[GridRow]:
    """A row of the table for each optimizer, and one for what moves outside of all."""
    steps = audit.steps
    if steps is None:
        return []
    names = list(dict.fromkeys(move.optimizer for move in steps.moves))
    rows = []
    for name in names:
        moves = {move.module: move for move in steps.of(name)}
        states = [_state(moves.get(module)) for module in audit.modules]
        if name == BY_HAND and MOVED not in states:
            continue
        shown = moves_table.OUTSIDE if name == BY_HAND else f"step of {name}"
        marks = _marks(page)
        rows.append(GridRow(page.shown(shown), [(f" {marks[state]} ", STYLES[state]) for state in states]))
    return rows


def moves_legend(page: Page, audit: Audit) -> list[str]:
    """What the marks that occur mean."""
    found = {_state(move) for move in audit.steps.moves} if audit.steps else set()
    return [f"{_marks(page)[state]} {MEANINGS[state]}" for state in (MOVED, STILL) if state in found]


def _state(move: Move | None) -> str:
    if move is None or not (move.moved or move.optimizer):
        return NOT_HELD
    return MOVED if move.moved else STILL


def _marks(page: Page) -> dict[str, str]:
    return ASCII if page.ascii_only else UNICODE


def show_moves(page: Page, audit: Audit) -> None:
    """A line for each optimizer and module, then the notes; nothing for an audit without steps."""
    steps = audit.steps
    if steps is None:
        return
    rows = list(moves_table.move_rows(steps))
    page.paragraph(f"what {counted(steps.count, 'real optimizer step')} moved", style="bold")
    if rows:
        widths = [max(cell_len(page.shown(row[at])) for row in (HEADINGS, *rows)) + GAP for at in range(3)]
        _line(page, MoveRow(*(heading.lower() for heading in HEADINGS)), widths, "dim")
        for row in rows:
            _line(page, row, widths, "dim" if row.moves == "no" else "")
    for note in steps.notes:
        page.paragraph(f"note: {note}")
    page.blank()


def _line(page: Page, row: MoveRow, widths: list[int], style: str) -> None:
    fixed = "".join(_padded(page.shown(text), width) for text, width in zip(row, widths, strict=False))
    page.paragraph(f"{fixed}{row.by}".rstrip(), style=style)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
