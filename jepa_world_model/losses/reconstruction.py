"""Losses on decoded frames, and on how they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F, torch
from jepa_world_model.losses.declaration import loss
from jepa_world_model.losses.hardness import box, gaussian, hardness_weighted_l1

if TYPE_CHECKING:
    from torch import Tensor

PATCH = 8
SMOOTH = 1e-3


@loss(
    weight=1.0,
    updates="encoder, decoder",
    meaning="decoder(z) with x: image pyramid, box-filtered hardness-weighted L1",
    frames=1,
)
def recon_multi_box(residual_pyramid: tuple[Tensor, ...]) -> Tensor:
    return hardness_weighted_l1(residual_pyramid, box)


@loss(weight=1.0, updates="encoder, decoder", meaning="same, on x_{t+1} - x_t")
def pixel_delta_multi_box(residual_pyramid: tuple[Tensor, ...]) -> Tensor:
    return hardness_weighted_l1((level.diff(dim=1) for level in residual_pyramid), box)


@loss(updates="encoder, decoder", meaning="pixel MSE", frames=1)
def recon(residual: Tensor) -> Tensor:
    return residual.square().mean()


@loss(updates="encoder, decoder", meaning="root of the MSE of each 8x8 patch, so that every patch counts", frames=1)
def recon_patch(residual: Tensor) -> Tensor:
    patches = F.avg_pool2d(residual.square().mean(dim=2), PATCH)  # [B, T, H/8, W/8]
    return (patches + SMOOTH**2).sqrt().mean()


@loss(updates="encoder, decoder", meaning="recon_multi_box with Gaussian windows", frames=1)
def recon_multi_gauss(residual_pyramid: tuple[Tensor, ...]) -> Tensor:
    return hardness_weighted_l1(residual_pyramid, gaussian)


@loss(updates="encoder, decoder", meaning="MSE on x_{t+1} - x_t")
def pixel_delta(residual: Tensor) -> Tensor:
    return residual.diff(dim=1).square().mean()


@loss(
    updates="encoder, decoder",
    meaning="squared error of each pixel, weighted by sg(itself): an average that the worst pixels decide",
    frames=1,
)
def recon_hard(residual: Tensor, sg_residual: Tensor) -> Tensor:
    from jepa_world_model import processes

    error, weight = (each.square().sum(dim=2) for each in (residual, sg_residual))  # [B, T, H, W]
    return processes.mean((error * weight).mean()) / (processes.mean(weight.mean()) + torch.finfo(error.dtype).tiny)
