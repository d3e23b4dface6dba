"""Sets of elements as whole numbers, a bit for each: adding to a long sum does not go through all of it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Any

from audits.places import Stop
from audits.routing.selection import SOME, Selection, composed
from audits.routing.sources import DataSource, Element, SourceKind, SourcePart

MOST = 64
"""So many sources of one value, parts of parts, and random numbers below one source are told apart."""
LEAF = 8
"""So many elements are gone through one by one."""
NEWEST = 4
"""So many sets are looked at for one that grew into another."""


class _Remembered:
    """What one function gave for sets of elements."""

    def __init__(self) -> None:
        self.wholes: dict[int, Any] = {}
        self.newest: deque[int] = deque(maxlen=NEWEST)
        self.parts: dict[tuple[int, int, int], Any] = {}
        """By a part of a set, moved to bit 0, its first number and its width."""


class Elements:
    """All elements of one pass. A set of them is an int."""

    def __init__(self) -> None:
        self.live = self.by_design = self.by_chance = self.stopped_somewhere = self.weights = self.drawn = 0
        """Sets: those with gradient; without it on purpose; without it otherwise; with a stop; weights; those that
        random numbers are part of."""
        self._all: list[Element] = []
        self._bits: dict[Element, int] = {}
        self._of: dict[tuple[SourceKind, str, str], int] = {}
        self._folds: dict[Hashable, _Remembered] = {}

    def one(self, element: Element) -> int:
        """The set of this element alone."""
        bit = self._bits.get(element)
        if bit is None:
            bit = self._bits[element] = 1 << len(self._all)
            self._all.append(element)
            self._describe(element, bit)
        return bit

    def node(self, node: DataSource) -> int:
        """The set of a whole node."""
        return self.one(Element(SourcePart(node)))

    def forget(self) -> None:
        """Let go of what was remembered to be fast."""
        self._folds.clear()

    def _describe(self, element: Element, bit: int) -> None:
        node = element.part.node
        self.live |= bit * element.live
        self.by_design |= bit * element.by_design
        self.by_chance |= bit * (not element.live and not element.by_design)
        self.stopped_somewhere |= bit * (element.stop is not None)
        self.weights |= bit * (node.kind is SourceKind.WEIGHTS)
        self.drawn |= bit * bool(node.draws)
        for name, column in ((node.name, node.column), ("", node.column)):
            self._of[node.kind, name, column] = self._of.get((node.kind, name, column), 0) | bit

    def of(self, kind: SourceKind, column: str, name: str = "") -> int:
        """All elements of a kind that belong to a column, or to a module in it."""
        return self._of.get((kind, name, column), 0)

    def members(self, those: int) -> Iterator[Element]:
        """The elements of a set, in the order in which they were first met."""
        return (self._all[number] for number in _numbers(those))

    def fold(
        self, those: int, what: Hashable, function: Callable[[Element], Any], join: Callable[[Any, Any], Any]
    ) -> Any:
        """`function` of all elements of a set, joined; None of no element. `what` says which function it is.

        The numbers of the elements are halved until few are left, and what was found of each part is remembered: of a
        set that differs from an earlier one in some elements only those are gone through, whatever its size. Most often
        it is one of the newest sets, and elements that are younger than all of its own.
        """
        if not those:
            return None
        remembered = self._folds.setdefault(what, _Remembered())
        if those in remembered.wholes:
            return remembered.wholes[those]
        remembered.wholes[those] = whole = self._folded(those, remembered, function, join)
        remembered.newest.append(those)
        return whole

    def _folded(
        self, those: int, remembered: _Remembered, function: Callable[[Element], Any], join: Callable[[Any, Any], Any]
    ) -> Any:
        for earlier in reversed(remembered.newest):
            new = those ^ earlier
            if new & -new > earlier and new.bit_count() <= LEAF:
                return reduce(join, map(function, self.members(new)), remembered.wholes[earlier])
        found = remembered.parts

        def of(part: int, first: int, width: int) -> Any:
            key = part, first, width
            if key not in found:
                half = width // 2
                low, high = part & ((1 << half) - 1), part >> half
                if width <= LEAF:
                    found[key] = reduce(join, (function(self._all[first + number]) for number in _numbers(part)))
                elif low and high:
                    found[key] = join(of(low, first, half), of(high, first + half, half))
                else:
                    return of(low, first, half) if low else of(high, first + half, half)
            return found[key]

        return of(those, 0, 1 << max(those.bit_length() - 1, LEAF - 1).bit_length())

    def _each(self, those: int, what: Hashable, function: Callable[[Element], Element]) -> int:
        return self.fold(those, what, lambda element: self.one(function(element)), or_) or 0

    def bare(self, those: int) -> int:
        """The same without stops: which parts they are."""
        stopped = those & self.stopped_somewhere
        return (those & ~stopped) | self._each(stopped, "bare", lambda element: Element(element.part))

    def without_gradient(self, those: int) -> int:
        """Which parts they are, each without gradient."""
        return self._each(those, "without gradient", lambda element: Element(element.part.stopped))

    def cut(self, those: int, stop: Stop | None) -> int:
        """What is left of a set where a stop ends its gradient."""
        live = those & self.live
        return (those & ~live) | self._each(live, ("cut", stop), lambda element: element.cut(stop))

    def picked(self, those: int, part: Selection) -> int:
        """The same part of each; of very many it is not told which part."""
        if those.bit_count() > MOST:
            return self._each(those, "some", _some_of)
        return self._each(those, ("part", part), lambda element: _part_of(element, part))

    def essential(self, those: int) -> int:
        """Without sources that are compared by number alone, such as by a mask, next to the same with gradient."""
        by_chance = those & self.by_chance
        both = self.bare(by_chance) & self.without_gradient(those & self.live)
        return (
            those & ~union(bit for each in self.members(by_chance) if self.bare(bit := self.one(each)) & both)
            if both
            else those
        )


def union(sets: Iterable[int]) -> int:
    """All elements of some sets."""
    return reduce(or_, sets, 0)


def _numbers(those: int) -> Iterator[int]:
    while those:
        low = those & -those
        yield low.bit_length() - 1
        those ^= low


def _part_of(element: Element, part: Selection) -> Element:
    node, parts = element.part
    if len(parts) == MOST:
        return _some_of(element)
    last = composed(parts[-1], part) if parts else (part,)
    return Element(SourcePart(node, (*parts[:-1], *last)), element.stop)


def _some_of(element: Element) -> Element:
    return Element(SourcePart(element.part.node, (SOME,)), element.stop)
