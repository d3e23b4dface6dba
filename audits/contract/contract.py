"""What a document promises: which module each loss updates, at every setting of the gates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audits.contract.document import Document, EffectRow, FlowRow, Vocabulary, parse, read_text
from audits.contract.effects import Conditions, applied, changes, holds
from audits.contract.mistakes import Mistakes, shown
from audits.contract.targets import StopGrads
from audits.drift import Row
from audits.errors import AuditError
from audits.result import Setting

EXPECTED = "expected a table with the columns Loss and Updates, and optionally Target (stop-grad?) and Notes"
MOST = 3
"""Headings of other tables that are named."""


@dataclass(frozen=True)
class Contract:
    """A document without mistakes."""

    path: Path
    document: Document
    flow: Mapping[str, FlowRow]
    """By loss."""

    @property
    def shown(self) -> str:
        """Its path, as a reader wants it."""
        return shown(self.path)

    @property
    def losses(self) -> tuple[str, ...]:
        """Those with a row."""
        return tuple(self.flow)

    @cached_property
    def spoken(self) -> Conditions:
        """Each value of a gate of which a row of the effects speaks."""
        return frozenset(pair for row in self.document.effects for pair in row.conditions)

    def speaks_of(self, loss: str, setting: Setting) -> bool:
        """Whether the document says what this loss updates at this setting."""
        return loss in self.flow and changes(setting) <= self.spoken

    def updates(self, loss: str, setting: Setting) -> frozenset[str]:
        """The modules that the loss updates. Raises KeyError for a loss without a row."""
        effects = (row.effect for row in self.document.effects if loss in row.losses and row.effect)
        return applied(self.flow[loss].updates or frozenset(), effects, setting)

    def row(self, loss: str) -> Row | None:
        """The line of the flow table, if the loss has one."""
        return self.document.row(self.flow[loss].line) if loss in self.flow else None

    def effect_row(self, loss: str, setting: Setting) -> Row | None:
        """The line of the effects that spoke last about this loss at this setting."""
        rows = [row for row in self.document.effects if loss in row.losses and holds(row.conditions, setting)]
        last = max(rows, key=_place_in_order, default=None)
        return self.document.row(last.line) if last else None

    def stop_grads(self, loss: str) -> StopGrads:
        """What the column Target says: names in ``sg(..)``, or whether there are any, or None: nothing to check."""
        return self.flow[loss].stop_grads if loss in self.flow else None


def read_contract(
    path: Path,
    *,
    losses: Collection[str],
    modules: Collection[str],
    gates: Mapping[str, Sequence[Any]],
    audited: Collection[str] | None = None,
) -> Contract:
    """The tables of a Markdown file.

    `losses`, `modules` and `gates` are all that the trainer has; `audited` are the losses of which at least one must
    have a row, by default all. Raises AuditError that lists every mistake with its line.
    """
    mistakes = Mistakes(path)
    document = parse(path, read_text(path), Vocabulary(losses, modules, gates), mistakes)
    if not document.flow_tables:
        mistakes.raise_all()
        raise AuditError(f"{shown(path)} has no table of the gradient flow: {_expected(document)}")
    flow = {loss: row for row in document.flow for loss in row.losses}
    wanted = losses if audited is None else audited
    if not any(loss in flow for loss in wanted):
        header = document.flow_tables[-1].table.header
        text = "no row for any audited loss, so nothing to compare: add what they update, or run with --update"
        mistakes.add(header.number, text)
    mistakes.raise_all()
    return Contract(path, document, flow)


def _expected(document: Document) -> str:
    """What a table of the flow looks like, and what tables there are."""
    headings = [" | ".join(table.header.texts) for table in document.other_tables]
    found = f"; found {'; '.join(headings[:MOST])}" if headings else ""
    return f"{EXPECTED}{found}; or write one with --update"


def _place_in_order(row: EffectRow) -> tuple[int, int]:
    return len(row.conditions), row.line.number
