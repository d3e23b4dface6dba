"""Losses on p, the planning pose: odometry that adds up, and an order of nearness to the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F, torch
from jepa_world_model.losses.declaration import loss
from jepa_world_model.losses.mean import mean

if TYPE_CHECKING:
    from torch import Tensor, nn

STEP_LENGTH = 1.0
TRIM = 0.25
RANK_MARGIN = 0.5


@loss(
    weight=1.0,
    updates="dp_action_delta_projector, p_action_delta_projector",
    meaning="Δp_t with the action prototype dp_action_delta_projector(a_t), both sides trained",
)
def action_delta_dp(dp: Tensor, a: Tensor, dp_action_delta_projector: nn.Module) -> Tensor:
    return F.mse_loss(dp, dp_action_delta_projector(a[:, :-1]))


@loss(
    weight=1.0,
    updates="p_action_delta_projector",
    meaning="Δp at (p_t, h_t, a_t) plus Δp at (p_t, h_{t+1}, a_{t+1}) with sg(p_{t+2} - p_t): "
    "increments must add without knowing where they start",
    frames=3,
)
def additivity_dp(
    dp: Tensor, p: Tensor, h: Tensor, a: Tensor, pose_increment: Callable[..., Tensor], sg_p: Tensor
) -> Tensor:
    second = pose_increment(p[:, :-2], h[:, 1:-1], a[:, 1:-1])
    return F.mse_loss(dp[:, :-1] + second, sg_p[:, 2:] - sg_p[:, :-2])


@loss(
    weight=1.0,
    updates="p_action_delta_projector",
    meaning="pose integrated over imagined h with sg(pose integrated over teacher-forced h), k >= 3, from sg(p_{s+2})",
    frames=4,
    horizon=3,
)
def rollout_kstep_p(
    sg_p: Tensor, imagined_h: tuple[Tensor, ...], a: Tensor, pose_increment: Callable[..., Tensor]
) -> Tensor:
    """The first two increments read teacher-forced h (one step imagined is teacher-forced), so both sides agree up to
    p_{s+2}; integration starts there. To carry gradient into those two would move a sum whose other side cannot move.
    """
    pose, terms = sg_p[:, 2:], []
    for k, h in enumerate(imagined_h[1:-1], start=3):
        pose = pose[:, :-1] + pose_increment(pose[:, :-1], h[:, :-1], a[:, k - 1 : -1])
        terms.append(F.mse_loss(pose, sg_p[:, k:]))
    return mean(terms)


@loss(
    weight=1.0,
    updates="p_action_delta_projector",
    meaning="trimmed mean (middle half) of the norm of Δp with a target of 1",
)
def scale_dp(dp: Tensor) -> Tensor:
    return (trimmed_mean(torch.linalg.vector_norm(dp, dim=-1)) - STEP_LENGTH).square()


@loss(
    weight=1.0,
    updates="p_action_delta_projector",
    meaning="hinge ranking: later frames lie nearer to the sequence's last pose",
    frames=3,
)
def geometry_rank_p(p: Tensor) -> Tensor:
    distance = torch.linalg.vector_norm(p[:, :-1] - p[:, -1:], dim=-1)  # [B, T-1]
    earlier, later = torch.triu_indices(distance.shape[1], distance.shape[1], offset=1, device=p.device)
    return F.relu(distance[:, later] - distance[:, earlier] + RANK_MARGIN).mean()


def trimmed_mean(values: Tensor) -> Tensor:
    """The mean of the middle half of values [...], over all processes."""
    from jepa_world_model import processes

    ordered = processes.gathered(values.flatten()).sort().values
    trim = int(len(ordered) * TRIM)
    return ordered[trim : len(ordered) - trim].mean()
