"""From a running frame to the place in the source that a reader would look at."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from types import CodeType, FrameType

import torch

from audits.places import Place

TORCH = os.path.dirname(torch.__file__) + os.sep
HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
CONTEXTS = tuple(os.path.join(TORCH, *path) for path in (("autograd", "grad_mode.py"), ("utils", "_contextlib.py")))
STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep

Locate = Callable[[FrameType], Place | None]


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

    def expression(self, frame: FrameType | None) -> Place:
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


def _module(frame: FrameType) -> str:
    """Its dotted name, also of what runs by ``python -m``."""
    name, spec = frame.f_globals.get("__name__", ""), frame.f_globals.get("__spec__")
    return spec.name if name == "__main__" and spec else name


def _place(frame: FrameType) -> Place:
    code = frame.f_code
    module, function = _module(frame), code.co_qualname.replace("<locals>.", "")
    first, last, start, end = next(islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    line = first or frame.f_lineno
    source = [linecache.getline(code.co_filename, number).encode() for number in range(code.co_firstlineno, line + 1)]
    if start is None or end is None or not source:
        return Place(code.co_filename, line, module, function, source[-1].strip().decode() if source else "")
    text = _segment(code.co_filename, line, last or line, start, end)
    if text.startswith("with "):  # the whole block: its head says it
        text = text.splitlines()[0].removeprefix("with ").rstrip(" :")
        start += len("with ")
    before = b"".join([*source[:-1], source[-1][:start]]).decode(errors="replace")
    return Place(code.co_filename, line, module, function, " ".join(text.split()), 1 + before.count(text))


def _segment(file: str, first: int, last: int, start: int, end: int) -> str:
    """The characters of an expression; columns count bytes."""
    lines = [linecache.getline(file, number).encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode(errors="replace")
