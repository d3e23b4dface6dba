"""Live, vacuous, idle: what a gradient is worth, decided in float64 and on more than one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from audits.forward import OnlyInItsPrecision, forward
from audits.gradients import Measured, measure
from audits.noise import Verdict, judge, nudge, same_direction, shake
from audits.result import Cell, Pair, Setting, Status
from audits.stand_ins import Vary
from audits.target import Target

BATCHES = 3
"""How many batches a zero gradient is tried on before it is called vacuous."""
WEIGHTS = 4
"""How many other weights it is then tried at."""
SHRINKS = 1e-3
"""A gradient that falls below this part of itself from the trainer's own precision to float64 may be rounding noise:
float32 leaves 1e-7 of an identity, float64 1e-16. Likewise the value of a loss."""

Cells = dict[Pair, Cell]

VACUOUS = Status.VACUOUS, "the gradient is zero or rounding noise on every batch"


@dataclass(frozen=True)
class Low:
    """One batch in the trainer's own precision."""

    measured: Measured
    values: Mapping[str, float]
    is_double: bool
    """Whether that precision is float64."""


class Decision:
    """The status of each pair that has a gradient, at one setting."""

    def __init__(self, target: Target, setting: Setting, low: Low) -> None:
        self._target, self._setting, self._low = target, setting, low

    def decide(self, cells: Cells, late: Mapping[Pair, int]) -> tuple[Cells, list[str]]:
        """Cells with a status each, and remarks. `late`: pairs that have no path on the first batch, only on this."""
        waiting = [pair for pair, cell in cells.items() if cell.waits]
        if not waiting:
            return cells, []
        try:
            decided = self._on_first_batch([pair for pair in waiting if pair not in late])
            decided |= self._when_late({pair: late[pair] for pair in waiting if pair in late})
        except OnlyInItsPrecision as error:
            reason = str(error)
            decided = {pair: replace(cells[pair], reason=reason) for pair in waiting}
            return cells | decided, [reason]
        return cells | {pair: _decided(cells[pair], *status) for pair, status in decided.items()}, []

    def _on_first_batch(self, pairs: list[Pair]) -> dict[Pair, tuple[Status, str]]:
        if not pairs:
            return {}
        losses, double = {loss for loss, _ in pairs}, self._low.is_double
        high, values, again = self._in_float64(losses)
        is_noise = _changes if double else _falls
        noisy = {loss for loss in losses if is_noise(self._low.values[loss], values[loss])}
        decided, doubtful = dict[Pair, tuple[Status, str]](), dict[Pair, bool]()
        for pair in pairs:
            low_norm, norm = self._low.measured.norms.get(pair), high.norms.get(pair)
            large = bool(low_norm and norm and norm > SHRINKS * low_norm) and pair[0] not in noisy
            if pair[0] in high.failed:
                decided[pair] = Status.UNKNOWN, f"cannot go backward in float64: {high.failed[pair[0]]}"
            elif not _finite(low_norm) or not _finite(norm):
                decided[pair] = Status.NONFINITE, "the gradient has NaN or infinity"
            elif large and same_direction(again.samples.get(pair), high.samples.get(pair)):
                decided[pair] = Status.LIVE, ""
            else:
                doubtful[pair] = large
        return decided | self._on_more_batches(doubtful)

    def _in_float64(self, losses: set[str]) -> tuple[Measured, Mapping[str, float], Measured]:
        """Gradients and values in float64, and gradients that must agree with them unless they are noise.

        Those are the trainer's own; if they are float64 too, weights are nudged between the two. A large batch needs
        twice its memory in float64: then a part of it is measured twice, and nudged in between.
        """
        rows = None if self._low.is_double else self._target.part()
        if rows:
            try:
                plain, values = self._measure(losses, rows=rows)
                return plain, values, self._measure(losses, rows=rows, vary=nudge(0))[0]
            except OnlyInItsPrecision:  # perhaps it only wants the whole batch
                pass
        vary = nudge(0) if self._low.is_double else None
        return *self._measure(losses, vary=vary), self._low.measured

    def _measure(
        self, losses: set[str], *, rows: int | None = None, vary: Vary | None = None
    ) -> tuple[Measured, Mapping[str, float]]:
        with forward(self._target, self._setting, losses=losses, float64=True, rows=rows, vary=vary) as run:
            return measure(run.losses, run.columns, run.graph, like=self._low.measured), run.values()

    def _on_more_batches(self, doubtful: Mapping[Pair, bool]) -> dict[Pair, tuple[Status, str]]:
        """Noise or not; and, while it is zero or noise, what it is on further batches, then at other weights."""
        decided: dict[Pair, tuple[Status, str]] = {}
        for batch in range(BATCHES):
            left = {pair: large for pair, large in doubtful.items() if pair not in decided}
            if left:
                decided |= self._judged(left, batch)
        left = {pair: large for pair, large in doubtful.items() if pair not in decided}
        return {pair: decided.get(pair, VACUOUS) for pair in doubtful} | (self._at_other_weights(left) if left else {})

    def _judged(self, pairs: Mapping[Pair, bool], batch: int) -> dict[Pair, tuple[Status, str]]:
        """The pairs that one batch decides."""
        decided: dict[Pair, tuple[Status, str]] = {}
        norms, verdicts, failed = judge(self._target, self._setting, pairs, batch)
        for pair in pairs:
            if pair[0] in failed:
                decided[pair] = Status.UNKNOWN, f"cannot go backward in float64: {failed[pair[0]]}"
            elif not _finite(norms[pair]):
                decided[pair] = Status.NONFINITE, f"the gradient has NaN or infinity on batch {batch + 1}"
            elif verdicts[pair] is Verdict.UNSURE:
                decided[pair] = Status.UNKNOWN, "the gradient turns when weights change by a billionth"
            elif verdicts[pair] is Verdict.REAL:
                idle = Status.IDLE, f"zero on the first batch, live on batch {batch + 1}"
                decided[pair] = idle if batch else (Status.LIVE, "")
        return decided

    def _at_other_weights(self, pairs: Mapping[Pair, bool]) -> dict[Pair, tuple[Status, str]]:
        """A hinge that training has satisfied on every batch works again at weights that it did not train."""
        idle = Status.IDLE, "zero on every batch at these weights, live at others"
        decided: dict[Pair, tuple[Status, str]] = {}
        for seed in range(WEIGHTS):
            left = {pair: large for pair, large in pairs.items() if pair not in decided}
            try:
                norms, verdicts, _ = judge(self._target, self._setting, left, 0, shake(seed)) if left else ({}, {}, {})
            except OnlyInItsPrecision:  # other weights than somebody's own prove nothing when they break his code
                continue
            decided |= {pair: idle for pair in left if verdicts[pair] is Verdict.REAL and _finite(norms[pair])}
        return decided

    def _when_late(self, late: Mapping[Pair, int]) -> dict[Pair, tuple[Status, str]]:
        decided: dict[Pair, tuple[Status, str]] = {}
        for pair, batch in late.items():
            _, verdicts, failed = judge(self._target, self._setting, {pair: True}, batch)
            real = verdicts[pair] is Verdict.REAL and not failed
            where = f"no path on the first batch, only on batch {batch + 1}"
            decided[pair] = (Status.IDLE if real else Status.UNKNOWN), where
        return decided


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
