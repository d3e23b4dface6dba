"""Many gradients compared with the derivative at once: of a loss, along the parameters of all modules together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from audits.judging.derivative import AGREES, SHORT, STEP, Direction, Point, Slopes, numbers_of
from audits.result import Pair

SEVERAL = 3
"""So many modules are asked together; fewer take no more passes alone."""
ALONE = 4
"""A round is tried for each so many modules: it takes eight passes at most, and so many modules alone take sixteen."""
SMALL = 1e-4
"""A module from which a loss expects less than this part of what it expects from another is not moved with it."""


def equal_to_derivative(point: Point, gradients: Slopes, pairs: Collection[Pair]) -> dict[Pair, float]:
    """The pairs whose gradient is the derivative of its loss, and by which factor the sum of theirs is.

    In each round a loss expects the same change of each of its modules, with random signs, so that a gradient shows
    that is another than the derivative. What is not equal is not found, nor what is left after so many rounds as would
    cost more than to ask each module alone.
    """
    left, found = [pair for pair in pairs if gradients.measured.norms.get(pair)], dict[Pair, float]()
    for _ in range(len({module for _, module in left}) // ALONE):
        counts = Counter(loss for loss, _ in left)
        if max(counts.values(), default=0) < SEVERAL:
            break
        loss = max(counts, key=lambda name: counts[name])
        for step in (STEP, SHORT):
            one, other = (_equal(point, gradients, left, loss, seed, step) for seed in (0, 1))
            found |= {pair: one[pair] for pair in one if pair in other}
            if any(pair[0] == loss for pair in one):
                break
        left = [pair for pair in left if pair not in found and pair[0] != loss]
    return found


def _equal(
    point: Point, gradients: Slopes, pairs: Sequence[Pair], loss: str, seed: int, step: float
) -> dict[Pair, float]:
    """Pairs whose part of a sum of gradients is far larger than what this sum and the derivative are apart; and by
    which factor one is the other, if the difference is theirs."""
    direction = _balanced(gradients, loss, [module for each, module in pairs if each == loss], seed, step)
    moved = [pair for pair in pairs if direction.numbers.issuperset(gradients.members[pair[1]])]
    found = {}
    for name, change in point.changes({each for each, _ in moved}, direction).items():
        rows = {n: row for each in gradients.measured.numbers if each[0] == name for n, row in gradients.rows(each)}
        total = sum(float(row @ direction.along[n]) for n, row in rows.items() if n in direction.numbers)
        for pair in (each for each in moved if each[0] == name):
            part = direction.slope(gradients.measured, pair)
            if part and abs(total - change.slope) <= AGREES * abs(part):
                found[pair] = 1 + (total - change.slope) / part
    return found


def _balanced(gradients: Slopes, loss: str, modules: Collection[str], seed: int, step: float) -> Direction:
    """Along which a loss expects the same of each of some modules, or of all but those from which it expects little."""
    along = {n: numbers_of(seed, n) * gradients.sizes[n] for module in modules for n in gradients.members[module]}
    whole = Direction(frozenset(along), seed, step, along)
    slopes = {module: abs(whole.slope(gradients.measured, (loss, module))) for module in modules}
    least = max(SMALL * max(slopes.values()), min(slopes.values()))
    parts: dict[int, float] = {}
    for module, slope in slopes.items():
        if slope >= least:
            parts |= {n: min(parts.get(n, 1.0), least / slope) for n in gradients.members[module]}
    return Direction(frozenset(parts), seed, step, {n: along[n] * part for n, part in parts.items()})
