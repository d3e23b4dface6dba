"""Tells a gradient from rounding noise: change every weight by a billionth, and noise becomes something else."""

from __future__ import annotations

from collections.abc import Collection
from math import sqrt

import torch
from torch import Tensor

from audits.forward import forward
from audits.gradients import Gradients, measure, positions
from audits.result import Pair, Setting
from audits.target import Target

NUDGE = 1e-9
"""Far above the rounding of float64, far below what moves a real gradient."""
SAME = 0.1
"""How far, as part of its norm, a real gradient may move under the nudge."""


def real_norms(target: Target, setting: Setting, pairs: Collection[Pair], batch: int) -> dict[Pair, float]:
    """Norms in float64 of the gradients of some losses to some modules; noise counts as zero."""
    plain, nudged = _gradients(target, setting, pairs, batch), _gradients(target, setting, pairs, batch, nudge=True)
    return {pair: _real(plain[pair], nudged[pair]) for pair in pairs}


def _gradients(
    target: Target, setting: Setting, pairs: Collection[Pair], batch: int, *, nudge: bool = False
) -> dict[Pair, list[Tensor]]:
    """By pair: the gradients that arrive."""
    found: dict[Pair, list[Tensor]] = {pair: [] for pair in pairs}
    losses = {loss for loss, _ in pairs}
    generator = torch.Generator().manual_seed(batch)

    def nudged(value: Tensor) -> Tensor:
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.device)
        return value * (1 + NUDGE * noise)

    vary = nudged if nudge else None
    with forward(target, setting, losses=losses, batch=batch, float64=True, vary=vary) as run:
        members = positions(run.columns)

        def keep(loss: str, gradients: Gradients) -> None:
            for module, numbers in members.items():
                if (loss, module) in found:
                    here = (gradients[number] for number in numbers)
                    found[loss, module] = [gradient for gradient in here if gradient is not None]

        measure(run.losses, run.columns, run.graph, keep)
    return found


def _real(plain: list[Tensor], nudged: list[Tensor]) -> float:
    norm = _norm(plain)
    if not norm < float("inf") or len(plain) != len(nudged):
        return norm
    moved = _norm([a - b for a, b in zip(plain, nudged, strict=True)])
    return norm if moved <= SAME * norm else 0.0


def _norm(tensors: list[Tensor]) -> float:
    dense = [tensor.to_dense() if tensor.is_sparse else tensor for tensor in tensors]
    return sqrt(sum(float(tensor.abs().double().square().sum()) for tensor in dense))
