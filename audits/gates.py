"""Which gate makes a stop: the one without which the place stops nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from audits.forward import forward
from audits.places import Stop
from audits.recording.recorder import Recorder
from audits.recording.source_lines import Sources
from audits.result import Cell, Flow, Setting
from audits.target import Target
from audits.walking import absence

Called = dict[str, Collection[str]]
"""By label of a setting: the keys of all places that stop gradient there."""


def name_gates(target: Target, flows: Sequence[Flow], sources: Sources) -> Sequence[Flow]:
    """The same flows, each stop that a gate makes naming it."""
    if not target.gates:
        return flows
    gate_of = _gate_of(target, {flow.setting.label: flow.called for flow in flows}, sources)
    return [_named(flow, gate_of) for flow in flows] if gate_of else flows


def _gate_of(target: Target, called: Called, sources: Sources) -> dict[str, str]:
    default = target.settings()[0]
    before = _called(target, default, called, sources)
    found: dict[str, str] = {}
    for name, values in target.gates.items():
        for value in values[1:]:
            after = _called(target, target.settings([{name: value}])[0], called, sources)
            for key in set(before) ^ set(after):
                found.setdefault(key, name)
    return found


def _called(target: Target, setting: Setting, called: Called, sources: Sources) -> Collection[str]:
    if setting.label not in called:
        recorder = Recorder(sources)
        with forward(target, setting, recorder=recorder):
            called[setting.label] = recorder.recording.called
    return called[setting.label]


def _named(flow: Flow, gate_of: Mapping[str, str]) -> Flow:
    def name(stops: tuple[Stop, ...]) -> tuple[Stop, ...]:
        return tuple(replace(stop, gate=gate_of.get(stop.place.key)) for stop in stops)

    def rename(cell: Cell) -> Cell:
        named = replace(cell, stops=name(cell.stops))
        return replace(named, reason=absence(named))

    cells = {pair: rename(cell) if cell.stops else cell for pair, cell in flow.cells.items()}
    return replace(flow, cells=cells, stops={loss: name(stops) for loss, stops in flow.stops.items()})
