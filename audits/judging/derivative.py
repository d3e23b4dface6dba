"""The gradient beside the derivative: how much a loss changes when weights are moved a little, in float64.

Weights move along directions of which the sketch of a gradient knows the slope, so that no gradient has to be kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from audits.forward import Displace, Forward, NotRunnable, forward
from audits.gradients import Column, Measured, differentiable, measure, positions
from audits.judging.held_stops import HeldStops
from audits.judging.other_weights import elsewhere, nudge
from audits.result import NO_MULTIPLE, Pair, Setting
from audits.sketch import WIDTH, pattern
from audits.target import Target

STEP, SHORT, LONG = 1e-5, 1e-7, 1e-2
"""By which part of its size each weight moves; where that passes kinks, as of a thousand ReLU; and where it changes
too little."""
ROUNDING = 1e-13
"""What rounding may do to the value of a loss, as part of it."""
CLEAR = 30.0
"""A change this many times above what rounding does is one."""
AGREES = 1e-3
"""Part by which gradient and derivative may differ where they are the same."""
COUNTS = 1e-2
"""A module that adds less than this part to the change of a loss is not proved by it."""


@dataclass
class Direction:
    """Along which some parameters move. The numbers are those of `positions`."""

    numbers: frozenset[int]
    seed: int = 0
    step: float = STEP
    along: dict[int, Tensor] = field(default_factory=dict)
    """[WIDTH], by number of a parameter; known once it has been moved."""

    def move(self, columns: Sequence[Column], sign: int) -> None:
        """Move copies of the parameters, each by a part of its size."""
        copies = {id(tensor) for column in columns for tensor in column.parameters}
        for number, tensor in enumerate(differentiable(columns)):
            if number not in self.numbers or id(tensor) not in copies:
                continue
            if number not in self.along:
                self.along[number] = numbers_of(self.seed, number) * _size(tensor)
            tensor.data.add_(sign * self.step * pattern(tensor.detach(), self.along[number]))

    def slope(self, measured: Measured, pair: Pair) -> float:
        """Of a loss by its gradient, as far as it comes through a module."""
        if pair not in measured.sketches:
            return 0.0
        rows = zip(measured.numbers[pair], measured.sketches[pair].rows, strict=True)
        return sum(float(row @ self.along[number]) for number, row in rows if number in self.along)


def numbers_of(seed: int, number: int) -> Tensor:
    """Normal ones [WIDTH], always the same for a seed and a parameter."""
    return torch.randn(WIDTH, generator=torch.Generator().manual_seed(1000 * seed + number), dtype=torch.float64)


def _size(parameter: Tensor) -> float:
    """Of its entries, on average; of zeros that of a small weight."""
    return float(parameter.detach().abs().double().mean()) or 0.1


@dataclass(frozen=True)
class Slopes:
    """Gradients of some losses in float64, at one point."""

    measured: Measured
    members: Mapping[str, Sequence[int]]
    """The numbers of each module's parameters."""
    sizes: Sequence[float]
    """Of each parameter, by its number."""

    def rows(self, pair: Pair) -> Iterator[tuple[int, Tensor]]:
        """The sketch of each parameter's gradient."""
        return zip(self.measured.numbers[pair], self.measured.sketches[pair].rows, strict=True)


@dataclass(frozen=True)
class Change:
    """Of a loss, per step along a direction."""

    slope: float
    least: float
    """What rounding may make of none."""

    def ratio(self, gradient: float) -> float | None:
        """Of the slope that a gradient says and this one; None where both are too small to tell."""
        changes, pulls = abs(self.slope) > self.least, abs(gradient) > self.least
        if not changes:
            return (NO_MULTIPLE if gradient > 0 else -NO_MULTIPLE) if pulls else None
        return max(-NO_MULTIPLE, min(NO_MULTIPLE, gradient / self.slope))


