"""The pipe tables of a Markdown text, as GitHub renders them: not those in code, comments or quotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FENCE = re.compile(r" {0,3}(`{3,}(?!.*`)|~{3,})")
COMMENT = re.compile(r" {0,3}<!--")
DELIMITER = re.compile(r"\s*:?-+:?\s*")
PIPES = re.compile(r"\\.|\|")
HEADING = re.compile(r" {0,3}#{1,6}\s+")
BULLET = re.compile(r"\s*(?:[-+*]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
INDENTED_CODE = re.compile(r" {4}|\t")
OTHER_BLOCK = re.compile(r" {0,3}(#{1,6}(\s|$)|>|[-+*]\s|\d{1,9}[.)]\s|(\*\s*){3,}$|(-\s*){3,}$|(_\s*){3,}$|</?\w)")


@dataclass(frozen=True)
class TableCell:
    """What stands between two pipes."""

    start: int
    end: int
    """Where in the line."""
    raw: str

    @property
    def text(self) -> str:
        return self.raw.strip().replace(r"\|", "|")


@dataclass(frozen=True)
class TableLine:
    """One line of a table."""

    number: int
    """From 1, as editors count."""
    cells: tuple[TableCell, ...]

    @property
    def texts(self) -> list[str]:
        return [cell.text for cell in self.cells]


@dataclass(frozen=True)
class Table:
    header: TableLine
    delimiter: TableLine
    rows: tuple[TableLine, ...]
    listed: bool = False
    """Whether the rows are items of a list, whose first one stands for the header."""

    @property
    def last(self) -> TableLine:
        """The line after which a further row goes."""
        return self.rows[-1] if self.rows else self.delimiter

    def aligned(self, column: int) -> bool:
        """Whether the pipes of a column stand below each other."""
        lines = (self.header, self.delimiter, *self.rows)
        return not self.listed and len({len(line.cells[column].raw) for line in lines if column < len(line.cells)}) == 1


def find_tables(lines: Sequence[str]) -> list[Table]:
    """All tables, from lines that may still end in a carriage return."""
    visible = visible_lines(lines)
    tables, at = [], 0
    while at < len(lines) - 1:
        table = _table_at(at, lines, visible)
        if table:
            tables.append(table)
        at = table.last.number if table else at + 1
    return tables


def left_open(lines: Sequence[str]) -> bool:
    """Whether code or a comment is never closed, so that nothing behind it is a table."""
    return not visible_lines([*lines, ""])[-1]


def split_cells(line: str) -> tuple[TableCell, ...]:
    """The cells of one line. A pipe behind a backslash separates nothing; those at both ends may be left out."""
    line = line.rstrip("\r")
    pipes = [match.start() for match in PIPES.finditer(line) if match.group() == "|"]
    if not pipes or line[: pipes[0]].strip(" \t\ufeff"):
        pipes.insert(0, -1)
    if line[pipes[-1] + 1 :].strip():
        pipes.append(len(line))
    return tuple(TableCell(left + 1, right, line[left + 1 : right]) for left, right in pairwise(pipes))


def _table_at(at: int, lines: Sequence[str], visible: Sequence[bool]) -> Table | None:
    """The table whose header is the line with this index."""
    if not (visible[at] and visible[at + 1]) or INDENTED_CODE.match(lines[at]):
        return None
    header, delimiter = (TableLine(number + 1, split_cells(lines[number])) for number in (at, at + 1))
    if len(header.cells) < 2 or len(header.cells) != len(delimiter.cells):
        return None
    if not all(DELIMITER.fullmatch(cell.raw) for cell in delimiter.cells):
        return None
    rows = []
    for number in range(at + 2, len(lines)):
        line = lines[number]
        if not visible[number] or not line.strip() or OTHER_BLOCK.match(line):
            break
        rows.append(TableLine(number + 1, split_cells(line)))
    return Table(header, delimiter, tuple(rows))


def visible_lines(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it lies outside fenced code and comments."""
    visible, fence, commented = [], "", False
    for line in lines:
        opening = FENCE.match(line)
        if commented or (not fence and COMMENT.match(line)):
            visible.append(False)
            commented = "-->" not in line
        elif fence:
            visible.append(False)
            closes = opening and opening[1].startswith(fence) and not line[opening.end() :].strip()
            fence = "" if closes else fence
        else:
            visible.append(not opening)
            fence = opening[1] if opening else ""
    return visible
