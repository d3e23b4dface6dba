"""Operations that write to their first argument."""

from __future__ import annotations

from collections.abc import Callable


def writes_in_place(func: Callable) -> bool:
    """``add_``, ``__iadd__``, ``__setitem__``, and the setter of a property."""
    name = getattr(func, "__name__", "")
    if name.startswith("__"):
        return name in ("__setitem__", "__set__") or name.startswith("__i")
    return name.endswith("_")
