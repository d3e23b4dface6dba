"""What the variables of running functions hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

from torch import Tensor, nn

from audits.recording.source_lines import Sources, Spot
from audits.script.syntax import expression_in

OUTWARDS = 3
"""So many functions are looked into."""
LONGEST = 256
"""Entries of a container that are looked at."""


def names_of(value: object, frame: FrameType | None, sources: Sources) -> tuple[str, ...]:
    """Keys and fields that hold an object, then variables; of the innermost function first."""
    keys: dict[str, None] = {}
    variables: dict[str, None] = {}
    for _ in range(OUTWARDS):
        if frame is None:
            break
        for name, held in list(frame.f_locals.items()):
            if held is value:
                variables.setdefault(name)
            elif found := _key(held, value):
                keys.setdefault(found)
        frame = sources.frame(frame.f_back)
    return (*(f"[{key}]" for key in keys), *variables)


def holders(value: object, frame: FrameType | None, sources: Sources) -> list[tuple[str, CodeType]]:
    """Variables and keys of all running functions that hold an object, those of the innermost first."""
    found = []
    while (frame := sources.frame(frame)) is not None:
        variables = list(frame.f_locals.items())
        found += [(name, frame.f_code) for name, held in variables if held is value]
        found += [(key, frame.f_code) for _, held in variables if held is not value and (key := _key(held, value))]
        frame = frame.f_back
    return found


def begins_with_number(frame: FrameType | None) -> bool:
    """Whether the left side of the sum or product that a frame runs has no tensor in it, as far as it can be told."""
    if frame is None:
        return False
    _, node = expression_in(Spot(frame.f_code, frame.f_lasti, frame.f_lineno, frame.f_globals))
    if not isinstance(node, ast.BinOp | ast.AugAssign):
        return False
    left = node.left if isinstance(node, ast.BinOp) else node.target
    parts = list(ast.walk(left))
    if any(isinstance(part, ast.Call | ast.Lambda | ast.Await) for part in parts):
        return False
    if isinstance(left, ast.Subscript):
        return not any(isinstance(found, Tensor) for found in (_item(left, frame), _resolved(left.value, frame)))
    read = (part for part in parts if isinstance(part, ast.Name | ast.Attribute))
    return not any(isinstance(_resolved(part, frame), Tensor) for part in read)


def _resolved(node: ast.AST, frame: FrameType) -> Any:
    """What a name or an attribute of plain objects is; None for what only running it would tell."""
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, frame)
        found = vars(owner).get(node.attr) if hasattr(owner, "__dict__") else None
        return (
            vars(owner).get("_parameters", {}).get(node.attr)
            if isinstance(owner, nn.Module) and found is None
            else found
        )
    return _item(node, frame) if isinstance(node, ast.Subscript) else None


def _item(node: ast.Subscript, frame: FrameType) -> Any:
    owner = _resolved(node.value, frame)
    key: Any = node.slice.value if isinstance(node.slice, ast.Constant) else _resolved(node.slice, frame)
    try:
        return owner[key] if isinstance(owner, dict | list | tuple) else None
    except (LookupError, TypeError):
        return None


def _key(container: Any, value: object) -> str:
    """The text by which a container gives an object; empty where it does not."""
    for key, held in _entries(container):
        if held is value:
            return key
    return ""


def _entries(container: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(container, Mapping):
        if len(container) <= LONGEST:
            yield from ((key, held) for key, held in container.items() if isinstance(key, str))
    elif isinstance(container, tuple) and hasattr(container, "_fields"):
        yield from zip(container._fields, container, strict=True)  # pyright: ignore[reportAttributeAccessIssue]
    elif (is_dataclass(container) and not isinstance(container, type)) or isinstance(container, SimpleNamespace):
        yield from vars(container).items() if hasattr(container, "__dict__") else ()
