"""Losses on q, the pose of a place, and on p where it should agree with q.

The losses on p alone never see a frame, so a pose that drifts satisfies them all. q = z_to_p(z) does: it has one value
at each place, neighbours lie one step apart, and opposite moves undo each other. It gives a goal's frame a pose.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F, torch
from jepa_world_model.losses.declaration import loss
from jepa_world_model.losses.pose import STEP_LENGTH, TRIM

if TYPE_CHECKING:
    from torch import Tensor, nn

SAME_PLACE = 0.1
"""Mean squared difference of two embeddings at which they count as one place by exp(-1)."""
LOOP = 0.03
"""The same between windows. It is narrower, since most pairs of frames there show different places."""
ANOTHER = 0.6
"""Mean squared difference above which two frames of different windows count as different places. z has variance 1 per
dimension, so two random frames differ by 2."""


@loss(
    updates="z_to_p, dp_action_delta_projector",
    meaning="q_j - q_i with the sum of the prototypes dp_action_delta_projector(a_t) between, where z changed, for all "
    "pairs of frames of a window",
    selective=True,
)
def action_delta_q(q: Tensor, a: Tensor, dp_action_delta_projector: nn.Module, sg_z: Tensor) -> Tensor:
    """Single steps alone fit long before distances do: what is wrong with a row of places is a small error at each."""
    moved = 1 - same_place(sg_z[:, 1:], sg_z[:, :-1])
    walked = (moved.unsqueeze(-1) * dp_action_delta_projector(a[:, :-1])).cumsum(dim=1)
    unexplained = q - F.pad(walked, (0, 0, 1, 0))
    return 2 * unexplained.var(dim=1).mean()  # the mean square of the differences of all pairs


@loss(
    updates="z_to_p",
    meaning="trimmed mean (middle half) of the norm of q_{t+1} - q_t, over steps where z changed, with a target of 1",
    selective=True,
)
def scale_q(q: Tensor, sg_z: Tensor) -> Tensor:
    """Where most actions turn or wait, steps that move nothing would be the middle half, and the others grow without
    bound."""
    moved = 1 - same_place(sg_z[:, 1:], sg_z[:, :-1])
    return (weighted_trimmed_mean(torch.linalg.vector_norm(q.diff(dim=1), dim=-1), moved) - STEP_LENGTH).square()


@loss(
    updates="z_to_p",
    meaning="hinge: two frames of a window lie a step or more apart in q, unless z is the same",
    selective=True,
)
def apart_q(q: Tensor, sg_z: Tensor) -> Tensor:
    earlier, later = torch.triu_indices(q.shape[1], q.shape[1], offset=1, device=q.device)
    distance = torch.linalg.vector_norm(q[:, later] - q[:, earlier], dim=-1)
    different = 1 - same_place(sg_z[:, later], sg_z[:, earlier])
    return (different * F.relu(STEP_LENGTH - distance).square()).mean()


@loss(
    updates="z_to_p",
    meaning="squared distance in q of each frame to its nearest neighbours in z among other windows (softmax, with "
    "none as one more choice): a place has one pose, whatever else there is to see",
    frames=1,
    selective=True,
)
def loop_q(q: Tensor, sg_z: Tensor) -> Tensor:
    """What does not change within a window, such as a key that lies there, may shift all its poses: no other loss
    notices."""
    from jepa_world_model import processes

    frames = q.shape[1]
    poses, z = processes.gathered(q.flatten(0, 1)), processes.gathered(sg_z.flatten(0, 1))
    window = torch.arange(len(poses), device=q.device) // frames
    squares = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square()  # keeps no difference of any pair
    alike = torch.exp(-squares / z.shape[1] / LOOP) * (window[:, None] != window[None])
    share = alike / (alike.sum(dim=1, keepdim=True) + math.exp(-ANOTHER / LOOP))
    distances = (poses[:, None] - poses[None]).square().sum(dim=-1)
    return (share * distances).sum(dim=1).mean()


@loss(updates="p_action_delta_projector", meaning="Δp_t with sg(q_{t+1} - q_t): odometry that the places confirm")
def anchor_dp(dp: Tensor, sg_q: Tensor) -> Tensor:
    return F.mse_loss(dp, sg_q.diff(dim=1))


@loss(
    updates="p_action_delta_projector",
    meaning="squared norm of Δp_t where z stays: a blocked move moves nothing",
    selective=True,
)
def still_dp(dp: Tensor, sg_z: Tensor) -> Tensor:
    return (same_place(sg_z[:, 1:], sg_z[:, :-1]) * dp.square().sum(dim=-1)).mean()


def same_place(z: Tensor, other: Tensor, width: float = SAME_PLACE) -> Tensor:
    """Embeddings [..., Dz] to [...] between 0 and 1: 1 where both are equal (a Gaussian kernel)."""
    return torch.exp(-(z - other).square().mean(dim=-1) / width)


def weighted_trimmed_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The mean of values [...] between the quartiles of their weights [...] >= 0, over all processes.

    What lies across a quartile counts in part. With equal weights and a count that four divides it is `trimmed_mean`.
    """
    from jepa_world_model import processes

    values, weights = processes.gathered(values.flatten()), processes.gathered(weights.flatten())
    values, order = values.sort()
    reached = weights[order].cumsum(dim=0)
    total = reached[-1] + torch.finfo(weights.dtype).tiny
    inside = reached.clamp(TRIM * total, (1 - TRIM) * total)
    kept = inside.diff(prepend=TRIM * total[None])
    return (kept * values).sum() / kept.sum().clamp(min=torch.finfo(values.dtype).tiny)
