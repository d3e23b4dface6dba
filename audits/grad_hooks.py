"""Hooks that run when the `.grad` of a parameter is complete, and what they leave of it."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from audits.places import Place

Hook = Callable[[Tensor], Any]


def hooks_of(parameter: Tensor) -> tuple[Hook, ...]:
    """What was given to `register_post_accumulate_grad_hook`."""
    return tuple((parameter._post_accumulate_grad_hooks or {}).values())  # pyright: ignore[reportAttributeAccessIssue]


def run_hooks(
    parameters: Sequence[Tensor], gradients: dict[int, Tensor], hooks: Mapping[int, Sequence[Hook]]
) -> dict[int, str]:
    """Let hooks change gradients, given by number of the parameter, as they would change `.grad`.

    Gives the numbers of the parameters that had a gradient and are left with none, each with the hook that took it. A
    hook that cannot run on a copy, such as one that looks its parameter up among optimizers, changes nothing; so does
    one that made use of the gradient and threw it away, as an optimizer step in the backward pass does.
    """
    emptied = {}
    for number, gradient in gradients.items():
        parameter = parameters[number]
        for hook in hooks.get(id(parameter), ()):
            before, gradient = gradient, _after(hook, parameter, gradient)
            if not _any(gradient) and _any(before):
                emptied[number] = named(hook)
        gradients[number] = gradient
    return emptied


def _after(hook: Hook, parameter: Tensor, gradient: Tensor) -> Tensor:
    """What an optimizer would follow after the hook; the gradient itself, if the hook made a step by it."""
    with _apart(parameter) as weights:
        parameter.grad = gradient.clone()
        watch, uses = weakref.ref(parameter.grad), _Uses()
        try:
            with torch.no_grad(), uses.of_optimizers(), uses:
                hook(parameter)
        except Exception:  # whatever somebody's hook raises about a parameter that is not the one it knows
            return gradient
        left, moved = parameter.grad, not torch.equal(parameter, weights)
        parameter.grad = None
        if left is not None:
            return gradient if moved else left
        return gradient if uses.found or watch() is not None else torch.zeros_like(gradient)


@contextmanager
def _apart(parameter: Tensor) -> Iterator[Tensor]:
    """The same parameter with other memory and no `.grad`: the graph still needs its own. Gives the weights."""
    data, gradient, version = parameter.data, parameter.grad, parameter._version
    parameter.grad = None
    parameter.data = data.clone()
    try:
        yield data
    finally:
        parameter.grad = None
        parameter.data = data
        parameter.grad = gradient
        torch._C._autograd._unsafe_set_version_counter((parameter,), (version,))  # pyright: ignore[reportAttributeAccessIssue]


class _Uses(TorchDispatchMode):
    """Whether anything is computed, or an optimizer makes a step."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        self.found = True
        return func(*args, **(kwargs or {}))

    @contextmanager
    def of_optimizers(self) -> Iterator[None]:
        """Notice the steps of optimizers too, of which those that find no gradient compute nothing."""
        handle = register_optimizer_step_pre_hook(lambda *_: setattr(self, "found", True))
        try:
            yield
        finally:
            handle.remove()


def _any(gradient: Tensor) -> bool:
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return bool(values.any())


def named(hook: Callable[..., Any]) -> str:
    """``mask at trainer.py:12``"""
    function: Any = hook
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    name = getattr(function, "__qualname__", type(hook).__qualname__).rpartition("<locals>.")[2]
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    place = Place(code.co_filename, code.co_firstlineno, function.__module__, name)
    return f"{name} at {place}"
