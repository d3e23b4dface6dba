"""Losses that infer the action from its effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F, torch
from jepa_world_model.losses.declaration import loss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from jepa_world_model.data.spec import ActionKind


@loss(weight=1.0, updates="inverse_dynamics_h, predictor", meaning="action read from (h_t, h_{t+1})")
def inverse_dynamics_h(h: Tensor, a: Tensor, action_kind: ActionKind, inverse_dynamics_h: nn.Module) -> Tensor:
    return action_loss(inverse_dynamics_h(h[:, :-1], h[:, 1:]), a[:, :-1], action_kind)


@loss(updates="inverse_dynamics_z, encoder", meaning="action read from (z_t, z_{t+1})")
def inverse_dynamics_z(z: Tensor, a: Tensor, action_kind: ActionKind, inverse_dynamics_z: nn.Module) -> Tensor:
    return action_loss(inverse_dynamics_z(z[:, :-1], z[:, 1:]), a[:, :-1], action_kind)


@loss(updates="inverse_dynamics_p, p_action_delta_projector", meaning="action read from (p_t, p_{t+1})")
def inverse_dynamics_p(p: Tensor, a: Tensor, action_kind: ActionKind, inverse_dynamics_p: nn.Module) -> Tensor:
    return action_loss(inverse_dynamics_p(p[:, :-1], p[:, 1:]), a[:, :-1], action_kind)


@loss(updates="inverse_dynamics_dp, p_action_delta_projector", meaning="action read from Δp_t")
def inverse_dynamics_dp(dp: Tensor, a: Tensor, action_kind: ActionKind, inverse_dynamics_dp: nn.Module) -> Tensor:
    return action_loss(inverse_dynamics_dp(dp), a[:, :-1], action_kind)


def action_loss(read: Tensor, taken: Tensor, kind: ActionKind) -> Tensor:
    """The error of the action read [..., A] against the action taken [..., A], by the kind of action.

    Multi-hot: binary cross-entropy with logits. One-hot: cross-entropy, with NOOP (all zeros) as one more class whose
    logit is fixed at zero. Real: mean squared error.
    """
    from jepa_world_model.data.spec import ActionKind

    match kind:
        case ActionKind.MULTI_HOT:
            return F.binary_cross_entropy_with_logits(read, taken)
        case ActionKind.ONE_HOT:
            noop = 1.0 - taken.sum(dim=-1, keepdim=True)
            return F.cross_entropy(F.pad(read, (0, 1)).flatten(0, -2), torch.cat([taken, noop], dim=-1).flatten(0, -2))
        case ActionKind.REAL:
            return F.mse_loss(read, taken)
