"""From a recording to the terms of each loss: what is compared with what, live or stopped.

A value is a sum of terms, and a term a set of sources: outputs of calls, inputs, weights. What is added up stays apart;
what is multiplied, squared or compared becomes one term. Within a call all that matters is what it read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import product
from math import prod

from audits.places import Place, Stop
from audits.recording.recorder import Recording
from audits.recording.source_lines import Spot
from audits.routing.elements import MOST, Elements, union
from audits.routing.nodes import Nodes
from audits.routing.operations import Operation
from audits.routing.recorder import Routed
from audits.routing.selection import Selection
from audits.routing.sources import DataSource, Element, Own, SourceKind, SourcePart

Term = int
"""A set of elements."""
Terms = frozenset[Term]
Read = Mapping[str, int]
"""Inside of a call: the sets of elements that were read, by argument."""

OWN, ELSEWHERE = "own", "elsewhere"


class Tracer:
    """Goes through the values of a recording in the order in which they were computed."""

    def __init__(
        self,
        recording: Recording,
        routed: Routed,
        weights: Mapping[int, tuple[str, str]],
        place: Callable[[Spot | None], Place],
        *,
        has_batch: bool,
        opened: frozenset[int] = frozenset(),
    ) -> None:
        """`weights`: by value of a parameter, the dotted name of its module and its column, empty if it is of none.

        `opened`: calls that are looked into, so that the calls of their parts are told.
        """
        self.elements = Elements()
        self.nodes = Nodes(self.elements)
        self.met: dict[Term, int] = {}
        """By term: the value in which its sources first met."""
        self.mixed: set[int] = set()
        """Calls that stop a part of what they pass: only a look into them tells which."""
        self._recording, self._routed, self._weights, self._place = recording, routed, weights, place
        self._has_batch, self._opened = has_batch, opened
        self._outside: dict[int, Terms] = {}
        self._inside: dict[int, Read] = {}
        self._exported: dict[int, Terms] = {}
        self._calls = [self._effective(number) for number in range(len(routed.calls))]
        self._with_parts = {call.parent for call in routed.calls if call.parent is not None}

    def run(self, losses: Collection[int]) -> None:
        """Find the terms of some losses, and of all values that they were computed from."""
        needed = self._needed(losses)
        for value in range(len(self._recording.inputs)):
            if needed[value]:
                self._visit(value)
        for value in losses:
            self.terms(value)

    def terms(self, value: int) -> Terms:
        """What a value is made of, as seen outside of all calls."""
        return self._read(value, None)

    def _needed(self, losses: Iterable[int]) -> list[bool]:
        needed = [False] * len(self._recording.inputs)
        stack = list(losses)
        while stack:
            value = stack.pop()
            if not needed[value]:
                needed[value] = True
                stack.extend(self._recording.inputs[value])
        return needed

    def _effective(self, number: int | None) -> int | None:
        """The outermost call of the same column around a call, but for those that are looked into."""
        calls = self._routed.calls
        while number is not None:
            around, outer = [number], calls[number].parent
            while outer is not None and calls[outer].column == calls[number].column:
                around.append(outer)
                outer = calls[outer].parent
            closed = [call for call in around if call not in self._opened]
            if closed:
                return closed[-1]
            number = outer
        return None

    def _call(self, value: int) -> int | None:
        made_in = self._routed.made_in.get(value)
        return None if made_in is None else self._calls[made_in]

    def _visit(self, value: int) -> None:
        call = self._call(value)
        if value in self._weights or not self._recording.inputs[value]:
            self._outside[value] = self._leaf(value, call)
        elif call is None:
            self._outside[value] = self._computed(value)
        else:
            self._inside[value] = self._within(value, call)

    # ------------------------------------------------------------------------------------------------- leaves

    def _one(self, node: DataSource) -> Terms:
        return frozenset({self.elements.node(node)})

    def _leaf(self, value: int, call: int | None) -> Terms:
        routed, live = self._routed, self._routed.live.get(value, False)
        if value in self._weights:
            name, column = self._weights[value]
            own = self._one(self.nodes.leaf(SourceKind.WEIGHTS, name, column=column, live=live))
            written = self._recording.inputs[value]  # in place, such as the average of another module's
            others = [self._without_gradient(self._read(source, None), None) for source in written]
            if value in routed.copied and not live:
                return _sum(others[1:])
            return _sum([own, *others]) if live or not others else _sum(others)
        if value in routed.inputs:
            return self._one(self.nodes.leaf(SourceKind.INPUT, routed.inputs[value], live=live))
        if value in routed.buffers:
            name, column = routed.buffers[value]
            return self._one(self.nodes.leaf(SourceKind.BUFFER, name, column=column))
        if routed.operations.get(value) is Operation.NOISE:
            return self._one(self.nodes.leaf(SourceKind.NOISE, "noise", draw=value))
        if value in routed.unknown and call is None and not self._has_batch:
            return self._one(self.nodes.leaf(SourceKind.DATA, "data", draw=value, live=live))
        return frozenset()

    # --------------------------------------------------------------------------------------- outside of all calls

    def _computed(self, value: int) -> Terms:
        sources = self._recording.inputs[value]
        kind = self._routed.operations.get(value, Operation.SUM)
        if kind is Operation.VIEW:
            return self._gradient(value, sources[0], self._terms_of(sources[0]))
        operands = [self._gradient(value, source, self._read(source, None)) for source in sources]
        operands = [terms for terms in operands if terms]
        if kind is Operation.NOISE:
            operands.append(self._one(self.nodes.leaf(SourceKind.NOISE, "noise", draw=value)))
            kind = Operation.MULTIPLY
        if parts := self._routed.parts.get(value):
            operands = [_sum(self._picked(operands[0], part) for part in parts), *operands[1:]] if operands else []
            kind = Operation.MULTIPLY if kind is Operation.PICK else kind
        found = self._applied(value, operands) or _combined(kind, self._without_biases(operands))
        if kind is not Operation.SUM:
            for term in found:
                self.met.setdefault(term, value)
        return _bounded(found)

    def _applied(self, value: int, operands: list[Terms]) -> Terms | None:
        """A module's weights, applied outside of its calls, are a call too: `F.linear(z, head.weight, head.bias)`."""
        if self._routed.operations.get(value) not in (Operation.MIX, Operation.MULTIPLY) or len(operands) < 2:
            return None
        alone = [weights for terms in operands if (weights := self._weights_alone(terms))]
        given = [terms for terms in operands if not self._weights_alone(terms)]
        owners = {column for _, column in alone}
        if len(owners) != 1 or len(given) != 1 or not (column := owners.pop()):
            return None
        own = union(union(terms) for terms in operands if self._weights_alone(terms))
        read = {OWN: own, "0": union(given[0])}
        live = self._routed.live.get(value, False)
        return self._given(self._node(alone[0][0], column, read, "", live, self._routed.spots.get(value)), read)

    def _weights_alone(self, terms: Terms) -> tuple[str, str] | None:
        """Name and column of the module whose weights alone these terms are."""
        those = union(terms)
        if those & ~self.elements.weights:
            return None
        nodes = (element.part.node for element in self.elements.members(those))
        owners = {(node.name, node.column) for node in nodes}
        return owners.pop() if len(owners) == 1 else None

    def _without_biases(self, operands: list[Terms]) -> list[Terms]:
        """A module's weights added to what its other weights gave are part of that call."""
        alone = [self._weights_alone(terms) for terms in operands]
        if not any(alone):
            return operands
        those = union(map(union, operands))
        applied = [weights and those & self.elements.of(SourceKind.CALL, weights[1], weights[0]) for weights in alone]
        return [terms for terms, call in zip(operands, applied, strict=True) if not call]

    def _terms_of(self, value: int) -> Terms:
        """Of a value outside of calls, before the part that it is of a view is told."""
        return self._outside[value] if value in self._outside else self._export(value)

    def _read(self, value: int, reader: int | None) -> Terms:
        """What another value reads of this one."""
        if value not in self._outside and value not in self._inside:
            self._visit(value)
        terms = self._terms_of(value)
        parts = self._routed.parts.get(value) if value in self._routed.roots else None
        return self._picked(terms, parts[0]) if parts and parts[0] else terms

    def _picked(self, terms: Terms, part: Selection) -> Terms:
        """The same part of every source. A constant part is all that is left of nothing."""
        return frozenset(self.elements.picked(term, part) for term in terms) if part else terms

    def _gradient(self, value: int, source: int, terms: Terms) -> Terms:
        """The terms of a source where gradient passes from a value to it, else without gradient."""
        if source in self._routed.gradient_to.get(value, ()):
            return terms
        return self._without_gradient(terms, self._recording.stops.get(value))

    def _without_gradient(self, terms: Terms, stop: Stop | None) -> Terms:
        return frozenset(self.elements.cut(term, stop) for term in terms)

    # ------------------------------------------------------------------------------------------------ inside a call

    def _within(self, value: int, call: int) -> Read:
        found: dict[str, int] = {}
        for source in self._recording.inputs[value]:
            passes = source in self._routed.gradient_to.get(value, ())
            for slot, those in self._pairs(source, call).items():
                kept = those if passes else self.elements.cut(those, self._recording.stops.get(value))
                found[slot] = found.get(slot, 0) | kept
        if self._routed.operations.get(value) is Operation.NOISE:
            noise = self.nodes.leaf(SourceKind.NOISE, "noise", draw=value)
            found[ELSEWHERE] = found.get(ELSEWHERE, 0) | self.elements.node(noise)
        return found

    def _pairs(self, source: int, call: int) -> Read:
        """What a value inside of a call reads of another one."""
        if source not in self._outside and source not in self._inside:
            self._visit(source)
        if source in self._inside and self._call(source) == call:
            return self._inside[source]
        column, those = self._routed.calls[call].column, union(self._read(source, call))
        own = those & self.elements.of(SourceKind.WEIGHTS, column)
        others = those & ~own & ~self.elements.of(SourceKind.BUFFER, column)
        found = dict.fromkeys(self._slots(source, call), others) if others else {}
        if own:
            found[OWN] = found.get(OWN, 0) | own
        return found

    def _slots(self, source: int, call: int) -> list[str]:
        """The arguments of a call that a value was, or a view of it."""
        slots = self._routed.calls[call].slots
        return slots.get(source) or [ELSEWHERE]

    def _export(self, value: int) -> Terms:
        """What a value that was computed inside of a call is outside of it."""
        if value not in self._exported:
            self._exported[value] = self._outcome(value)
        return self._exported[value]

    def _outcome(self, value: int) -> Terms:
        number, read = self._call(value), self._inside[value]
        assert number is not None
        call = self._routed.calls[number]
        if not read.keys() - {OWN}:  # made of weights alone, such as a normalised weight
            return frozenset(map(self.elements.one, self.elements.members(read.get(OWN, 0))))
        output = call.outputs.get(value, "inside")
        node = self._node(call.name, call.column, read, output, self._routed.live.get(value, False), call.spot)
        if node.live and number in self._with_parts and self._stops_a_part(node):
            self.mixed.add(number)
        return self._given(node, read)

    def _node(self, name: str, column: str, read: Read, output: str, live: bool, spot: Spot | None) -> DataSource:
        slots = {slot: self.elements.essential(those) for slot, those in read.items()}
        own = list(self.elements.members(slots.pop(OWN, 0)))
        kept = {element.part.node.name for element in own if element.live}
        lost = {element.part.node.name for element in own if element.by_design}
        state = (Own.SOME if kept and lost else Own.ALL if kept else Own.STOPPED) if own else Own.NONE
        return self.nodes.call(
            name,
            column,
            slots,
            output=output,
            own=state,
            live=live,
            stops=[element.stop for element in own if element.stop and not element.live],
            place=self._place(spot),
        )

    def _given(self, node: DataSource, read: Read) -> Terms:
        """A call's output; without gradient, by the stop that kept it from the call's own weights or its arguments."""
        stop = (
            None
            if node.live
            else next((stop for slot in sorted(read, key=_own_first) if (stop := self._stop_in(read[slot]))), None)
        )
        return frozenset({self.elements.one(Element(SourcePart(node), stop))})

    def _stop_in(self, those: int) -> Stop | None:
        """The stop of the first of some elements that have one, in the order of their digests."""
        stopped = those & self.elements.stopped_somewhere
        first = self.elements.fold(stopped, "first", lambda element: element, _first)
        return first.stop if first else None

    def _stops_a_part(self, node: DataSource) -> bool:
        """Whether gradient of a call reaches a part of its weights, or a source by one way and not by another."""
        if node.own is Own.SOME:
            return True
        read = union(node.read.values())
        live = self.elements.without_gradient(read & self.elements.live)
        return bool(live & self.elements.bare(read & self.elements.by_design))


def _own_first(slot: str) -> tuple[bool, str]:
    return slot != OWN, slot


def _first(*elements: Element) -> Element:
    return min(elements, key=lambda element: (element.part.node.digest, element.part.parts))


def _sum(operands: Iterable[Terms]) -> Terms:
    return frozenset().union(*operands)


def _combined(kind: Operation, operands: list[Terms]) -> Terms:
    """What an operation makes of its operands: a product of sums is a sum of products."""
    if kind is Operation.SUM or not operands:
        return _sum(operands)
    if kind is Operation.DIVIDE:
        operands = [operands[0], *(frozenset({union(terms)}) for terms in operands[1:])]
    number = prod(len(terms) for terms in operands)
    if kind is Operation.MIX or number > MOST:
        return frozenset({union(map(union, operands))})
    return frozenset(map(union, product(*operands)))


def _bounded(terms: Terms) -> Terms:
    """Very many terms become one: they would be told as a number anyway."""
    if len(terms) <= MOST:
        return terms
    return frozenset({union(terms)})
