"""Copies that stand in for the tensors of modules while an audit runs, so that it leaves nothing behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from audits.errors import AuditError
from audits.isolation.copies import copied, mapped
from audits.isolation.random_state import Undo, generator_undo, random_state_kept

Vary = Callable[[Tensor], Tensor]

PLAIN = {bool, int, float, str, tuple, type(None)}
REGISTERED = {"_parameters", "_buffers", "_modules"}
CONTAINERS = (dict, list, set, deque)


class ParameterSwap:
    """Modules whose tensors are copies for a while.

    A forward pass may write to buffers, count its calls, even step an optimiser: it does so to the copies. Modules that
    nobody named are found when they are called. The originals are never written to, keep their `.grad`, their hooks and
    their place in graphs that exist already.
    """

    def __init__(self, *, float64: bool = False, thaw: bool = False, vary: Vary | None = None) -> None:
        """Copies are promoted to float64, made trainable although frozen, their values varied, as asked."""
        self.originals: dict[int, Tensor] = {}
        """By id of a copy."""
        self._float64, self._thaw, self._vary = float64, thaw, vary
        self._copies: dict[int, Tensor] = {}
        self._adopted: set[nn.Module] = set()
        self._undo: list[Undo] = []

    def adopt(self, root: nn.Module) -> None:
        """Let copies stand in for the tensors of a module and of all modules below it."""
        if root in self._adopted:
            return
        for module in root.modules():
            if module in self._adopted:
                continue
            self._adopted.add(module)
            if isinstance(module, torch.jit.ScriptModule):
                self._swap_data(module)
            else:
                self._undo.append(_attributes_undo(module))
                self._replace(module)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Every parameter that stands in for another."""
        return (copy for copy in self._copies.values() if isinstance(copy, nn.Parameter))

    def restore(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()

    def _replace(self, module: nn.Module) -> None:
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                setattr(module, name, self._copy(parameter))
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = self._copy(buffer)
        for name, value in list(vars(module).items()):
            if type(value) not in PLAIN and name not in REGISTERED:
                self._replace_attribute(module, name, value)

    def _replace_attribute(self, module: nn.Module, name: str, value: Any) -> None:
        if isinstance(value, (dict, list, deque)):
            if value and not name.endswith("_hooks"):
                module.__dict__[name] = mapped(value, lambda tensor: self._copy(tensor) if tensor.is_leaf else tensor)
        elif isinstance(value, Tensor):
            module.__dict__[name] = self._copy(value) if value.is_leaf else value
        elif undo := generator_undo(value):
            self._undo.append(undo)

    def _swap_data(self, module: torch.jit.ScriptModule) -> None:
        """Scripted code finds its tensors in C++: there the tensors stay, and what they hold is a copy."""
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            data, frozen = tensor.data, not tensor.requires_grad
            tensor.data = self._varied(copied(tensor, float64=self._float64), isinstance(tensor, nn.Parameter))
            if self._thaw and isinstance(tensor, nn.Parameter) and tensor.is_floating_point():
                tensor.requires_grad_()
            self._undo.append(lambda tensor=tensor, data=data, frozen=frozen: _put_back(tensor, data, frozen))

    def _copy(self, original: Tensor) -> Tensor:
        if is_lazy(original):
            raise AuditError("a lazy module has no weights yet: run one forward pass before the audit")
        if id(original) in self.originals:  # a copy already
            return original
        if id(original) in self._copies:
            return self._copies[id(original)]
        value = copied(original, float64=self._float64)
        copy = self._parameter(value, original) if isinstance(original, nn.Parameter) else value
        self._copies[id(original)] = copy
        self.originals[id(copy)] = original
        return copy

    def _parameter(self, value: Tensor, original: nn.Parameter) -> Tensor:
        differentiable = value.is_floating_point() or value.is_complex()
        trainable = original.requires_grad or (self._thaw and differentiable)
        kind: Any = type(original) if type(value) is Tensor else nn.Parameter
        make = kind._make_subclass if type(value) is Tensor else lambda _, *given: kind(*given)
        copy = make(kind, self._varied(value, True), trainable)
        for name, attribute in vars(original).items():
            setattr(copy, name, attribute)
        if original._backward_hooks:
            copy._backward_hooks = original._backward_hooks.copy()
        if original.grad is not None:
            self._undo.append(lambda gradient=original.grad: setattr(original, "grad", gradient))
            original.grad = None  # an optimiser in the forward pass finds nothing to clear, and nothing to step by
        else:
            self._undo.append(lambda: setattr(original, "grad", None))
        return copy

    def _varied(self, value: Tensor, is_parameter: bool) -> Tensor:
        differentiable = value.is_floating_point() or value.is_complex()
        return self._vary(value) if self._vary and is_parameter and differentiable else value


@contextmanager
def swapped_parameters(
    modules: Iterable[nn.Module], *, float64: bool = False, thaw: bool = False, vary: Vary | None = None, seed: int = 0
) -> Iterator[ParameterSwap]:
    """All modules that run inside have copies for tensors, and every random generator starts at `seed`."""
    copies = ParameterSwap(float64=float64, thaw=thaw, vary=vary)
    known = list(modules)
    with random_state_kept(seed), _default_dtype(torch.float64 if float64 else torch.get_default_dtype()):
        hook = nn.modules.module.register_module_forward_pre_hook(lambda module, _: copies.adopt(module))
        try:
            for module in known:
                copies.adopt(module)
            yield copies
        finally:
            hook.remove()
            copies.restore()


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _attributes_undo(module: nn.Module) -> Undo:
    """Puts all attributes back, and into containers what they held."""
    attributes = dict(vars(module))
    contents = _contents(attributes.values())

    def undo() -> None:
        module.__dict__.clear()
        module.__dict__.update(attributes)
        for container, content in contents:
            container.clear()
            container.extend(content) if isinstance(container, (list, deque)) else container.update(content)

    return undo


def _contents(values: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each container among some values with a copy of what it holds, and those in it likewise."""
    found: list[tuple[Any, Any]] = []
    for value in values:
        if type(value) not in PLAIN and isinstance(value, CONTAINERS):
            found.append((value, value.copy()))
            if value:
                found += _contents(value.values() if isinstance(value, dict) else value)
    return found


def _put_back(tensor: Tensor, data: Tensor, frozen: bool) -> None:
    tensor.data = data
    if frozen:
        tensor.requires_grad_(False)
