"""A figure with its uncertainty: episodes are drawn again and again, since frames of one episode are alike."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
NORMAL_95 = 1.959963984540054


class Estimate(NamedTuple):
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    count: int
    """Independent samples: episodes, or attempts."""

    @staticmethod
    def exact(value: float, count: int) -> Estimate:
        """A value without an interval."""
        return Estimate(value, float("nan"), float("nan"), count)


def mean_of(values: np.ndarray) -> Estimate:
    """The mean of one value an episode [N], NaN where an episode says nothing; percentile bootstrap over episodes."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return ratio_of(values, np.ones_like(values))


def ratio_of(numerators: np.ndarray, denominators: np.ndarray) -> Estimate:
    """Sum of numerators [N] over sum of denominators [N], one of each an episode; percentile bootstrap over episodes.

    NaN where the denominators are zero.
    """
    numerators, denominators = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    count = len(numerators)
    if not count or not denominators.sum():
        return Estimate(float("nan"), float("nan"), float("nan"), count)
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    sums, totals = numerators[drawn].sum(axis=1), denominators[drawn].sum(axis=1)
    ratios = sums[totals != 0] / totals[totals != 0]
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Estimate(float(numerators.sum() / denominators.sum()), float(low), float(high), count)


def one_minus(ratio: Estimate) -> Estimate:
    """R2 from a ratio of squared errors."""
    return Estimate(1 - ratio.value, 1 - ratio.high, 1 - ratio.low, ratio.count)


def share_of(successes: int, attempts: int) -> Estimate:
    """A share with the interval of Wilson (1927), which is honest near 0 and 1."""
    if not attempts:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    share, z2 = successes / attempts, NORMAL_95**2
    centre = (share + z2 / (2 * attempts)) / (1 + z2 / attempts)
    half = NORMAL_95 / (1 + z2 / attempts) * sqrt(share * (1 - share) / attempts + z2 / (4 * attempts**2))
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half), attempts)
