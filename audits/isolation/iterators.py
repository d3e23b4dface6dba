"""Counters and iterators, which cannot be put back: a forward pass gets copies of them."""

from __future__ import annotations

import copy
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import Any

from audits.isolation.random_state import Undo
from audits.isolation.reachable import ITERATORS, content_of, globals_of

Put = Callable[[Any], None]


def copies_in(holders: Iterable[Any]) -> Undo:
    """Let copies stand wherever some objects hold an iterator, one for each. Gives what puts the iterators back."""
    copies: dict[int, Any] = {}
    places: list[tuple[Any, Put]] = []
    for holder in holders:
        places += [(item, put) for item, put in _places(holder) if type(item) in ITERATORS]
    for item, put in places:
        if id(item) not in copies:
            copies[id(item)] = _copy(item)
        put(copies[id(item)])

    def undo() -> None:
        for item, put in places:
            put(item)

    return undo


def _copy(iterator: Any) -> Any:
    if isinstance(iterator, itertools.cycle):
        return _copied_cycle(iterator)
    if not isinstance(iterator, itertools.count):
        return copy.copy(iterator)
    numbers = re.findall(r"[^(),\s]+", repr(iterator).removeprefix("count"))  # the only way that is left in Python 3.14
    return itertools.count(*(complex(n) if "j" in n else float(n) if "." in n else int(n) for n in numbers))


def _copied_cycle(cycle: itertools.cycle) -> itertools.cycle:
    """The cycle itself where a copy would draw from the same source, such as a generator; always in Python 3.14."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            reduced: Any = cycle.__reduce__()
    except TypeError:
        return cycle
    (source,), (seen, has_ended) = reduced[1:3]
    if type(source) not in ITERATORS:
        return cycle
    made: Any = itertools.cycle(_copy(source))
    made.__setstate__((list(seen), has_ended))
    return made


def _places(holder: Any) -> Iterator[tuple[Any, Put]]:
    """What an object holds, each with what puts something else in its place."""
    if isinstance(holder, FunctionType):
        for cell in holder.__closure__ or ():
            yield content_of(cell), lambda item, cell=cell: setattr(cell, "cell_contents", item)
        space = holder.__globals__
        yield from ((space[name], lambda item, name=name: space.update({name: item})) for name in globals_of(holder))
    elif isinstance(holder, list):
        yield from ((item, lambda new, at=at: list.__setitem__(holder, at, new)) for at, item in enumerate(holder))
    else:
        found = holder if isinstance(holder, dict) else getattr(holder, "__dict__", None)
        named: dict[Any, Any] = found if isinstance(found, dict) else {}
        yield from ((item, lambda new, key=key: named.update({key: new})) for key, item in named.items())
