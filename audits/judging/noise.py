"""Tells a gradient from rounding noise: change every weight by a billionth, and noise becomes something else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from audits.gradients import Measured, measure, parts
from audits.judging.derivative import Point, ratios_along
from audits.result import Pair
from audits.sketch import Sketch, apart, coherence

FEW, MANY = 7, 32
"""How many nudges are tried on a gradient that is as small as noise, and on one of full size that turned."""
TURNED = 0.5
"""Two sketches whose difference has this part of their length point another way. Of noise it is about 1.4."""
ALIKE = 1e-4
"""Two noises are not so alike, not even of a single number, unless they are signs of noise."""
STEADY, TIED, SCATTERED = 0.9, 0.45, 0.32
"""Coherence of many sketches: above `STEADY` a real gradient; of noise about a quarter for many nudges, of a tie
between a few real gradients above `TIED`."""
UNMOVED = 1e3
"""Gradient over derivative of a loss that does not change where its gradient says that it does."""
PROMINENT = 1e-3
"""A parameter whose gradient is below this part of its module's is not asked alone: it may be zero by symmetry."""
CLOSE = 2
"""A layer's weight and its bias: a part of a batch may leave one of them on few numbers."""
BROAD = 8.0
"""A gradient that stands on fewer numbers may point the same way by chance."""


class Verdict(Enum):
    """What a gradient is."""

    REAL = "real"
    NOISE = "noise"
    UNSURE = "unsure"


def judge(point: Point, pairs: Mapping[Pair, bool], kinked: Collection[Pair] = ()) -> dict[Pair, Verdict]:
    """What the gradients of some pairs are in float64.

    A pair is mapped to whether its gradient is far above what rounding leaves of an identity. If it is, and turns under
    the nudge all the same, it is either the sign of noise, and then the loss does not change with the weights, or a
    tie, as between two equal maxima; more nudges tell. They are also asked about a `kinked` gradient that keeps its
    direction under a few, and along which the loss does not change.
    """
    plain = _nudged(point, pairs, None)
    verdicts = dict.fromkeys(pairs, Verdict.NOISE)
    live = {pair: large for pair, large in pairs.items() if plain.norms.get(pair)}
    few = [_nudged(point, live, seed) for seed in range(FEW)] if live else []
    steady = {pair for pair in live if _coherence([plain, *few], pair) > STEADY}
    verdicts |= dict.fromkeys(steady, Verdict.REAL)
    asked = [pair for pair, large in live.items() if (pair in kinked if pair in steady else large)]
    unmoved = {pair for pair, ratio in ratios_along(point, plain, asked).items() if abs(ratio) > UNMOVED}
    open_ = [pair for pair in asked if (pair in unmoved) == (pair in steady)]
    many = [_nudged(point, open_, seed) for seed in range(FEW, FEW + MANY)] if open_ else []
    for pair in open_:
        found, enough = _coherence(many, pair), STEADY if pair in steady else TIED
        verdicts[pair] = Verdict.REAL if found > enough else Verdict.NOISE if found < SCATTERED else Verdict.UNSURE
    return verdicts


def _nudged(point: Point, pairs: Collection[Pair], seed: int | None) -> Measured:
    """Gradients of the losses of some pairs, nudged by a seed."""
    with point.forward({loss for loss, _ in pairs}, nudged_by=seed) as run:
        return measure(run.losses, run.columns, run.graph, only=parts(pairs, run.columns))


def same_direction(one: Measured, other: Measured, pair: Pair) -> bool:
    """Whether two measurements agree, as two of one real gradient do.

    Enough that they do in a part of the module: what other parameters get may be noise. Where a gradient stands on so
    few numbers that chance would do, they have to agree to some digits.
    """
    if not one.norms.get(pair) or one.numbers.get(pair) != other.numbers.get(pair):
        return False
    here, there = one.sketches[pair], other.sketches[pair]
    return _agree(here, there) or any(_agree(here.at([row]), there.at([row])) for row in _prominent(here))


def closest(measured: Measured, pair: Pair) -> list[int]:
    """The numbers of a few parameters that are enough to tell: those whose gradients were complete first. Nothing
    where none is enough alone."""
    sketch, row_of = measured.sketches[pair], {number: row for row, number in enumerate(measured.numbers[pair])}
    least, found = PROMINENT * sketch.norm, list[int]()
    for number in measured.arrived[pair[0]]:
        row = row_of.get(number)
        if row is not None and sketch.norms[row] >= least and sketch.at([row]).spread >= BROAD:
            found.append(number)
            if len(found) == CLOSE:
                break
    return found


def _agree(one: Sketch, other: Sketch) -> bool:
    between = apart(one.rows, other.rows)
    return between <= ALIKE or (between <= TURNED and one.spread >= BROAD)


def _coherence(measured: Sequence[Measured], pair: Pair) -> float:
    """Of a pair's gradients: all together, or in the part of the module where it is largest."""
    sketches = [one.sketches[pair] for one in measured if one.norms.get(pair)]
    if not sketches or len(sketches) < len(measured) or len({one.numbers[pair] for one in measured}) > 1:
        return 0.0
    rows = [row for row in _prominent(sketches[0]) if sketches[0].at([row]).spread >= BROAD]
    parts = [[sketch.rows[row] for sketch in sketches] for row in rows]
    return max(coherence(part) for part in [[sketch.rows for sketch in sketches], *parts])


def _prominent(sketch: Sketch) -> list[int]:
    """The rows that are asked alone, if there is more than one."""
    least = PROMINENT * sketch.norm
    rows = [row for row, norm in enumerate(sketch.norms) if norm >= least]
    return rows if len(sketch.norms) > 1 else []
