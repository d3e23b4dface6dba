"""What a forward pass uses: parameters that no loss reaches, modules that ran without a name, statistics that move."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from audits.forward import Forward
from audits.target import Target, parameters_of

DEEPEST = 3
"""Functions in functions whose variables are searched for the name of a module."""


@dataclass(frozen=True)
class Usage:
    """Of one pass, or of several."""

    unused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By module: its trainable parameters that no loss has a path to, on any of the passes."""
    unnamed: tuple[str, ...] = ()
    """Modules with trainable parameters of their own that ran, and belong to no column."""
    moving: tuple[str, ...] = ()
    """Normalisations of frozen columns whose running statistics a pass moves."""

    def merged(self, other: Usage) -> Usage:
        """Both passes together."""
        both = {name: tuple(p for p in unused if p in other.unused[name]) for name, unused in self.unused.items()}
        return Usage(
            both,
            tuple(dict.fromkeys((*self.unnamed, *other.unnamed))),
            tuple(dict.fromkeys((*self.moving, *other.moving))),
        )


class Calls:
    """The modules that are called while this is watched."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._called: dict[int, nn.Module] = {}
        self._in_training: dict[int, nn.Module] = {}

    @contextmanager
    def watched(self) -> Iterator[Calls]:
        hook = nn.modules.module.register_module_forward_pre_hook(self._see)
        try:
            yield self
        finally:
            hook.remove()

    def usage(self, run: Forward) -> Usage:
        """What the pass used. Its graph must still be there."""
        return Usage(_unused(self._target, run), tuple(self._unnamed()), tuple(self._moving()))

    def _see(self, module: nn.Module, _: Any) -> None:
        self._called.setdefault(id(module), module)
        if isinstance(module, _NormBase) and module.training and module.track_running_stats:
            self._in_training.setdefault(id(module), module)

    def _unnamed(self) -> Iterator[str]:
        named = {id(each) for column in self._target.named_modules.values() for each in parameters_of(column)}
        for module in self._called.values():
            own = module.parameters(recurse=False)
            if any(parameter.requires_grad and id(parameter) not in named for parameter in own):
                yield _name_of(module, self._target.losses) or type(module).__name__

    def _moving(self) -> Iterator[str]:
        for name, column in self._target.named_modules.items():
            if not isinstance(column, nn.Module) or any(p.requires_grad for p in column.parameters()):
                continue
            for below, module in column.named_modules():
                if id(module) in self._in_training and module.running_mean is not None:
                    yield f"{name}.{below}" if below else name


def came_apart(target: Target) -> list[tuple[str, str]]:
    """Pairs of trainable parameters that hold the same numbers, and are two: weights that were tied, and are no more.

    Copies of whole modules hold the same numbers too. So only parameters of modules of different classes count, such
    as an embedding and a linear layer.
    """
    alike: dict[tuple[Any, ...], list[tuple[str, nn.Module, Tensor]]] = {}
    for root in target.root_modules:
        for path, module in root.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad and parameter.dim() > 1 and parameter.numel() and not parameter.is_meta:
                    key = parameter.dtype, parameter.device, tuple(parameter.shape)
                    alike.setdefault(key, []).append((f"{path}.{name}".strip("."), module, parameter))
    return [
        (first, second)
        for group in alike.values()
        for at, (first, owner, weight) in enumerate(group)
        for second, other, twin in group[at + 1 :]
        if weight is not twin and type(owner) is not type(other) and _equal(weight, twin)
    ]


@torch.no_grad()
def _equal(first: Tensor, second: Tensor) -> bool:
    return bool((first != first.reshape(-1)[0]).any()) and torch.equal(first, second)


def _unused(target: Target, run: Forward) -> dict[str, tuple[str, ...]]:
    reached = {id(leaf) for leaf in run.graph.leaf_tensors()}
    found = {}
    for column in run.columns:
        names = _parameter_names(column.module, target.named_modules[column.module])
        aliases = column.aliases or [()] * len(column.parameters)
        found[column.module] = tuple(
            name
            for name, own, others in zip(names, column.parameters, aliases, strict=True)
            if own.requires_grad and reached.isdisjoint(map(id, (own, *others)))
        )
    return found


def _parameter_names(column: str, module: Any) -> list[str]:
    """Of the parameters of a column, in their order."""
    if isinstance(module, nn.Module):
        return [name for name, _ in module.named_parameters()]
    given = list(parameters_of(module))
    return [f"{column}[{number}]" for number in range(len(given))] if len(given) > 1 else [column] * len(given)


def _name_of(module: nn.Module, function: Callable[..., Any], depth: int = 0) -> str:
    """How the code of a function calls a module: ``teacher.layers.0``; empty where its variables do not lead there."""
    for name, value in _variables(function).items():
        if isinstance(value, nn.Module):
            path = next((path for path, below in value.named_modules() if below is module), None)
            if path is not None:
                return f"{name}.{path}".rstrip(".")
        elif depth < DEEPEST and inspect.isfunction(value) and (found := _name_of(module, value, depth + 1)):
            return found
        elif not isinstance(value, type | ModuleType) and hasattr(value, "__dict__"):
            members = ((f"{name}.{key}", member) for key, member in vars(value).items())
            for path, member in members:
                below = member.named_modules() if isinstance(member, nn.Module) else ()
                if (rest := next((rest for rest, each in below if each is module), None)) is not None:
                    return f"{path}.{rest}".rstrip(".")
    return ""


def _variables(function: Callable[..., Any]) -> dict[str, Any]:
    """The variables that a function reads from around it, and the object of a method."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    bound = {"self": function.__self__} if inspect.ismethod(function) else {}
    plain = function.__func__ if inspect.ismethod(function) else function
    if not inspect.isfunction(plain):
        return bound
    try:
        outer = inspect.getclosurevars(plain)
    except ValueError:  # a variable that is not assigned yet
        return bound
    return {**bound, **outer.nonlocals, **outer.globals}
