"""Live, vacuous, idle: what a gradient is worth, decided in float64 and on more than one batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from audits.forward import forward
from audits.gradients import Measured, measure
from audits.noise import real_norms
from audits.result import Cell, Pair, Setting, Status
from audits.target import Target
from audits.walking import undecided

BATCHES = 3
"""How many batches a zero gradient is tried on before it is called vacuous."""
SHRINKS = 1e-3
"""A gradient that falls below this part of itself from the trainer's own precision to float64 may be rounding noise:
float32 leaves 1e-7 of an identity, float64 1e-16. Likewise the value of a loss."""

Cells = dict[Pair, Cell]
Values = Mapping[str, float]


def decide(
    target: Target, setting: Setting, cells: Cells, low: Measured, values: Values, *, double: bool
) -> tuple[Cells, list[str]]:
    """The cells with the status of each that has a gradient, and remarks.

    `low` and `values` are gradients and losses in the trainer's own precision, which is float64 if `double`.
    """
    open_pairs = undecided(cells)
    if not open_pairs:
        return cells, []
    losses = list(dict.fromkeys(loss for loss, _ in open_pairs))
    high, high_values, remark = _in_float64(target, setting, losses)
    if high is None:
        return cells | {pair: replace(cells[pair], reason=remark) for pair in open_pairs}, [remark]
    decided: dict[Pair, Status] = {}
    for pair in open_pairs:
        small, large = low.norms.get(pair), high.norms.get(pair)
        if not _finite(small) or not _finite(large):
            decided[pair] = Status.NONFINITE
        elif not double and _keeps_its_size(small, large) and not _is_noise(values[pair[0]], high_values[pair[0]]):
            decided[pair] = Status.LIVE
    doubtful = [pair for pair in open_pairs if pair not in decided]
    decided |= _on_more_batches(target, setting, doubtful, high)
    return cells | {pair: _decided(cells[pair], status) for pair, status in decided.items()}, []


def _in_float64(target: Target, setting: Setting, losses: Collection[str]) -> tuple[Measured | None, Values, str]:
    try:
        with forward(target, setting, losses=losses, float64=True) as run:
            return measure(run.losses, run.columns, run.graph), run.values(), ""
    except (RuntimeError, TypeError, NotImplementedError) as error:
        return None, {}, f"cannot be decided: the forward pass does not run in float64: {str(error).splitlines()[0]}"


def _on_more_batches(target: Target, setting: Setting, pairs: Sequence[Pair], high: Measured) -> dict[Pair, Status]:
    """Zero or doubtful on the first batch: without noise, and on further batches while it stays zero."""
    norms: dict[Pair, list[float]] = {pair: [] for pair in pairs}
    doubtful = [pair for pair in pairs if high.norms.get(pair)]
    first = real_norms(target, setting, doubtful, 0) if doubtful else {}
    for pair in pairs:
        norms[pair].append(first.get(pair, 0.0))
    for batch in range(1, BATCHES):
        zero = [pair for pair in pairs if not any(norms[pair])]
        if zero:
            for pair, norm in real_norms(target, setting, zero, batch).items():
                norms[pair].append(norm)
    return {pair: _settled(found) for pair, found in norms.items()}


def _settled(norms: Sequence[float]) -> Status:
    """From the real norm on each batch in turn."""
    if any(not _finite(norm) for norm in norms):
        return Status.NONFINITE
    if not any(norms):
        return Status.VACUOUS
    return Status.LIVE if norms[0] else Status.IDLE


def _decided(cell: Cell, status: Status) -> Cell:
    reasons = {
        Status.VACUOUS: "the gradient is zero or rounding noise on every batch",
        Status.IDLE: "zero on the first batch, not on another",
        Status.NONFINITE: "the gradient has NaN or infinity",
        Status.LIVE: "too small for the trainer's own precision, live in float64" if cell.norm == 0 else "",
    }
    return replace(cell, status=status, reason=reasons[status])


def _keeps_its_size(low: float | None, high: float | None) -> bool:
    return bool(low) and bool(high) and (high or 0) > SHRINKS * (low or 0)


def _is_noise(low: float, high: float) -> bool:
    """Whether the value of a loss falls with precision."""
    return abs(high) < SHRINKS * abs(low) or (high == 0) != (low == 0)


def _finite(norm: float | None) -> bool:
    return norm is None or norm < float("inf")
