"""Tells a gradient from rounding noise: change every weight by a billionth, and noise becomes something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from math import sqrt

import torch
from torch import Tensor

from audits.forward import forward
from audits.gradients import Measured, Sample, measure
from audits.isolation.parameter_swap import Vary
from audits.result import Pair, Setting
from audits.target import Target

NUDGE = 1e-9
"""Far above the rounding of float64, far below what moves a real gradient."""
SHAKE = 0.5
FEW, MANY = 7, 32
"""How many nudges are tried on a gradient that is as small as noise, and on one of full size that turned."""
TURNED = 0.5
"""Two samples whose difference has this part of their length point another way. Of noise it is about 1.4."""
STEADY, TIED, SCATTERED = 0.9, 0.45, 0.32
"""Length of the mean of many samples over their mean length: above `STEADY` a real gradient; of noise about a quarter
for many nudges, of a tie between a few real gradients above `TIED`."""


class Verdict(Enum):
    """What a gradient is."""

    REAL = "real"
    NOISE = "noise"
    UNSURE = "unsure"


def nudge(seed: int, base: Vary | None = None) -> Vary:
    """A change of every weight by a billionth, always the same for a seed; after the change `base`."""
    factors = _scaled(seed, NUDGE)
    return (lambda value: factors(base(value))) if base else factors


def shake(seed: int) -> Vary:
    """Other weights of the same kind: each multiplied by a factor between a third and three or so.

    An odd seed divides by the factors of the even one before it, so that what one makes larger the other makes smaller.
    """
    return _scaled(seed // 2, -SHAKE if seed % 2 else SHAKE)


def _scaled(seed: int, spread: float) -> Vary:
    generator = torch.Generator().manual_seed(seed)

    def vary(value: Tensor) -> Tensor:
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.device)
        return value * (spread * noise).exp().to(value.dtype)

    return vary


def judge(
    target: Target, setting: Setting, pairs: Mapping[Pair, bool], batch: int, weights: int | None = None
) -> dict[Pair, Verdict]:
    """What the gradients of some pairs are in float64.

    `weights` is a seed of `shake`, for other weights than the trainer's.

    A pair is mapped to whether its gradient is far above what rounding leaves of an identity. If it is, and turns under
    the nudge all the same, it is either the sign of noise or a tie, as between two equal maxima; more nudges tell.
    """
    plain = in_float64(target, setting, pairs, batch, vary=None if weights is None else shake(weights))

    def nudged(some: Mapping[Pair, bool], seeds: Sequence[int]) -> list[Measured]:
        """One measurement a seed; none where there is nothing to measure."""
        bases = (None if weights is None else shake(weights) for _ in seeds)  # a change can be made once
        varied = [nudge(seed, base) for seed, base in zip(seeds, bases, strict=True)] if some else []
        return [in_float64(target, setting, some, batch, vary=vary, like=plain) for vary in varied]

    verdicts = dict.fromkeys(pairs, Verdict.NOISE)
    live = {pair: large for pair, large in pairs.items() if pair in plain.samples}
    few = nudged(live, range(FEW))
    turned = []
    for pair, large in live.items():
        if _coherence([plain, *few], pair) > STEADY:
            verdicts[pair] = Verdict.REAL
        elif large:
            turned.append(pair)
    many = nudged(dict.fromkeys(turned, True), range(FEW, FEW + MANY))
    for pair in turned:
        coherence = _coherence(many, pair)
        verdicts[pair] = (
            Verdict.REAL if coherence > TIED else Verdict.NOISE if coherence < SCATTERED else Verdict.UNSURE
        )
    return verdicts


def in_float64(
    target: Target,
    setting: Setting,
    pairs: Mapping[Pair, bool],
    batch: int,
    *,
    vary: Vary | None = None,
    like: Measured | None = None,
) -> Measured:
    """Gradients of the losses of some pairs."""
    losses = {loss for loss, _ in pairs}
    with forward(target, setting, losses=losses, batch=batch, float64=True, vary=vary) as run:
        return measure(run.losses, run.columns, run.graph, like=like)


def same_direction(one: Sample | None, other: Sample | None) -> bool:
    """Whether two samples agree, as two computations of one real gradient do."""
    if one is None or other is None or one.parameter != other.parameter or len(one.values) != len(other.values):
        return False
    apart = _length([a - b for a, b in zip(one.values, other.values, strict=True)])
    return apart <= TURNED * max(_length(one.values), _length(other.values))


def _coherence(measured: Sequence[Measured], pair: Pair) -> float:
    """Length of the mean of all samples over their mean length."""
    samples = [one.samples[pair].values for one in measured if pair in one.samples]
    lengths = [_length(values) for values in samples]
    if len(samples) < len(measured) or not sum(lengths):
        return 0.0
    mean = [sum(column) / len(samples) for column in zip(*samples, strict=True)]
    return _length(mean) / (sum(lengths) / len(samples))


def _length(values: Sequence[float]) -> float:
    return sqrt(sum(value * value for value in values))
