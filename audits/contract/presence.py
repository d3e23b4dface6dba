"""Which modules a loss updates, against the document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.contract.contract import Contract
from audits.drift import Drift, DriftKind
from audits.result import Cell, Flow, Setting, Status

DOCUMENT_IT = "or run with --update and review the diff"
READABLE = 2**63

MISSING_REMEDIES = {
    Status.ABSENT: f"let the gradient through, {DOCUMENT_IT}",
    Status.VACUOUS: f"mend the loss so that it depends on the module, {DOCUMENT_IT}",
    Status.FROZEN: f"let its parameters require a gradient, {DOCUMENT_IT}",
}


def presence_drifts(flow: Flow, loss: str, modules: Sequence[str], contract: Contract | None) -> Iterator[Drift]:
    """For each module whether the document says what was measured. Without a document, only what is undecided."""
    documented = contract.updates(loss, flow.setting) if contract else frozenset()
    for module in modules:
        cell = flow.cells[loss, module]
        if cell.status is Status.UNPROVEN:
            continue
        if not cell.status.decided:
            expected = "a decided status" if contract is None else _expected(cell, updates=module in documented)
            remedy = "mend what the reason names: an undecided cell never passes"
            yield _drift(DriftKind.UNDECIDED, cell, flow.setting, contract, expected, cell.reason, remedy)
        elif contract and cell.status.updates and module not in documented:
            reason = cell.reason or f"{counted(cell.paths)} gradient path{'' if cell.paths == 1 else 's'}"
            remedy = f"stop the gradient on its way, {DOCUMENT_IT}"
            expected = _expected(cell, updates=False)
            yield _drift(DriftKind.UNEXPECTED, cell, flow.setting, contract, expected, reason, remedy)
        elif not cell.status.updates and module in documented:
            expected, remedy = _expected(cell, updates=True), MISSING_REMEDIES[cell.status]
            yield _drift(DriftKind.MISSING, cell, flow.setting, contract, expected, _why_missing(cell), remedy)


def counted(paths: int | None) -> str:
    """A number of paths in words; one with hundreds of digits as a power of two."""
    if paths is None:
        return "uncounted"
    return str(paths) if paths <= READABLE else f"about 2^{paths.bit_length() - 1}"


def _drift(
    kind: DriftKind, cell: Cell, setting: Setting, contract: Contract | None, expected: str, reason: str, remedy: str
) -> Drift:
    return Drift(
        kind=kind,
        settings=(setting.label,),
        loss=cell.loss,
        module=cell.module,
        expected=expected,
        found=str(cell.status),
        reason=reason,
        remedy=remedy,
        place=cell.stops[0].place if cell.stops else None,
        row=(contract.effect_row(cell.loss, setting) or contract.row(cell.loss)) if contract else None,
    )


def _expected(cell: Cell, *, updates: bool) -> str:
    return f"updates {cell.module}" if updates else f"does not update {cell.module}"


def _why_missing(cell: Cell) -> str:
    if cell.status is Status.VACUOUS:
        return cell.reason or "the gradient is zero or rounding noise"
    if cell.status is Status.FROZEN:
        return cell.reason or "its parameters have requires_grad False"
    return "; ".join(f"cut at {stop}" for stop in cell.stops) or cell.reason or "no data path"
