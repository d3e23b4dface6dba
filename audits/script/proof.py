"""What one run of a script leaves open, decided by further runs: in float64, and at other weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from audits.errors import AuditError
from audits.result import Audit, Cell, Pair, Status
from audits.script.request import FLOAT64

OTHER_WEIGHTS = ("0", "4", "2", "5", "6")
"""Numbers of other weights: zeros filled, all shrunk, all grown, each by a factor of its own."""
SHRINKS = 1e-3
"""A gradient of which float64 leaves less than this part is rounding noise."""

Run = Callable[[str], Audit]
"""Run the script again in a variation."""


def proved(found: Audit, run: Run) -> Audit:
    """The same audit without a cell that is unproven, as far as the script runs otherwise."""
    try:
        exact = run(FLOAT64)
    except AuditError as error:
        reason = str(error).splitlines()
        return _noted(found, f"not proven: in float64 {reason[0]} {reason[-1].strip() if reason[1:] else ''}".rstrip())
    cells = {pair: _in_float64(cell, _cell(exact, pair)) for pair, cell in found.flows[0].cells.items()}
    runs = 1
    for variation in OTHER_WEIGHTS:
        waiting = [pair for pair, cell in cells.items() if cell.status is Status.UNPROVEN]
        if not waiting:
            break
        try:
            other = run(variation)
        except AuditError:  # weights that are not its own prove nothing where they break a script
            continue
        runs += 1
        cells |= dict(_revived(cells, waiting, other))
    if runs > 1:
        cells = {pair: _without_gradient(cell) for pair, cell in cells.items()}
    proof = f"proven by {runs} more {'run' if runs == 1 else 'runs'} in float64"
    return _noted(replace(found, flows=(replace(found.flows[0], cells=cells),)), proof)


def _in_float64(cell: Cell, exact: Cell | None) -> Cell:
    """What float64 says of a gradient that one run has seen."""
    if cell.status not in (Status.LIVE, Status.UNPROVEN) or exact is None or cell.norm is None or exact.norm is None:
        return cell
    if cell.norm and exact.norm < SHRINKS * cell.norm:
        return replace(
            cell, status=Status.VACUOUS, reason="the gradient is rounding noise: float64 leaves nothing of it"
        )
    if cell.norm:
        return replace(cell, status=Status.LIVE, reason="")
    return cell


def _revived(cells: dict[Pair, Cell], waiting: list[Pair], other: Audit) -> Iterator[tuple[Pair, Cell]]:
    for pair in waiting:
        seen = _cell(other, pair)
        if seen is not None and seen.status is Status.LIVE:
            yield pair, replace(cells[pair], status=Status.IDLE, reason="zero on this step, live at other weights")


def _without_gradient(cell: Cell) -> Cell:
    if cell.status is not Status.UNPROVEN:
        return cell
    return replace(cell, status=Status.VACUOUS, reason="the gradient is zero or rounding noise in every run")


def _cell(audit: Audit, pair: Pair) -> Cell | None:
    return audit.flows[0].cells.get(pair)


def _noted(audit: Audit, note: str) -> Audit:
    return replace(audit, notes=(*audit.notes, note))
