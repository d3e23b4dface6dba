"""Tells of each call of a module, also of one whose `forward` is called by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks

Enter = Callable[[nn.Module, tuple, Mapping[str, Any]], None]
"""Told a module, and its arguments. Those by name only where its `forward` is called by itself."""
Leave = Callable[[nn.Module, Any], None]
"""Told a module, and what it gives; None where it raised."""


@contextmanager
def calls_told(modules: Iterable[nn.Module], enter: Enter, leave: Leave) -> Iterator[None]:
    """Each call of any module is told while this runs; ``module.forward(x)`` where it is one of `modules`."""
    known = {id(module): type(module) for module in modules if not isinstance(module, torch.jit.ScriptModule)}
    running: list[nn.Module] = []

    def before(module: nn.Module, args: tuple) -> None:
        running.append(module)
        enter(module, args, {})

    def after(module: nn.Module, _: Any, output: Any) -> None:
        running.pop()
        leave(module, output)

    def told(forward: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(forward)
        def told_forward(module: nn.Module, *args: Any, **keywords: Any) -> Any:
            if id(module) not in known or (running and running[-1] is module):
                return forward(module, *args, **keywords)
            running.append(module)
            enter(module, args, keywords)
            output = None
            try:
                output = forward(module, *args, **keywords)
                return output
            finally:
                after(module, args, output)

        return told_forward

    with ExitStack() as stack:
        for kind in dict.fromkeys(known.values()):
            stack.enter_context(_replaced(kind, told(kind.forward)))
        stack.callback(known.clear)  # of what keeps a method beyond this, nothing more is told
        stack.callback(hooks.register_module_forward_pre_hook(before).remove)
        stack.callback(hooks.register_module_forward_hook(after, always_call=True).remove)
        yield


@contextmanager
def _replaced(kind: type[nn.Module], forward: Callable[..., Any]) -> Iterator[None]:
    """A class with another `forward` for a while."""
    own = kind.__dict__.get("forward")
    kind.forward = forward
    try:
        yield
    finally:
        if own is None:
            del kind.forward
        else:
            kind.forward = own
