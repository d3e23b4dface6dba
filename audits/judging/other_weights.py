"""Weights that a trainer does not have: a hair beside its own, or far away, where a satisfied loss works again."""

from __future__ import annotations

import torch
from torch import Tensor

from audits.isolation.parameter_swap import Vary

NUDGE = 1e-9
"""Far above the rounding of float64, far below what moves a real gradient."""
SHAKE = 0.5
FACTORS = (1.0, 0.1, 3.0, 0.3, 0.03)
"""Of all weights together. A margin that distances keep is broken when they shrink, a budget when they grow; factors
that differ from weight to weight do neither."""
SHAKES = 4
WEIGHTS = len(FACTORS) + SHAKES
"""Number of other weights."""
SCALAR = 0.5
"""Size of what stands for a zero in a bias or a gate."""


def nudge(seed: int, base: Vary | None = None) -> Vary:
    """A change of every weight by a billionth, always the same for a seed; after the change `base`.

    The noise has the digits of float32, which are drawn four times as fast.
    """
    generator = torch.Generator().manual_seed(seed)

    def vary(value: Tensor) -> Tensor:
        value = base(value) if base else value
        noise = torch.randn(value.shape, generator=generator).to(value.device, value.dtype)
        return torch.addcmul(value, value, noise, value=NUDGE)

    return vary


def elsewhere(number: int) -> Vary:
    """Other weights of the same kind, always the same for a number below `WEIGHTS`.

    A weight that is zero becomes one of a usual size: what starts at zero leaves it at the first step. The first are
    all weights times a factor; then each is multiplied by a factor of its own, between a third and three or so, and an
    odd one divides by the factors of the even one before it.
    """
    filled = _filled(number)
    if number < len(FACTORS):
        return lambda value: filled(value) * FACTORS[number]
    seed = number - len(FACTORS)
    shaken = _scaled(seed // 2, -SHAKE if seed % 2 else SHAKE)
    return lambda value: shaken(filled(value))


def _filled(seed: int) -> Vary:
    generator = torch.Generator().manual_seed(seed)

    def vary(value: Tensor) -> Tensor:
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.device)
        size = (value[0].numel() ** -0.5) if value.ndim > 1 and value.numel() else SCALAR
        return torch.where(value == 0, (size * noise).to(value.dtype), value)

    return vary


def _scaled(seed: int, spread: float) -> Vary:
    generator = torch.Generator().manual_seed(seed)

    def vary(value: Tensor) -> Tensor:
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.device)
        return value * (spread * noise).exp().to(value.dtype)

    return vary
