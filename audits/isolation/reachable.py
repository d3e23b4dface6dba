"""What code can reach: modules, tensors, arrays, generators and containers that a forward pass may write to."""

from __future__ import annotations

import functools
import itertools
import random
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

LIMIT = 20_000
"""So many objects are looked at; what lies nearest comes first."""
WIDEST = 5_000
"""So many elements of one container are looked at."""

CODES = 4 * LIMIT
"""So many functions are remembered: more than are looked at, since a cache that is too small forgets every one."""

PLAIN = (bool, int, float, complex, str, bytes, range, slice, type(None), type(...), CodeType, CellType, ModuleType)
NO_STATE = (*PLAIN, torch.dtype, torch.device, torch.Size, torch.layout, BuiltinFunctionType)
"""What nobody can change, or nothing can be found in."""

ELEMENTS = (list, tuple, set, frozenset, deque)
ITERATORS = (itertools.count, itertools.cycle, *(type(iter(empty)) for empty in ([], (), range(0))))
"""Counters and iterators that can be copied, and not put back; a cycle, if what it goes through can."""
OPENED = ("torch.optim", "torch.amp", "torch.cuda.amp", "torch.nn", "torch.distributions", "audits.target")
"""Packages whose objects are a trainer's own: an optimizer, a schedule, a scaler."""
NAMESPACES = frozenset({"SimpleNamespace", "Namespace"})
RESOURCES = ("_thread", "threading", "queue", "_queue", "socket", "multiprocessing", "concurrent", "asyncio")
"""An object that holds one of these shares its state with somebody else, and is left alone."""

Parts = Iterable[Any]


def reachable(roots: Iterable[Any], known: Collection[int] = ()) -> Iterator[Any]:
    """Every object that some roots lead to, nearest first, each once; nothing plain, nothing of a library's own.

    Objects whose ids are `known` are not looked at again.
    """
    seen: dict[int, Any] = {}
    waiting = deque(roots)
    while waiting and len(seen) < LIMIT:
        value = waiting.popleft()
        read, key = _reader(type(value)), id(value)
        if read is None or key in seen or key in known:
            continue
        parts = read(value)
        if parts is not None:
            seen[key] = value
            if parts:
                waiting.extend(parts)
            yield value


def attributes(value: Any) -> Mapping[str, Any]:
    """What an object keeps under a name, in its dictionary and in its slots."""
    found = getattr(value, "__dict__", None)
    named = found if isinstance(found, dict) else {}
    if names := slots(type(value)):
        named = named | {name: getattr(value, name) for name in names if hasattr(value, name)}
    return named


@functools.lru_cache(maxsize=4096)
def slots(kind: type) -> tuple[str, ...]:
    """The names of the slots of a class and of those it is made from."""
    found: list[str] = []
    for base in kind.__mro__:
        names = base.__dict__.get("__slots__", ())
        for name in [names] if isinstance(names, str) else names:
            private = name.startswith("__") and not name.endswith("__")
            found.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return tuple(name for name in found if not name.startswith("__"))


def assigned_globals(function: FunctionType) -> frozenset[str]:
    """Names of its module that a function assigns to."""
    return _assigned(function.__code__)


def globals_of(function: FunctionType) -> list[str]:
    """Names of its module that a function reads, and that have a value."""
    return [] if is_library(function.__module__) else sorted(_names(function.__code__) & function.__globals__.keys())


def content_of(cell: CellType) -> Any:
    """What a closure holds in a cell; None for an empty one."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def is_array(kind: type) -> bool:
    """Whether a class is NumPy's array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, numpy.ndarray)


def is_generator(kind: type) -> bool:
    """Whether a class draws random numbers of its own: of torch, of NumPy, of Python."""
    if kind.__module__.startswith("numpy.random"):
        return kind.__name__ in ("Generator", "RandomState")
    return issubclass(kind, torch.Generator | random.Random)


def is_cache(kind: type) -> bool:
    """Whether a class is that of functions that remember their results."""
    return kind.__module__ == "functools" and kind.__name__ == "_lru_cache_wrapper"


