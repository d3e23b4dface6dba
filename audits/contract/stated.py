"""Weights and defaults of gates that a document states, against those of the target."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from audits.contract.document import Document
from audits.contract.editing import Edits
from audits.contract.statements import POSITIVE, Statement, same_value
from audits.drift import Drift, DriftKind
from audits.result import Audit


def stated_drifts(audit: Audit, document: Document) -> Iterator[Drift]:
    """A drift for each statement that is wrong, at its line."""
    for statement in document.statements:
        if not _is_right(statement, audit):
            yield _drift(statement, audit, document)


def stated_note(audit: Audit, document: Document) -> str:
    """That weights are stated, and cannot be compared; empty where they can, or where none are."""
    if audit.weights or all(statement.of_gate for statement in document.statements):
        return ""
    return "the document states weights, and the target has none: not compared (Target.weights)"


def correct_statements(audit: Audit, document: Document, edits: Edits) -> None:
    """Write the right value into each line that states a wrong one; in a list, in brackets behind the name."""
    for statement in document.statements:
        if statement.span and not _is_right(statement, audit):
            value = _actual(statement, audit)
            edits.replace(statement.line, statement.span, f" (weight = {value})" if statement.of_list else value)


def _is_right(statement: Statement, audit: Audit) -> bool:
    if statement.of_gate:
        return same_value(statement.value, audit.gates[statement.name][0])
    if not audit.weights:
        return True
    weight = _weight(statement, audit)
    return weight > 0 if statement.value == POSITIVE else isclose(float(statement.value), weight, rel_tol=1e-6)


def _weight(statement: Statement, audit: Audit) -> float:
    return float(audit.weights.get(statement.name, 1.0))


def _actual(statement: Statement, audit: Audit) -> str:
    if statement.of_gate:
        return str(audit.gates[statement.name][0])
    weight = repr(_weight(statement, audit))
    return weight.removesuffix(".0") if statement.value.isdigit() else weight


def _drift(statement: Statement, audit: Audit, document: Document) -> Drift:
    what = f"default of {statement.name}" if statement.of_gate else f"weight of {statement.name}"
    remedy = "correct the document or the config"
    remedy += ", or run with --update and review the diff" if statement.span else ": move the name to where it belongs"
    return Drift(
        kind=DriftKind.GATE_DEFAULT if statement.of_gate else DriftKind.WEIGHT,
        settings=(),
        loss="" if statement.of_gate else statement.name,
        module="",
        expected=f"{statement.name} = {statement.value}",
        found=_actual(statement, audit),
        reason=f"the document states the {what}, and the config has another",
        remedy=remedy,
        row=document.row_at(statement.line),
        gate=statement.name if statement.of_gate else "",
    )
