"""The hardness factor: more weight where the error stands out, none of the gradient, and a bound."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from jepa_world_model.losses.hardness import (
    HARDEST,
    LEVELS,
    PyramidLevel,
    box,
    gaussian,
    hardness,
    hardness_weighted_l1,
)
from jepa_world_model.pyramid import halve, pyramid

LocalMean = Callable[[Tensor, int, int, int], Tensor]
SIZES = [16, 20, 32, 48, 64]

pytestmark = pytest.mark.parametrize("local_mean", [box, gaussian])


def noise(size: int, seed: int = 0) -> Tensor:
    """Errors [1, 2, H, W], none of them zero."""
    return 0.1 + torch.rand(1, 2, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_object(size: int) -> Tensor:
    """Small errors everywhere and a 2 x 2 object that is wrong."""
    error = torch.full((1, 1, size, size), 0.05, dtype=torch.float64)
    error[..., 9:11, 5:7] = 0.8
    return error


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", SIZES)
def test_constant_error_has_factor_one(size: int, level: PyramidLevel, local_mean: LocalMean) -> None:
    factor = hardness(torch.full((1, 2, size, size), 0.3, dtype=torch.float64), level, local_mean)
    assert torch.allclose(factor, torch.ones_like(factor), rtol=1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", SIZES)
def test_factor_is_bounded_and_reached(size: int, level: PyramidLevel, local_mean: LocalMean) -> None:
    error = noise(size)
    error[..., 3, 3] = 1e6
    factor = hardness(error, level, local_mean)
    assert factor.shape == error.shape
    assert factor.min() >= 0
    assert factor.max() == factor[0, 0, 3, 3] == HARDEST


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_factor_does_not_depend_on_the_scale(scale: float, local_mean: LocalMean) -> None:
    error = noise(32)
    assert torch.allclose(hardness(error * scale, LEVELS[0], local_mean), hardness(error, LEVELS[0], local_mean))


@pytest.mark.parametrize("level", LEVELS)
def test_a_small_object_gets_more_weight(level: PyramidLevel, local_mean: LocalMean) -> None:
    error = with_object(32)
    factor = hardness(error, level, local_mean)
    inside = error > 0.5
    assert factor[inside].min() > 5
    assert factor[~inside].max() <= 1 + 1e-9


def test_only_errors_nearby_count(local_mean: LocalMean) -> None:
    error, other = noise(64), noise(64)
    other[..., 40:, 40:] *= 9
    near = hardness(error, LEVELS[0], local_mean) == hardness(other, LEVELS[0], local_mean)
    assert near[..., :36, :36].all()
    assert not near.all()


def test_pixels_of_a_block_share_their_local_mean(local_mean: LocalMean) -> None:
    error = noise(32)
    ratio = (error / hardness(error, LEVELS[0], local_mean).sqrt())[..., :8, :8]
    blocks = ratio.unfold(-2, 4, 4).unfold(-2, 4, 4).flatten(-2)
    assert torch.allclose(blocks, blocks[..., :1].expand_as(blocks), rtol=1e-9)
    assert blocks[..., 0].unique().numel() == blocks[..., 0].numel()


def test_each_image_has_its_own_local_mean(local_mean: LocalMean) -> None:
    error = noise(32)
    alone = torch.cat([hardness(error[:, t : t + 1], LEVELS[0], local_mean) for t in range(2)], dim=1)
    assert torch.allclose(hardness(error, LEVELS[0], local_mean), alone, rtol=1e-12)


def test_factor_carries_no_gradient(local_mean: LocalMean) -> None:
    """The gradient is that of a weighted L1 whose weights are constants: sign * factor / number of values."""
    residual = (noise(32) - 0.6).unsqueeze(2).requires_grad_()  # [B, T, 1, H, W]
    levels = [residual, *(torch.zeros(1, 2, 1, size, size, dtype=torch.float64) for size in (16, 8))]
    (slope,) = torch.autograd.grad(hardness_weighted_l1(levels, local_mean), residual)
    factor = hardness(residual.detach().abs().squeeze(2), LEVELS[0], local_mean).unsqueeze(2)
    assert torch.allclose(slope, residual.sign() * factor / residual.numel() / len(LEVELS), rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 1e-300])
def test_no_error_is_no_loss_and_no_nan(value: float, local_mean: LocalMean) -> None:
    residual = torch.full((1, 1, 3, 32, 32), value, dtype=torch.float64, requires_grad=True)
    loss = hardness_weighted_l1(pyramid(residual), local_mean)
    (slope,) = torch.autograd.grad(loss, residual)
    assert loss.item() == pytest.approx(value)
    assert slope.isfinite().all()


@pytest.mark.parametrize("size", SIZES)
def test_a_constant_residual_costs_its_size_at_every_image_size(size: int, local_mean: LocalMean) -> None:
    residual = torch.full((1, 2, 3, size, size), -0.4, dtype=torch.float64)
    assert float(hardness_weighted_l1(pyramid(residual), local_mean)) == pytest.approx(0.4)


def test_a_pyramid_of_a_difference_is_the_difference_of_pyramids(local_mean: LocalMean) -> None:
    one, other = noise(16, 0), noise(16, 1)
    for left, right, both in zip(pyramid(one), pyramid(other), pyramid(one - other), strict=True):
        assert torch.allclose(left - right, both)
    assert halve(one)[0, 0, 1, 2] == pytest.approx(one[0, 0, 2:4, 4:6].mean())
