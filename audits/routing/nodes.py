"""What a value is made of, between the calls of modules: a graph whose equal parts are one, however often they ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from itertools import permutations, product
from typing import NamedTuple

from audits.places import Place, Stop
from audits.routing.selection import Selection

FEW = 24
"""So many orders of sources that look alike are tried to find the first."""


class SourceKind(StrEnum):
    """What a source is."""

    CALL = "call"
    INPUT = "input"
    BUFFER = "buffer"
    WEIGHTS = "weights"
    """A parameter that is read outside of its module."""
    NOISE = "noise"
    """Random numbers, drawn once."""
    DATA = "data"
    """A tensor that was there before the pass, and that no batch gives."""


class Own(StrEnum):
    """How a call's own parameters take part in the gradient."""

    NONE = "no weights"
    ALL = "trained"
    SOME = "partly stopped"
    STOPPED = "stopped"


@dataclass(eq=False)
class DataSource:
    """A source of data. A call that no gradient passes is another node than the same call with gradient."""

    kind: SourceKind
    name: str
    column: str = ""
    output: str = ""
    own: Own = Own.NONE
    live: bool = False
    slots: dict[tuple[str, SourcePart], set[Stop]] = field(default_factory=dict)
    """What it was computed from, by argument; with the stops on the way."""
    stops: set[Stop] = field(default_factory=set)
    """Where the gradient of its own parameters was stopped."""
    place: Place | None = None
    """Where the call was made."""
    data: DataSource = None  # pyright: ignore[reportAssignmentType]
    """The same without gradient."""
    digest: str = ""
    """The same for what is alike; which random numbers are meant is told by `draws`."""
    draws: tuple[int, ...] = ()
    """Random numbers and unnamed tensors below, in an order that is the same for what is alike."""
    text: str = ""
    """As it is written, once it was."""
    edges: tuple[Edge, ...] | None = None
    """What it reads, once that was told."""


class SourcePart(NamedTuple):
    """Some of the numbers of a node."""

    node: DataSource
    parts: tuple[Selection, ...] = ()

    @property
    def stopped(self) -> SourcePart:
        """The same without gradient."""
        return SourcePart(self.node.data, self.parts)


class Element(NamedTuple):
    """A part, and the stop that keeps gradient from it."""

    part: SourcePart
    stop: Stop | None = None

    @property
    def live(self) -> bool:
        return self.part.node.live

    @property
    def by_design(self) -> bool:
        """Whether somebody stopped it on purpose."""
        return not self.live and self.stop is not None and self.stop.kind.deliberate

    def cut(self, stop: Stop | None) -> Element:
        """What is left where gradient ends."""
        return Element(self.part.stopped, stop) if self.live else self


class Edge(NamedTuple):
    """A source goes into a call, or meets what it is compared with."""

    key: str
    """``encoder into value``, ``encoder compared with predictor``"""
    source: DataSource
    stops: tuple[Stop, ...]
    """Where gradient is ended on purpose on the way."""


class Nodes:
    """All nodes of one pass, each once."""

    def __init__(self) -> None:
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
        slots: Mapping[str, Iterable[Element]],
        *,
        output: str,
        own: Own,
        live: bool,
        stops: Iterable[Stop] = (),
        place: Place | None = None,
    ) -> DataSource:
        """What a call gave, from what it was computed of its arguments."""
        own = own if live else Own.NONE
        parts = frozenset(
            (slot, element.part if live else element.part.stopped) for slot in slots for element in slots[slot]
        )
        key = (SourceKind.CALL, name, output, own, live, parts)
        node = self._found.get(key)
        if node is None:
            node = DataSource(SourceKind.CALL, name, column, output, own, live, place=place)
            node.digest, node.draws = _identity((str(node.kind), name, output, str(own), live), parts)
            self._found[key] = node
            node.data = (
                self.call(name, column, slots, output=output, own=own, live=False, place=place) if live else node
            )
        for slot, elements in slots.items():
            for element in elements:
                stopped = node.slots.setdefault((slot, element.part if live else element.part.stopped), set())
                if element.stop and not element.live:
                    stopped.add(element.stop)
        node.stops.update(stops)
        return node


def identity(parts: Iterable[SourcePart]) -> tuple[str, tuple[int, ...]]:
    """A digest of a set of parts, and the random numbers in them in the order that it means."""
    return _identity(("term",), ((str(part.node.live), part) for part in parts))


def _identity(head: tuple, parts: Iterable[tuple[str, SourcePart]]) -> tuple[str, tuple[int, ...]]:
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
