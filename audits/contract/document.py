"""The tables of one document, read into rows: which module each loss updates, and what gates change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from audits.contract.bullets import flow_list
from audits.contract.conditions import read_conditions, read_supposition
from audits.contract.effects import Conditions, Effect
from audits.contract.headings import Columns, columns_by_content, effect_columns, flow_columns
from audits.contract.markdown import Table, TableLine, find_tables
from audits.contract.mistakes import Mistakes, shown
from audits.contract.prose import Lexicon, loss_names, losses_of, module_names, modules_of, read_items
from audits.contract.statements import Statement, read_statements
from audits.contract.step_columns import step_columns
from audits.contract.targets import StopGrads, read_target
from audits.drift import Row
from audits.errors import AuditError
from audits.files import read_file


@dataclass(frozen=True)
class Vocabulary:
    """The names that a document may use."""

    losses: Collection[str]
    modules: Collection[str]
    gates: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class FlowRow:
    """What a line says of some losses at the default gates."""

    columns: Columns
    line: TableLine
    losses: tuple[str, ...]
    updates: frozenset[str] | None
    """None where it cannot be read."""
    stop_grads: StopGrads


@dataclass(frozen=True)
class EffectRow:
    """What a line says of some losses at other values of the gates; of none: that the gates change nothing."""

    columns: Columns
    line: TableLine
    conditions: Conditions
    losses: tuple[str, ...]
    effect: Effect | None
    """None where it cannot be read."""


@dataclass(frozen=True)
class Document:
    path: Path
    text: str
    flow_tables: tuple[Columns, ...]
    effect_tables: tuple[Columns, ...]
    flow: tuple[FlowRow, ...]
    effects: tuple[EffectRow, ...]
    statements: tuple[Statement, ...] = ()
    """Weights and defaults of gates."""

    @property
    def other_tables(self) -> list[Table]:
        """Those that say nothing of gradient."""
        known = [columns.table for columns in (*self.flow_tables, *self.effect_tables)]
        return [table for table in find_tables(self.text.split("\n")) if table not in known]

    def row(self, line: TableLine) -> Row:
        return self.row_at(line.number)

    def row_at(self, number: int) -> Row:
        return Row(shown(self.path), number)


def read_text(path: Path) -> str:
    """The file, byte for byte. Raises AuditError for one that is missing, a folder or not UTF-8."""
    try:
        return read_file(path).decode("utf-8")
    except FileNotFoundError as error:
        raise AuditError(f"{shown(path)} does not exist: name a Markdown file, or write it with --update") from error
    except IsADirectoryError as error:
        raise AuditError(f"{shown(path)} is a folder: name a Markdown file in it") from error
    except OSError as error:
        raise AuditError(f"{shown(path)} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise AuditError(f"{shown(path)} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def parse(path: Path, text: str, vocabulary: Vocabulary, mistakes: Mistakes) -> Document:
    """The rows of all tables. What is wrong with them goes into `mistakes`."""
    lines = text.split("\n")
    tables = [table for table in find_tables(lines) if step_columns(table) is None]
    effect_tables = [columns for columns in map(effect_columns, tables) if columns]
    others = [table for table in tables if table not in [columns.table for columns in effect_tables]]
    flow_tables = _flow_tables(others, lines, vocabulary)
    effects = [
        _effect_row(columns, line, vocabulary, mistakes)
        for columns in effect_tables
        for line in _whole_lines(columns.table, mistakes)
    ]
    flow = [
        _flow_row(columns, line, vocabulary, mistakes)
        for columns in flow_tables
        for line in _whole_lines(columns.table, mistakes)
    ]
    _refuse_doubled(flow, mistakes)
    statements = tuple(read_statements(text, vocabulary.losses, vocabulary.gates))
    return Document(path, text, tuple(flow_tables), tuple(effect_tables), tuple(flow), tuple(effects), statements)


def _flow_tables(tables: Sequence[Table], lines: Sequence[str], vocabulary: Vocabulary) -> list[Columns]:
    """Those whose headings say so; only where there are none, those whose cells do; or else a list."""
    for by_content in (False, True):
        found = [_recognised(table, vocabulary, by_content=by_content) for table in tables]
        if any(found):
            return [columns for columns in found if columns]
    listed = flow_list(lines, losses_of(vocabulary.losses), modules_of(vocabulary.modules))
    return [listed] if listed else []


def _recognised(table: Table, vocabulary: Vocabulary, *, by_content: bool) -> Columns | None:
    """The columns of a table of the flow."""
    losses, modules = losses_of(vocabulary.losses), modules_of(vocabulary.modules)
    find = columns_by_content if by_content else flow_columns
    return find(table, losses=partial(_fit, table, losses), modules=partial(_fit, table, modules))


def _fit(table: Table, lexicon: Lexicon, column: int) -> float:
    """How many of the cells of a column name what the lexicon has, or nothing, if any names something."""
    cells = [line.cells[column].text for line in table.rows if column < len(line.cells)]
    read = [read_items(cell, lexicon) for cell in cells]
    good = sum(all(item.name is not None for item in items) for items in read)
    return good / len(cells) if any(item.name is not None for items in read for item in items) else 0.0


def _whole_lines(table: Table, mistakes: Mistakes) -> list[TableLine]:
    """The lines with as many cells as the header."""
    expected = len(table.header.cells)
    for line in table.rows:
        found = len(line.cells)
        if found != expected:
            remedy = "add the missing ones" if found < expected else r"write a | inside a cell as \|"
            text = f"expected {expected} cells as in the header, found {found}: {remedy}"
            mistakes.add(line.number, text, structural=True)
    return [line for line in table.rows if len(line.cells) == expected]


def _flow_row(columns: Columns, line: TableLine, vocabulary: Vocabulary, mistakes: Mistakes) -> FlowRow:
    losses = _losses(columns.text(line, "loss"), line, vocabulary, mistakes)
    updates = _modules("Updates", columns.text(line, "updates"), line, vocabulary, mistakes)
    return FlowRow(columns, line, losses, updates, read_target(columns.text(line, "target")))


def _effect_row(columns: Columns, line: TableLine, vocabulary: Vocabulary, mistakes: Mistakes) -> EffectRow:
    conditions, problems = read_conditions(columns.text(line, "gate"), vocabulary.gates)
    for problem in problems:
        mistakes.add(line.number, problem)
    losses = _losses(columns.text(line, "losses"), line, vocabulary, mistakes, may_be_none=True)
    gains, loses = (
        _modules(name.capitalize(), columns.text(line, name), line, vocabulary, mistakes) for name in ("gains", "loses")
    )
    if gains is None or loses is None:
        return EffectRow(columns, line, conditions, losses, None)
    for module in sorted(gains & loses):
        mistakes.add(line.number, f"Gains and Loses both name {module!r}: leave it in one of them")
    effect = Effect(conditions, gains, loses) if gains.isdisjoint(loses) else None
    return EffectRow(columns, line, conditions, losses, effect)


def _losses(
    text: str, line: TableLine, vocabulary: Vocabulary, mistakes: Mistakes, *, may_be_none: bool = False
) -> tuple[str, ...]:
    names, problems = loss_names(text, vocabulary.losses)
    named = names or (may_be_none and text)
    for problem in problems or ([] if named else ["expected the name of a loss, found an empty cell"]):
        mistakes.add(line.number, problem)
    return tuple(names)


def _modules(
    column: str, text: str, line: TableLine, vocabulary: Vocabulary, mistakes: Mistakes
) -> frozenset[str] | None:
    names, problems = set[str](), []
    for item in read_items(text, modules_of(vocabulary.modules)):
        raw = text[item.start : item.end]
        if supposed := read_supposition(raw, vocabulary.gates):
            found, wrong = module_names(supposed.text, vocabulary.modules)
            names |= set(found) if supposed.by_default else set()
            problems += wrong
        elif item.name is not None:
            names.add(item.name)
        else:
            problems.append(item.problem)
    for problem in problems:
        mistakes.add(line.number, f"{column}: {problem}")
    return None if problems else frozenset(names)


def _refuse_doubled(rows: Sequence[FlowRow], mistakes: Mistakes) -> None:
    first: dict[str, int] = {}
    for row in rows:
        for loss in row.losses:
            if loss in first:
                text = f"loss {loss!r} has a row already, in line {first[loss]}: remove one of the two"
                mistakes.add(row.line.number, text, structural=True)
            first.setdefault(loss, row.line.number)
