"""Live, vacuous, idle: what a gradient is worth, decided in float64, on more than one batch, at more than one point."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from types import MappingProxyType
from typing import Any

from audits.forward import BATCHES, Forward, Lower, NotRunnable, forward
from audits.gradients import Measured, Parts, measure, parts
from audits.judging.derivative import Point, proved
from audits.judging.held_stops import HeldStops
from audits.judging.known import KnownGradients
from audits.judging.noise import Verdict, closest, judge, same_direction
from audits.judging.other_weights import WEIGHTS, elsewhere
from audits.judging.steadiness import by_size, differing
from audits.judging.underflow import held_back
from audits.result import Cell, Pair, Setting, Status
from audits.target import Target

SHRINKS = 1e-3
"""A gradient that falls below this part of itself from the lower precision to the higher is rounding noise: float32
leaves 1e-7 of an identity, float64 1e-16. Likewise the value of a loss."""
REVIVED = 1e3
"""A gradient that underflows at these weights and is so many times larger at others has left a plateau, such as the
flat end of a softplus: a loss that is only scaled down grows with the weights and no more."""

LARGE = 2**14
"""Numbers of a tensor that take longer to compute than an operation takes to begin."""

Cells = dict[Pair, Cell]
Found = tuple[Status, str]
"""A status and its reason."""

REAL: Found = (Status.LIVE, "")
ZERO: Found = (Status.VACUOUS, "the gradient is zero or rounding noise on every batch")
LOST: Found = (
    Status.UNDERFLOW,
    "exactly zero in the trainer's own precision, live in float64: scale the loss before the backward pass, and give "
    "the audit the scaled loss",
)
TURNED: Found = (Status.UNKNOWN, "the gradient turns when weights change by a billionth")
ELSEWHERE: Found = (Status.IDLE, "zero on every batch at these weights, live at others")
VERDICTS = {Verdict.REAL: REAL, Verdict.NOISE: ZERO, Verdict.UNSURE: TURNED}


@dataclass(frozen=True)
class Pass:
    """Gradients and values of one forward pass."""

    measured: Measured
    values: Mapping[str, float]
    is_double: bool = False
    """Whether some parameter is float64."""
    is_all_double: bool = False
    is_large: bool = False
    """Whether the numbers of its tensors cost more than its operations."""
    is_half: bool = False
    """Whether some of it has half precision."""

    @staticmethod
    def of(run: Forward, measured: Measured | None = None, **how: Any) -> Pass:
        """Goes backward from every loss, unless that was done, as `measure` is told."""
        measured = measured or measure(run.losses, run.columns, run.graph, **how)
        is_large, is_half = run.graph.size() > LARGE, run.graph.is_half()
        return Pass(measured, run.values(), run.is_double, run.is_all_double, is_large, is_half)

    def norm(self, pair: Pair) -> float:
        return self.measured.norms.get(pair) or 0.0

    def at(self, only: Parts) -> Pass:
        """What this would be, had it gone backward to these parameters only."""
        return replace(self, measured=self.measured.at(only))


@dataclass(frozen=True)
class Where:
    """On which batch, and at which weights: a number of `elsewhere`, or None for the trainer's own."""

    batch: int = 0
    weights: int | None = None


