"""The routing of each loss, from a recorded pass: its terms as text, what is cut, and where gradient enters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from torch import nn

from audits.forward import Forward
from audits.places import Place
from audits.recording.source_lines import Sources, Spot
from audits.result import Routes
from audits.routing.elements import Elements
from audits.routing.gradient import Gradient, Ways
from audits.routing.recorder import RouteRecorder
from audits.routing.terms import Term, Tracer
from audits.routing.text import Texts, shortened
from audits.target import Named, Target, parameters_of


def routes(target: Target, run: Forward, recorder: RouteRecorder, sources: Sources) -> dict[str, Routes]:
    """By loss. The pass is over and its recording finished; the graph is still there."""
    recording = recorder.recording
    values = {loss: recording.number_of[id(tensor)] for loss, tensor in run.losses.items()}

    def place(spot: Spot | None) -> Place:
        return sources.expression(spot)

    tracer = _traced(recorder, _weights(target, run, recorder), values.values(), place, has_batch=bool(target.batches))
    texts, found = Texts(tracer.nodes), {}
    for loss, value in values.items():
        terms = _essential(tracer.terms(value), tracer.elements)
        spots = {term: recorder.routed.spots.get(tracer.met.get(term, value)) for term in terms}
        places = {term: place(spot) for term, spot in spots.items()}
        found[loss] = _of_loss(places, Gradient(tracer.nodes, tracer.elements, places), texts)
    tracer.elements.forget()
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
    versions, modules = recorder.recording.versions, target.named_modules
    for column in run.columns:
        module = modules[column.module]
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


def _essential(terms: Iterable[Term], elements: Elements) -> list[Term]:
    """Terms that carry gradient, without those that others contain."""
    carrying = (elements.essential(term) for term in terms if term & elements.live)
    by_parts = {elements.bare(term): term for term in carrying}
    return [
        term for parts, term in by_parts.items() if not any(parts != other and not parts & ~other for other in by_parts)
    ]


def _of_loss(places: Mapping[Term, Place], gradient: Gradient, texts: Texts) -> Routes:
    written = {term: texts.term(term) for term in places}
    return Routes(
        shortened(written.values()),
        gradient.cuts(),
        Ways(gradient),
        {text: places[term] for term, text in written.items()},
        gradient.enters(),
    )