@functools.lru_cache(maxsize=4096)
def _reader(kind: type) -> Callable[[Any], Parts | None] | None:
    """What gives the parts of an object of a class; None for a class that is plain, or a library's own.

    What somebody made of a container keeps something beside its elements.
    """
    is_plain = kind.__module__ == "builtins"
    readers: list[tuple[Any, Callable[[Any], Parts | None]]] = [
        (Tensor, lambda _: ()),
        (dict, _of_dict if is_plain else lambda value: [*_of_dict(value), *attributes(value).values()]),
        (ELEMENTS, _of_elements if is_plain else lambda value: [*_of_elements(value), *attributes(value).values()]),
        (MethodType, lambda value: (value.__self__, value.__func__)),
        (functools.partial, lambda value: (value.func, *value.args, *value.keywords.values())),
        (FunctionType, _of_function),
        (type, _of_class),
        (nn.Module, _of_module),
        (torch.optim.Optimizer, _of_optimizer),
    ]
    if issubclass(kind, NO_STATE):
        return None
    if is_generator(kind) or is_array(kind) or kind in ITERATORS:
        return lambda _: ()
    if reader := next((reader for kinds, reader in readers if issubclass(kind, kinds)), None):
        return reader
    if is_cache(kind) or kind.__name__ in NAMESPACES or kind.__module__.startswith(OPENED):
        return lambda value: (*attributes(value).values(), *_own_class(value))
    return None if is_foreign(kind.__module__) else _of_object


def is_foreign(module: str | None) -> bool:
    """Whether a module belongs to Python, torch, NumPy or the audit."""
    root = (module or "builtins").partition(".")[0]
    return root in ("torch", "numpy", "audits", "builtins") or root in sys.stdlib_module_names


def is_library(module: str | None) -> bool:
    """Whether the code of a module is none of a trainer's: foreign, or installed and of a package without torch."""
    return _is_library(module, len(sys.modules))


@functools.lru_cache(maxsize=CODES)
def _is_library(module: str | None, loaded: int) -> bool:
    return is_foreign(module) or _is_installed_without_torch((module or "").partition(".")[0], loaded)


@functools.lru_cache(maxsize=CODES)
def _is_installed_without_torch(package: str, _loaded: int) -> bool:
    """Asked again where modules were imported since, because one of them may use torch."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == package]
    files = [getattr(module, "__file__", None) or "" for module in modules]
    if not any("site-packages" in file or "dist-packages" in file for file in files):
        return False
    named = [list(getattr(module, "__dict__", {}).values()) for module in modules]
    return not any(_is_of_torch(value) for values in named for value in values)


def _is_of_torch(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] == "torch"
    home = value.__module__ if isinstance(value, type | FunctionType) else type(value).__module__
    return isinstance(home, str) and home.partition(".")[0] == "torch"


def _own_class(value: Any) -> Parts:
    return () if is_library(type(value).__module__) else (type(value),)


def _of_dict(value: dict[Any, Any]) -> Collection[Any]:
    return [*islice(value, WIDEST), *islice(value.values(), WIDEST)] if value else ()


def _of_elements(value: Any) -> Collection[Any]:
    return [*islice(value, WIDEST)]


def _of_module(value: nn.Module) -> Parts:
    return (*value._modules.values(), *attributes(value).values(), *_own_class(value))


def _of_object(value: Any) -> Parts | None:
    named = attributes(value).values()
    if any(type(part).__module__.startswith(RESOURCES) for part in named):
        return None
    return (*named, *_own_class(value))


def _of_optimizer(value: torch.optim.Optimizer) -> Parts:
    """Without its state, which is large, and seldom written to: when it takes a step."""
    return [part for name, part in attributes(value).items() if name != "state"]


def _of_function(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        yield content_of(cell)
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from vars(function).values()
    for name in globals_of(function):
        value = function.__globals__[name]
        if not isinstance(value, ModuleType):
            yield value
        elif not is_library(value.__name__):  # what it reads of a module that it imports
            yield from (vars(value)[inner] for inner in sorted(_names(function.__code__) & vars(value).keys()))


def _of_class(kind: type) -> Iterator[Any]:
    if is_library(kind.__module__):
        return
    yield from kind.__bases__
    for name, value in list(vars(kind).items()):
        if isinstance(value, staticmethod | classmethod):
            yield value.__func__
        elif isinstance(value, property):
            yield value.fget
        elif isinstance(value, functools.cached_property):
            yield value.func
        elif not name.startswith("__") or isinstance(value, FunctionType):
            yield value


@functools.lru_cache(maxsize=CODES)
def _names(code: CodeType) -> frozenset[str]:
    """All names that a function and those inside it look up in their module, or as an attribute."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(code.co_names).union(*map(_names, inner))


@functools.lru_cache(maxsize=CODES)
def _assigned(code: CodeType) -> frozenset[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return _assigned_itself(code).union(*map(_assigned, inner))


def _assigned_itself(code: CodeType) -> frozenset[str]:
    import dis

    assigning = {dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"]}
    if assigning.isdisjoint(code.co_code[::2]):  # as nearly always
        return frozenset()
    return frozenset(step.argval for step in dis.get_instructions(code) if step.opcode in assigning)
