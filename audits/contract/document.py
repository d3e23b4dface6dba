"""The tables of one document, read into rows: which module each loss updates, and what gates change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits.contract.conditions import read_conditions
from audits.contract.effects import Conditions, Effect
from audits.contract.markdown import Table, TableLine, find_tables
from audits.contract.mistakes import Mistakes, shown
from audits.contract.prose import loss_names, module_names, plain
from audits.contract.targets import StopGrads, read_target
from audits.drift import Row
from audits.errors import AuditError


@dataclass(frozen=True)
class Vocabulary:
    """The names that a document may use."""

    losses: Collection[str]
    modules: Collection[str]
    gates: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Columns:
    """One table, and where in it what stands."""

    table: Table
    at: Mapping[str, int]

    def text(self, line: TableLine, column: str) -> str:
        """A cell; empty where the table has no such column."""
        return line.cells[self.at[column]].text if column in self.at else ""


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
    """What a line says of some losses at other values of the gates."""

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

    def row(self, line: TableLine) -> Row:
        return Row(shown(self.path), line.number)


def read_text(path: Path) -> str:
    """The file, byte for byte. Raises AuditError for one that is missing, a folder or not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise AuditError(f"{shown(path)} does not exist: name a Markdown file, or write it with --update") from error
    except IsADirectoryError as error:
        raise AuditError(f"{shown(path)} is a folder: name a Markdown file in it") from error
    except OSError as error:
        raise AuditError(f"{shown(path)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AuditError(f"{shown(path)} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def parse(path: Path, text: str, vocabulary: Vocabulary, mistakes: Mistakes) -> Document:
    """The rows of all tables. What is wrong with them goes into `mistakes`."""
    flow_tables, effect_tables, flow, effects = [], [], [], []
    for table in find_tables(text.split("\n")):
        if columns := _effect_columns(table):
            effect_tables.append(columns)
            effects += [_effect_row(columns, line, vocabulary, mistakes) for line in _whole_lines(table, mistakes)]
        elif columns := _flow_columns(table):
            flow_tables.append(columns)
            flow += [_flow_row(columns, line, vocabulary, mistakes) for line in _whole_lines(table, mistakes)]
    _refuse_doubled(flow, mistakes)
    return Document(path, text, tuple(flow_tables), tuple(effect_tables), tuple(flow), tuple(effects))


def _flow_columns(table: Table) -> Columns | None:
    headers = _headers(table)
    at = _found(loss=_headed(headers, "loss", "losses"), updates=_headed(headers, "updates"))
    target = next((i for i, text in enumerate(headers) if text.startswith("target") or "stop-grad" in text), None)
    return Columns(table, at | _found(target=target)) if len(at) == 2 else None


def _effect_columns(table: Table) -> Columns | None:
    headers = _headers(table)
    needed = _found(
        gate=next((i for i, text in enumerate(headers) if text.startswith(("gate", "switch"))), None),
        losses=_headed(headers, "losses", "loss"),
    )
    change = _found(gains=_headed(headers, "gains"), loses=_headed(headers, "loses"))
    return Columns(table, needed | change) if len(needed) == 2 and change else None


def _headers(table: Table) -> list[str]:
    return [plain(text).lower() for text in table.header.texts]


def _headed(headers: Sequence[str], *words: str) -> int | None:
    """The column whose header is one of these words, or else starts with one."""
    exact = (i for i, text in enumerate(headers) if text in words)
    first = (i for i, text in enumerate(headers) if text.split()[:1] and text.split()[0] in words)
    return next(exact, next(first, None))


def _found(**columns: int | None) -> dict[str, int]:
    return {name: column for name, column in columns.items() if column is not None}


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
    losses = _losses(columns.text(line, "losses"), line, vocabulary, mistakes)
    gains, loses = (
        _modules(name.capitalize(), columns.text(line, name), line, vocabulary, mistakes) for name in ("gains", "loses")
    )
    if gains is None or loses is None:
        return EffectRow(columns, line, conditions, losses, None)
    for module in sorted(gains & loses):
        mistakes.add(line.number, f"Gains and Loses both name {module!r}: leave it in one of them")
    effect = Effect(conditions, gains, loses) if gains.isdisjoint(loses) else None
    return EffectRow(columns, line, conditions, losses, effect)


def _losses(text: str, line: TableLine, vocabulary: Vocabulary, mistakes: Mistakes) -> tuple[str, ...]:
    names, problems = loss_names(text, vocabulary.losses)
    for problem in problems or ([] if names else ["expected the name of a loss, found an empty cell"]):
        mistakes.add(line.number, problem)
    return tuple(names)


def _modules(
    column: str, text: str, line: TableLine, vocabulary: Vocabulary, mistakes: Mistakes
) -> frozenset[str] | None:
    names, problems = module_names(text, vocabulary.modules)
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