class Decision:
    """The status of each pair that has a gradient, at one setting."""

    def __init__(
        self,
        target: Target,
        setting: Setting,
        own: Pass,
        kinked: Collection[Pair] = (),
        suspects: Collection[Pair] = (),
        known: KnownGradients | None = None,
    ) -> None:
        """`own` is the first batch in the trainer's own precision. `kinked`: pairs of which two measurements may agree
        by chance. `suspects`: those whose gradient something on its way may change. `known`: gradients that were found
        real at other settings; those found here are added."""
        self._target, self._setting, self._own, self._kinked = target, setting, own, frozenset(kinked)
        self._changed = {loss for loss, _ in suspects}
        self._known = KnownGradients() if known is None else known
        self._sizes: dict[Where, dict[Pair, float]] = {}
        """Of what was measured in float64: the norms."""

    def decide(self, cells: Cells, late: Mapping[Pair, int]) -> tuple[Cells, list[str]]:
        """Cells with a status each, and remarks. `late`: pairs that have no path on the first batch, only on this."""
        waiting = [pair for pair, cell in cells.items() if cell.waits]
        early = [pair for pair in waiting if pair not in late]
        same = self._known.among(early, self._own.measured, self._own.values)
        left = [pair for pair in early if pair not in same]
        try:
            found = dict.fromkeys(same, REAL) | self._found(left)
            self._known.add([pair for pair in left if found[pair] == REAL], self._own.measured, self._own.values)
            found |= {pair: self._when_late(pair, late[pair]) for pair in waiting if pair in late}
        except NotRunnable as error:
            return cells | {pair: replace(cells[pair], reason=str(error)) for pair in waiting}, [str(error)]
        decided = {pair: replace(cells[pair], status=status, reason=why) for pair, (status, why) in found.items()}
        return cells | decided, []

    def _found(self, pairs: Collection[Pair]) -> dict[Pair, Found]:
        """On the first batch; and, while it is zero there, on further batches, then at other weights."""
        found = self._at(pairs, Where())
        for batch in () if self._is_steady(_without(found)) else range(1, BATCHES):
            for pair, status in self._at(_without(found), Where(batch), fully=self._own.is_half).items():
                if status[0] in (Status.LIVE, Status.IDLE):
                    found[pair] = Status.IDLE, f"{_word(found[pair])} on the first batch, live on batch {batch + 1}"
                elif status[0] is not Status.VACUOUS or found[pair] == ZERO:
                    found[pair] = status
        for weights in range(WEIGHTS):
            found |= self._at_other_weights(_without(found), weights)
        return found

    def _is_steady(self, pairs: Collection[Pair]) -> bool:
        """Whether the losses of some pairs are the same on all batches: there is one, and no chance in the pass."""
        losses = {loss for loss, _ in pairs}
        if not losses or len(self._target.batches) > 1:
            return False
        with forward(self._target, self._setting, losses=losses, batch=1) as run:
            again = run.values()
        return not run.draws and all(again[loss] == self._own.values[loss] for loss in losses)

    def _at_other_weights(self, pairs: Collection[Pair], weights: int) -> dict[Pair, Found]:
        """A hinge that training has satisfied on every batch works again at weights that it did not train."""
        where, before = Where(weights=weights), self._sizes.get(Where(), {})
        try:
            found = self._at(pairs, where)
        except NotRunnable:  # weights that are not the trainer's prove nothing when they break its code
            return {}
        real = [pair for pair, status in found.items() if status == REAL]
        return {pair: ELSEWHERE for pair in real if self._sizes[where][pair] > REVIVED * before.get(pair, 0.0)}

    def _when_late(self, pair: Pair, batch: int) -> Found:
        status, reason = self._at([pair], Where(batch))[pair]
        where = f"no path on the first batch, only on batch {batch + 1}"
        return (Status.IDLE, where) if status is Status.LIVE else (Status.UNKNOWN, f"{where}; there {reason}")

    def _at(self, pairs: Collection[Pair], where: Where, *, fully: bool = True) -> dict[Pair, Found]:
        """What is clearly live close to its loss is live; all else is asked of all parameters. `fully`: what is zero is
        asked in float64 too."""
        if not pairs:
            return {}
        own = self._own if where == Where() else self._pass(pairs, where)
        alive = [pair for pair in pairs if own.norm(pair)]
        zero = [pair for pair in pairs if not own.norm(pair)] if fully and where.weights is None else []
        found = self._close_by(alive, zero, own, where)
        rest = [pair for pair in (*alive, *zero) if pair not in found]
        if rest:
            found |= self._on_all(rest, own, where)
        return {pair: found.get(pair, ZERO) for pair in pairs}

    def _close_by(self, pairs: Collection[Pair], zero: Collection[Pair], own: Pass, where: Where) -> dict[Pair, Found]:
        """The pairs that two precisions prove live, at the parameters of a module that are closest to the loss.

        Of a large batch they take a part, which needs twice its memory in float64. Otherwise pairs whose gradient is
        `zero` are found in the same pass.
        """
        if not pairs or own.is_double:
            return {}
        close, held = self._closest(pairs, own, where), None if self._kinked.isdisjoint(pairs) else HeldStops()
        rows = self._target.part() if own.is_large else None
        with_zero = [] if rows else zero
        try:
            low = self._pass([], where, rows=rows, close=close) if rows else own.at(close)
            both = self._pass(with_zero, where, float64=True, rows=rows, close=close, within=held)
        except NotRunnable:  # perhaps it only wants the whole batch, or all losses
            return {}
        high = both.at(close)
        self._sizes.setdefault(where, {}).update({pair: high.norm(pair) for pair in pairs})
        real = [
            pair
            for pair in pairs
            if low.norm(pair)
            and SHRINKS < high.norm(pair) / low.norm(pair) < 1 / SHRINKS
            and not _falls(low.values[pair[0]], high.values[pair[0]])
            and same_direction(low.measured, high.measured, pair)
        ]
        signs = [pair for pair in real if pair in self._kinked]
        point = Point(self._target, self._setting, where.batch, where.weights, rows, within=held)
        proofs = proved(point, high.measured, signs) if signs else ()
        found = {pair: REAL for pair in real if pair not in self._kinked or pair in proofs}
        return found | (self._on_all(with_zero, own, where, both) if with_zero else {})

    def _closest(self, pairs: Collection[Pair], own: Pass, where: Where) -> Parts:
        """The parameters that are asked first, by loss: of each module a few, where a few are enough to tell."""
        found: dict[str, set[int]] = {}
        for pair in pairs:
            is_sized = where.weights is not None and self._sizes.get(Where(), {}).get(pair)
            numbers = [] if is_sized else closest(own.measured, pair)
            found.setdefault(pair[0], set()).update(numbers or own.measured.numbers[pair])
        return found

    def _on_all(self, pairs: Collection[Pair], own: Pass, where: Where, high: Pass | None = None) -> dict[Pair, Found]:
        """What is found on the whole batch in two precisions, and, where they leave a doubt, by other means.

        `high` is in float64, if there is one.
        """
        high = own if own.is_all_double else high or self._pass(pairs, where, float64=True)
        self._sizes.setdefault(where, {}).update({pair: high.norm(pair) for pair in pairs})
        found = {pair: known for pair in pairs if (known := _plain_answer(pair, own, high))}
        doubtful = dict.fromkeys((pair for pair in pairs if pair not in found), True)
        seen = set[Pair]()
        for other, held in self._in_fewer_digits(doubtful, own, where):
            seen.update(held)
            for pair in held:
                answer = _compared(pair, high, other)
                if isinstance(answer, bool):
                    doubtful[pair] = answer
                elif answer != REAL or pair not in self._kinked:
                    found[pair] = answer
                    del doubtful[pair]
        if where.weights is None:
            asked = [p for p in pairs if p in doubtful or (found[p] == ZERO and own.norm(p))]
            found |= self._of_unsteady(asked, own, where)
        lost = [pair for pair in doubtful if pair not in found and not own.norm(pair)]
        found |= self._lost(lost, high, where)
        left = {pair: large for pair, large in doubtful.items() if pair not in found}
        return found | self._judged(left, high, where, seen)

    def _in_fewer_digits(
        self, pairs: Collection[Pair], own: Pass, where: Where
    ) -> Iterator[tuple[Pass, Collection[Pair]]]:
        """Passes to compare with float64, and the pairs to compare: the trainer's own; or, if that is float64, one in
        float32, and for gradients that float32 cannot hold one that keeps the range of float64."""
        left = list(pairs)
        if not own.is_double:
            yield own, left
            return
        for lower in Lower:
            if not left:
                return
            try:
                other = self._pass(left, where, lower=lower)
            except NotRunnable:
                continue
            held = [pair for pair in left if other.norm(pair) and isfinite(other.norm(pair))]
            left = [pair for pair in left if pair not in held]
            yield other, held

    def _of_unsteady(self, pairs: Collection[Pair], own: Pass, where: Where) -> dict[Pair, Found]:
        """Passes that draw from a generator of the trainer's, or count, are compared by size: no two are alike."""
        if not pairs:
            return {}
        again = self._pass(pairs, where)
        losses = differing(own.values, again.values, own.measured, again.measured, pairs)
        unsteady = [pair for pair in pairs if pair[0] in losses]
        if not unsteady:
            return {}

        def norms(*, float64: bool) -> dict[Pair, float]:
            found = self._pass(unsteady, where, float64=float64)
            return {pair: found.norm(pair) for pair in unsteady}

        return by_size(unsteady, [{p: one.norm(p) for p in unsteady} for one in (own, again)], norms)

    def _lost(self, pairs: Collection[Pair], high: Pass, where: Where) -> dict[Pair, Found]:
        """Of gradients that are zero in the trainer's own precision: whether they are more than noise in float64."""
        if not pairs:
            return {}
        real = held_back(self._target, self._setting, where.batch, {pair: high.norm(pair) for pair in pairs})
        point = Point(self._target, self._setting, where.batch)
        real |= proved(point, high.measured, [pair for pair in pairs if pair not in real])
        return {pair: LOST if pair in real else ZERO for pair in pairs}

    def _judged(
        self, doubtful: Mapping[Pair, bool], high: Pass, where: Where, seen: Collection[Pair]
    ) -> dict[Pair, Found]:
        """A gradient that is the derivative of its loss is real; what is left is nudged. `seen`: in fewer digits."""
        if not doubtful:
            return {}
        point = Point(self._target, self._setting, where.batch, where.weights)
        signs = [pair for pair in doubtful if pair in self._kinked]
        proofs = proved(point, high.measured, [pair for pair in doubtful if pair not in signs])
        if signs:
            proofs |= proved(point.held({loss for loss, _ in signs}), high.measured, signs)
        found = dict.fromkeys(proofs, REAL)
        left = {pair: large for pair, large in doubtful.items() if pair not in found}
        if where.weights is not None:  # what is noise at own weights, or too small for fewer digits at others
            left = {pair: large for pair, large in left.items() if pair in seen and not self._own.norm(pair)}
        if left:
            found |= {pair: VERDICTS[verdict] for pair, verdict in judge(point, left, self._kinked).items()}
        return found

    def _pass(
        self,
        pairs: Collection[Pair],
        where: Where,
        *,
        float64: bool = False,
        lower: Lower | None = None,
        rows: int | None = None,
        within: HeldStops | None = None,
        close: Parts = MappingProxyType({}),
    ) -> Pass:
        """The gradients of some pairs, of all parameters of their modules; and those of parameters that are `close`."""
        losses = {loss for loss, _ in pairs}
        with forward(
            self._target,
            self._setting,
            losses=losses | close.keys(),
            batch=where.batch,
            float64=float64,
            lower=lower,
            rows=rows,
            vary=None if where.weights is None else elsewhere(where.weights),
            within=within,
        ) as run:
            only = parts(pairs, run.columns)
            for loss, numbers in close.items():
                only.setdefault(loss, set()).update(numbers)
            return Pass.of(run, only=only, perhaps_silent=losses - close.keys() - self._changed)


