"""The states of a forward pass: properties of the classes that a target names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

PROPERTIES = (property, cached_property)


def properties(owner: type) -> list[str]:
    """Its own public properties, inherited ones left out."""
    return [name for name, value in vars(owner).items() if not name.startswith("_") and isinstance(value, PROPERTIES)]


def properties_and_methods(owner: type) -> list[str]:
    """Everything of its own that gives a state when it is read or called."""
    return [
        name
        for name, value in vars(owner).items()
        if not name.startswith("__") and (isinstance(value, PROPERTIES) or callable(value))
    ]


@contextmanager
def changed(owner: type, name: str, change: Callable[[Any], Any]) -> Iterator[None]:
    """The property or method gives `change` of what it gives."""
    before = vars(owner)[name]
    function: Any = before.fget if isinstance(before, property) else getattr(before, "func", before)

    def given(*args: Any, **kwargs: Any) -> Any:
        return change(function(*args, **kwargs))

    after: Any = given
    if isinstance(before, PROPERTIES):
        after = type(before)(given)
    if isinstance(after, cached_property):
        after.__set_name__(owner, name)
    setattr(owner, name, after)
    try:
        yield
    finally:
        setattr(owner, name, before)
