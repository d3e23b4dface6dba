"""The routing of each loss, from a recorded pass: its terms as text, what is cut, and where gradient enters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from torch import nn

from audits.forward import Forward
from audits.places import Place, Stop
from audits.recording.source_lines import Sources, Spot
from audits.result import Routes
from audits.routing.nodes import DataSource, Edge, SourceKind
from audits.routing.recorder import RouteRecorder
from audits.routing.terms import Term, Tracer, essential
from audits.routing.text import shortened, term_text
from audits.target import Named, Target, parameters_of

PARTNERS = 3
"""So many of what a source is compared with are named."""


def routes(target: Target, run: Forward, recorder: RouteRecorder, sources: Sources) -> dict[str, Routes]:
    """By loss. The pass is over and its recording finished; the graph is still there."""
    recording = recorder.recording
    values = {loss: recording.number_of[id(tensor)] for loss, tensor in run.losses.items()}

    def place(spot: Spot | None) -> Place:
        return sources.expression(spot)

    tracer = _traced(recorder, _weights(target, run, recorder), values.values(), place, has_batch=bool(target.batches))
    found = {}
    for loss, value in values.items():
        terms = _essential(tracer.terms(value))
        spots = {term: recorder.routed.spots.get(tracer.met.get(term, value)) for term in terms}
        found[loss] = _of_loss(terms, lambda term, spots=spots: place(spots[term]))
    return found


def _traced(
    recorder: RouteRecorder,
    weights: Mapping[int, tuple[str, str]],
    losses: Collection[int],
    place: Callable[[Spot | None], Place],
    *,
    has_batch: bool,
) -> Tracer:
    """All terms; calls that stop a part of what they pass are looked into, until none is left that can be."""
    opened: frozenset[int] = frozenset()
    while True:
        tracer = Tracer(recorder.recording, recorder.routed, weights, place, has_batch=has_batch, opened=opened)
        tracer.run(losses)
        if not tracer.mixed:
            return tracer
        opened |= tracer.mixed


def _weights(target: Target, run: Forward, recorder: RouteRecorder) -> dict[int, tuple[str, str]]:
    """By value of a parameter: the dotted name of the module that has it, and the column, if that is a module."""
    found: dict[int, tuple[str, str]] = {}
    versions = recorder.recording.versions
    for column in run.columns:
        module = target.named_modules[column.module]
        names = _owners(column.module, module)
        aliases = column.aliases or [()] * len(column.parameters)
        for name, tensor, others in zip(names, column.parameters, aliases, strict=True):
            for value in (value for each in (tensor, *others) for value in versions.get(id(each), ())):
                found.setdefault(value, (name, column.module if isinstance(module, nn.Module) else ""))
    for tensor in run.strangers:
        for value in versions.get(id(tensor), ()):
            found.setdefault(value, ("unnamed weights", ""))
    return found


def _owners(column: str, module: Named) -> list[str]:
    if not isinstance(module, nn.Module):
        return [column for _ in parameters_of(module)]
    return [f"{column}.{name}".rpartition(".")[0] for name, _ in module.named_parameters()]


def _essential(terms: Iterable[Term]) -> list[Term]:
    """Terms that carry gradient, without those that others contain."""
    carrying = (essential(term) for term in terms if any(element.live for element in term))
    by_parts = {frozenset(element.part for element in term): term for term in carrying}
    return [term for parts, term in by_parts.items() if not any(parts < other for other in by_parts)]


def _of_loss(terms: Sequence[Term], place: Callable[[Term], Place]) -> Routes:
    cuts: dict[str, dict[Stop, None]] = {}
    ways: dict[str, Place] = {}
    enters: dict[str, Place] = {}
    for edges, reader in _edges(terms, place):
        for key, source, stops in edges:
            if stops:
                cuts.setdefault(key, {}).update(dict.fromkeys(stops))
            if source.live and reader:
                ways.setdefault(key, reader)
                if entered := source.place if source.kind is SourceKind.CALL else reader:
                    enters.setdefault(source.column or source.name, entered)
    texts = {term: term_text(element.part for element in term) for term in terms}
    places = {texts[term]: place(term) for term in terms}
    return Routes(
        shortened(texts.values()),
        {key: tuple(cuts[key]) for key in sorted(cuts)},
        {key: ways[key] for key in sorted(ways)},
        places,
        enters,
    )


def _edges(terms: Sequence[Term], place: Callable[[Term], Place]) -> Iterator[tuple[Iterable[Edge], Place | None]]:
    """All that gradient of a loss may pass, from the loss on; with the place where it is compared or called."""
    for term in terms:
        yield _compared(term), place(term)
    for node in _live_calls(element.part.node for term in terms for element in term):
        if node.edges is None:
            node.edges = tuple(_read(node))
        yield node.edges, node.place


def _compared(term: Term) -> Iterator[Edge]:
    """Each source of a term, and what it is compared with."""
    count = Counter(part.node.name for part in {element.part for element in term})
    names = sorted(count)
    for part, stop in sorted(term, key=lambda element: element.part.node.digest):
        others = [name for name in names if name != part.node.name or count[name] > 1]
        more = [f"{len(others) - PARTNERS} more"] if len(others) > PARTNERS else []
        what = f"compared with {', '.join([*others[:PARTNERS], *more])}" if others else "in the loss"
        yield Edge(f"{part.node.name} {what}", part.node, () if part.node.live else _deliberate([stop] if stop else []))


def _read(node: DataSource) -> Iterator[Edge]:
    """What a call reads."""
    if node.stops:
        yield Edge(f"weights of {node.name}", node.data, _deliberate(node.stops))
    for (_, part), stops in node.slots.items():
        yield Edge(f"{part.node.name} into {node.name}", part.node, () if part.node.live else _deliberate(stops))


def _deliberate(stops: Iterable[Stop]) -> tuple[Stop, ...]:
    order = sorted(stops, key=lambda stop: (stop.place.path, stop.place.line, stop.place.text, stop.place.nth))
    return tuple(stop for stop in order if stop.kind.deliberate)


def _live_calls(nodes: Iterable[DataSource]) -> Iterator[DataSource]:
    """From the loss on, each once."""
    waiting = list(dict.fromkeys(node for node in nodes if node.live))
    seen = set(waiting)
    for node in waiting:  # grows
        if node.kind is SourceKind.CALL:
            yield node
        for _, part in node.slots:
            if part.node.live and part.node not in seen:
                seen.add(part.node)
                waiting.append(part.node)
