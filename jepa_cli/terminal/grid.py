"""A table of narrow columns with long names: the names stand in steps above it, each with a line down to its column.

  encoder ─┐
predictor ─┼──┐
recon      ●  ·
jepa       ·  ●
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

COLUMN = 3
"""Characters of a cell, unless a table asks for more."""

Part = tuple[str, str]
"""A text and its style."""


class Strokes(NamedTuple):
    """What the steps are drawn with."""

    across: str
    down: str
    corner: str
    crossing: str


UNICODE = Strokes("─", "│", "┐", "┼")
ASCII = Strokes("-", "|", "+", "|")


class GridRow(NamedTuple):
    """A name and a cell of exactly as many characters as a column has."""

    name: str
    cells: Sequence[Part]


def grid(
    columns: Sequence[str], rows: Sequence[GridRow], *, width: int, strokes: Strokes, cell: int = COLUMN
) -> Iterator[list[Part]]:
    """The lines of the table. What is wider than `width` becomes several tables, one below the other."""
    names = [*columns, *(row.name for row in rows)]
    label = min(max(map(cell_len, names), default=0), max(1, (width - cell) // 2))
    fitting = max(1, (width - label - 1) // cell)
    for start in range(0, len(columns), fitting):
        if start:
            yield []
        shown = slice(start, start + fitting)
        yield from _steps(columns[shown], label, strokes, cell)
        for row in rows:
            yield from _row(row.name, row.cells[shown], label)


def _steps(columns: Sequence[str], label: int, strokes: Strokes, cell: int) -> Iterator[list[Part]]:
    across = strokes.across * (cell - 2)
    for number, column in enumerate(columns):
        *above, last = _folded(column, label)
        for piece in above:
            yield [(f"{_right(piece, label)} {f' {strokes.down}'.ljust(cell) * number}", "")]
        crossed = f"{strokes.across}{strokes.crossing}{across}" * number
        yield [(f"{_right(last, label)} {crossed}{strokes.across}{strokes.corner}", "")]


def _row(name: str, cells: Sequence[Part], label: int) -> Iterator[list[Part]]:
    *above, last = _folded(name, label)
    for piece in above:
        yield [(piece, "")]
    yield [(last + " " * (label - cell_len(last) + 1), ""), *cells]


def _folded(name: str, width: int) -> list[str]:
    """Pieces that are not wider than `width`; at least one."""
    return chop_cells(name, width) or [""]


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text
