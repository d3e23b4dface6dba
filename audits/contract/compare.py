"""Measurement against document and lock file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from audits.contract.contract import Contract
from audits.contract.coverage import left_out, speaking, uncompared, undocumented
from audits.contract.lock import Lock
from audits.contract.presence import presence_drifts
from audits.contract.stated import stated_drifts, stated_note
from audits.contract.step_table import step_drifts, step_rows
from audits.contract.stop_drifts import check_comparable, derivative_drifts, renames, routing_drifts, unlocked
from audits.contract.stop_grads import stop_grad_drift
from audits.drift import Drift, DriftKind
from audits.remarks import Remark, remarks
from audits.result import Audit, Flow

ORDER = (
    DriftKind.UNDECIDED,
    DriftKind.STOP_GONE,
    DriftKind.STOP_NEW,
    DriftKind.UNEXPECTED,
    DriftKind.MISSING,
    DriftKind.STOP_GRAD,
    DriftKind.DERIVATIVE,
    DriftKind.ROUTE,
    DriftKind.GATE_DEFAULT,
    DriftKind.WEIGHT,
    DriftKind.MOVES,
    DriftKind.UNDOCUMENTED,
)


@dataclass(frozen=True)
class Comparison:
    """An audit compared with a document and its lock file: what `against` returns.

    Attributes:
        audit: What was measured.
        drifts: Where it differs from what is documented.
        notes: What was not compared, and why.
        documented: Whether there was a document to compare with.
        uncompared: Labels of the settings of which the document does not speak.
        complete: Whether the document speaks of all that was audited.
        strict: Whether a remark keeps it from passing.

    Examples:
        >>> comparison.passed, len(comparison.drifts)
        (False, 1)
    """

    audit: Audit
    drifts: tuple[Drift, ...]
    notes: tuple[str, ...]
    documented: bool = True
    uncompared: frozenset[str] = frozenset()
    complete: bool = True
    strict: bool = False

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What is worth saying whatever the document says, such as that no loss updates a module."""
        return tuple(remarks(self.audit))

    @property
    def passed(self) -> bool:
        """Whether there is no drift; no remark that is a failure; and, where `strict`, no remark."""
        return not self.drifts and not self.failures

    @cached_property
    def failures(self) -> tuple[Remark, ...]:
        """The remarks that keep it from passing: where `strict` all, else those on what cannot train."""
        return tuple(remark for remark in self.remarks if self.strict or remark.fails)


def compare(
    audit: Audit,
    contract: Contract | None,
    lock: Lock | None,
    *,
    shape_matters: bool = True,
    complete: bool = False,
) -> Comparison:
    """Every difference. Without a document, or without a lock file, what it would say is not compared.

    `complete` True: what the document leaves out is a drift too. `shape_matters` False: routes are not compared, since
    the audit was made at a shape of its own, stops are. Raises AuditError for a lock file of another target, or of
    another shape if that matters.
    """
    if lock:
        check_comparable(audit, lock, shape_matters=shape_matters)
    drifts: list[Drift] = []
    for flow in audit.flows:
        for loss in audit.losses:
            drifts += _of_loss(audit, flow, loss, contract, lock, shape_matters=shape_matters)
    drifts = _grouped(drifts)
    if contract:
        drifts += stated_drifts(audit, contract.document)
        drifts += step_drifts(audit, contract.document.text, contract.shown)
        drifts += undocumented(audit, contract) if complete else ()
    order = {loss: at for at, loss in enumerate(audit.losses)}
    drifts.sort(key=lambda drift: (ORDER.index(drift.kind), order.get(drift.loss, len(order))))
    notes = tuple(_notes(audit, contract, lock, shape_matters=shape_matters, complete=complete))
    speaks_of_all = contract is None or not left_out(audit, contract)
    return Comparison(audit, tuple(drifts), notes, contract is not None, uncompared(audit, contract), speaks_of_all)


def _of_loss(
    audit: Audit, flow: Flow, loss: str, contract: Contract | None, lock: Lock | None, *, shape_matters: bool
) -> list[Drift]:
    """What differs for one loss at one setting."""
    spoken = speaking(contract, flow, loss)
    drifts = [_entered(drift, flow) for drift in presence_drifts(flow, loss, audit.modules, spoken)]
    row = contract.row(loss) if contract else None
    if lock and (entry := lock.entry(flow.setting.label, loss)):
        drifts += derivative_drifts(audit, flow, entry, loss, row)
        explained = any(drift.module for drift in drifts)
        drifts += routing_drifts(audit, flow, lock, loss, row, routes=shape_matters, explained=explained)
    elif lock:
        drifts.append(unlocked(flow, loss, lock, row))
    if contract:
        drifts += stop_grad_drift(audit, flow, loss, contract, lock)
    return drifts


def _entered(drift: Drift, flow: Flow) -> Drift:
    """An unexpected gradient with the call by which it enters the module."""
    if drift.kind is not DriftKind.UNEXPECTED or drift.place or drift.loss not in flow.routes:
        return drift
    return replace(drift, place=flow.routes[drift.loss].enters.get(drift.module))


def _grouped(drifts: Iterable[Drift]) -> list[Drift]:
    """The same difference at several settings as one, in the order of the first."""
    groups: dict[Drift, list[Drift]] = {}
    for drift in drifts:
        groups.setdefault(replace(drift, settings=(), row=None), []).append(drift)
    return [
        replace(same[0], settings=tuple(label for one in same for label in one.settings)) for same in groups.values()
    ]


def _notes(
    audit: Audit,
    contract: Contract | None,
    lock: Lock | None,
    *,
    shape_matters: bool,
    complete: bool,
) -> Iterable[str]:
    if contract is None:
        yield "no document: what each loss updates was not compared"
    else:
        notes = ("" if complete else left_out(audit, contract), stated_note(audit, contract.document))
        yield from filter(None, notes)
        if audit.steps and not step_rows(contract.document.text, audit):
            yield "the document has no table of what a step moves: not compared; --update --complete adds one"
    if lock is None:
        yield "no lock file: routes and stops were not compared; --update writes one"
        return
    if not shape_matters:
        yield "routes were not compared: they depend on the shape, and this audit has a shape of its own"
    yield from renames(audit, lock, routes=shape_matters)
