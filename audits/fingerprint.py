"""Routing without gradients: what one forward pass alone says, at hardly more than its own cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audits.forward import forward
from audits.isolation.old_objects import old_objects_left_alone
from audits.recording.source_lines import Sources
from audits.result import Pair, Setting
from audits.routing.recorder import RouteRecorder
from audits.routing.routes import routes
from audits.target import Target
from audits.walking import losses_stops


@dataclass(frozen=True)
class Fingerprint:
    """Presence, routes and stops: all that a contract remembers."""

    present: frozenset[Pair]
    """Pairs of loss and module with a path in the autograd graph."""
    routes: Mapping[str, tuple[str, ...]]
    """By loss: what it compares with what, live or stopped."""
    stops: Mapping[str, frozenset[str]]
    """By loss: keys of the places where its gradient ends."""
    called: frozenset[str] = field(compare=False)
    """Keys of all places that stop gradient, whether or not there was any to stop."""


def fingerprint(target: Target, setting: Setting, *, without: str = "") -> Fingerprint:
    """One forward pass and one walk of its graph; the stop with the key `without` is taken out."""
    sources = Sources(target.helpers, target.locate)
    recorder = RouteRecorder(sources, without=[without] if without else [])
    with (
        old_objects_left_alone(),
        recorder.watching(target) as watched,
        forward(watched, setting, recorder=recorder) as run,
    ):
        recording = recorder.finish(run.losses.values())
        stops = losses_stops(run, recording)
        present = frozenset(
            (loss, column.module)
            for column in run.columns
            for loss, count in zip(run.losses, run.graph.reached(column.tensors), strict=True)
            if count
        )
        found = {loss: routing.terms for loss, routing in routes(target, run, recorder, sources).items()}
    keys = {loss: frozenset(stop.place.key for stop in found) for loss, found in stops.items()}
    return Fingerprint(present, found, keys, frozenset(recording.called))
