"""The line of a cut: from a running frame to the place in the source that a reader would look at."""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch

from audits.places import Place
from audits.recording.expressions import expression_at

TORCH = os.path.dirname(torch.__file__) + os.sep
HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
CONTEXTS = tuple(os.path.join(TORCH, *path) for path in (("autograd", "grad_mode.py"), ("utils", "_contextlib.py")))
STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep

COMPREHENSION = re.compile(r"\.<(?:list|set|dict)comp>|\.<genexpr>")
"""They are functions of their own to some versions of Python, and to no reader."""

Locate = Callable[[FrameType], Place | None]


class Spot(NamedTuple):
    """What is left of a frame when it is gone: enough to find the expression that ran in it."""

    f_code: CodeType
    f_lasti: int
    f_lineno: int
    f_globals: dict[str, Any]


class Sources:
    """Finds the caller that matters: outside of torch, of the audit and of a trainer's own helpers."""

    def __init__(self, helpers: Sequence[str] = (), locate: Locate | None = None) -> None:
        self._helpers, self._locate = frozenset(helpers), locate
        self._own: dict[CodeType, bool] = {}
        self._places: dict[tuple[CodeType, int], Place] = {}

    def frame(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame of somebody's own source, from `frame` outwards."""
        while frame is not None and not self._is_own(frame):
            frame = frame.f_back
        return frame

    def place(self, frame: FrameType | None) -> Place:
        """Where a stop is declared, or else the expression that runs in the innermost own frame."""
        if self._locate and frame is not None and (declared := self._locate(frame)):
            return declared
        return self.expression(self.frame(frame))

    def spot(self, frame: FrameType | None) -> Spot | None:
        """Of the innermost frame of somebody's own source, what is needed to tell its place later."""
        own = self.frame(frame)
        return Spot(own.f_code, own.f_lasti, own.f_lineno, own.f_globals) if own else None

    def expression(self, frame: FrameType | Spot | None) -> Place:
        """The expression that runs in a frame."""
        if frame is None:
            return Place("", 0, "", "")
        at = (frame.f_code, frame.f_lasti)
        if at not in self._places:
            self._places[at] = _place(frame)
        return self._places[at]

    def _is_own(self, frame: FrameType) -> bool:
        own = self._own.get(frame.f_code)
        if own is None:
            file = frame.f_code.co_filename
            own = not file.startswith((TORCH, HERE, "<")) and frame.f_globals.get("__name__") not in self._helpers
            own = own and not _in_standard_library(file)
            self._own[frame.f_code] = own
        return own


def caller(depth: int = 2) -> FrameType | None:
    """The frame that called the caller's caller."""
    return sys._getframe(depth)


def inside_torch(frame: FrameType | None) -> bool:
    """Whether gradient was switched off by torch itself, such as for the power iteration of a spectral norm."""
    while frame is not None and frame.f_code.co_filename.startswith(CONTEXTS):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(TORCH)


def _in_standard_library(file: str) -> bool:
    return file.startswith(STANDARD_LIBRARY) and f"{os.sep}site-packages{os.sep}" not in file


def _module(frame: FrameType | Spot) -> str:
    """Its dotted name, also of what runs by ``python -m``."""
    name, spec = frame.f_globals.get("__name__", ""), frame.f_globals.get("__spec__")
    return spec.name if name == "__main__" and spec else name


def _place(frame: FrameType | Spot) -> Place:
    code = frame.f_code
    module, function = _module(frame), COMPREHENSION.sub("", code.co_qualname.replace("<locals>.", ""))
    first, last, start, end = next(islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    line = first or frame.f_lineno
    if start is None or end is None:
        return Place(code.co_filename, line, module, function, linecache.getline(code.co_filename, line).strip())
    text, nth = expression_at(code.co_filename, (line, start), (last or line, end), within=code.co_firstlineno)
    return Place(code.co_filename, line, module, function, text, nth)