def _plain_answer(pair: Pair, own: Pass, high: Pass) -> Found | None:
    """What needs no comparison of directions."""
    if failure := high.measured.failed.get(pair[0]) or own.measured.failed.get(pair[0]):
        return Status.UNKNOWN, f"cannot go backward in float64: {failure}"
    if not isfinite(own.norm(pair)) or not isfinite(high.norm(pair)):
        return Status.NONFINITE, "the gradient has NaN or infinity"
    if by := own.measured.emptied.get(pair):
        return Status.VACUOUS, f"a hook on .grad leaves nothing of the gradient: {by}"
    return None if high.norm(pair) else ZERO


def _compared(pair: Pair, high: Pass, other: Pass) -> Found | bool:
    """Of a gradient in float64, and in fewer digits: what it is; or whether it is far above what rounding leaves of an
    identity, where that is not enough."""
    size, lower = high.norm(pair), other.norm(pair)
    if size < SHRINKS * lower:
        return ZERO
    is_clear = bool(lower) and not _falls(other.values[pair[0]], high.values[pair[0]])
    return REAL if is_clear and same_direction(other.measured, high.measured, pair) else is_clear


def _without(found: Mapping[Pair, Found]) -> list[Pair]:
    """The pairs of which no gradient was seen in the trainer's own precision."""
    return [pair for pair, (status, _) in found.items() if status in (Status.VACUOUS, Status.UNDERFLOW)]


def _word(found: Found) -> str:
    return "underflow" if found[0] is Status.UNDERFLOW else "zero"


def _falls(low: float, high: float) -> bool:
    """Whether the value of a loss falls with precision, as rounding noise does."""
    return abs(high) < SHRINKS * abs(low) or (high == 0) != (low == 0)
