"""The table of what a step moves, in a document: read, compared with what real steps moved, and written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from audits.contract.headings import Columns
from audits.contract.markdown import TableLine, find_tables
from audits.contract.prose import losses_of, modules_of, plain, read_items
from audits.contract.rewording import NONE
from audits.contract.step_columns import step_columns
from audits.drift import Drift, DriftKind, Row
from audits.moves import BY_HAND, Steps
from audits.result import Audit

OUTSIDE = "no optimizer"
SECTION = """\
## What a step moves

Which modules are others after a step of each optimizer, and by the gradient of which losses. *no optimizer* is what
moves otherwise: averages, copies.

| Step of | Moves | By |
| --- | --- | --- |"""


@dataclass(frozen=True)
class StepRow:
    """What a line says of one optimizer."""

    line: TableLine
    optimizer: str
    moves: frozenset[str]
    losses: frozenset[str] | None
    """None where the table has no such column, or the cell says nothing."""


def step_rows(text: str, audit: Audit) -> list[StepRow]:
    """The rows of all tables of steps."""
    tables = [columns for columns in map(step_columns, find_tables(text.split("\n"))) if columns]
    return [_row(columns, line, audit) for columns in tables for line in columns.table.rows]


def step_drifts(audit: Audit, text: str, file: str) -> Iterator[Drift]:
    """What real steps moved otherwise than the document says. Nothing where it has no table of steps."""
    steps, rows = audit.steps, step_rows(text, audit)
    if steps is None or not rows:
        return
    said = {row.optimizer: row for row in rows}
    header = Row(file, rows[0].line.number)
    for name in dict.fromkeys((*said, *measured(steps))):
        row = said.get(name)
        where = Row(file, row.line.number) if row else header
        yield from _of_modules(audit, name, row.moves if row else frozenset(), where)
        losses = row.losses if row and name in steps.optimizers else None
        if losses is not None and losses != _losses(steps, name):
            yield _drift(name, "", f"by {_listed(losses)}", f"by {_listed(_losses(steps, name))}", "", where, steps)


def with_steps(text: str, audit: Audit, *, add: bool) -> str:
    """A document that says what real steps moved: wrong cells and missing rows are written anew.

    `add`: a document without such a table gets one.
    """
    if audit.steps is None:
        return text
    lines = text.split("\n")
    ending = "\r" if lines[0].endswith("\r") else ""
    columns = next((each for each in map(step_columns, find_tables(lines)) if each), None)
    if columns is None:
        if not add:
            return text
        rows = [_written(name, ("optimizer", "moves", "by"), audit) for name in measured(audit.steps)]
        new = [*SECTION.split("\n"), *rows]
        return text.rstrip() + "\n".join(["", "", *new, ""]).replace("\n", f"{ending}\n")
    rows = {row.optimizer: row for row in (_row(columns, line, audit) for line in columns.table.rows)}
    wanted = list(measured(audit.steps))
    order = [name for name in rows if name in wanted] + [name for name in wanted if name not in rows]
    first, last = columns.table.delimiter.number, columns.table.last.number
    new = [_kept_or_new(name, rows.get(name), columns, lines, audit) + ending for name in order]
    return "\n".join([*lines[:first], *(line.replace("\r\r", "\r") for line in new), *lines[last:]])


def measured(steps: Steps) -> dict[str, frozenset[str]]:
    """By optimizer: the modules that it moves. What moves nothing outside of optimizers has no entry."""
    found = {name: frozenset(steps.moved(name)) for name in steps.optimizers}
    by_hand = frozenset(steps.moved(BY_HAND))
    return found | ({OUTSIDE: by_hand} if by_hand else {})


def _kept_or_new(name: str, row: StepRow | None, columns: Columns, lines: Sequence[str], audit: Audit) -> str:
    steps = audit.steps or Steps()
    right_losses = row is not None and (name == OUTSIDE or row.losses is None or row.losses == _losses(steps, name))
    if row is not None and row.moves == measured(steps)[name] and right_losses:
        return lines[row.line.number - 1].rstrip("\r")
    ordered = sorted(columns.at.items(), key=lambda item: item[1])
    texts = {at: text for (_, at), text in zip(ordered, _texts(name, [key for key, _ in ordered], audit), strict=True)}
    old = row.line.cells if row else ()
    kept = [old[at].raw.strip() if at < len(old) else "" for at in range(len(columns.table.header.cells))]
    cells = [texts.get(at, text) for at, text in enumerate(kept)]
    return f"| {' | '.join(cells)} |"


def _written(name: str, columns: Sequence[str], audit: Audit) -> str:
    return f"| {' | '.join(_texts(name, columns, audit))} |"


def _texts(name: str, columns: Sequence[str], audit: Audit) -> list[str]:
    steps = audit.steps or Steps()
    modules, losses = modules_of(audit.modules), losses_of(_known(audit))
    moved = measured(steps).get(name, frozenset())
    by = ", ".join(losses.written(loss, code=True) for loss in _losses_in_order(steps, name))
    if name == OUTSIDE:
        by = "; ".join(dict.fromkeys(move.reason for move in steps.of(BY_HAND) if move.reason))
    texts = {
        "optimizer": name if name == OUTSIDE else f"`{name}`",
        "moves": ", ".join(modules.written(each, code=False) for each in audit.modules if each in moved) or NONE,
        "by": by or NONE,
    }
    return [texts[column].replace("|", r"\|") for column in columns]


def _row(columns: Columns, line: TableLine, audit: Audit) -> StepRow:
    moves = read_items(columns.text(line, "moves"), modules_of(audit.modules))
    losses = read_items(columns.text(line, "by"), losses_of(_known(audit))) if "by" in columns.at else None
    return StepRow(
        line,
        plain(columns.text(line, "optimizer")).replace("`", "") or OUTSIDE,
        frozenset(item.name or item.text for item in moves),
        frozenset(item.name or item.text for item in losses) if losses is not None else None,
    )


def _of_modules(audit: Audit, name: str, said: Collection[str], where: Row) -> Iterator[Drift]:
    steps = audit.steps or Steps()
    moved = measured(steps).get(name, frozenset())
    for module in dict.fromkeys((*audit.modules, *sorted(said))):
        if (module in said) != (module in moved):
            found = "moves" if module in moved else "does not move"
            expected = "does not move" if module in moved else "moves"
            yield _drift(name, module, expected, found, _why(steps, name, module), where, steps)


def _why(steps: Steps, name: str, module: str) -> str:
    if name not in steps.optimizers and name != OUTSIDE:
        return f"no optimizer {name} steps"
    of = BY_HAND if name == OUTSIDE else name
    move = next((move for move in steps.of(of) if move.module == module), None)
    if move is None:
        return "" if name == OUTSIDE else "the optimizer does not hold it"
    if move.moved:
        return move.reason or (f"by the gradient of {_listed(move.losses)}" if move.losses else "")
    return move.reason


def _drift(name: str, module: str, expected: str, found: str, reason: str, where: Row, steps: Steps) -> Drift:
    return Drift(
        kind=DriftKind.MOVES,
        settings=(),
        loss="",
        module=module,
        expected=expected,
        found=found,
        reason=reason,
        remedy="mend the trainer, or run with --update and review the diff",
        place=next((move.place for move in steps.of(name) if move.place), None),
        row=where,
        optimizer=name,
    )


def _losses(steps: Steps, name: str) -> frozenset[str]:
    return frozenset(_losses_in_order(steps, name))


def _losses_in_order(steps: Steps, name: str) -> list[str]:
    return list(dict.fromkeys(loss for move in steps.of(name) for loss in move.losses))


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _known(audit: Audit) -> list[str]:
    steps = audit.steps or Steps()
    return list(dict.fromkeys((*audit.losses, *audit.known, *(loss for move in steps.moves for loss in move.losses))))
