"""Tensors that are too large to be copied for fear of a write, kept when the write comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from audits.isolation.in_place import writes_in_place


class WriteGuard(TorchFunctionMode):
    """While it is on, what an operation writes to is kept first, if it lies in memory that is watched."""

    def __init__(self) -> None:
        super().__init__()
        self._watched: dict[int, Tensor] = {}
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __bool__(self) -> bool:
        return bool(self._watched)

    def watch(self, tensor: Tensor) -> None:
        """Keep what this tensor holds when an operation is about to write to it, or to a view of it."""
        self._watched[tensor.untyped_storage().data_ptr()] = tensor

    def restore(self) -> None:
        """Put back what was written to."""
        with torch.no_grad():
            for tensor, content in self._kept.values():
                tensor.data.copy_(content)
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
            place = tensor.untyped_storage().data_ptr()
            if place in self._watched and place not in self._kept:
                watched = self._watched[place]
                self._kept[place] = watched, watched.detach().clone()


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
