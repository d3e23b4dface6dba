"""Trainers whose passes are not alike: they draw from a generator of their own, or count their steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from audits.gradients import Measured
from audits.result import Pair, Status
from audits.sketch import apart

ALIKE = 1e-4
"""Part by which the values of two equal passes may differ: some devices add up in another order each time."""
TURNED = 0.5
SHRINKS = 1e-3
PASSES = 4
"""In each precision: what happens at every fourth step is seen once."""

Values = Mapping[str, float]


def differing(
    values: Values, again: Values, measured: Measured, remeasured: Measured, pairs: Collection[Pair]
) -> set[str]:
    """The losses of which two passes at the same seed, weights and batch are not alike."""
    return {
        pair[0]
        for pair in pairs
        if abs(values[pair[0]] - again[pair[0]]) > ALIKE * max(abs(values[pair[0]]), abs(again[pair[0]]))
        or _turned(measured, remeasured, pair)
    }


def _turned(one: Measured, other: Measured, pair: Pair) -> bool:
    if bool(one.norms.get(pair)) != bool(other.norms.get(pair)):
        return True
    if not one.norms.get(pair):
        return False
    same = one.numbers[pair] == other.numbers[pair]
    return not same or apart(one.sketches[pair].rows, other.sketches[pair].rows) > TURNED


def by_size(
    pairs: Collection[Pair], own: Sequence[Mapping[Pair, float]], norms: Callable[..., Mapping[Pair, float]]
) -> dict[Pair, tuple[Status, str]]:
    """What the sizes of gradients say where their directions say nothing.

    `own` are norms of some passes in the trainer's own precision; `norms` gives those of one more, in float64 or not.
    Rounding noise that has full size passes as real here.
    """
    small = [*own, *(norms(float64=False) for _ in range(PASSES - len(own)))]
    large = [norms(float64=True) for _ in range(PASSES)]
    return {pair: _of_sizes([one[pair] for one in small], [one[pair] for one in large]) for pair in pairs}


def _of_sizes(small: Sequence[float], large: Sequence[float]) -> tuple[Status, str]:
    if not max(large):
        return Status.UNKNOWN, "no two passes are alike, and none in float64 has a gradient"
    if not max(small):
        return Status.UNDERFLOW, "exactly zero in the trainer's own precision, live in float64"
    if max(large) < SHRINKS * max(small):
        return Status.VACUOUS, "the gradient is rounding noise in every pass, though no two are alike"
    if all(small) and all(large):
        return Status.LIVE, ""
    return Status.IDLE, "live in some passes: no two are alike"
