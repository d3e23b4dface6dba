"""Small sums, as the script writes them: which scalars a scalar was added up from, with which factors, and where.

What is added, subtracted, scaled, stacked or averaged of scalars is a sum. A product of two that both take gradient,
such as a loss and its learned weight, is one term. Everything else is a term of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Number
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from audits.recording.recorder import is_live, node_of
from audits.recording.source_lines import HERE, TORCH, Sources, Spot, caller
from audits.routing.operations import name_of
from audits.script.variables import begins_with_number, names_of

MOST = 64
"""Entries of a tensor that may hold several losses."""
DEEPEST = 12
"""Frames in which the name of a value is sought."""

BETWEEN = (HERE, os.path.join(TORCH, "_tensor.py"), os.path.join(TORCH, "overrides.py"))
"""Files of functions between an operation and the source that it is written in."""

ADDING = {"add": (1, 1), "radd": (1, 1), "iadd": (1, 1)}
SUBTRACTING = {"sub": (1, -1), "isub": (1, -1), "subtract": (1, -1), "rsub": (-1, 1)}
MULTIPLYING = frozenset(("mul", "rmul", "imul", "multiply"))
DIVIDING = frozenset(("div", "truediv", "idiv", "itruediv", "divide", "true_divide"))
GATHERING = frozenset(("stack", "cat", "concat", "concatenate", "hstack", "vstack", "row_stack"))
REDUCING = frozenset(("sum", "mean"))
PASSED_ON = (
    "view reshape squeeze unsqueeze flatten ravel to float double half bfloat16 type type_as clone contiguous cpu cuda"
    " expand alias view_as atleast_1d pos positive"
)
PASSING = frozenset(PASSED_ON.split())
PRODUCTS = frozenset(("dot", "vdot", "inner", "matmul", "mv"))

Factor = float | tuple[Tensor, int]
"""A number, or an entry of a tensor without gradient."""


@dataclass(frozen=True)
class Part:
    """One summand of a sum."""

    value: int
    index: int
    """Which entry of the value."""
    factors: tuple[Factor, ...] = ()
    side: int = 0
    """Which operand it was, as it is written."""
    names: tuple[str, ...] = ()
    """Variables and keys that held it when it was added."""
    live: bool = True
    """Whether it takes gradient."""

    def coefficient(self) -> float:
        found = 1.0
        for factor in self.factors:
            found *= factor if isinstance(factor, int | float) else float(factor[0].reshape(-1)[factor[1]])
        return found


@dataclass(frozen=True)
class Addition:
    """What a value was added up from, entry by entry; None for an entry that is a term of its own."""

    rows: Sequence[Sequence[Part] | None]
    mains: Sequence[Part | None] = ()
    """Of an entry that is a product: the factor by which it is called."""


@dataclass(frozen=True)
class GraphOutput:
    """Where a gradient can start: an output of a node of the graph."""

    node: Any
    output: int
    shape: torch.Size
    like: Tensor
    """The value without its graph."""


@dataclass
class Noted:
    """Of an operation that is about to be recorded."""

    rows: Sequence[Sequence[Part] | None] | None
    mains: Sequence[Part | None]


@dataclass
class Sums:
    """All small values of a script."""

    sources: Sources
    is_fed: Callable[[int], bool]
    """Whether some parameter is behind a value."""
    of: dict[int, Addition] = field(default_factory=dict)
    edges: dict[int, GraphOutput] = field(default_factory=dict)
    frames: dict[int, tuple[Spot, ...]] = field(default_factory=dict)
    """By value: the expressions that were running when it was made, the innermost first."""

    def before(
        self, func: Callable, args: tuple, kwargs: Mapping[str, Any] | None, outs: Sequence[Tensor], number: Any
    ) -> Noted | None:
        """What an operation adds up, asked while its operands still have their numbers."""
        out = outs[0]
        if out.numel() > MOST or not out.dtype.is_floating_point:
            return None
        rows, mains = None, ()
        if self._is_written():
            rows, mains = _Reading(self, number, out.numel(), caller()).read(name_of(func), args, dict(kwargs or {}))
        if rows is None and out.numel() != 1:
            return None
        return Noted(rows, mains)

    def after(self, noted: Noted, value: int, out: Tensor, frame: FrameType | None) -> None:
        """The value that it made."""
        is_new = not any(part.value == value for row in noted.rows or () for part in row or ())
        if noted.rows is not None and is_new:
            self.of[value] = Addition(noted.rows, noted.mains)
        self.hold(value, out)
        self.frames.setdefault(value, tuple(self._spots(frame)))

    def passed_on(self, value: int, out: Tensor, source: int, operand: Tensor, frame: FrameType | None) -> None:
        """A value that is another one, but for a factor that nobody counts."""
        self.hold(source, operand)
        rows = [[Part(source, at, (), 1, names_of(operand, frame, self.sources))] for at in range(operand.numel())]
        self.of[value] = Addition(rows)
        self.hold(value, out)

    def _is_written(self) -> bool:
        """Whether an operation stands in the source of the script, and is not one of those that a library computes."""
        frame = caller()
        while frame is not None and frame.f_code.co_filename.startswith(BETWEEN):
            frame = frame.f_back
        return frame is not None and self.sources.frame(frame) is frame

    def hold(self, value: int, tensor: Tensor) -> None:
        """Remember where gradient of a value starts; again for one that was told to take gradient since."""
        if (known := self.edges.get(value)) and (known.node is not None or not tensor.requires_grad):
            return
        node = node_of(tensor)
        if node is None and is_live(tensor):
            node = torch.autograd.graph.get_gradient_edge(tensor).node
        with torch._C.DisableTorchFunction():
            self.edges[value] = GraphOutput(node, tensor.output_nr, tensor.shape, tensor.detach())

    def _spots(self, frame: FrameType | None) -> Iterator[Spot]:
        for _ in range(DEEPEST):
            frame = self.sources.frame(frame)
            if frame is None:
                return
            yield Spot(frame.f_code, frame.f_lasti, frame.f_lineno, frame.f_globals)
            frame = frame.f_back


class _Reading:
    """One operation, read as a sum."""

    def __init__(self, sums: Sums, number: Callable[[Tensor], int], size: int, frame: FrameType | None) -> None:
        self._sums, self._number, self._size = sums, number, size
        self._frame = sums.sources.frame(frame)

    def read(self, name: str, args: tuple, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Rows of parts, and the main factors of products; None, () for what is no sum."""
        none = None, ()
        if name in ADDING or name in SUBTRACTING:
            return self._added(name, args, kwargs), ()
        if name in MULTIPLYING and len(args) == 2:
            return self._multiplied(*args, flipped=name == "rmul" or self._is_after_number(args[1]))
        if name in DIVIDING and len(args) == 2 and not kwargs:
            return self._divided(*args)
        if name in ("neg", "negative") and args:
            return self._scaled(args[0], [-1.0] * self._size), ()
        if name in GATHERING:
            return self._gathered(args[0] if args else kwargs.get("tensors")), ()
        if name in REDUCING and self._size == 1 and args:
            return self._reduced(name, args[0]), ()
        if name in PASSING and args and isinstance(args[0], Tensor) and args[0].numel() == self._size:
            return self._scaled(args[0], None), ()
        if name in ("getitem", "select") and args and type(args[-1]) is int and args[0].dim() == 1:
            return self._picked(args[0], args[-1]), ()
        if name in PRODUCTS and self._size == 1 and len(args) == 2:
            return self._dotted(*args), ()
        return none

    def _added(self, name: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        if len(args) < 2:
            args = (*args, kwargs.get("other"))
        alpha = kwargs.get("alpha", 1)
        signs = ADDING.get(name) or SUBTRACTING[name]
        flipped = name in ("radd", "rsub") or self._is_after_number(args[1])
        rows: list[list[Part]] = [[] for _ in range(self._size)]
        for position, (operand, sign) in enumerate(zip(args[:2], signs, strict=True)):
            if not isinstance(operand, Tensor):
                continue
            factor = float(sign) * (alpha if position == 1 else 1)
            parts = self._parts(operand, 1 - position if flipped else position, factor)
            if parts is None:
                return None
            for row, part in zip(rows, parts, strict=True):
                row.extend(part)
        ordered = [sorted(row, key=lambda part: part.side) for row in rows]
        return ordered if any(part.live for row in rows for part in row) else None

    def _parts(self, operand: Tensor, side: int, factor: float) -> list[list[Part]] | None:
        """An operand, once for each entry of the result; nothing of a constant; None for a tensor that is no loss."""
        value = self._number(operand)
        if not operand.requires_grad:
            if operand.numel() == 1 and self._sums.is_fed(value):
                self._sums.hold(value, operand)
                part = Part(value, 0, (factor,), side, self._names(operand), live=False)
                return [[part] for _ in range(self._size)]
            return [[] for _ in range(self._size)]
        if not self._is_loss(operand):
            return None
        self._sums.hold(value, operand)
        names = self._names(operand)
        if operand.numel() != self._size:
            return None
        return [[Part(value, at, (factor,), side, names)] for at in range(self._size)]

    def _is_loss(self, operand: Tensor) -> bool:
        """A scalar, or several that were put together."""
        return operand.numel() == 1 or self._number(operand) in self._sums.of

    def _scaled(self, operand: Any, factors: Sequence[Factor] | None, side: int = 0) -> Any:
        """Each entry times its factor."""
        if not isinstance(operand, Tensor) or not operand.requires_grad or not self._is_loss(operand):
            return None
        if operand.numel() != self._size:
            return None
        value, names = self._number(operand), self._names(operand)
        self._sums.hold(value, operand)
        return [[Part(value, at, (factors[at],) if factors else (), side, names)] for at in range(self._size)]

    def _multiplied(self, one: Any, other: Any, *, flipped: bool = False) -> tuple[Any, Any]:
        sides = (1, 0) if flipped else (0, 1)
        if _takes(one) and _takes(other):
            return self._product([(one, sides[0]), (other, sides[1])])
        loss, factor, side = (one, other, sides[0]) if _takes(one) else (other, one, sides[1])
        factors = self._factors(factor)
        return (self._scaled(loss, factors, side), ()) if factors else (None, ())

    def _divided(self, one: Any, other: Any) -> tuple[Any, Any]:
        if _takes(other):
            return self._product([(one, 0), (other, 1)], only=0) if _takes(one) else (None, ())
        factors = self._factors(other)
        if not factors:
            return None, ()
        return self._scaled(one, [_inverse(factor) for factor in factors]), ()

    def _product(self, operands: Sequence[tuple[Tensor, int]], only: int | None = None) -> tuple[Any, Any]:
        """One term for each entry, called by the factor that more was computed for."""
        able = [each for each in operands if self._is_loss(each[0]) and each[0].numel() == self._size]
        if not able or (only is not None and not any(each[0] is operands[only][0] for each in able)):
            return None, ()
        sizes = [_depth(operand) for operand, _ in able]
        main, side = able[sizes.index(max(sizes))] if only is None else operands[only]
        parts = self._parts(main, side, 1.0)
        return [None] * self._size, [row[0] for row in parts] if parts else ()

    def _gathered(self, operands: Any) -> Any:
        if not isinstance(operands, list | tuple) or not all(isinstance(each, Tensor) for each in operands):
            return None
        if sum(each.numel() for each in operands) != self._size:
            return None
        rows: list[list[Part]] = []
        for side, operand in enumerate(operands):
            if not operand.requires_grad:
                rows += [[] for _ in range(operand.numel())]
                continue
            if not self._is_loss(operand):
                return None
            value, names = self._number(operand), self._names(operand)
            self._sums.hold(value, operand)
            rows += [[Part(value, at, (), side, names)] for at in range(operand.numel())]
        return rows if any(rows) else None

    def _reduced(self, name: str, operand: Any) -> Any:
        if not isinstance(operand, Tensor) or not operand.requires_grad or not self._is_loss(operand):
            return None
        value, size = self._number(operand), operand.numel()
        factors = (1.0 / size,) if name == "mean" and size > 1 else ()
        self._sums.hold(value, operand)
        return [[Part(value, at, factors, 0, self._names(operand)) for at in range(size)]]

    def _picked(self, operand: Tensor, index: int) -> Any:
        value = self._number(operand)
        if not operand.requires_grad or value not in self._sums.of or self._size != 1:
            return None
        return [[Part(value, index % operand.numel(), (), 0, ())]]

    def _dotted(self, one: Any, other: Any) -> Any:
        if _takes(one) == _takes(other):
            return None
        loss, factor = (one, other) if _takes(one) else (other, one)
        value = self._number(loss)
        if value not in self._sums.of or not isinstance(factor, Tensor) or factor.numel() != loss.numel():
            return None
        with torch._C.DisableTorchFunction():
            kept = factor.detach()
        return [[Part(value, at, ((kept, at),), 0, ()) for at in range(loss.numel())]]

    def _factors(self, given: Any) -> Sequence[Factor] | None:
        """One for each entry."""
        if isinstance(given, Tensor):
            if given.numel() not in (1, self._size):
                return None
            with torch._C.DisableTorchFunction():
                kept = given.detach()
            return [(kept, at if given.numel() > 1 else 0) for at in range(self._size)]
        if isinstance(given, Number) or hasattr(given, "__float__"):
            return [float(given)] * self._size  # pyright: ignore[reportArgumentType]
        return None

    def _is_after_number(self, other: Any) -> bool:
        """Whether the number that a tensor is added to or multiplied with stands first in the source."""
        return not isinstance(other, Tensor) and begins_with_number(self._frame)

    def _names(self, operand: Tensor) -> tuple[str, ...]:
        return names_of(operand, self._frame, self._sums.sources)


def _takes(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _inverse(factor: Factor) -> Factor:
    if isinstance(factor, tuple):
        with torch._C.DisableTorchFunction():
            return factor[0].reciprocal(), factor[1]
    return 1.0 / factor if factor else float("inf")


def _depth(tensor: Tensor, limit: int = 200) -> int:
    """How many nodes the graph of a tensor has, as far as it is looked at."""
    seen, stack = set(), [node_of(tensor)]
    while stack and len(seen) < limit:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [follower for follower, _ in node.next_functions]
    return len(seen)
