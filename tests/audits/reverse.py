"""A custom Function whose gradient is another than the derivative."""

from typing import Any

import torch
from torch import Tensor


class Reverse(torch.autograd.Function):
    """Minus a factor times the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * gradient, None
