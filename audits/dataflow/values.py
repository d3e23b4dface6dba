"""The values of a recording as a reader would call them: made by a module, a state, an input, a loss."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from audits.dataflow.naming import Named

Losses = int
"""A bit for each loss."""


class Kind(StrEnum):
    """What a node of the flow is."""

    INPUT = "input"
    STATE = "state"
    MODULE = "module"
    FROZEN = "frozen"
    """A module that is applied without gradient to its parameters."""
    LOSS = "loss"


class Node(NamedTuple):
    kind: Kind
    name: str


@dataclass(frozen=True)
class Values:
    """A recording with the names that are known of it. Values are numbers, in order of creation."""

    named: Named
    losses: Mapping[str, int]
    """By name: their values, perhaps one of several."""
    weights: Mapping[int, Collection[str]]
    """By value of a parameter: the modules that have it."""
    operators: Collection[str]
    """Modules that compute. One that is a bare parameter is only read."""
    symbols: Mapping[str, str] | None = None
    """States that are nodes: property to name. None: every property under its own name."""

    @property
    def inputs(self) -> list[tuple[int, ...]]:
        return self.named.recording.inputs

    def nodes(self, value: int) -> list[Node]:
        """All that a value is, in the order of the flow; nothing for what lies between two named ones."""
        found = [self.makers[value]] if value in self.makers else []
        if value in self.named.inputs:
            found.append(Node(Kind.INPUT, self.named.inputs[value]))
        elif value in self.states:
            found.append(Node(Kind.STATE, self.states[value]))
        return found + [Node(Kind.LOSS, loss) for loss in self._losses_at.get(value, ())]

    def inside(self, value: int, source: int) -> bool:
        """Whether a module reads what is its own: what it computed in the same call, or its parameters."""
        call = self.named.made_in.get(value)
        if call is not None and self.named.made_in.get(source) == call:
            return True
        return value in self.makers and self.makers[value].name in self.parametric.get(source, ())

    @cached_property
    def _losses_at(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for loss, value in self.losses.items():
            found.setdefault(value, []).append(loss)
        return found

    @cached_property
    def makers(self) -> dict[int, Node]:
        """By value: the module in whose call, or from whose parameters, it was computed."""
        found: dict[int, Node] = {}
        for value, call in self.named.made_in.items():
            kind = Kind.FROZEN if call in self._frozen_calls else Kind.MODULE
            found[value] = Node(kind, self.named.calls[call])
        for value, modules in self.parametric.items():
            found.setdefault(value, Node(Kind.MODULE, min(modules)))
        for value in range(len(self.inputs)):
            if value not in found and (read := self._read_without_a_call(value)):
                live = any(self._gave_gradient(value, source) for source in read)
                found[value] = Node(Kind.MODULE if live else Kind.FROZEN, min(min(self._computing(s)) for s in read))
        return found

    @cached_property
    def parametric(self) -> dict[int, set[str]]:
        """By value that depends on the parameters of one module alone, or of several that share them: these modules."""
        found = {value: set(modules) for value, modules in self.weights.items()}
        constant: set[int] = set()
        for value, sources in enumerate(self.inputs):
            if value in found or value in self.named.inputs:
                continue
            varying = [source for source in sources if source not in constant]
            if not varying:
                constant.add(value)
            elif common := set.intersection(*(found.get(source, set()) for source in varying)):
                found[value] = common
        return found

    @cached_property
    def states(self) -> dict[int, str]:
        """By value; the parts that a state is put together of are the state as well."""
        symbols = ((value, filter(None, map(self._symbol, names))) for value, names in self.named.states.items())
        own = {value: symbol for value, found in symbols if (symbol := next(found, None))}
        parts = {
            part: name for value, name in own.items() if value in self.named.gathered for part in self.inputs[value]
        }
        return parts | own

    def reading(self) -> list[Losses]:
        """By value: the losses that were computed from it."""
        return self._backwards(lambda value: self.inputs[value])

    def needed(self) -> list[bool]:
        """By value: whether some loss was computed from it."""
        return list(map(bool, self.reading()))

    def arriving(self) -> list[Losses]:
        """By value: the losses whose gradient arrives there."""
        return self._backwards(lambda value: self.named.gradient_to.get(value, ()))

    def expected(self) -> list[Losses]:
        """By value: the losses whose gradient a first stop would meet there, or would pass if it were one."""
        stops = self.named.recording.stops
        return self._backwards(lambda value: () if value in stops else self.inputs[value])

    def within(self, expected: Sequence[Losses]) -> dict[int, Losses]:
        """By value: those of the expected losses whose gradient comes from what its own module makes of it."""
        found: dict[int, Losses] = {}
        for value, (sources, losses) in enumerate(zip(self.inputs, expected, strict=True)):
            if losses and value not in self.named.recording.stops:
                for source in sources:
                    if self.inside(value, source):
                        found[source] = found.get(source, 0) | losses
        return found

    def losses_of(self, bits: Losses) -> Iterable[str]:
        return (loss for number, loss in enumerate(self.losses) if bits >> number & 1)

    def _backwards(self, followed: Callable[[int], Iterable[int]]) -> list[Losses]:
        found = [0] * len(self.inputs)
        for number, value in enumerate(self.losses.values()):
            found[value] |= 1 << number
        for value in range(len(found) - 1, -1, -1):
            if found[value]:
                for source in followed(value):
                    found[source] |= found[value]
        return found

    def _symbol(self, name: str) -> str | None:
        return name if self.symbols is None else self.symbols.get(name)

    def _gave_gradient(self, value: int, source: int) -> bool:
        return source in self.named.gradient_to.get(value, ())

    @cached_property
    def _frozen_calls(self) -> set[int]:
        """Calls that read parameters of their module, none of which takes gradient from them."""
        reading: dict[int, bool] = {}
        for value, call in self.named.made_in.items():
            for source in self.inputs[value]:
                if self.named.calls[call] in self.parametric.get(source, ()):
                    reading[call] = reading.get(call, False) or self._gave_gradient(value, source)
        return {call for call, live in reading.items() if not live}

    def _computing(self, value: int) -> set[str]:
        return self.parametric.get(value, set()) & set(self.operators)

    def _read_without_a_call(self, value: int) -> list[int]:
        """Parameters that an operation outside of every call reads, such as those of a module's other methods."""
        return [s for s in self.inputs[value] if self._computing(s) and s not in self.named.made_in]
