"""A forward pass that leaves nothing behind: whatever it can write to is a copy, or is put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from audits.errors import AuditError
from audits.isolation.iterators import copies_in
from audits.isolation.random_state import Undo, random_state_kept
from audits.isolation.reachable import ITERATORS, is_array, reachable
from audits.isolation.snapshots import CLEARED, undo_of
from audits.isolation.stand_ins import StandIns, Vary, is_a_part
from audits.isolation.write_guard import WriteGuard

COPIED = 16 * 2**20
"""Bytes of tensors, and of arrays, of no module and no batch that are copied. A tensor beyond that is kept when an
operation writes to it."""


class ParameterSwap:
    """Tensors of modules, and of all else that a forward pass can reach, hold copies for a while.

    A forward pass may write to buffers, count its calls, even step an optimizer: it does so to copies, or it is put
    back. The originals are never written to, and keep their `.grad` and their place in graphs that exist already.
    """

    def __init__(
        self, *, float64: bool = False, thaw: bool = False, vary: Vary | None = None, as_in_training: bool = False
    ) -> None:
        """Copies are promoted to float64; weights are made trainable although frozen, and varied, as asked.

        `as_in_training`: an optimizer writes to the very weights that graphs hold, even where one goes backward later.
        """
        self.guard = WriteGuard()
        self._as_in_training = as_in_training
        self._tensors = StandIns(float64=float64, thaw=thaw, vary=vary)
        self._adopted: dict[int, Any] = {}
        self._parameters: dict[int, Tensor] = {}
        self._undo: list[Undo] = []
        self._empty: list[Any] = []
        self._tensors_left = self._arrays_left = COPIED

    def others(self, tensor: Tensor) -> list[Tensor]:
        """What older graphs hold in the place of a tensor that holds a copy."""
        return self._tensors.others(tensor)

    def parameters(self) -> Iterable[Tensor]:
        """Every parameter of a module that was found."""
        return self._parameters.values()

    def adopt_named(self, named: Iterable[nn.Module | Tensor]) -> None:
        """Let copies stand in for modules and weights, and for all that they lead to.

        Raises AuditError for a lazy module.
        """
        roots = list(named)
        for root in roots:
            _check_not_lazy(root.parameters() if isinstance(root, nn.Module) else [root])
        self._adopt(roots, weights=[root for root in roots if isinstance(root, Tensor)])

    def adopt_reached(self, roots: Iterable[Any]) -> None:
        """The same for whatever some functions lead to."""
        self._adopt(roots)

    def adopt_called(self, module: nn.Module, *_: Any) -> None:
        """The same for a module that nobody found before it was called."""
        _check_not_lazy(module._parameters.values())
        if id(module) not in self._adopted and not _is_lent(module):
            self._tensors_left = float("inf")  # it is too late for the guard
            self.adopt_named([module])

    def adopt_batch(self, batch: Any, rows: int | None = None) -> None:
        """The same for a batch; its tensors hold copies of their first `rows`, if given."""
        self.adopt_named(value for value in reachable([batch], self._adopted) if isinstance(value, nn.Module))
        for value in self._new([batch]):
            if isinstance(value, Tensor):
                self._tensors.swap(value, rows=rows)
            else:
                self._keep(value, whatever_size=True)

    def adopt_optimizer(self, optimizer: Optimizer, *_: Any) -> None:
        """The same for an optimizer that is about to take a step, and write to all that it remembers."""
        self._tensors_left = float("inf")
        self._adopt([optimizer, *optimizer.state.values()])
        if self._as_in_training:
            return
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self._tensors.renew(parameter)

    def restore(self) -> None:
        """Put everything back."""
        self.guard.restore()
        for container in self._empty:
            if container:
                container.clear()
        self._empty.clear()
        while self._undo:
            self._undo.pop()()
        self._tensors.restore()

    def _new(self, roots: Iterable[Any]) -> list[Any]:
        """What some roots lead to, and nothing before led to."""
        new = list(reachable(roots, self._adopted))
        self._adopted |= {id(value): value for value in new}
        return new

    def _adopt(self, roots: Iterable[Any], weights: Iterable[Tensor] = ()) -> None:
        new = self._new(roots)
        kinds = frozenset(map(type, new))
        if not kinds.isdisjoint(ITERATORS):
            self._undo.append(copies_in(new))
        of_tensors, of_modules = (tuple(k for k in kinds if issubclass(k, kind)) for kind in (Tensor, nn.Module))
        tensors, own = [], {id(tensor): tensor for tensor in weights}
        for value in new:
            kind = type(value)
            if kind in of_tensors:
                tensors.append(value)
                continue
            if kind in of_modules:
                own |= {id(tensor): tensor for tensor in self._tensors_of(value)}
            self._keep(value)
        tensors = {**own, **{id(value): value for value in tensors}}
        ready = [tensor for tensor in tensors.values() if not is_lazy(tensor) and tensor.is_leaf]
        for tensor in sorted(ready, key=is_a_part):
            self._adopt_tensor(tensor, free=id(tensor) not in own)

    def _tensors_of(self, module: nn.Module) -> list[Tensor]:
        """The tensors that are a module's own. Those of scripted code are taken care of at once."""
        parameters = [*module.parameters(recurse=False)]
        buffers = [*module.buffers(recurse=False)]
        self._parameters |= {id(parameter): parameter for parameter in parameters}
        if isinstance(module, torch.jit.ScriptModule):
            for tensor in (*parameters, *buffers):
                self._tensors.swap(tensor, weight=isinstance(tensor, nn.Parameter), by_data=True)
            return []
        return [*parameters, *buffers, *(value for value in vars(module).values() if isinstance(value, Tensor))]

    def _adopt_tensor(self, tensor: Tensor, *, free: bool) -> None:
        weight = isinstance(tensor, nn.Parameter) or tensor.requires_grad
        size = tensor.numel() * tensor.element_size() if tensor.layout is torch.strided else 0
        if weight or not free or size <= self._tensors_left:
            self._tensors.swap(tensor, weight=weight)
            self._tensors_left -= size if free and not weight else 0
        elif not tensor.is_meta:
            self.guard.watch(tensor)

    def _keep(self, value: Any, *, whatever_size: bool = False) -> None:
        """Remember how a value is that is no tensor; a large array only if asked."""
        kind = type(value)
        if kind in CLEARED and not value:
            self._empty.append(value)
        elif whatever_size or not is_array(kind) or self._has_room(value):
            self._undo_later(undo_of(value))
            if isinstance(value, Optimizer):
                self._undo_later(undo_of(value.state))

    def _has_room(self, array: Any) -> bool:
        if array.nbytes > self._arrays_left:
            return False
        self._arrays_left -= array.nbytes
        return True

    def _undo_later(self, undo: Undo | None) -> None:
        if undo:
            self._undo.append(undo)


