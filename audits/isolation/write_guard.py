"""Tensors that are too large to be copied for fear of a write, kept when the write comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from audits.isolation.in_place import writes_in_place
from audits.isolation.stand_ins import put_version


class WriteGuard(TorchFunctionMode):
    """While it is on, what an operation writes to is kept first, if it lies in memory that is watched."""

    def __init__(self) -> None:
        super().__init__()
        self._watched: dict[int, list[tuple[Tensor, int]]] = {}
        self._kept: dict[int, torch.UntypedStorage] = {}

    def __bool__(self) -> bool:
        return bool(self._watched)

    def watch(self, tensor: Tensor) -> None:
        """Keep the memory of this tensor when an operation is about to write to it, or to a view of it."""
        version = 0 if tensor.is_inference() else tensor._version
        self._watched.setdefault(_place(tensor), []).append((tensor, version))

    def restore(self) -> None:
        """Put back what was written to."""
        for place, content in self._kept.items():
            for tensor, version in self._watched[place]:
                tensor.untyped_storage().copy_(content)
                if not tensor.is_inference():
                    put_version(tensor, version)
        self._kept.clear()
        self._watched.clear()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if writes_in_place(func):
            self._keep(args)
        elif "out" in kwargs:
            self._keep((kwargs["out"],))
        return func(*args, **kwargs)

    def _keep(self, values: Iterable[Any]) -> None:
        for tensor in _tensors(values):
            if tensor.layout is not torch.strided or tensor.is_meta:
                continue
            place = _place(tensor)
            if place in self._watched and place not in self._kept:
                self._kept[place] = tensor.untyped_storage().clone()


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
