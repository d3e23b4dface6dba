"""A forward pass in another precision than it was written for, and one in float64 with fewer digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from audits.isolation.dtypes import PROMOTED
from audits.isolation.grad_scaler import IN_FLOAT32
from audits.isolation.in_place import writes_in_place

DRAWS = frozenset({torch.randn, torch.rand, torch.randn_like, torch.rand_like})
DEMOTED = {torch.float64: torch.float32, torch.complex128: torch.complex64}

DROPPED_BITS = 52 - 23
"""Of the digits of float64, those that float32 does not have."""


class InPrecision(TorchFunctionMode):
    """Every floating-point tensor that an operation takes is converted, and every dtype that it asks for."""

    kinds: Mapping[torch.dtype, torch.dtype]
    """What becomes of which precision."""
    casts: Mapping[Callable, torch.dtype]
    """Methods that convert to a precision that is not wanted, and what they convert to instead."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__get__":
            return func(*args)
        if func in self.casts:
            return args[0].to(self.casts[func])
        if func in DRAWS:  # in the trainer's own, so that both precisions draw the same
            return self._converted(func(*args, **self.drawn(func, kwargs or {})))
        if func in IN_FLOAT32:
            return IN_FLOAT32[func](*args)
        kwargs = kwargs or {}
        if not writes_in_place(func):
            return func(*map(self._converted, args), **{key: self._converted(value) for key, value in kwargs.items()})
        if not args:
            return func(**kwargs)
        written = args[0]  # a converted copy would take the write, and be thrown away
        fitting = {key: self._fitting(value, written) for key, value in kwargs.items()}
        return func(written, *(self._fitting(value, written) for value in args[1:]), **fitting)

    def drawn(self, func: Callable, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by which random numbers are drawn in the trainer's own precision."""
        raise NotImplementedError

    def _fitting(self, value: Any, written: Any) -> Any:
        """As it can be written to a tensor: not converted where that tensor is not."""
        if isinstance(value, Tensor) and isinstance(written, Tensor) and written.dtype in self.kinds:
            return value.to(written.dtype) if value.dtype in self.kinds.values() else value
        return self._converted(value)

    def _converted(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(self.kinds[value.dtype]) if value.dtype in self.kinds else value
        if isinstance(value, torch.dtype):
            return self.kinds.get(value, value)
        if type(value) in (tuple, list):
            return type(value)(map(self._converted, value))
        return value


class InFloat64(InPrecision):
    """For trainers of a lower precision."""

    kinds = PROMOTED
    casts = dict.fromkeys((Tensor.float, Tensor.half, Tensor.bfloat16), torch.float64)

    def drawn(self, func: Callable, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {**kwargs, "dtype": torch.float32}


class InFloat32(InPrecision):
    """For trainers whose own precision is float64."""

    kinds = DEMOTED
    casts = {Tensor.double: torch.float32}  # noqa: RUF012

    def drawn(self, func: Callable, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {"dtype": torch.float64, **kwargs} if func.__name__.endswith("_like") else dict(kwargs)


class Chopped(TorchDispatchMode):
    """Every operation gives as many digits as float32 has, with the range of float64.

    For losses that float64 can hold and float32 cannot: the rounding noise of sums grows by half a billion.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not isinstance(func, torch._ops.OpOverload):
            return out
        written = [returned.alias_info for returned in func._schema.returns]
        if any(alias is not None and not alias.is_write for alias in written):  # a view: chopped already
            return out
        if any(alias is not None for alias in written):
            return tree_map_only(Tensor, lambda tensor: tensor.copy_(_chopped(tensor)), out)
        return tree_map_only(Tensor, _chopped, out)


def _chopped(value: Tensor) -> Tensor:
    """Rounded to the digits of float32; anything but float64 as it is."""
    if value.is_complex() and value.dtype == torch.complex128:
        return torch.view_as_complex(_chopped(torch.view_as_real(value.resolve_conj())))
    if value.dtype != torch.float64 or value.is_sparse or not value.numel():
        return value
    bits = value.view(torch.int64) + (1 << DROPPED_BITS - 1)
    return (bits & -(1 << DROPPED_BITS)).view(torch.float64)