@contextmanager
def swapped_parameters(
    named: Iterable[nn.Module | Tensor],
    *,
    reached: Iterable[Any] = (),
    batch: Any = None,
    rows: int | None = None,
    float64: bool = False,
    thaw: bool = False,
    vary: Vary | None = None,
    seed: int = 0,
    as_in_training: bool = False,
) -> Iterator[ParameterSwap]:
    """Inside, whatever is named, reached or called has copies for tensors, and random generators start at `seed`.

    The tensors of `batch` have their first `rows` only, if given.
    """
    copies = ParameterSwap(float64=float64, thaw=thaw, vary=vary, as_in_training=as_in_training)
    with ExitStack() as stack:
        stack.enter_context(random_state_kept(seed))
        stack.enter_context(_default_dtype(torch.float64 if float64 else torch.get_default_dtype()))
        stack.callback(_put_threads, torch.get_num_threads())
        stack.callback(copies.restore)
        copies.adopt_named(named)
        copies.adopt_batch(batch, rows)
        copies.adopt_reached(reached)
        stack.callback(nn.modules.module.register_module_forward_pre_hook(copies.adopt_called).remove)
        stack.callback(register_optimizer_step_pre_hook(copies.adopt_optimizer).remove)
        if copies.guard:
            stack.enter_context(copies.guard)
        yield copies


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _put_threads(number: int) -> None:
    if torch.get_num_threads() != number:
        torch.set_num_threads(number)


def _check_not_lazy(tensors: Iterable[Tensor | None]) -> None:
    if any(tensor is not None and is_lazy(tensor) for tensor in tensors):
        raise AuditError("a lazy module has no weights yet: run one forward pass before the audit")


def _is_lent(module: nn.Module) -> bool:
    """Whether a module runs with weights that somebody put in for this call."""
    return any(value is not None and not isinstance(value, nn.Parameter) for value in module._parameters.values())
