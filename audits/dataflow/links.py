"""What a forward pass computes from what: links between inputs, states, modules and losses.

Gradient of a loss runs back along a link, or is cut on it, or finds nothing there that takes it. Each recorded value is
followed by itself, so that this is known of each loss alone, although a link stands for hundreds of values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from torch import nn

from audits.dataflow.naming import NamingRecorder
from audits.dataflow.values import Kind, Node, Values
from audits.forward import BATCHES, Forward, forward
from audits.places import Stop, StopKind
from audits.recording.source_lines import Sources
from audits.result import Setting
from audits.target import Target

Pair = tuple[Node, Node]
"""Where data comes from, and where it goes to."""


@dataclass
class Link:
    """Data runs from one node to another, and no third lies between."""

    losses: set[str] = field(default_factory=set)
    """Whose gradient runs back along it."""
    cuts: dict[Stop, set[str]] = field(default_factory=dict)
    """Where gradient ends on it, and whose."""

    def add(self, losses: Iterable[str], cuts: Mapping[Stop, Iterable[str]]) -> None:
        self.losses.update(losses)
        for stop, ended in cuts.items():
            self.cuts.setdefault(stop, set()).update(ended)

    def without_indices(self) -> Link:
        """Without an order, an index or a mask of what also goes on with gradient: nobody cut it there."""
        kept = {stop: ended if stop.kind.deliberate else ended - self.losses for stop, ended in self.cuts.items()}
        return Link(self.losses, {stop: ended for stop, ended in kept.items() if ended or not self.cuts[stop]})


@dataclass(frozen=True)
class DataFlow:
    """Of one forward pass, as far as some losses depend on it."""

    setting: Setting
    links: Mapping[Pair, Link]
    stops: frozenset[str]
    """Keys of all places that stop gradient."""

    @property
    def nodes(self) -> list[Node]:
        """In the order in which data arrives."""
        return list(dict.fromkeys(node for pair in self.links for node in pair))


def dataflow(target: Target, setting: Setting, losses: Collection[str] | None = None) -> DataFlow:
    """Run `target` on each batch and see what its losses, or some of them, are computed from.

    Where the pass draws random numbers, it is run with a few seeds, as an audit does.
    """
    links: dict[Pair, Link] = {}
    stops: set[str] = set()
    for values in _passes(target, setting, losses):
        for pair, link in links_of(values).items():
            links.setdefault(pair, Link()).add(link.losses, link.cuts)
        stops |= values.named.recording.called
    return DataFlow(setting, links, frozenset(stops))


def computed_from(target: Target, setting: Setting) -> dict[str, set[Node]]:
    """By loss: all that it is computed from, on any batch. One pass of all losses says it of each."""
    found: dict[str, set[Node]] = defaultdict(set)
    for values in _passes(target, setting, None):
        for value, losses in enumerate(values.reading()):
            if losses and (nodes := values.nodes(value)):
                for loss in values.losses_of(losses):
                    found[loss].update(nodes)
    return found


def _passes(target: Target, setting: Setting, losses: Collection[str] | None) -> Iterator[Values]:
    """The recorded pass of each batch; of a few seeds where it draws random numbers."""
    batch, batches = 0, max(1, len(target.batches))
    while batch < batches:
        recorder = NamingRecorder(Sources(target.helpers, target.locate))
        watching = recorder.watching(target.narrowed(losses))
        with watching as watched, forward(watched, setting, losses=losses, batch=batch, recorder=recorder) as run:
            values = _values(target, run, recorder)
            batches = max(batches, BATCHES) if run.draws else batches
        yield values
        batch += 1


def links_of(values: Values) -> dict[Pair, Link]:
    """All links between what the values of a recording are, in the order of the forward pass."""
    return _Links(values).all()


def _values(target: Target, run: Forward, recorder: NamingRecorder) -> Values:
    recorder.finish(run.losses.values())
    recording = recorder.recording
    roots = {name: recording.number_of[id(loss)] for name, loss in run.losses.items()}
    weights: dict[int, set[str]] = defaultdict(set)
    for column in run.columns:
        for tensor in column.tensors:
            for value in recording.versions.get(id(tensor), []):
                weights[value].add(column.module)
    operators = {name for name, module in target.named_modules.items() if isinstance(module, nn.Module)}
    return Values(recorder.named, roots, weights, operators, target.legend.symbols)


MODULES = (Kind.MODULE, Kind.FROZEN)

End = Stop | bool
"""What gradient meets on its way back: a stop; or nothing, True where it arrives, False where nothing takes it."""

Ways = dict[Node, set[End]]
"""By node that data comes from."""


class _Links:
    def __init__(self, values: Values) -> None:
        self._values, self._named, self._stops = values, values.named, values.named.recording.stops
        self._arriving, self._expected = values.arriving(), values.expected()
        self._within_modules = values.within(self._expected)
        self._onwards: dict[int, Ways] = {}
        self._within: dict[int, set[End]] = {}

    def all(self) -> dict[Pair, Link]:
        """In the order of the forward pass."""
        found: dict[Pair, Link] = defaultdict(Link)
        for value, needed in enumerate(self._values.needed()):
            if needed:
                self._follow(value, found)
        return {pair: link.without_indices() for pair, link in found.items()}

    def _follow(self, value: int, found: dict[Pair, Link]) -> None:
        """Add the links that end at a value, and note where those come from that will begin at it."""
        nodes, ways = self._values.nodes(value), self._ways(value)
        if not nodes:
            self._onwards[value] = ways
            return
        if nodes[0].kind in MODULES and value in self._stops:
            ways = {source: self._outside(value, ends) for source, ends in ways.items()}
        for source, ends in ways.items():
            if source != nodes[0] or (source.kind in MODULES and value in self._named.made_in):
                self._note(found[source, nodes[0]], ends, value)
        for source, sink in pairwise(nodes):
            self._note(found[source, sink], self._ends(value, source), value)
        self._onwards[value] = {nodes[-1]: self._ends(value, nodes[-1])}

    def _outside(self, value: int, ends: set[End]) -> set[End]:
        """What gradient meets that would go on from a module's value which stops it: nothing, where it has ended behind
        the module already."""
        ended = self._stops[value].kind is StopKind.NO_GRAD and not self._within_modules.get(value)
        return {False if end == self._stops[value] else end for end in ends} if ended else ends

    def _note(self, link: Link, ends: Iterable[End], value: int) -> None:
        for end in ends:
            if isinstance(end, Stop):
                link.add((), {end: self._values.losses_of(self._expected[value])})
            elif end:
                link.add(self._values.losses_of(self._arriving[value]), {})

    def _ways(self, value: int) -> Ways:
        """The nodes that a value was computed from, but for what belongs to its own module."""
        ways: Ways = {}
        for source in self._values.inputs[value]:
            if self._values.inside(value, source):
                continue
            if source not in self._onwards:  # a parameter that was seen after what was computed from it
                self._onwards[source] = {node: {True} for node in self._values.nodes(source)[-1:]}
            for node, ends in self._onwards[source].items():
                ways.setdefault(node, set()).update(self._met(value, source, end) for end in ends)
        return ways

    def _met(self, value: int, source: int, end: End) -> End:
        """What gradient meets that would go back from a value to `end` by way of a source."""
        if end is not False and value in self._stops:
            return self._stops[value]
        if end is True and source not in self._named.gradient_to.get(value, ()):
            return False
        return end

    def _ends(self, value: int, node: Node) -> set[End]:
        """What gradient meets on its way from a value back into the node that it is."""
        if self._takes_gradient(value):
            return {True}
        return self._stops_within(value) if node.kind in MODULES else {False}

    def _takes_gradient(self, value: int) -> bool:
        if self._values.inputs[value]:
            return bool(self._named.gradient_to.get(value, ()))
        return value in self._values.weights or self._named.takes_gradient.get(value, False)

    def _stops_within(self, value: int) -> set[End]:
        """Stops between a module's parameters or inputs and what it gives."""
        if value not in self._within:
            inside = [each for each in self._values.inputs[value] if self._values.inside(value, each)]
            found = {end for each in inside for end in self._stops_within(each) if end}
            self._within[value] = {self._stops[value]} if value in self._stops else found or {False}
        return self._within[value]
