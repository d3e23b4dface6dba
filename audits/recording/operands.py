"""Which of its operands an operation computes from. The others lend it their shape, type or device alone.

Autograd knows that of every operation: it is run once more, on copies that all take gradient, and the graph of what it
gives is looked at. What cannot be run so is taken to compute from everything.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor  # pyright: ignore[reportMissingImports]
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.autograd.graph import saved_tensors_hooks

from audits.isolation.in_place import writes_in_place

COPYING = frozenset(
    {torch.tensor, torch.as_tensor, torch.asarray, torch.scalar_tensor, Tensor.new_tensor}
    | {torch.linspace, torch.logspace, torch.arange, torch.full}
)
"""They take the values of what they are given, and not its history."""
PLAIN = (numbers.Number, slice, type(...), torch.device, torch.layout, torch.memory_format)
"""Arguments of which the kind alone counts."""
TENSORS = (Tensor, nn.Parameter)
KNOWN = 4096
"""Operations that are remembered."""

Used = tuple[int, ...]
"""Positions among the operands."""


class _Unclear(Exception):
    """An operation that is better not run a second time."""


def operands(func: Callable, args: tuple, kwargs: dict | None, count: int) -> Sequence[Used] | None:
    """For each of the `count` tensors that an operation gives: the operands that it was computed from, by their
    position among all tensors of its arguments. None: from all of them."""
    if copies(func):
        first = 1 if func is Tensor.new_tensor else 0  # whose type and device a new tensor has
        return [tuple(range(first, len(tensors((args, kwargs)))))] * count
    if not _is_of_torch(func):
        return None
    try:
        key = func, _signature(args), _signature(kwargs)
    except _Unclear:
        return None
    if key not in _known:
        if len(_known) >= KNOWN:
            _known.clear()
        _known[key] = _seen_by_autograd(func, args, kwargs or {})
    used = _known[key]
    return used if used is None or len(used) == count else None


def copies(func: Callable) -> bool:
    """Whether it makes a tensor of given values: a constructor."""
    return func in COPYING or isinstance(func, type)


def tensors(value: Any) -> list[Tensor]:
    """All in a nest of containers."""
    found: list[Tensor] = []
    _collect(value, found)
    return found


def _collect(value: Any, found: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, (tuple, list)):
        for item in value:
            _collect(item, found)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, found)


def results(func: Callable, args: tuple, out: Any) -> Sequence[Tensor]:
    """The tensors that an operation gives, or that it writes to where it gives nothing."""
    if isinstance(out, Tensor):
        return (out,)
    if out is None and args and writes_in_place(func) and func.__name__ != "__set__":
        return tensors(args[0])
    return tensors(out) if isinstance(out, tuple | list) else ()


_known: dict[Any, Sequence[Used] | None] = {}


@cache
def _is_of_torch(func: Callable) -> bool:
    """Whether autograd can be trusted to know it. Operators that others have registered may have no derivative."""
    if isinstance(func, torch._ops.OpOverloadPacket | torch._ops.OpOverload):
        return str(func).startswith("aten")
    return (getattr(func, "__module__", None) or "torch").partition(".")[0] == "torch"


def _signature(value: Any) -> Any:
    """What it depends on which operands are used, as far as it stands in the arguments; not their shapes."""
    if isinstance(value, Tensor):
        if type(value) not in TENSORS or value.layout is not torch.strided:
            raise _Unclear
        return Tensor, value.dtype
    if isinstance(value, tuple | list):
        return type(value), *map(_signature, value)
    if isinstance(value, dict):
        return tuple((key, _signature(item)) for key, item in value.items())
    if isinstance(value, bool | str | type(None) | torch.dtype):
        return value
    if isinstance(value, PLAIN):
        return type(value)
    raise _Unclear


def _seen_by_autograd(func: Callable, args: tuple, kwargs: dict) -> Sequence[Used] | None:
    """Integers and truth values have no derivative; many operations take other numbers in their place, which have. An
    integer that cannot be another number is an index, and counts."""
    devices = {tensor.device for tensor in tensors((args, kwargs)) if tensor.is_cuda}
    with torch.random.fork_rng(devices=devices):
        as_floats = _run(func, args, kwargs, all_float=True)
        discrete = {n for n, tensor in enumerate(tensors((args, kwargs))) if not _is_continuous(tensor.dtype)}
        if as_floats is not None or not discrete:
            return as_floats
        as_given = _run(func, args, kwargs, all_float=False)
        return as_given and [tuple(sorted(discrete.union(used))) for used in as_given]


def _run(func: Callable, args: tuple, kwargs: dict, *, all_float: bool) -> Sequence[Used] | None:
    """None where the operation does not run so, or gives integers, of which autograd knows nothing."""
    leaves: list[Tensor] = []
    writes = writes_in_place(func) or "out" in kwargs

    def stand_in(tensor: Tensor) -> Tensor:
        if is_functorch_wrapped_tensor(tensor):  # it has no numbers that another level could read
            leaf = torch.ones(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        else:
            leaf = tensor.detach().clone()
        if all_float and not _is_continuous(leaf.dtype):
            leaf = leaf.float()
        leaves.append(leaf.requires_grad_(_is_continuous(leaf.dtype)))
        return leaf.clone() if writes else leaf

    def changed(value: Any) -> Any:
        if isinstance(value, Tensor):
            return stand_in(value)
        if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
            return type(value)(map(changed, value))
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()}
        return value

    try:
        with _apart():
            given, named = changed(args), changed(kwargs)
            found = results(func, given, func(*given, **named))
        if not all(_is_continuous(tensor.dtype) for tensor in found):
            return None
        position = {id(leaf): number for number, leaf in enumerate(leaves)}
        return [tuple(sorted(position[leaf] for leaf in _leaves(out) if leaf in position)) for out in found]
    except Exception:  # whatever an operation raises of numbers that it does not take
        return None


@contextmanager
def _apart() -> Iterator[None]:
    """Gradient is on, whatever surrounds it, and nobody counts what is saved for a backward pass."""
    with (
        temporarily_clear_interpreter_stack(),
        torch.inference_mode(False),
        torch.enable_grad(),
        saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def _leaves(out: Tensor) -> Iterable[int]:
    """Ids of the leaf tensors in the graph of another, which may be one itself."""
    found, seen, stack = {id(out)}, set(), [out.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found.add(id(leaf))
        stack += [follower for follower, _ in node.next_functions]
    return found


def _is_continuous(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex
