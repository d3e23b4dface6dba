"""A forward pass in float64, whatever precision it was written for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from audits.isolation.copies import PROMOTED, promoted
from audits.isolation.grad_scaler import IN_FLOAT32
from audits.isolation.in_place import writes_in_place

WIDE = frozenset(PROMOTED.values())
CASTS = frozenset({Tensor.float, Tensor.half, Tensor.bfloat16})
DRAWS = frozenset({torch.randn, torch.rand, torch.randn_like, torch.rand_like})


class InFloat64(TorchFunctionMode):
    """Every floating-point tensor that an operation takes is promoted, every dtype that it asks for is float64."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__get__":
            return func(*args)
        if func in CASTS:
            return args[0].double()
        if func in DRAWS:  # in float32, so that both precisions draw the same
            return promoted(func(*args, **{**(kwargs or {}), "dtype": torch.float32}))
        if func in IN_FLOAT32:
            return IN_FLOAT32[func](*args)
        kwargs = kwargs or {}
        if not writes_in_place(func):
            return func(*map(_promoted, args), **{key: _promoted(value) for key, value in kwargs.items()})
        if not args:
            return func(**kwargs)
        written = args[0]  # promoted it would be a copy, which takes the write and is thrown away
        fitting = {key: _fitting(value, written) for key, value in kwargs.items()}
        return func(written, *(_fitting(value, written) for value in args[1:]), **fitting)


def _fitting(value: Any, written: Any) -> Any:
    """As it can be written to a tensor: not in float64 where that tensor is not."""
    if isinstance(value, Tensor) and isinstance(written, Tensor) and written.dtype in PROMOTED:
        return value.to(written.dtype) if value.dtype in WIDE else value
    return _promoted(value)


def _promoted(value: Any) -> Any:
    if isinstance(value, Tensor):
        return promoted(value)
    if isinstance(value, torch.dtype):
        return PROMOTED.get(value, value)
    if type(value) in (tuple, list):
        return type(value)(map(_promoted, value))
    return value
