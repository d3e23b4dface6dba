"""Errors of an image at several scales, weighted by how hard each pixel is.

A pixel's error is multiplied by (error / local mean of the error) ** beta, so that a small object that the average over
the image would hide is learned first. The factor is stop-grad: it weighs pixels and is not minimised itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING

from jepa_world_model.gradient import stop
from jepa_world_model.lazy_torch import F, torch
from jepa_world_model.losses.mean import mean

if TYPE_CHECKING:
    from torch import Tensor

    LocalMean = Callable[[Tensor, int, int, int], Tensor]

BETA = 2.0
HARDEST = 10.0
SIGMAS = 2.0


@dataclass(frozen=True)
class PyramidLevel:
    """Over how many pixels, and how densely, the local mean of one level is taken."""

    kernel: int
    stride: int


LEVELS = (PyramidLevel(8, 4), PyramidLevel(16, 8), PyramidLevel(16, 8))


def hardness_weighted_l1(residuals: Iterable[Tensor], local_mean: LocalMean) -> Tensor:
    """Levels of residuals [B, T, C, H, W] to the mean of their weighted absolute errors."""
    return mean(_level(residual, level, local_mean) for residual, level in zip(residuals, LEVELS, strict=True))


def _level(residual: Tensor, level: PyramidLevel, local_mean: LocalMean) -> Tensor:
    error = reduce(torch.add, residual.abs().unbind(2)) / residual.shape[2]  # [B, T, H, W]: one error a pixel
    return (error * hardness(stop(error), level, local_mean)).mean()


def hardness(error: Tensor, level: PyramidLevel, local_mean: LocalMean) -> Tensor:
    """The factor of each pixel, from errors [B, T, H, W]. Pixels of one stride-sized block share a local mean."""
    height, width = error.shape[-2:]
    stride = gcd(level.stride, height, width)
    kernel = min(level.kernel, height)
    around = local_mean(error.flatten(0, 1).unsqueeze(1), kernel, stride, (kernel - stride) // 2)
    blocks = error.reshape(-1, height // stride, stride, width // stride, stride)
    ratio = blocks / (around.squeeze(1)[:, :, None, :, None] + torch.finfo(error.dtype).tiny)
    return ratio.pow(BETA).clamp(max=HARDEST).reshape(error.shape)


def box(error: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """The plain mean over a window; what lies outside the image does not count."""
    return F.avg_pool2d(error, kernel, stride, padding, count_include_pad=False)


def gaussian(error: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """The mean over a window that falls off to two standard deviations at its edge; outside does not count."""
    line = torch.linspace(-SIGMAS, SIGMAS, kernel, dtype=error.dtype, device=error.device).square().div(-2).exp()
    window = torch.outer(line, line)[None, None]
    inside = F.conv2d(torch.ones_like(error[:1]), window, stride=stride, padding=padding)
    return F.conv2d(error, window, stride=stride, padding=padding) / inside
