"""By which factor a gradient is the derivative of its loss."""

from __future__ import annotations

from collections.abc import Collection

from audits.forward import NotRunnable
from audits.judging.derivative import Point, ratios_along
from audits.judging.together import equal_to_derivative
from audits.result import NO_MULTIPLE, Pair

SAME_FACTOR = 0.02
"""Part by which the ratios along two directions may differ where the gradient is a multiple of the derivative."""


def ratios(point: Point, pairs: Collection[Pair]) -> dict[Pair, float]:
    """The factor of each pair, or `NO_MULTIPLE`. Pairs are left out of which it cannot be told.

    Pairs that are equal together, as most are, are not asked alone.
    """
    try:
        slopes = point.slopes({loss for loss, _ in pairs})
    except NotRunnable:
        return {}
    measured, members = slopes.measured, slopes.members
    asked = [pair for pair in pairs if pair[0] not in measured.failed]
    equal = equal_to_derivative(point, slopes, asked)
    left = [pair for pair in asked if pair not in equal]
    one, other = (ratios_along(point, measured, left, seed, members) for seed in (0, 1))
    return equal | {p: _common(one.get(p, ratio), other.get(p, ratio)) + 0.0 for p, ratio in (one | other).items()}


def _common(one: float, other: float) -> float:
    return one if abs(one - other) <= SAME_FACTOR * max(abs(one), abs(other)) else NO_MULTIPLE
