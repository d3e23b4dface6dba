"""Tensors in float64."""

from __future__ import annotations

import torch
from torch import Tensor

PROMOTED = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}
"""What becomes of a precision in float64."""


def promoted(value: Tensor) -> Tensor:
    """In float64, or complex128."""
    dtype = PROMOTED.get(value.dtype)
    return value.to(dtype) if dtype else value
