"""Weights that a trainer does not have: a hair beside its own, or far away, where a satisfied loss works again."""

from __future__ import annotations

from collections.abc import Callable

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
PERIOD = 65_537
"""A prime, which no width of a layer divides."""
SCALAR = 0.5
"""Size of what stands for a zero in a bias or a gate."""


def nudge(seed: int, base: Vary | None = None) -> Vary:
    """A change of every weight by a billionth, always the same for a seed; after the change `base`."""
    noise = _Noise(seed)

    def vary(value: Tensor) -> Tensor:
        value = base(value) if base else value
        return torch.addcmul(value, value, noise.like(value), value=NUDGE)

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
    factors = _Noise(seed // 2, lambda numbers: ((-SHAKE if seed % 2 else SHAKE) * numbers).exp())
    return lambda value: filled(value) * factors.like(value)


def _filled(seed: int) -> Vary:
    noise = _Noise(seed)

    def vary(value: Tensor) -> Tensor:
        empty = value == 0
        if not empty.any():
            return value
        size = (value[0].numel() ** -0.5) if value.ndim > 1 and value.numel() else SCALAR
        return torch.where(empty, size * noise.like(value), value)

    return vary


class _Noise:
    """An endless series of normal numbers, always the same for a seed, of which each tensor takes the next.

    It comes round after `PERIOD` numbers: to draw one takes longer than to use it.
    """

    def __init__(self, seed: int, change: Callable[[Tensor], Tensor] = lambda numbers: numbers) -> None:
        """`change`: what becomes of the numbers."""
        generator = torch.Generator().manual_seed(seed)
        self._numbers = change(torch.randn(PERIOD, generator=generator, dtype=torch.float64))
        self._taken = 0

    def like(self, value: Tensor) -> Tensor:
        """As many as a tensor has, in its shape, with its precision."""
        start, count = self._taken % PERIOD, value.numel()
        self._taken += count
        numbers = self._numbers.to(value.device, value.dtype)
        return numbers.repeat(-(-(start + count) // PERIOD))[start : start + count].view(value.shape)
