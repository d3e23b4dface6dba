"""From a recording to the terms of each loss: what is compared with what, live or stopped.

A value is a sum of terms, and a term a set of sources: outputs of calls, inputs, weights. What is added up stays apart;
what is multiplied, squared or compared becomes one term. Within a call all that matters is what it read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import reduce
from itertools import product
from math import prod

from audits.places import Place, Stop
from audits.recording.recorder import Recording
from audits.recording.source_lines import Spot
from audits.routing.nodes import DataSource, Element, Nodes, Own, SourceKind, SourcePart
from audits.routing.operations import Operation
from audits.routing.recorder import Routed
from audits.routing.selection import Selection, composed

Term = frozenset[Element]
Terms = frozenset[Term]
Pairs = frozenset[tuple[str, Element]]
"""Inside of a call: what was read, by argument."""

OWN, ELSEWHERE = "own", "elsewhere"
MOST = 64
"""Terms or sources of a value that are kept apart."""


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
        self.nodes = Nodes()
        self.met: dict[Term, int] = {}
        """By term: the value in which its sources first met."""
        self.mixed: set[int] = set()
        """Calls that stop a part of what they pass: only a look into them tells which."""
        self._recording, self._routed, self._weights, self._place = recording, routed, weights, place
        self._has_batch, self._opened = has_batch, opened
        self._outside: dict[int, Terms] = {}
        self._inside: dict[int, Pairs] = {}
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

    def _leaf(self, value: int, call: int | None) -> Terms:
        routed, live = self._routed, self._routed.live.get(value, False)
        if value in self._weights:
            name, column = self._weights[value]
            own = _one(self.nodes.leaf(SourceKind.WEIGHTS, name, column=column, live=live))
            written = self._recording.inputs[value]  # in place, such as the average of another module's
            others = [self._without_gradient(self._read(source, None), None) for source in written]
            if value in routed.copied and not live:
                return _sum(others[1:])
            return _sum([own, *others]) if live or not others else _sum(others)
        if value in routed.inputs:
            return _one(self.nodes.leaf(SourceKind.INPUT, routed.inputs[value], live=live))
        if value in routed.buffers:
            name, column = routed.buffers[value]
            return _one(self.nodes.leaf(SourceKind.BUFFER, name, column=column))
        if routed.operations.get(value) is Operation.NOISE:
            return _one(self.nodes.leaf(SourceKind.NOISE, "noise", draw=value))
        if value in routed.unknown and call is None and not self._has_batch:
            return _one(self.nodes.leaf(SourceKind.DATA, "data", draw=value, live=live))
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
            operands.append(_one(self.nodes.leaf(SourceKind.NOISE, "noise", draw=value)))
            kind = Operation.MULTIPLY
        if parts := self._routed.parts.get(value):
            operands = [_sum(_picked(operands[0], part) for part in parts), *operands[1:]] if operands else []
            kind = Operation.MULTIPLY if kind is Operation.PICK else kind
        found = self._applied(value, operands) or _combined(kind, _without_biases(operands))
        if kind is not Operation.SUM:
            for term in found:
                self.met.setdefault(term, value)
        return _bounded(found)

    def _applied(self, value: int, operands: list[Terms]) -> Terms | None:
        """A module's weights, applied outside of its calls, are a call too: `F.linear(z, head.weight, head.bias)`."""
        if self._routed.operations.get(value) not in (Operation.MIX, Operation.MULTIPLY) or len(operands) < 2:
            return None
        owners = {weights[1] for terms in operands if (weights := _weights_alone(terms))}
        given = [terms for terms in operands if not _weights_alone(terms)]
        if len(owners) != 1 or len(given) != 1 or not (column := owners.pop()):
            return None
        own = {element for terms in operands if _weights_alone(terms) for term in terms for element in term}
        pairs = frozenset((OWN, element) for element in own) | frozenset(
            ("0", element) for term in given[0] for element in term
        )
        name = next(iter(own)).part.node.name
        live = self._routed.live.get(value, False)
        node = self._node(name, column, pairs, "", live, self._routed.spots.get(value))
        return frozenset({frozenset({_element(node, pairs)})})

    def _terms_of(self, value: int) -> Terms:
        """Of a value outside of calls, before the part that it is of a view is told."""
        return self._outside[value] if value in self._outside else self._export(value)

    def _read(self, value: int, reader: int | None) -> Terms:
        """What another value reads of this one."""
        if value not in self._outside and value not in self._inside:
            self._visit(value)
        terms = self._terms_of(value)
        parts = self._routed.parts.get(value) if value in self._routed.roots else None
        return frozenset(_picked(terms, parts[0])) if parts and parts[0] else terms

    def _gradient(self, value: int, source: int, terms: Terms) -> Terms:
        """The terms of a source where gradient passes from a value to it, else without gradient."""
        if source in self._routed.gradient_to.get(value, ()):
            return terms
        return self._without_gradient(terms, self._recording.stops.get(value))

    def _without_gradient(self, terms: Terms, stop: Stop | None) -> Terms:
        return frozenset(frozenset(element.cut(stop) for element in term) for term in terms)

    # ------------------------------------------------------------------------------------------------ inside a call

    def _within(self, value: int, call: int) -> Pairs:
        found: set[tuple[str, Element]] = set()
        for source in self._recording.inputs[value]:
            pairs = self._pairs(source, call)
            if source not in self._routed.gradient_to.get(value, ()):
                stop = self._recording.stops.get(value)
                pairs = frozenset((slot, element.cut(stop)) for slot, element in pairs)
            found |= pairs
        if self._routed.operations.get(value) is Operation.NOISE:
            found.add((ELSEWHERE, Element(SourcePart(self.nodes.leaf(SourceKind.NOISE, "noise", draw=value)))))
        return frozenset(found)

    def _pairs(self, source: int, call: int) -> Pairs:
        """What a value inside of a call reads of another one."""
        if source not in self._outside and source not in self._inside:
            self._visit(source)
        if source in self._inside and self._call(source) == call:
            return self._inside[source]
        column = self._routed.calls[call].column
        slots = self._slots(source, call)
        found: set[tuple[str, Element]] = set()
        for term in self._read(source, call):
            for element in term:
                node = element.part.node
                if node.kind is SourceKind.WEIGHTS and node.column == column:
                    found.add((OWN, element))
                elif not (node.kind is SourceKind.BUFFER and node.column == column):
                    found |= {(slot, element) for slot in slots}
        return frozenset(found)

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
        number, pairs = self._call(value), self._inside[value]
        assert number is not None
        call = self._routed.calls[number]
        if all(slot == OWN for slot, _ in pairs):  # made of weights alone, such as a normalised weight
            return frozenset(frozenset({element}) for _, element in pairs)
        output = call.outputs.get(value, "inside")
        node = self._node(call.name, call.column, pairs, output, self._routed.live.get(value, False), call.spot)
        if node.live and number in self._with_parts and _stops_a_part(node):
            self.mixed.add(number)
        return frozenset({frozenset({_element(node, pairs)})})

    def _node(self, name: str, column: str, pairs: Pairs, output: str, live: bool, spot: Spot | None) -> DataSource:
        pairs = _without_accidents(pairs)
        own = [element for slot, element in pairs if slot == OWN]
        slots: dict[str, list[Element]] = {}
        for slot, element in pairs:
            if slot != OWN:
                slots.setdefault(slot, []).append(element)
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


