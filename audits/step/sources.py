"""The line of a trainer that goes backward or steps, and what it calls the loss or the optimizer there."""

from __future__ import annotations

import ast
import sys
from types import FrameType

from audits.places import Place
from audits.recording.source_lines import Sources

INSTALLED = ("site-packages", "dist-packages")
_SOURCES = Sources()


def place_of_caller() -> Place:
    """The innermost line of a trainer's own source that runs now; of a library only where there is no other."""
    first = frame = _SOURCES.frame(sys._getframe(1))
    while frame is not None and any(folder in frame.f_code.co_filename for folder in INSTALLED):
        frame = _SOURCES.frame(frame.f_back)
    return _SOURCES.expression(frame or first)


def frame_of_caller() -> FrameType | None:
    """The innermost frame of somebody's own source."""
    return _SOURCES.frame(sys._getframe(1))


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