@dataclass(frozen=True)
class Point:
    """Where a target is measured."""

    target: Target
    setting: Setting
    batch: int = 0
    weights: int | None = None
    """A number of `elsewhere`; None: the trainer's own."""
    rows: int | None = None
    """So many of the batch; None: all."""
    within: AbstractContextManager[object] | None = None
    """In which the trainer's code runs."""

    def forward(
        self, losses: Collection[str], displace: Displace | None = None, nudged_by: int | None = None
    ) -> AbstractContextManager[Forward]:
        """A pass in float64, its weights displaced, or changed by a billionth that a seed draws, if asked."""
        vary = None if self.weights is None else elsewhere(self.weights)  # a change can be made once
        if nudged_by is not None:
            vary = nudge(nudged_by, vary)
        return forward(
            self.target,
            self.setting,
            losses=losses,
            batch=self.batch,
            float64=True,
            rows=self.rows,
            vary=vary,
            displace=displace,
            within=self.within,
        )

    def held(self, losses: Collection[str]) -> Point:
        """The same, with all that is stopped held at what it is here."""
        point = replace(self, within=HeldStops())
        with point.forward(losses):
            return point

    def changes(self, losses: Collection[str], direction: Direction) -> dict[str, Change]:
        """By central differences in float64; nothing where the pass does not run so."""
        try:
            up, down = (self._values(losses, direction, sign) for sign in (1, -1))
        except NotRunnable:
            return {}
        return {loss: _change(up[loss], down[loss], direction.step) for loss in up}

    def _values(self, losses: Collection[str], direction: Direction, sign: int) -> Mapping[str, float]:
        """Of losses, once weights have moved. Their graph is gone when this returns."""
        with self.forward(losses, lambda columns: direction.move(columns, sign)) as run:
            return run.values()

    def slopes(self, losses: Collection[str]) -> Slopes:
        """The gradients of some losses. The graph is gone then."""
        with self.forward(losses) as run:
            sizes = [_size(parameter) for parameter in differentiable(run.columns)]
            return Slopes(measure(run.losses, run.columns, run.graph), positions(run.columns), sizes)


def _change(up: float, down: float, step: float) -> Change:
    return Change((up - down) / (2 * step), CLEAR * ROUNDING * max(abs(up), abs(down)) / (2 * step))


def proved(point: Point, measured: Measured, pairs: Collection[Pair]) -> set[Pair]:
    """The pairs whose gradient is the derivative of the loss, and so no noise. `measured` is in float64, there."""
    found = set[Pair]()
    for step in (STEP, SHORT):
        found |= _proved(point, measured, [pair for pair in pairs if pair not in found], step)
    modules = dict.fromkeys(module for _, module in pairs)
    for module, step in ((module, step) for step in (STEP, LONG) for module in modules):
        left = [pair for pair in pairs if pair[1] == module and pair not in found]
        if left and (len(modules) > 1 or step != STEP):
            found |= _proved(point, measured, left, step)
    return found


def _proved(point: Point, measured: Measured, pairs: Collection[Pair], step: float) -> set[Pair]:
    """Those that one direction along all of their parameters proves."""
    if not pairs:
        return set()
    direction = Direction(frozenset(number for pair in pairs for number in measured.numbers[pair]), step=step)
    found = set()
    for loss, change in point.changes({loss for loss, _ in pairs}, direction).items():
        rows = {}
        for pair, numbers in measured.numbers.items():
            if pair[0] == loss:
                rows |= dict(zip(numbers, measured.sketches[pair].rows, strict=True))
        parts = {n: float(row @ direction.along[n]) for n, row in rows.items() if n in direction.along}
        apart = abs(sum(parts.values()) - change.slope)
        if not change.slope or apart > AGREES * abs(change.slope):
            continue
        least = COUNTS * abs(change.slope)
        found |= {p for p in pairs if p[0] == loss and abs(sum(parts.get(n, 0.0) for n in measured.numbers[p])) > least}
    return found


def ratios_along(
    point: Point,
    measured: Measured,
    pairs: Collection[Pair],
    seed: int = 0,
    members: Mapping[str, Sequence[int]] | None = None,
) -> dict[Pair, float]:
    """Gradient over derivative along one direction of each module's parameters.

    `measured` is in float64, at this point. `members` gives the numbers of all of a module's parameters, otherwise
    those move that have a gradient.
    """
    found = {}
    for module in dict.fromkeys(module for _, module in pairs):
        asked = [pair for pair in pairs if pair[1] == module]
        numbers = members[module] if members else [n for pair in asked for n in measured.numbers[pair]]
        direction = Direction(frozenset(numbers), seed)
        for loss, change in point.changes({loss for loss, _ in asked}, direction).items() if numbers else ():
            ratio = change.ratio(direction.slope(measured, (loss, module)))
            if ratio is not None:
                found[loss, module] = ratio
    return found
