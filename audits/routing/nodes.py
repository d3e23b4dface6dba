"""What a value is made of, between the calls of modules: a graph whose equal parts are one, however often they ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import permutations, product
from operator import add

from audits.places import Place, Stop
from audits.routing.elements import MOST, Elements
from audits.routing.selection import Selection
from audits.routing.sources import DataSource, Own, SourceKind, SourcePart

FEW = 24
"""So many orders of sources that look alike are tried to find the first."""

Identity = tuple[str, tuple[int, ...]]
"""A digest, and the random numbers in the order that it means."""


class Nodes:
    """All nodes of one pass, each once."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._found: dict[object, DataSource] = {}

    def leaf(
        self, kind: SourceKind, name: str, *, column: str = "", live: bool = False, draw: int | None = None
    ) -> DataSource:
        """A source that was computed from nothing. `draw` tells random numbers from others."""
        key = (kind, name, column, live, draw)
        if key not in self._found:
            draws = () if draw is None else (draw,)
            node = DataSource(
                kind, name, column, live=live, digest=digest_of(str(kind), "" if draws else name, live), draws=draws
            )
            node.data = self.leaf(kind, name, column=column, draw=draw) if live else node
            self._found[key] = node
        return self._found[key]

    def call(
        self,
        name: str,
        column: str,
        slots: Mapping[str, int],
        *,
        output: str,
        own: Own,
        live: bool,
        stops: Iterable[Stop] = (),
        place: Place | None = None,
    ) -> DataSource:
        """What a call gave, from what it was computed of its arguments: sets of elements."""
        own = own if live else Own.NONE
        bare = self._elements.bare if live else self._elements.without_gradient
        parts = {slot: bare(those) for slot, those in slots.items()}
        key = (SourceKind.CALL, name, output, own, live, frozenset(parts.items()))
        node = self._found.get(key)
        if node is None:
            node = DataSource(SourceKind.CALL, name, column, output, own, live, parts, dict(slots), place=place)
            node.digest, node.draws = self.identity((str(node.kind), name, output, str(own), live), parts)
            if len(node.draws) > MOST or (
                not node.draws and any(those & self._elements.drawn for those in parts.values())
            ):
                node.draws = (-1 - len(self._found),)
            self._found[key] = node
            node.data = (
                self.call(name, column, slots, output=output, own=own, live=False, place=place) if live else node
            )
        for slot, those in slots.items():
            node.read[slot] |= those
        node.stops.update(stops)
        return node

    def parts(self, those: int) -> list[SourcePart]:
        """The parts in a set of elements, each once."""
        return [element.part for element in self._elements.members(self._elements.bare(those))]

    def term(self, those: int) -> Identity:
        """Of what is compared with each other."""
        live = self._elements.bare(those & self._elements.live)
        other = self._elements.bare(those) & ~live
        return self.identity(("term",), {str(True): live, str(False): other})

    def identity(self, head: tuple, slots: Mapping[str, int]) -> Identity:
        """Of a head and sets of parts. Of very many parts it is not told which random numbers are the same."""
        counts = {slot: those.bit_count() for slot, those in slots.items()}
        if sum(counts.values()) <= MOST:
            members = self._elements.members
            return _identity(head, ((slot, each.part) for slot, those in slots.items() for each in members(those)))
        sums = [(slot, counts[slot], self._sum_of_digests(slots[slot])) for slot in sorted(slots) if counts[slot]]
        return digest_of(*head, "many", *sums), ()

    def _sum_of_digests(self, those: int) -> int:
        found = self._elements.fold(
            those, "digest", lambda e: int(digest_of(e.part.node.digest, e.part.parts), 16), add
        )
        return found % 2**64


def _identity(head: tuple, parts: Iterable[tuple[str, SourcePart]]) -> Identity:
    """Children in the order of their digests; among those alike the order that names random numbers first to last."""
    groups: dict[tuple[str, str, tuple[Selection, ...]], list[SourcePart]] = {}
    for slot, part in parts:
        groups.setdefault((slot, part.node.digest, part.parts), []).append(part)
    orders = _orders([groups[key] for key in sorted(groups)])
    keys = [key for key in sorted(groups) for _ in groups[key]]
    best = min((_numbered(order) for order in orders), key=lambda pair: pair[0])
    return digest_of(
        *head, *(item for key, numbers in zip(keys, best[0], strict=True) for item in (*key, numbers))
    ), best[1]


def _orders(groups: Sequence[Sequence[SourcePart]]) -> list[list[SourcePart]]:
    tied = 1
    for group in groups:
        if len({part.node.draws for part in group}) > 1:
            for size in range(2, len(group) + 1):
                tied *= size
    if tied == 1 or tied > FEW:
        return [[part for group in groups for part in sorted(group, key=lambda part: part.node.draws)]]
    choices = [list(permutations(group)) for group in groups]
    return [[part for group in chosen for part in group] for chosen in product(*choices)]


def _numbered(order: Sequence[SourcePart]) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Random numbers by when they are first met."""
    numbers: dict[int, int] = {}
    pattern = [tuple(numbers.setdefault(draw, len(numbers)) for draw in part.node.draws) for part in order]
    return pattern, tuple(numbers)


def digest_of(*parts: object) -> str:
    """Of plain values, so that it is the same whatever their classes here are called."""
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()
