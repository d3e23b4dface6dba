"""The line of a trainer that goes backward or steps, and what it calls the loss or the optimizer there."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NamedTuple

from torch.optim.optimizer import Optimizer

from audits.places import Place
from audits.recording.source_lines import Sources, Spot

INSTALLED = ("site-packages", "dist-packages")
DEEPEST = 12
"""So many callers of a module are remembered."""
_SOURCES = Sources()


class Caller(NamedTuple):
    """A function that runs: where, whose method it is, and whether it is a library's."""

    spot: Spot | None
    owner: int
    is_installed: bool


def place_of_caller() -> Place:
    """The innermost line of a trainer's own source that runs now; of a library only where there is no other."""
    frames = list(_own(sys._getframe(1)))
    outside = (frame for frame in frames if not _is_installed(frame))
    return _SOURCES.expression(next(outside, frames[0] if frames else None))


def frame_of_caller() -> FrameType | None:
    """The innermost frame of somebody's own source."""
    return _SOURCES.frame(sys._getframe(1))


def site_of_caller() -> tuple[tuple[CodeType, int], ...]:
    """All expressions that run now, those of libraries too: what tells two calls of a library in one line apart."""
    return tuple((frame.f_code, frame.f_lasti) for frame in _own(sys._getframe(1)))


def callers() -> list[Caller]:
    """Who called what runs now, the innermost first."""
    frames = islice(_own(sys._getframe(1)), DEEPEST)
    return [Caller(_SOURCES.spot(frame), id(frame.f_locals.get("self")), _is_installed(frame)) for frame in frames]


def place_outside(callers: Sequence[Caller], parts: Collection[int]) -> Place | None:
    """The innermost line, if it can be of no library, that is in no method of some objects, given by their ids."""
    outside = [each for each in callers if each.owner not in parts]
    own = [each for each in outside if not each.is_installed] or outside
    return _SOURCES.expression(own[0].spot) if own else None


def optimizer_of_caller(optimizer: Optimizer, place: Place, *, given: bool) -> str:
    """What an optimizer is called where it steps: by the outermost code that has it, since a script may leave that to
    a library; else by the line of the script."""
    frames = list(_own(sys._getframe(1)))
    for frame in reversed(frames):
        for node in _stepped(_expression(_SOURCES.expression(frame).text)):
            held = _value(node, frame)
            if held is optimizer or _wraps(held, optimizer):
                return _from_outside(ast.unparse(node), frame, frames)
    return subject(place.text, given=given) if ".step(" in place.text else type(optimizer).__name__


def _own(frame: FrameType | None) -> Iterator[FrameType]:
    while (frame := _SOURCES.frame(frame)) is not None:
        yield frame
        frame = frame.f_back


def _stepped(node: ast.expr | None) -> Iterator[ast.expr]:
    """What may be the optimizer in ``optimizer.step()``, ``scaler.step(optimizer)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step":
        yield from (node.func.value, *node.args[:1])


def _value(node: ast.expr, frame: FrameType) -> Any:
    """Of a variable, an attribute or an entry, as far as nothing has to run for it; else None."""
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        held = getattr(_value(node.value, frame), "__dict__", {})
        return held.get(node.attr, held.get("_modules", {}).get(node.attr))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner = _value(node.value, frame)
        key: Any = node.slice.value
        if isinstance(owner, dict):
            return owner.get(key)
        if isinstance(owner, list | tuple) and isinstance(key, int):
            return owner[key] if 0 <= key < len(owner) else None
    return None


def _wraps(held: object, optimizer: object) -> bool:
    return any(getattr(held, "__dict__", {}).get(name) is optimizer for name in ("optimizer", "_optimizer"))


def _from_outside(name: str, frame: FrameType, frames: Sequence[FrameType]) -> str:
    """What is `self` to a library has a name of its own where the script calls that."""
    if not _is_installed(frame) or not name.startswith("self."):
        return name
    owner = frame.f_locals.get("self")
    for outer in frames[frames.index(frame) + 1 :]:
        for variable, value in [] if _is_installed(outer) else list(outer.f_locals.items()):
            if value is owner:
                return f"{variable}{name.removeprefix('self')}"
    return name


def _is_installed(frame: FrameType) -> bool:
    return any(folder in frame.f_code.co_filename for folder in INSTALLED)


def subject(text: str, *, given: bool) -> str:
    """What a call is about: the object whose method it is, or what it is `given` first.

    ``loss.backward()`` and ``scaler.scale(loss / 4).backward()``: ``loss``.
    """
    node = _expression(text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.args[0] if given and node.args else node.func.value
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "scale":
            node = node.args[0] if node.args else node.func.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            node = node.left
        else:
            return ast.unparse(node) if node is not None else " ".join(text.split())


def _expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
