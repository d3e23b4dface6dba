"""Losses on embeddings imagined from the live z, and on what they look like."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F, torch
from jepa_world_model.losses.declaration import loss
from jepa_world_model.losses.hardness import box, hardness_weighted_l1
from jepa_world_model.losses.mean import mean
from jepa_world_model.pyramid import pyramid

if TYPE_CHECKING:
    from torch import Tensor

FROM_DECODER = "decoder, predictor, h_to_z, encoder"


@loss(updates="predictor, h_to_z, encoder", meaning="imagined z from the live z with sg(z)")
def rollout_kstep_z(imagined_z: tuple[Tensor, ...], sg_z: Tensor) -> Tensor:
    return mean(F.mse_loss(z, sg_z[:, k:]) for k, z in enumerate(imagined_z, start=1))


@loss(updates=FROM_DECODER, meaning="decoder(imagined z) with x")
def rollout_recon_z(imagined_residual: tuple[Tensor, ...]) -> Tensor:
    return mean(residual.square().mean() for residual in imagined_residual)


@loss(updates=FROM_DECODER, meaning="decoder(imagined z) with x: image pyramid, as recon_multi_box")
def rollout_recon_multi_box_z(imagined_residual: tuple[Tensor, ...]) -> Tensor:
    return mean(hardness_weighted_l1(pyramid(residual), box) for residual in imagined_residual)


@loss(updates=FROM_DECODER, meaning="differences of decoder(imagined z) with x differences", frames=3, horizon=2)
def rollout_recon_delta_z(imagined_residual: tuple[Tensor, ...]) -> Tensor:
    return mean(change.square().mean() for change in _changes(imagined_residual))


@loss(
    updates=FROM_DECODER,
    meaning="differences of decoder(imagined z) with x differences: image pyramid",
    frames=3,
    horizon=2,
)
def rollout_recon_multi_box_delta_z(imagined_residual: tuple[Tensor, ...]) -> Tensor:
    return mean(hardness_weighted_l1(pyramid(change), box) for change in _changes(imagined_residual))


@loss(updates=FROM_DECODER, meaning="encoder(decoder(imagined z)) with imagined z")
def rollout_project_z(
    imagined_frames: tuple[Tensor, ...],
    imagined_z: tuple[Tensor, ...],
    encode_imagined: Callable[[Tensor], Tensor],
) -> Tensor:
    depths = [z.shape[1] for z in imagined_z]
    encoded = encode_imagined(torch.cat(imagined_frames, dim=1)).split(depths, dim=1)
    return mean(map(F.mse_loss, encoded, imagined_z))


def _changes(imagined_residual: tuple[Tensor, ...]) -> Iterator[Tensor]:
    """How the residual changes from one step of a rollout to the next; for each depth from the second."""
    for before, after in itertools.pairwise(imagined_residual):
        yield after - before[:, :-1]
