"""Copies that stand in for parameters and buffers while an audit runs, so that it leaves nothing behind."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from audits.errors import AuditError

Vary = Callable[[Tensor], Tensor]


class StandIns:
    """Modules whose tensors are copies for a while.

    A forward pass may write to buffers, count its calls, even change weights: it does so to the copies. Modules that
    nobody named are found when they are called. The originals are never written to, keep their `.grad`, their hooks and
    their place in graphs that exist already.
    """

    def __init__(self, dtype: torch.dtype | None = None, vary: Vary | None = None) -> None:
        """Floating-point copies are of `dtype` where one is given; `vary` changes their values."""
        self.originals: dict[int, Tensor] = {}
        """By id of a copy."""
        self._dtype, self._vary = dtype, vary
        self._copies: dict[int, Tensor] = {}
        self._saved: dict[nn.Module, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._scripted: list[tuple[Tensor, Tensor]] = []

    def adopt(self, root: nn.Module) -> None:
        """Let copies stand in for the tensors of a module and of all modules below it."""
        for module in root.modules():
            if module in self._saved:
                continue
            containers = {name: _shallow(value) for name, value in vars(module).items()}
            self._saved[module] = (dict(vars(module)), containers)
            if isinstance(module, torch.jit.ScriptModule):
                self._scripted += [(tensor, tensor.detach().clone()) for tensor in module.buffers(recurse=False)]
                continue
            for name, parameter in list(module._parameters.items()):
                if parameter is not None:
                    setattr(module, name, self._copy(parameter))
            for name, buffer in list(module._buffers.items()):
                if buffer is not None:
                    module._buffers[name] = self._copy(buffer)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Every parameter that stands in for another."""
        return (copy for copy in self._copies.values() if isinstance(copy, nn.Parameter))

    def restore(self) -> None:
        """Put everything back."""
        for module, (attributes, containers) in self._saved.items():
            for name, content in containers.items():
                _refill(attributes[name], content)
            module.__dict__.clear()
            module.__dict__.update(attributes)
        with torch.no_grad():
            for tensor, value in self._scripted:
                tensor.copy_(value)

    def _copy(self, original: Tensor) -> Tensor:
        if is_lazy(original):
            raise AuditError("a lazy module has no weights yet: run one forward pass before the audit")
        if id(original) in self._copies:
            return self._copies[id(original)]
        value = original.detach().clone()
        if self._dtype is not None and value.is_floating_point():
            value = value.to(self._dtype)
        if self._vary is not None and value.is_floating_point() and isinstance(original, nn.Parameter):
            value = self._vary(value)
        copy = nn.Parameter(value, original.requires_grad) if isinstance(original, nn.Parameter) else value
        for name, value in vars(original).items():
            setattr(copy, name, value)
        if original._backward_hooks:
            copy._backward_hooks = original._backward_hooks.copy()
        self._copies[id(original)] = copy
        self.originals[id(copy)] = original
        return copy


@contextmanager
def stand_ins(
    modules: Iterable[nn.Module], *, dtype: torch.dtype | None = None, vary: Vary | None = None, seed: int = 0
) -> Iterator[StandIns]:
    """All modules that run inside have copies for tensors, and every random generator starts at `seed`."""
    copies = StandIns(dtype, vary)
    known = list(modules)
    with _random_state_kept(), _default_dtype(dtype):
        _seed(seed)
        hook = nn.modules.module.register_module_forward_pre_hook(lambda module, _: _adopt_stranger(copies, module))
        try:
            for module in known:
                copies.adopt(module)
            yield copies
        finally:
            hook.remove()
            copies.restore()


def _adopt_stranger(copies: StandIns, module: nn.Module) -> None:
    if module not in copies._saved:
        copies.adopt(module)


def _shallow(value: Any) -> Any:
    return value.copy() if isinstance(value, dict | list | set) else None


def _refill(container: Any, content: Any) -> None:
    if content is None:
        return
    container.clear()
    container.extend(content) if isinstance(container, list) else container.update(content)


@contextmanager
def _default_dtype(dtype: torch.dtype | None) -> Iterator[None]:
    before = torch.get_default_dtype()
    if dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """torch on every device that was used, NumPy where it is loaded, and Python."""
    numpy = sys.modules.get("numpy")
    devices = [torch.cuda] if torch.cuda.is_initialized() else []
    python, arrays, cpu = random.getstate(), numpy and numpy.random.get_state(), torch.get_rng_state()
    others = [(device, device.get_rng_state_all()) for device in devices]
    try:
        yield
    finally:
        random.setstate(python)
        if numpy:
            numpy.random.set_state(arrays)
        torch.set_rng_state(cpu)
        for device, states in others:
            device.set_rng_state_all(states)


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
