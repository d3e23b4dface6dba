"""The way that gradient takes from a loss to a module, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor, nn

from audits.forward import forward
from audits.gradients import Column
from audits.places import Place
from audits.recording.recorder import Recorder
from audits.recording.source_lines import Sources
from audits.result import Pair, Setting
from audits.target import Named, Target


@dataclass(frozen=True)
class Path:
    """A shortest way in the autograd graph from a loss back to a parameter."""

    places: tuple[Place, ...]
    """Where its operations stand in the source, each function once, the loss's first."""
    parameter: str
    """``encoder.layers.0.weight``"""

    def __str__(self) -> str:
        steps = [f"{place} ({place.function})" for place in self.places]
        return " <- ".join([*steps, self.parameter])


def trace(target: Target, setting: Setting, pairs: Collection[Pair]) -> dict[Pair, Path]:
    """Run one more forward pass, with an eye on the source. Pairs without a path in the graph are left out."""
    recorder = Recorder(Sources(target.helpers, target.locate), trace=True)
    found: dict[Pair, Path] = {}
    with forward(target, setting, losses={loss for loss, _ in pairs}, recorder=recorder) as run:
        columns = {column.module: column for column in run.columns}
        for loss, module in pairs:
            nodes = run.graph.shortest(loss, columns[module].tensors)
            if not nodes:
                continue
            places = [recorder.recording.places[node] for node in nodes if node in recorder.recording.places]
            named = target.named_modules[module]
            found[loss, module] = Path(
                _each_function_once(places), _name(module, named, columns[module], nodes[-1].variable)
            )
    return found


def _each_function_once(places: list[Place]) -> tuple[Place, ...]:
    return tuple({(place.module, place.function): place for place in reversed(places)}.values())[::-1]


def _name(module: str, named: Named, column: Column, leaf: Tensor) -> str:
    if not isinstance(named, nn.Module):
        return module
    for (name, _), parameter, aliases in zip(named.named_parameters(), column.parameters, column.aliases, strict=False):
        if any(leaf is tensor for tensor in (parameter, *aliases)):
            return f"{module}.{name}"
    return module
