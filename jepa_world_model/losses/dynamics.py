"""Losses on h, the dynamics state."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F
from jepa_world_model.losses.declaration import loss
from jepa_world_model.losses.mean import mean

if TYPE_CHECKING:
    from torch import Tensor


@loss(
    weight=1.0,
    updates="h_action_delta_projector, predictor",
    meaning="h_action_delta_projector(h_t, a_t) with h_{t+1} - h_t",
)
def action_delta_h(dh_hat: Tensor, h: Tensor) -> Tensor:
    return F.mse_loss(dh_hat, h.diff(dim=1))


@loss(
    updates="h_action_delta_projector, predictor", meaning="two predicted increments of h with h_{t+2} - h_t", frames=3
)
def additivity_h(dh_hat: Tensor, h: Tensor) -> Tensor:
    return F.mse_loss(dh_hat[:, :-1] + dh_hat[:, 1:], h[:, 2:] - h[:, :-2])


# The hidden state imagined after one step is the teacher-forced one, so both rollouts start at k = 2.


@loss(
    weight=1.0, updates="predictor, h_to_z", meaning="imagined h with sg(teacher-forced h), k >= 2", frames=3, horizon=2
)
def rollout_kstep_h(imagined_h: tuple[Tensor, ...], sg_h: Tensor) -> Tensor:
    return mean(F.mse_loss(h, sg_h[:, k:]) for k, h in enumerate(imagined_h[1:], start=2))


@loss(
    weight=1.0,
    updates="predictor, h_to_z",
    meaning="imagined increments of h with sg(teacher-forced increments), k >= 2",
    frames=3,
    horizon=2,
)
def rollout_kstep_delta_h(imagined_h: tuple[Tensor, ...], sg_h: Tensor) -> Tensor:
    sg_dh = sg_h.diff(dim=1)
    increments = (after - before[:, :-1] for before, after in itertools.pairwise(imagined_h))
    return mean(F.mse_loss(dh, sg_dh[:, k - 1 :]) for k, dh in enumerate(increments, start=2))
