"""Losses on z, the place descriptor, and on the way between z and h."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F
from jepa_world_model.losses.declaration import loss
from jepa_world_model.losses.isotropy import epps_pulley

if TYPE_CHECKING:
    from torch import Tensor, nn


@loss(weight=1.0, updates="predictor, h_to_z", meaning="ẑ_{t+1} with sg(z_{t+1})")
def jepa(z_hat: Tensor, sg_z: Tensor) -> Tensor:
    return F.mse_loss(z_hat, sg_z[:, 1:])


@loss(weight=1.0, updates="h_to_z, predictor", meaning="h_to_z(h_t) with sg(z_t)")
def h2z(z_from_h: Tensor, sg_z: Tensor) -> Tensor:
    return F.mse_loss(z_from_h, sg_z)


@loss(weight=1.0, updates="z_to_h", meaning="h_to_z frozen (z_to_h(sg(z_t))) with sg(z_t)", frames=1)
def z2h(sg_z: Tensor, z_to_h: nn.Module, frozen_h_to_z: nn.Module) -> Tensor:
    return F.mse_loss(frozen_h_to_z(z_to_h(sg_z)), sg_z)


@loss(updates="encoder", meaning="z with an isotropic Gaussian (SIGReg, LeJEPA, arXiv 2511.08544)", frames=1)
def sigreg(z: Tensor) -> Tensor:
    return epps_pulley(z.flatten(0, 1))


@loss(updates="z_action_delta_projector, encoder", meaning="z_{t+1} - z_t with z_action_delta_projector(a_t)")
def action_delta_z(z: Tensor, a: Tensor, z_action_delta_projector: nn.Module) -> Tensor:
    return F.mse_loss(z_action_delta_projector(a[:, :-1]), z.diff(dim=1))
