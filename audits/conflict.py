"""Whether two losses pull a module the same way: cosines of their gradients over several batches, with an interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, sqrt
from statistics import fmean, stdev

from audits.cosines import measured_with_cosines
from audits.forward import forward
from audits.result import Pair, Setting
from audits.target import Target

LEAST = 3
"""Batches without which an interval says nothing."""
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Two-sided 95 % quantiles of Student's t, from one degree of freedom on."""
NORMAL = 1.96


@dataclass(frozen=True)
class Conflict:
    """Two losses in one module."""

    module: str
    losses: Pair
    cosines: tuple[float, ...]
    """One for each batch on which both have a gradient there."""

    @cached_property
    def mean(self) -> float:
        return fmean(self.cosines)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the mean, 95 % by Student's t over the batches."""
        count = len(self.cosines)
        quantile = STUDENT[count - 2] if count - 2 < len(STUDENT) else NORMAL
        half = quantile * stdev(self.cosines) / sqrt(count)
        return max(self.mean - half, -1.0), min(self.mean + half, 1.0)


def conflicts(
    target: Target,
    setting: Setting,
    *,
    losses: Collection[str] | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> list[Conflict]:
    """Every pair of losses that share a module, on every batch of the target; the most opposed first.

    Runs a forward pass and a backward pass of each loss on each batch, at the weights that the modules have. Pairs with
    fewer than three batches are left out. `on_batch` is told how many are done.
    """
    found: dict[tuple[str, Pair], list[float]] = defaultdict(list)
    narrowed = target.narrowed(losses)
    for batch in range(len(target.batches)):
        with forward(narrowed, setting, losses=losses, batch=batch) as run:
            _, angles = measured_with_cosines(run)
        for module, pairs in angles.items():
            for pair, cosine in pairs.items():
                if isfinite(cosine):
                    found[module, pair].append(cosine)
        if on_batch:
            on_batch(batch + 1)
    pairs = [Conflict(module, pair, tuple(values)) for (module, pair), values in found.items() if len(values) >= LEAST]
    return sorted(pairs, key=lambda pair: pair.mean)
