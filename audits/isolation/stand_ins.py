"""Copies that stand in for tensors: the object stays, and what it holds is a copy for a while.

Lists, optimizers, moving averages and modules go on holding the very same objects, so that whatever a trainer does to
any of them, it does to the copies. Graphs that exist already, and C++ that took hold of a tensor, keep the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from audits.isolation.dtypes import PROMOTED
from audits.isolation.random_state import Undo
from audits.isolation.snapshots import undo_of

Vary = Callable[[Tensor], Tensor]


class StandIns:
    """Tensors whose numbers are copies for a while."""

    def __init__(self, *, float64: bool = False, thaw: bool = False, vary: Vary | None = None) -> None:
        """Copies are promoted to float64; those of weights are made trainable although frozen, and varied, as asked."""
        self._float64, self._thaw, self._vary = float64, thaw, vary
        self._held: dict[int, list[Tensor]] = {}
        self._wholes: dict[int, Tensor] = {}
        self._undo: list[Undo] = []

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._held

    def others(self, tensor: Tensor) -> list[Tensor]:
        """What graphs from before hold in the place of a tensor; nothing where C++ shares the tensor."""
        return self._held.get(id(tensor), [])

    def swap(self, tensor: Tensor, *, weight: bool = False, rows: int | None = None, by_data: bool = False) -> None:
        """Let a copy stand in for what a tensor holds: a weight, or the first `rows` of a batch.

        `by_data`: scripted code finds its tensors in C++; there the tensor stays, and only its memory is another.
        """
        if tensor in self:
            return
        with torch._C.DisableTorchFunction(), torch.inference_mode(False), torch.no_grad():
            copy = self._cloned(tensor.detach() if rows is None else tensor.detach()[:rows])
            differentiable = copy.is_floating_point() or copy.is_complex()
            if self._vary and weight and differentiable and tensor.requires_grad:  # only what training can change
                copy.copy_(self._vary(copy))
        if differentiable and (tensor.requires_grad or (self._thaw and weight)):
            copy.requires_grad_()
        if by_data or not self._exchange(tensor, copy):
            self._held[id(tensor)] = []
            self._swap_data(tensor, copy)

    def renew(self, tensor: Tensor) -> None:
        """Let another copy stand in where a graph needs the one that is about to be written to."""
        if not self.others(tensor) or tensor._use_count() == 1:  # pyright: ignore[reportAttributeAccessIssue]
            return
        with torch._C.DisableTorchFunction(), torch.inference_mode(False), torch.no_grad():
            copy = tensor.detach().clone()
        gradient = tensor.grad
        if self._exchange(tensor, copy.requires_grad_(tensor.requires_grad)):
            tensor.grad = gradient

    def restore(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()
        self._held.clear()
        self._wholes.clear()

    def _cloned(self, value: Tensor) -> Tensor:
        """In memory of its own, which it shares with the copies of all tensors that share memory with the original."""
        memory = _memory(value)
        whole = self._wholes.get(memory.data_ptr()) if memory is not None else None
        if whole is not None and whole.dtype == self._dtype(value) and _is_simple(value):
            fresh = torch.empty(0, dtype=whole.dtype, device=whole.device)
            return fresh.set_(whole.untyped_storage(), value.storage_offset(), value.size(), value.stride())
        dtype = self._dtype(value)
        copy = value.clone() if dtype == value.dtype else value.to(dtype)
        if memory is not None and memory.nbytes() == value.nbytes and value.is_contiguous() and copy.is_contiguous():
            self._wholes[memory.data_ptr()] = copy
        return copy

    def _dtype(self, value: Tensor) -> torch.dtype:
        return PROMOTED.get(value.dtype, value.dtype) if self._float64 else value.dtype

    def _exchange(self, tensor: Tensor, copy: Tensor) -> bool:
        """Let two tensors change what they hold; False where C++ forbids it."""
        hooks, later = tensor._backward_hooks, tensor._post_accumulate_grad_hooks
        named = undo_of(tensor)
        within = undo_of(hooks) if hooks else None
        try:
            _exchanged(tensor, copy)
        except RuntimeError:
            return False
        self._held.setdefault(id(tensor), []).append(copy)
        if hooks:
            tensor._backward_hooks = hooks

        def undo() -> None:
            _exchanged(tensor, copy)
            if within:
                within()
            if tensor._backward_hooks is not hooks:
                tensor._backward_hooks = hooks
            if tensor._post_accumulate_grad_hooks is not later:
                tensor._post_accumulate_grad_hooks = later
            if named:
                named()

        self._undo.append(undo)
        return True

    def _swap_data(self, tensor: Tensor, copy: Tensor) -> None:
        data, gradient, trainable = tensor.data, tensor.grad, tensor.requires_grad
        version = None if tensor.is_inference() else tensor._version
        tensor.grad = None  # an optimizer in the forward pass finds nothing to clear, and nothing to step by
        tensor.data = copy.detach()
        tensor.requires_grad_(copy.requires_grad)

        def undo() -> None:
            tensor.grad = None
            tensor.data = data
            tensor.requires_grad_(trainable)
            tensor.grad = gradient
            if version is not None:
                put_version(tensor, version)

        self._undo.append(undo)


def _exchanged(one: Tensor, other: Tensor) -> None:
    """A tensor that is made of others, such as a distributed one, keeps those among its attributes."""
    torch._C._swap_tensor_impl(one, other)
    if is_traceable_wrapper_subclass(one):
        inner, _ = one.__tensor_flatten__()
        for name in inner:
            mine, others = getattr(one, name), getattr(other, name)
            setattr(one, name, others)
            setattr(other, name, mine)


def put_version(tensor: Tensor, version: int) -> None:
    """Let a tensor that is as it was count as never written to, or graphs that hold it could not go backward."""
    if tensor._version != version:
        torch._C._autograd._unsafe_set_version_counter((tensor,), (version,))  # pyright: ignore[reportAttributeAccessIssue]


def _memory(value: Tensor) -> Any:
    """Where the numbers of a plain tensor lie; None where they are elsewhere."""
    if type(value) is not Tensor or value.layout is not torch.strided or value.is_meta or value.is_quantized:
        return None
    memory = value.untyped_storage()
    return memory if memory.data_ptr() else None


def is_a_part(tensor: Tensor) -> bool:
    """Whether a tensor has less than all of its memory."""
    memory = _memory(tensor.detach())
    return memory is not None and memory.nbytes() > tensor.nbytes


def _is_simple(value: Tensor) -> bool:
    """Whether no two entries lie at one place."""
    return all(step or size < 2 for size, step in zip(value.size(), value.stride(), strict=True))
