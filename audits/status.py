"""Live, vacuous, idle: what a gradient is worth, decided in float64, on more than one batch, at more than one point."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from audits.forward import BATCHES, NotRunnable, forward
from audits.gradients import Measured, measure
from audits.noise import Verdict, judge, nudge, same_direction, shake
from audits.result import Cell, Pair, Setting, Status
from audits.target import Target

"""How many batches a zero gradient is tried on."""
WEIGHTS = 4
"""How many other weights it is then tried at, before it is called vacuous."""
SHRINKS = 1e-3
"""A gradient that falls below this part of itself from the trainer's own precision to float64 is rounding noise:
float32 leaves 1e-7 of an identity, float64 1e-16. Likewise the value of a loss."""

Cells = dict[Pair, Cell]
Found = tuple[Status, str]
"""A status and its reason."""

REAL: Found = (Status.LIVE, "")
ZERO: Found = (Status.VACUOUS, "the gradient is zero or rounding noise on every batch")


@dataclass(frozen=True)
class Low:
    """One pass in the trainer's own precision."""

    measured: Measured
    values: Mapping[str, float]
    is_double: bool
    """Whether that precision is float64."""


class Decision:
    """The status of each pair that has a gradient, at one setting."""

    def __init__(self, target: Target, setting: Setting, low: Low) -> None:
        """`low` is the first batch."""
        self._target, self._setting, self._low = target, setting, low

    def decide(self, cells: Cells, late: Mapping[Pair, int]) -> tuple[Cells, list[str]]:
        """Cells with a status each, and remarks. `late`: pairs that have no path on the first batch, only on this."""
        waiting = [pair for pair, cell in cells.items() if cell.waits]
        try:
            found = self._found([pair for pair in waiting if pair not in late])
            found |= {pair: self._when_late(pair, late[pair]) for pair in waiting if pair in late}
        except NotRunnable as error:
            return cells | {pair: replace(cells[pair], reason=str(error)) for pair in waiting}, [str(error)]
        return cells | {pair: _decided(cells[pair], *status) for pair, status in found.items()}, []

    def _found(self, pairs: Collection[Pair]) -> dict[Pair, Found]:
        """On the first batch; and, while it is zero there, on further batches, then at other weights."""
        found = self._at(pairs) if pairs else {}
        for batch in range(1, BATCHES):
            live = Status.IDLE, f"zero on the first batch, live on batch {batch + 1}"
            for pair, status in self._at(_zero(found), batch=batch).items():
                found[pair] = live if status == REAL else status
        for seed in range(WEIGHTS):
            found |= self._at_other_weights(_zero(found), seed)
        return found

    def _at_other_weights(self, pairs: Collection[Pair], seed: int) -> dict[Pair, Found]:
        """A hinge that training has satisfied on every batch works again at weights that it did not train."""
        try:
            found = self._at(pairs, weights=seed)
        except NotRunnable:  # weights that are not the trainer's prove nothing when they break its code
            return {}
        return {
            pair: (Status.IDLE, "zero on every batch at these weights, live at others")
            for pair, status in found.items()
            if status == REAL
        }

    def _when_late(self, pair: Pair, batch: int) -> Found:
        status, reason = self._at([pair], batch=batch)[pair]
        where = f"no path on the first batch, only on batch {batch + 1}"
        return (Status.IDLE, where) if status is Status.LIVE else (Status.UNKNOWN, f"{where}; there {reason}")

    def _at(self, pairs: Collection[Pair], *, batch: int = 0, weights: int | None = None) -> dict[Pair, Found]:
        """What is found in two precisions, and, where they leave a doubt, under nudges."""
        if not pairs:
            return {}
        losses = {loss for loss, _ in pairs}
        low = self._low if batch == 0 and weights is None else self._in_its_precision(losses, batch, weights)
        high, values, again = self._in_float64(losses, low, batch, weights)
        is_noise = _changes if low.is_double else _falls
        found, doubtful = dict[Pair, Found](), dict[Pair, bool]()
        for pair in pairs:
            small, large = low.measured.norms.get(pair), high.norms.get(pair)
            noisy = is_noise(low.values[pair[0]], values[pair[0]])
            if failure := high.failed.get(pair[0]) or low.measured.failed.get(pair[0]):
                found[pair] = Status.UNKNOWN, f"cannot go backward in float64: {failure}"
            elif not _finite(small) or not _finite(large):
                found[pair] = Status.NONFINITE, "the gradient has NaN or infinity"
            elif not large or large < SHRINKS * (small or 0):
                found[pair] = ZERO
            elif small and not noisy and same_direction(again.samples.get(pair), high.samples.get(pair)):
                found[pair] = REAL
            else:
                doubtful[pair] = bool(small) and not noisy
        return found | self._nudged(doubtful, batch, weights)

    def _nudged(self, doubtful: Mapping[Pair, bool], batch: int, weights: int | None) -> dict[Pair, Found]:
        if not doubtful:
            return {}
        turned: Found = (Status.UNKNOWN, "the gradient turns when weights change by a billionth")
        meaning = {Verdict.REAL: REAL, Verdict.NOISE: ZERO, Verdict.UNSURE: turned}
        verdicts = judge(self._target, self._setting, doubtful, batch, weights)
        return {pair: meaning[verdict] for pair, verdict in verdicts.items()}

    def _in_its_precision(self, losses: set[str], batch: int, weights: int | None) -> Low:
        vary = None if weights is None else shake(weights)
        with forward(self._target, self._setting, losses=losses, batch=batch, vary=vary) as run:
            return Low(measure(run.losses, run.columns, run.graph), run.values(), run.is_double)

    def _in_float64(
        self, losses: set[str], low: Low, batch: int, weights: int | None
    ) -> tuple[Measured, Mapping[str, float], Measured]:
        """Gradients and values in float64, and gradients that must agree with them unless they are noise.

        Those are the trainer's own; if they are float64 too, weights are nudged between the two. A large batch needs
        twice its memory in float64: then a part of it is measured twice, and nudged in between.
        """

        def measured(*, nudged: bool, rows: int | None = None) -> tuple[Measured, Mapping[str, float]]:
            base = None if weights is None else shake(weights)
            vary = nudge(0, base) if nudged else base
            with forward(
                self._target, self._setting, losses=losses, batch=batch, float64=True, rows=rows, vary=vary
            ) as run:
                return measure(run.losses, run.columns, run.graph, like=low.measured), run.values()

        if rows := None if low.is_double else self._target.part():
            try:
                plain, values = measured(nudged=False, rows=rows)
                return plain, values, measured(nudged=True, rows=rows)[0]
            except NotRunnable:  # perhaps it only wants the whole batch
                pass
        return *measured(nudged=low.is_double), low.measured


def _zero(found: Mapping[Pair, Found]) -> list[Pair]:
    return [pair for pair, status in found.items() if status == ZERO]


def _decided(cell: Cell, status: Status, reason: str) -> Cell:
    if status is Status.LIVE and cell.norm == 0:
        reason = "zero in the trainer's own precision, live in float64"
    return replace(cell, status=status, reason=reason)


def _falls(low: float, high: float) -> bool:
    """Whether the value of a loss falls with precision, as rounding noise does."""
    return abs(high) < SHRINKS * abs(low) or (high == 0) != (low == 0)


def _changes(plain: float, nudged: float) -> bool:
    """Whether the value of a loss changes when weights change by a billionth, as rounding noise does."""
    return abs(plain - nudged) > SHRINKS * max(abs(plain), abs(nudged))


def _finite(norm: float | None) -> bool:
    return norm is None or norm < float("inf")
