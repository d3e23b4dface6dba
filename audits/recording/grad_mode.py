"""Where gradient was switched off, and by whom."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

import torch
from torch import inference_mode

from audits.places import Place
from audits.recording.source_lines import CONTEXTS, TORCH, Sources, caller, inside_torch

SWITCHES = ("no_grad", "inference_mode", "set_grad_enabled")
"""What a decorator that switches gradient off has in its name."""


@dataclass(frozen=True)
class Off:
    """Gradient is off."""

    place: Place
    by_torch: bool
    """For reasons of its own."""


class GradMode:
    """Told of each switch; asked why there is no gradient."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.off: Off | None = None
        self._outside: list[Off | None] = []  # of each place where it was switched on again

    @property
    def in_function(self) -> bool:
        """Whether torch itself switched it off, out of Python's sight: in the forward pass of a custom Function."""
        return not torch.is_grad_enabled() and self.off is None and not torch.is_inference_mode_enabled()

    def switched_on(self, frame: FrameType | None) -> None:
        """Before it is."""
        if not torch.is_grad_enabled() and not _is_leaving(frame):
            self._outside.append(self.off)
        self.off = None

    def switched_off(self, frame: FrameType | None) -> None:
        """Before it is."""
        if self._outside and _is_leaving(frame):
            self.off = self._outside.pop()
        else:
            self.off = Off(self.place(frame), by_torch(frame))

    def inference_entered(self, frame: FrameType | None, on: bool) -> None:
        """Before `torch.inference_mode` begins, or a block that ends it for a while."""
        self._outside.append(self.off)
        if not on:
            self.off = None
        elif torch.is_grad_enabled():
            self.off = Off(self.place(frame), by_torch(frame))

    def inference_left(self) -> None:
        """What was before it comes back."""
        self.off = self._outside.pop()

    def place(self, frame: FrameType | None) -> Place:
        """The block, the call or the decorator that switches gradient off."""
        function = None if by_torch(frame) else _decorated(frame)
        return (function and _decorator(function)) or self._sources.place(frame)


@contextmanager
def inference_told(enters: Callable[[FrameType | None, bool], bool], leaves: Callable[[], None]) -> Iterator[None]:
    """`torch.inference_mode` switches gradient off in a way of its own, that no override sees. It is begun only where
    `enters` agrees, who is told the frame and whether it is on."""
    enter, leave = inference_mode.__enter__, inference_mode.__exit__
    skipped: set[int] = set()

    def entered(self: inference_mode) -> None:
        if enters(caller(), self.mode):
            return enter(self)
        return skipped.add(id(self))

    def left(self: inference_mode, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if id(self) in skipped:
            return skipped.remove(id(self))
        leaves()
        return leave(self, exc_type, exc_value, traceback)

    inference_mode.__enter__, inference_mode.__exit__ = entered, left
    try:
        yield
    finally:
        inference_mode.__enter__, inference_mode.__exit__ = enter, leave


def by_torch(frame: FrameType | None) -> bool:
    """Whether torch switches gradient off in code of its own."""
    function = _decorated(frame)
    return function.__code__.co_filename.startswith(TORCH) if function else inside_torch(frame)


def _is_leaving(frame: FrameType | None) -> bool:
    """Whether a block ends: what was before it comes back."""
    return any(context.f_code.co_name == "__exit__" for context in _contexts(frame))


def _decorated(frame: FrameType | None) -> FunctionType | None:
    """The function that is decorated, where a decorator switches gradient."""
    for context in _contexts(frame):
        if callable(given := context.f_locals.get("func")):
            function = inspect.unwrap(given)
            return function if isinstance(function, FunctionType) else None
    return None


def _contexts(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of torch's own contexts that switch gradient, from the innermost."""
    while frame is not None and frame.f_code.co_filename.startswith(CONTEXTS):
        yield frame
        frame = frame.f_back


def _decorator(function: FunctionType) -> Place | None:
    """The line above a function that stops gradient in it; None where the function is wrapped in some other way."""
    code = function.__code__
    number = code.co_firstlineno
    while (line := linecache.getline(code.co_filename, number).strip()).startswith("@"):
        if any(switch in line for switch in SWITCHES):
            return Place(code.co_filename, number, function.__module__, code.co_qualname.replace("<locals>.", ""), line)
        number += 1
    return None
