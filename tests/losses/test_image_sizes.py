"""Every image size that a configuration may have works with every loss on images, and every pixel counts."""

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from jepa_world_model.losses import LOSSES
from jepa_world_model.losses.hardness import box, hardness_weighted_l1
from jepa_world_model.model_config import ModelConfig
from jepa_world_model.pyramid import pyramid

# image size, layers (each halves the image): the size is a multiple of 2 ** layers, and of 8
SIZES = [(16, 4), (48, 4), (80, 4), (96, 5), (24, 3), (40, 3), (24, 2), (40, 2), (72, 2), (24, 1), (56, 1)]
REFUSED = [(20, 2), (36, 2), (68, 2), (18, 1), (22, 1), (24, 4)]
ON_IMAGES = ["recon", "recon_patch", "recon_multi_box", "recon_multi_gauss", "pixel_delta", "pixel_delta_multi_box"]


def of_size(size: int, layers: int) -> ModelConfig:
    return ModelConfig(image_size=size, encoder_widths=(8,) * layers, decoder_widths=(8,) * layers)


@pytest.mark.parametrize(("size", "layers"), REFUSED)
def test_sizes_whose_border_would_be_lost_are_refused(size: int, layers: int) -> None:
    with pytest.raises(ValidationError, match="multiple of"):
        of_size(size, layers)


@pytest.fixture(params=SIZES, ids=lambda case: f"{case[0]}px")
def residual(request: pytest.FixtureRequest) -> Tensor:
    """Residuals [B, T, C, H, W] of a size that the configuration accepts."""
    size, layers = request.param
    of_size(size, layers)
    random = torch.Generator().manual_seed(0)
    return torch.randn(1, 2, 3, size, size, dtype=torch.float64, generator=random).requires_grad_()


def on_residual(name: str) -> Callable[[Tensor], Tensor]:
    """A loss on images as a function of the residual."""
    (read,) = LOSSES[name].reads
    return lambda residual: LOSSES[name].function(residual if read.name == "residual" else pyramid(residual))


def rollout_level(residual: Tensor) -> Tensor:
    """What the imagined losses do at one depth."""
    return hardness_weighted_l1(pyramid(residual), box)


@pytest.mark.parametrize("name", [*ON_IMAGES, "one depth of a rollout"])
def test_every_pixel_counts(name: str, residual: Tensor) -> None:
    function = on_residual(name) if name in LOSSES else rollout_level
    (slope,) = torch.autograd.grad(function(residual), residual)
    assert slope.isfinite().all()
    assert (slope != 0).all(), f"{name}: {int((slope == 0).sum())} of {slope.numel()} pixels get no gradient"


@pytest.mark.parametrize("name", ON_IMAGES)
def test_no_error_costs_next_to_nothing(name: str) -> None:
    residual = torch.zeros(1, 2, 3, 48, 48, dtype=torch.float64, requires_grad=True)
    loss = on_residual(name)(residual)
    (slope,) = torch.autograd.grad(loss, residual)
    assert 0 <= loss.item() < 0.01
    assert slope.isfinite().all()
