"""All that a picture is drawn from: what one setting of the gates was measured to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.dataflow.links import DataFlow, Link, Pair, dataflow
from audits.dataflow.values import Kind, Node
from audits.places import Stop
from audits.result import Audit, Flow
from audits.target import Target


@dataclass(frozen=True)
class Survey:
    """A setting: which loss updates which module, and the way that gradient takes."""

    target: str
    flow: Flow
    links: Mapping[Pair, Link]
    """A module that gradient of a loss passes without an update is a node of its own."""
    open_gates: Mapping[Pair, tuple[str, ...]]
    """Gates that would cut a link."""
    losses: tuple[str, ...]
    known: tuple[str, ...]
    """All losses of the target."""
    modules: tuple[str, ...]
    gate_of: Mapping[str, str]
    """By key of a stop: the gate that makes it."""

    @property
    def title(self) -> str:
        """``gradient flow of my_trainer at detach_decoder=True``"""
        setting = self.flow.setting
        return f"gradient flow of {self.target}" + (f" at {setting.label}" if setting.values else "")

    def name(self, stop: Stop) -> str:
        """``gate detach_decoder``, ``sg_z``"""
        gate = self.gate_of.get(stop.place.key)
        return f"gate {gate}" if gate else stop.place.text or str(stop.kind)


def surveys(target: Target, audit: Audit) -> list[Survey]:
    """One for each setting of an audit. Runs the forward pass once or a few times more for each."""
    flows: dict[str, DataFlow] = {}

    def data_at(values: Mapping[str, object]) -> DataFlow:
        (setting,) = target.settings([values])
        if setting.label not in flows:
            flows[setting.label] = dataflow(target, setting, audit.losses)
        return flows[setting.label]

    found = []
    for flow in audit.flows:
        values = dict(flow.setting.values)
        here = data_at(values)
        others = {
            name: [data_at({**values, name: other}) for other in target.gates[name] if other != value]
            for name, value in values.items()
        }
        found.append(
            Survey(
                audit.target,
                flow,
                _with_passages(here.links, flow),
                {pair: gates for pair in here.links if (gates := _open_gates(pair, here, others))},
                audit.losses,
                audit.known,
                audit.modules,
                _gates(flow),
            )
        )
    return found


def survey_of(audit: Audit, dataflow: DataFlow) -> Survey:
    """Of a trainer without gates that has run already, such as a script."""
    flow = audit.flows[0]
    links = _with_passages(dataflow.links, flow)
    return Survey(audit.target, flow, links, {}, audit.losses, audit.known, audit.modules, {})


def _gates(flow: Flow) -> dict[str, str]:
    everywhere = (*flow.stops.values(), *(cell.stops for cell in flow.cells.values()))
    return {stop.place.key: stop.gate for stops in everywhere for stop in stops if stop.gate}


def _open_gates(pair: Pair, here: DataFlow, others: Mapping[str, Sequence[DataFlow]]) -> tuple[str, ...]:
    return tuple(
        name
        for name, flows in others.items()
        if any(
            stop.place.key not in here.stops for flow in flows if pair in flow.links for stop in flow.links[pair].cuts
        )
    )


def _with_passages(links: Mapping[Pair, Link], flow: Flow) -> dict[Pair, Link]:
    """Gradient that passes a module without an update goes by way of a node that says so."""
    arriving: dict[Node, set[str]] = defaultdict(set)
    for (source, _), link in links.items():
        if source.kind is Kind.MODULE:
            arriving[source] |= link.losses
    passing = {
        node: {loss for loss in losses if not flow.cells[loss, node.name].status.updates}
        for node, losses in arriving.items()
    }
    only_passed = {node for node, losses in passing.items() if losses and losses == arriving[node]}

    def drawn(node: Node, loss: str = "") -> Node:
        return Node(Kind.FROZEN, node.name) if node in only_passed or loss in passing.get(node, ()) else node

    found: dict[Pair, Link] = defaultdict(Link)
    for (source, sink), link in links.items():
        idle = {stop: () for stop, losses in link.cuts.items() if not losses}
        if idle or not (link.losses or link.cuts):
            found[drawn(source), drawn(sink)].add((), idle)
            if passing.get(sink) and sink not in only_passed:  # used in two ways: both read it, as far as is known
                found[drawn(source), Node(Kind.FROZEN, sink.name)].add((), idle)
        for loss in sorted(link.losses):
            found[drawn(source, loss), drawn(sink, loss)].add([loss], {})
        for stop, losses in link.cuts.items():
            for loss in sorted(losses):
                found[drawn(source, loss), drawn(sink, loss)].add((), {stop: [loss]})
    return dict(found)
