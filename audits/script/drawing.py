"""What a script computes from what, for a picture: the links between its modules, inputs and losses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import nn

from audits.dataflow.links import DataFlow, links_of
from audits.dataflow.naming import Named as NamedValues
from audits.dataflow.values import Values
from audits.result import Setting
from audits.script.recording import ScriptRecorder
from audits.target import Named, parameters_of


def drawn(recorder: ScriptRecorder, columns: Mapping[str, Named], losses: Mapping[str, int]) -> DataFlow:
    """From a finished recording whose calls have names. `losses`: by name, their values."""
    recording, routed = recorder.recording, recorder.routed
    calls, number_of = _calls(recorder)
    named = NamedValues(
        recording,
        inputs=dict(recorder.inputs),
        calls=calls,
        made_in={value: number_of[call] for value, call in routed.made_in.items()},
        gradient_to=routed.gradient_to,
        takes_gradient=routed.live,
    )
    weights: dict[int, set[str]] = defaultdict(set)
    for name, column in columns.items():
        for parameter in parameters_of(column):
            for value in recording.versions.get(id(parameter), []):
                weights[value].add(name)
    operators = {name for name, column in columns.items() if isinstance(column, nn.Module)}
    values = Values(named, losses, weights, operators)
    return DataFlow(Setting({}, {}), links_of(values), frozenset(recording.called))


def _calls(recorder: ScriptRecorder) -> tuple[list[str], list[int]]:
    """The columns that were called, a call that a column makes of its own parts counted to its own call; and by number
    of a call: which of those it is."""
    columns: list[str] = []
    number_of: list[int] = []
    for call in recorder.routed.calls:
        if call.parent is not None and columns[number_of[call.parent]] == call.column:
            number_of.append(number_of[call.parent])
        else:
            number_of.append(len(columns))
            columns.append(call.column)
    return columns, number_of
