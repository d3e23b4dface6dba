"""Values that are computed inside of custom autograd Functions, where torch itself has switched gradient off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from torch import Tensor

from audits.places import Place
from audits.recording.source_lines import TORCH, Sources

APPLY = os.path.join(TORCH, "autograd", "function.py")


@dataclass(frozen=True)
class Inner:
    """Of a value inside of a Function: what came from outside, and whether any of it takes gradient."""

    sources: frozenset[int]
    frozen: frozenset[int]
    """Those that take no gradient, of which the graph will know nothing."""
    place: Place
    """Where the Function is applied."""

    @property
    def expects_gradient(self) -> bool:
        return self.sources != self.frozen


class Functions:
    """All of them in one forward pass."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._inner: dict[int, Inner] = {}

    def __contains__(self, value: int) -> bool:
        return value in self._inner

    def add(self, value: int, inputs: Sequence[int], given: Sequence[Tensor], frame: FrameType | None) -> None:
        """A value was computed of others inside of a Function; `given` are the tensors of those."""
        sources, frozen = set[int](), set[int]()
        for number, tensor in zip(inputs, given, strict=True):
            if inner := self._inner.get(number):
                sources |= inner.sources
                frozen |= inner.frozen
            else:
                sources.add(number)
                frozen |= set() if tensor.requires_grad else {number}
        self._inner[value] = Inner(frozenset(sources), frozenset(frozen), self._place(frame))

    def pop(self, value: int) -> Inner:
        """The value came out."""
        return self._inner.pop(value)

    def clear(self) -> None:
        self._inner.clear()

    def _place(self, frame: FrameType | None) -> Place:
        """Where the Function is applied, or else where it computes."""
        outer = frame
        while outer is not None and outer.f_code.co_filename != APPLY:
            outer = outer.f_back
        return self._sources.place(outer or frame)
