"""Where the gradient of one loss goes between the calls of modules, where it enters them, and where it is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from audits.places import Place, Stop
from audits.routing.elements import Elements, union
from audits.routing.nodes import Nodes
from audits.routing.sources import CutWay, DataSource, Element, SourceKind, SourcePart

PARTNERS = 3
"""So many of what a source is compared with are named."""


class Gradient:
    """From the terms of a loss on, back through all calls that gradient passes."""

    def __init__(self, nodes: Nodes, elements: Elements, terms: Mapping[int, Place]) -> None:
        """`terms`: with the place where each is compared."""
        self._nodes, self._elements, self._terms = nodes, elements, terms

    def cuts(self) -> dict[str, tuple[Stop, ...]]:
        """By what is stopped on its way to what: the stops that do it."""
        found: dict[str, dict[Stop, None]] = {}
        for cut in self._cuts():
            if cut.stops:
                found.setdefault(cut.key, {}).update(dict.fromkeys(cut.stops))
        return {key: tuple(found[key]) for key in sorted(found)}

    def enters(self) -> dict[str, Place]:
        """By module: the call by which the gradient enters it first."""
        found: dict[str, Place] = {}
        for source, reader in self._entered:
            place = source.place if source.kind is SourceKind.CALL else reader
            if place:
                found.setdefault(source.column or source.name, place)
        return found

    def ways(self) -> dict[str, Place]:
        """By what takes gradient on its way to what: where that is called or compared. As many as pairs of calls."""
        found: dict[str, Place] = {}
        for term, place in self._terms.items():
            for element, what in self._compared(term):
                if element.live:
                    found.setdefault(f"{element.part.node.name} {what}", place)
        for node in self._calls:
            if place := node.place:
                parts = self._nodes.parts(self._elements.live & union(node.read.values()))
                found |= {key: place for part in parts if (key := f"{part.node.name} into {node.name}") not in found}
        return {key: found[key] for key in sorted(found)}

    @cached_property
    def _entered(self) -> list[tuple[DataSource, Place | None]]:
        """All that gradient reaches, each part once, and where it is first read."""
        found: list[tuple[DataSource, Place | None]] = []
        bare, first = self._elements.bare, self._terms.items()
        waiting: list[tuple[int, Place | None]] = [
            (bare(self._elements.one(each)), place) for term, place in first for each in self._by_digest(term)
        ]
        seen, done = 0, set()
        for those, place in waiting:  # grows
            new = bare(those & self._elements.live) & ~seen
            seen |= new
            for element in self._elements.members(new):
                node = element.part.node
                found.append((node, place))
                if node not in done:
                    done.add(node)
                    waiting += ((read, node.place) for read in node.read.values())
        return found

    @cached_property
    def _calls(self) -> list[DataSource]:
        nodes = dict.fromkeys(node for node, _ in self._entered)
        return [node for node in nodes if node.kind is SourceKind.CALL]

    def _cuts(self) -> Iterator[CutWay]:
        for term in self._terms:
            for element, what in self._compared(term):
                yield CutWay(f"{element.part.node.name} {what}", _deliberate([element]))
        for node in self._calls:
            if node.cuts is None:
                node.cuts = tuple(self._cuts_into(node))
            yield from node.cuts

    def _compared(self, term: int) -> Iterator[tuple[Element, str]]:
        """Each source of a term, and what it is compared with."""
        count = Counter(part.node.name for part in self._nodes.parts(term))
        names = sorted(count)
        for element in self._by_digest(term):
            name = element.part.node.name
            others = len(names) - (count[name] == 1)
            told = [other for other in names[: PARTNERS + 1] if other != name or count[name] > 1][:PARTNERS]
            more = [f"{others - PARTNERS} more"] if others > PARTNERS else []
            yield element, f"compared with {', '.join([*told, *more])}" if others else "in the loss"

    def _by_digest(self, those: int) -> list[Element]:
        return sorted(self._elements.members(those), key=lambda element: element.part.node.digest)

    def _cuts_into(self, node: DataSource) -> Iterator[CutWay]:
        if node.stops:
            yield CutWay(f"weights of {node.name}", _in_order(node.stops))
        for those in node.read.values():
            stopped: dict[SourcePart, list[Element]] = {}
            for element in self._elements.members(those & self._elements.by_design):
                stopped.setdefault(element.part, []).append(element)
            for part, elements in stopped.items():
                yield CutWay(f"{part.node.name} into {node.name}", _deliberate(elements))


class Ways(Mapping[str, Place]):
    """`Gradient.ways`, found when somebody asks."""

    def __init__(self, gradient: Gradient) -> None:
        self._gradient = gradient

    @cached_property
    def _found(self) -> dict[str, Place]:
        return self._gradient.ways()

    def __getitem__(self, key: str) -> Place:
        return self._found[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _deliberate(elements: Iterable[Element]) -> tuple[Stop, ...]:
    return _in_order(element.stop for element in elements if element.by_design and element.stop)


def _in_order(stops: Iterable[Stop]) -> tuple[Stop, ...]:
    """Those that somebody meant, by where they stand."""
    order = sorted(stops, key=lambda stop: (stop.place.path, stop.place.line, stop.place.text, stop.place.nth))
    return tuple(stop for stop in order if stop.kind.deliberate)