def essential(term: Term) -> Term:
    """Without sources that are compared by number alone, such as by a mask, next to the same with gradient."""
    return frozenset(element for _, element in _without_accidents(frozenset(("", element) for element in term)))


def _without_accidents(pairs: Pairs) -> Pairs:
    if all(element.live for _, element in pairs):
        return pairs
    live = {(slot, element.part.stopped) for slot, element in pairs if element.live}
    return frozenset(
        (slot, element)
        for slot, element in pairs
        if element.live or element.by_design or (slot, element.part) not in live
    )


def _element(node: DataSource, pairs: Pairs) -> Element:
    """A call's output; without gradient, by the stop that kept it from the call's own weights or its arguments."""
    if node.live:
        return Element(SourcePart(node))
    stops = [element.stop for slot, element in sorted(pairs, key=_order) if element.stop]
    return Element(SourcePart(node), stops[0] if stops else None)


def _stops_a_part(node: DataSource) -> bool:
    """Whether gradient of a call reaches a part of its weights, or a source by one way and not by another."""
    if node.own is Own.SOME:
        return True
    cut = {part for (_, part), stops in node.slots.items() if any(stop.kind.deliberate for stop in stops)}
    return bool(cut) and any(part.stopped in cut for _, part in node.slots if part.node.live)


def _order(pair: tuple[str, Element]) -> tuple:
    slot, element = pair
    return slot != OWN, slot, element.part.node.digest, element.part.parts


def _one(node: DataSource) -> Terms:
    return frozenset({frozenset({Element(SourcePart(node))})})


def _sum(operands: Iterable[Terms]) -> Terms:
    return frozenset().union(*operands)


def _combined(kind: Operation, operands: list[Terms]) -> Terms:
    """What an operation makes of its operands: a product of sums is a sum of products."""
    if kind is Operation.SUM or not operands:
        return _sum(operands)
    if kind is Operation.DIVIDE:
        operands = [operands[0], *(frozenset({_mixed(terms)}) for terms in operands[1:])]
    number = prod(len(terms) for terms in operands)
    if kind is Operation.MIX or number > MOST:
        return frozenset({_mixed(term for terms in operands for term in terms)})
    return frozenset(reduce(frozenset.union, factors) for factors in product(*operands))


def _mixed(terms: Iterable[Term]) -> Term:
    return frozenset().union(*terms)


def _picked(terms: Terms, part: Selection) -> Terms:
    """The same part of every source. A constant part is all that is left of nothing."""
    if not part:
        return terms
    return frozenset(frozenset(_part_of(element, part) for element in term) for term in terms)


def _part_of(element: Element, part: Selection) -> Element:
    node, parts = element.part
    last = composed(parts[-1], part) if parts else (part,)
    return Element(SourcePart(node, (*parts[:-1], *last)), element.stop)


def _weights_alone(terms: Terms) -> tuple[str, str] | None:
    """Name and column of the module whose weights alone these terms are."""
    nodes = {element.part.node for term in terms for element in term}
    owners = {(node.name, node.column) for node in nodes if node.kind is SourceKind.WEIGHTS}
    return owners.pop() if len(owners) == 1 and all(node.kind is SourceKind.WEIGHTS for node in nodes) else None


def _without_biases(operands: list[Terms]) -> list[Terms]:
    """A module's weights added to what its other weights gave are part of that call."""
    applied = {call for terms in operands for call in _calls_in(terms)}
    return [terms for terms in operands if _weights_alone(terms) not in applied]


def _calls_in(terms: Terms) -> set[tuple[str, str]]:
    nodes = (element.part.node for term in terms for element in term)
    return {(node.name, node.column) for node in nodes if node.kind is SourceKind.CALL}


def _bounded(terms: Terms) -> Terms:
    """Very many terms become one: they would be told as a number anyway."""
    if len(terms) <= MOST:
        return terms
    return frozenset({_mixed(terms)})
