"""Objects that are no tensors, put back as they were: what they hold, and under which names."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import repeat
from operator import is_
from types import CellType, FunctionType, MethodType
from typing import Any

from audits.isolation.random_state import Undo, generator_undo
from audits.isolation.reachable import (
    ITERATORS,
    assigned_globals,
    content_of,
    is_array,
    is_cache,
    is_foreign,
    is_generator,
    slots,
)

CONTAINERS = (OrderedDict, dict, list, set, deque)
CLEARED = frozenset({*CONTAINERS, defaultdict})
"""Kinds of containers that have nothing beside their elements: an empty one is put back by clearing it."""
MISSING = object()


def undo_of(value: Any) -> Undo | None:
    """What puts an object back as it is now; None where there is nothing that could change."""
    make = _maker(type(value))
    return make(value) if make else None


@lru_cache(maxsize=4096)
def _maker(kind: type) -> Callable[[Any], Undo | None] | None:
    if is_generator(kind):
        return generator_undo
    if is_array(kind):
        return array_undo
    if is_cache(kind):
        return _cache_undo
    if base := next((base for base in CONTAINERS if issubclass(kind, base)), None):
        is_plain = kind.__module__ in ("builtins", "collections")
        return partial(_content_undo if is_plain else _content_and_attributes_undo, base)
    if issubclass(kind, FunctionType):
        return _function_undo
    if issubclass(kind, type):
        return _class_undo
    return None if issubclass(kind, (tuple, frozenset, MethodType, *ITERATORS)) else _attributes_undo


def array_undo(array: Any) -> Undo | None:
    """What puts the numbers of a NumPy array back; None for one that cannot be written to, or lies on disk."""
    numpy, owner = sys.modules["numpy"], array
    while owner is not None:
        if isinstance(owner, numpy.memmap):
            return None
        owner = getattr(owner, "base", None)
    if not array.flags.writeable:
        return None
    content = array.copy()
    return lambda: numpy.copyto(array, content)


def _content_and_attributes_undo(base: Any, value: Any) -> Undo:
    content, named = _content_undo(base, value), _attributes_undo(value)

    def undo() -> None:
        content()
        if named:
            named()

    return undo


def _content_undo(base: Any, value: Any) -> Undo:
    """A subclass may have methods of its own: content is put back by those of the class it is made from, `base`."""
    return partial(_put_content, base, value, dict(value) if issubclass(base, dict) else list(value))


def _put_content(base: Any, value: Any, content: Any) -> None:
    if _same(content, value if isinstance(value, dict) else list(value)):
        return
    base.clear(value)
    if isinstance(content, dict):
        for key, item in content.items():
            base.__setitem__(value, key, item)
    elif isinstance(value, set):
        set.update(value, content)
    else:
        base.extend(value, content)


def _same(before: Any, now: Any) -> bool:
    """Whether two dictionaries, or two lists, hold the very same objects."""
    if len(before) != len(now):
        return False
    if not isinstance(before, dict):
        return all(map(is_, before, now))
    return not before or all(map(is_, before.values(), map(now.get, before, repeat(MISSING))))


def _attributes_undo(value: Any) -> Undo | None:
    named = getattr(value, "__dict__", None)
    kept = slots(type(value))
    if not kept:
        return partial(_put_named, value, dict(named)) if isinstance(named, dict) else None
    before = dict(named) if isinstance(named, dict) else {}
    in_slots = {name: getattr(value, name) for name in kept if hasattr(value, name)}

    def undo() -> None:
        _put_named(value, before)
        for name in kept:
            if getattr(value, name, MISSING) is not in_slots.get(name, MISSING):
                _put(value, name, in_slots.get(name, MISSING))

    return undo


def _put_named(value: Any, before: dict[str, Any]) -> None:
    now = getattr(value, "__dict__", None)
    if isinstance(now, dict) and not _same(before, now):
        now.clear()
        now.update(before)


def _put(value: Any, name: str, item: Any) -> None:
    if item is MISSING:
        object.__delattr__(value, name)
    else:
        object.__setattr__(value, name, item)


def _class_undo(kind: type) -> Undo | None:
    """What a class of the trainer's own keeps for all its objects."""
    if is_foreign(kind.__module__):
        return None
    before = _own(kind)

    def undo() -> None:
        now = _own(kind)
        for name in now.keys() - before.keys():
            delattr(kind, name)
        for name, item in before.items():
            if now.get(name, MISSING) is not item:
                setattr(kind, name, item)

    return undo


def _own(kind: type) -> dict[str, Any]:
    return {name: item for name, item in vars(kind).items() if not name.startswith("__")}


def _function_undo(function: FunctionType) -> Undo:
    """Names that its code assigns to: its own from an outer function, and those of its module."""
    cells = [(cell, content_of(cell)) for cell in function.__closure__ or ()]
    space = function.__globals__
    bound = {name: space.get(name, MISSING) for name in assigned_globals(function)}
    named = dict(vars(function))

    def undo() -> None:
        for cell, content in cells:
            _refill(cell, content)
        for name, item in bound.items():
            if item is MISSING:
                space.pop(name, None)
            else:
                space[name] = item
        if not _same(named, vars(function)):
            vars(function).clear()
            vars(function).update(named)

    return undo


def _refill(cell: CellType, content: Any) -> None:
    if content_of(cell) is not content:
        cell.cell_contents = content


def _cache_undo(function: Any) -> Undo:
    """Results that were computed from copies must not be handed out later."""
    size = function.cache_info().currsize
    return lambda: function.cache_clear() if function.cache_info().currsize != size else None
