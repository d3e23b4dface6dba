"""Measurement against document and lock file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from audits.contract.contract import Contract
from audits.contract.lock import Lock
from audits.contract.locked import check_comparable, path_drift, running_torch, stop_drifts, unlocked
from audits.contract.presence import presence_drifts
from audits.contract.stop_grads import stop_grad_drift
from audits.drift import Drift, DriftKind
from audits.result import Audit, Flow

ORDER = (
    DriftKind.UNDECIDED,
    DriftKind.STOP_GONE,
    DriftKind.STOP_NEW,
    DriftKind.UNEXPECTED,
    DriftKind.MISSING,
    DriftKind.STOP_GRAD,
    DriftKind.PATHS,
)


@dataclass(frozen=True)
class Comparison:
    """An audit compared with a document and its lock file: what `against` returns.

    Attributes:
        audit: What was measured.
        drifts: Where it differs from what is documented.
        notes: What was not compared, and why.
        documented: Whether there was a document to compare with.

    Examples:
        >>> comparison.passed, len(comparison.drifts)
        (False, 1)
    """

    audit: Audit
    drifts: tuple[Drift, ...]
    notes: tuple[str, ...]
    documented: bool = True

    @property
    def passed(self) -> bool:
        """Whether there is no drift."""
        return not self.drifts


def compare(audit: Audit, contract: Contract | None, lock: Lock | None, *, shape_matters: bool = True) -> Comparison:
    """Every difference. Without a document, or without a lock file, what it would say is not compared.

    `shape_matters` False: path counts are not compared, since the audit was made at a shape of its own. Raises
    AuditError for a lock file of another target, or of another shape if that matters.
    """
    if lock:
        check_comparable(audit, lock, shape_matters=shape_matters)
    drifts: list[Drift] = []
    for flow in audit.flows:
        for loss in audit.losses:
            drifts += _of_loss(audit, flow, loss, contract, lock, shape_matters=shape_matters)
    drifts = _grouped(drifts)
    drifts.sort(key=lambda drift: (ORDER.index(drift.kind), audit.losses.index(drift.loss)))
    notes = tuple(_notes(drifts, contract, lock, shape_matters=shape_matters))
    return Comparison(audit, tuple(drifts), notes, documented=contract is not None)


def _of_loss(
    audit: Audit, flow: Flow, loss: str, contract: Contract | None, lock: Lock | None, *, shape_matters: bool
) -> list[Drift]:
    """What differs for one loss at one setting."""
    drifts = list(presence_drifts(flow, loss, audit.modules, contract))
    row = contract.row(loss) if contract else None
    if lock and (entry := lock.entry(flow.setting.label, loss)):
        drifts += stop_drifts(audit, flow, loss, lock, row)
        if shape_matters and not drifts:
            drifts += path_drift(audit, flow, loss, entry, row)
    elif lock:
        drifts.append(unlocked(flow, loss, lock, row))
    if contract:
        drifts += stop_grad_drift(audit, flow, loss, contract)
    return drifts


def _grouped(drifts: Iterable[Drift]) -> list[Drift]:
    """The same difference at several settings as one, in the order of the first."""
    groups: dict[Drift, list[Drift]] = {}
    for drift in drifts:
        groups.setdefault(replace(drift, settings=(), row=None), []).append(drift)
    return [
        replace(same[0], settings=tuple(label for one in same for label in one.settings)) for same in groups.values()
    ]


def _notes(
    drifts: Sequence[Drift], contract: Contract | None, lock: Lock | None, *, shape_matters: bool
) -> Iterable[str]:
    if contract is None:
        yield "no document: what each loss updates was not compared"
    if lock is None:
        yield "no lock file: stops and path counts were not compared; --update writes one"
    elif not shape_matters:
        yield "path counts were not compared: they depend on the shape, and this audit has a shape of its own"
    if lock and lock.torch != running_torch() and any(drift.kind is DriftKind.PATHS for drift in drifts):
        yield (
            f"the lock file was written with torch {lock.torch}, this is {running_torch()}: "
            "path counts may differ for that reason alone"
        )
