"""The same script in float64, and at other weights: what one run leaves open is decided there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer

from audits.isolation.precision import DRAWS, InFloat64
from audits.judging.other_weights import Vary, elsewhere
from audits.script.recording import ScriptRecorder
from audits.script.request import FLOAT64

REBUILT = sys.modules["torch._utils"].__file__
REBUILDING = frozenset((torch.empty, Tensor.set_))
"""What a tensor of a file or of another process is made of: memory that has its precision already."""


@contextmanager
def varied(variation: str, recorder: ScriptRecorder) -> Iterator[None]:
    """Nothing of an empty variation; else float64, and weights that the optimizers of a script find changed."""
    with ExitStack() as stack:
        if variation:
            stack.enter_context(_in_float64())
        if variation and variation != FLOAT64:
            stack.enter_context(_weights_changed(elsewhere(int(variation)), recorder))
        yield


class _InFloat64(InFloat64):
    """Also for what a script does before its first step: it makes weights, and reads them from files."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func in REBUILDING and sys._getframe(1).f_code.co_filename == REBUILT:
            return func(*args, **(kwargs or {}))
        if func in DRAWS and kwargs and kwargs.get("requires_grad"):
            drawn = super().__torch_function__(func, types, args, {**kwargs, "requires_grad": False})
            return drawn.requires_grad_()
        return super().__torch_function__(func, types, args, kwargs)


@contextmanager
def _in_float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _InFloat64():
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _weights_changed(vary: Vary, recorder: ScriptRecorder) -> Iterator[None]:
    """As soon as an optimizer is made of them."""
    kind: Any = Optimizer
    changed: dict[int, Tensor] = {}
    begin = kind.__init__

    def told(optimizer: Optimizer, *args: object, **kwargs: object) -> None:
        begin(optimizer, *args, **kwargs)
        with recorder.asleep(), torch.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if id(parameter) not in changed and parameter.is_floating_point():
                        changed[id(parameter)] = parameter
                        parameter.copy_(vary(parameter))

    kind.__init__ = told
    try:
        yield
    finally:
        kind.__init__ = begin
