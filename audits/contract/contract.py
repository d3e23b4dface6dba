"""What a document promises: which module each loss updates, at every setting of the gates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits.contract.document import Document, EffectRow, FlowRow, Vocabulary, parse, read_text
from audits.contract.effects import applied, holds
from audits.contract.mistakes import Mistakes, shown
from audits.contract.targets import StopGrads
from audits.drift import Row
from audits.errors import AuditError
from audits.result import Setting

EXPECTED = "expected a table with the columns Loss and Updates, and optionally Target (stop-grad?) and Notes"


@dataclass(frozen=True)
class Contract:
    """A document without mistakes."""

    path: Path
    document: Document
    flow: Mapping[str, FlowRow]
    """By loss."""

    @property
    def losses(self) -> tuple[str, ...]:
        """Those with a row."""
        return tuple(self.flow)

    def updates(self, loss: str, setting: Setting) -> frozenset[str]:
        """The modules that the loss updates. Raises KeyError for a loss without a row."""
        effects = (row.effect for row in self.document.effects if loss in row.losses and row.effect)
        return applied(self.flow[loss].updates or frozenset(), effects, setting)

    def row(self, loss: str) -> Row:
        """The line of the flow table."""
        return self.document.row(self.flow[loss].line)

    def effect_row(self, loss: str, setting: Setting) -> Row | None:
        """The line of the effects that spoke last about this loss at this setting."""
        rows = [row for row in self.document.effects if loss in row.losses and holds(row.conditions, setting)]
        last = max(rows, key=_place_in_order, default=None)
        return self.document.row(last.line) if last else None

    def stop_grads(self, loss: str) -> StopGrads:
        """What the column Target says: names in ``sg(..)``, or whether there are any, or None: nothing to check."""
        return self.flow[loss].stop_grads


def read_contract(
    path: Path,
    *,
    losses: Collection[str],
    modules: Collection[str],
    gates: Mapping[str, Sequence[Any]],
    audited: Collection[str] | None = None,
) -> Contract:
    """The tables of a Markdown file.

    `losses`, `modules` and `gates` are all that the trainer has; `audited` are the losses that must have a row, by
    default all. Raises AuditError that lists every mistake with its line.
    """
    mistakes = Mistakes(path)
    document = parse(path, read_text(path), Vocabulary(losses, modules, gates), mistakes)
    if not document.flow_tables:
        mistakes.raise_all()
        raise AuditError(f"{shown(path)} has no table of the gradient flow: {EXPECTED}; or write one with --update")
    flow = {loss: row for row in document.flow for loss in row.losses}
    missing = [loss for loss in (losses if audited is None else audited) if loss not in flow]
    if missing:
        header = document.flow_tables[-1].table.header
        names = ", ".join(map(repr, missing))
        mistakes.add(header.number, f"no row for {names}: add what they update, or run with --update")
    mistakes.raise_all()
    return Contract(path, document, flow)


def _place_in_order(row: EffectRow) -> tuple[int, int]:
    return len(row.conditions), row.line.number
