"""Copies of tensors, and of the containers that hold them."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

PROMOTED = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}
"""What becomes of a precision in float64."""


def copied(value: Tensor, *, float64: bool) -> Tensor:
    """The same numbers in memory of their own, promoted if asked; a leaf of the graph as the original is."""
    fresh = value.detach().clone()
    if float64:
        fresh = promoted(fresh)
    if value.requires_grad and not isinstance(value, nn.Parameter):
        fresh.requires_grad_()
    return fresh


def promoted(value: Tensor) -> Tensor:
    """In float64, or complex128."""
    dtype = PROMOTED.get(value.dtype)
    return value.to(dtype) if dtype else value


def rows_of(value: Any) -> int | None:
    """The length that all tensors of a batch have in their first dimension; None where they have no common one."""
    lengths: set[int] = set()
    mapped(value, lambda tensor: lengths.add(len(tensor) if tensor.ndim else 0) or tensor)
    return lengths.pop() if len(lengths) == 1 else None


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A nest of containers and dataclasses, built anew, each tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(item, change) for item in value))
    if type(value) in (list, tuple, set):
        return type(value)(mapped(item, change) for item in value)
    if isinstance(value, deque):
        return deque((mapped(item, change) for item in value), value.maxlen)
    if isinstance(value, dict):
        fresh = copy.copy(value)
        fresh.update({key: mapped(item, change) for key, item in value.items()})
        return fresh
    if is_dataclass(value) and not isinstance(value, type):
        fresh = copy.copy(value)
        for field in fields(value):
            object.__setattr__(fresh, field.name, mapped(getattr(value, field.name), change))
        return fresh
    return value
