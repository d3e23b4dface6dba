"""Where gradient ends, from a recording: for each loss, and on the way from each loss to each module.

Losses and modules travel as bits of Python integers, so that one pass over the values serves all of them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from audits.places import Stop
from audits.recording.recorder import Recording


@dataclass(frozen=True)
class Cut:
    """What keeps a loss and a module apart: any one of the stops, or all of them one behind the other."""

    stops: tuple[Stop, ...] = ()
    chained: bool = False


class Cuts:
    """The stops of one forward pass."""

    def __init__(self, recording: Recording, losses: Sequence[int], modules: Sequence[Sequence[int]]) -> None:
        """Values of the losses, and for each module the values of its parameters."""
        self._recording, self._losses, self._modules = recording, losses, modules
        self._feeds = self._uncut_modules()
        self._reads = self._uncut_losses()

    def frontier(self) -> list[tuple[Stop, ...]]:
        """For each loss: the stops at which its gradient ends, each once, in the order of the forward pass."""
        found: list[dict[Stop, None]] = [{} for _ in self._losses]
        for value, stop in sorted(self._recording.stops.items()):
            for loss in _bits(self._reads[value]):
                found[loss].setdefault(stop)
        return [tuple(stops) for stops in found]

    def connected(self, loss: int, module: int) -> bool:
        """Whether a module's parameters, frozen ones too, feed a loss without any stop between."""
        return any(self._reads[value] >> loss & 1 for value in self._modules[module])

    def frozen(self, loss: int, module: int) -> bool:
        """Whether a loss reads parameters of a module that had requires_grad False then, without any stop between."""
        frozen = self._recording.frozen
        return any(self._reads[value] >> loss & 1 for value in self._modules[module] if value in frozen)

    def between(self) -> Mapping[tuple[int, int], Cut]:
        """By loss and module, where only stops keep them apart: all single stops that do, or else a shortest chain."""
        single: dict[tuple[int, int], dict[Stop, None]] = defaultdict(dict)
        for value, stop in sorted(self._recording.stops.items()):
            feeding = self._feeding(value)
            for loss in _bits(self._reads[value]):
                for module in _bits(feeding):
                    single[loss, module].setdefault(stop)
        found = {pair: Cut(tuple(stops)) for pair, stops in single.items()}
        for loss in range(len(self._losses)):
            missing = [m for m in range(len(self._modules)) if (loss, m) not in found and not self.connected(loss, m)]
            if missing:
                found |= self._chains(loss, missing)
        return found

    def left(self, module: int, number: float | None = None) -> list[str]:
        """Where values that a module feeds left PyTorch. Of a loss that is a number: where that one did, if known."""
        recording = self._recording
        left = [value for value in recording.left if self._derived[value] >> module & 1]
        those = [value for value in left if number and recording.numbers.get(value) == number]
        places = (recording.left[value] for value in those or left)
        return list(dict.fromkeys(f"{place} ({place.text})" for place in places))

    def _feeding(self, value: int) -> int:
        """The modules that feed the operation that made a value."""
        feeding = 0
        for source in self._recording.inputs[value]:
            feeding |= self._feeds[source]
        return feeding

    def _uncut_modules(self) -> list[int]:
        feeds = [0] * len(self._recording.inputs)
        for module, values in enumerate(self._modules):
            for value in values:
                feeds[value] |= 1 << module
        for value, sources in enumerate(self._recording.inputs):
            if value not in self._recording.stops:
                for source in sources:
                    feeds[value] |= feeds[source]
        return feeds

    @cached_property
    def _derived(self) -> list[int]:
        """By value: the modules that it was computed from, whatever was stopped on the way."""
        feeds = list(self._feeds)
        for value, sources in enumerate(self._recording.inputs):
            for source in sources:
                feeds[value] |= feeds[source]
        return feeds

    def _uncut_losses(self) -> list[int]:
        reads = [0] * len(self._recording.inputs)
        for loss, value in enumerate(self._losses):
            reads[value] |= 1 << loss
        for value in range(len(reads) - 1, -1, -1):
            if reads[value] and value not in self._recording.stops:
                for source in self._recording.inputs[value]:
                    reads[source] |= reads[value]
        return reads

    def _chains(self, loss: int, modules: Sequence[int]) -> dict[tuple[int, int], Cut]:
        """0-1 breadth-first search from a loss: the path with the fewest stops to each module."""
        inputs, stops = self._recording.inputs, self._recording.stops
        start = self._losses[loss]
        cost, came_from, queue = {start: 0}, {start: start}, deque([start])
        while queue:
            value = queue.popleft()
            step = value in stops
            for source in inputs[value]:
                if source not in cost or cost[value] + step < cost[source]:
                    cost[source], came_from[source] = cost[value] + step, value
                    queue.append(source) if step else queue.appendleft(source)
        found = {}
        for module in modules:
            reached = [value for value in self._modules[module] if value in cost]
            if reached:
                nearest = min(reached, key=cost.__getitem__)
                found[loss, module] = Cut(self._stops_from(nearest, came_from), chained=True)
        return found

    def _stops_from(self, value: int, came_from: Mapping[int, int]) -> tuple[Stop, ...]:
        """The stops on the way from a value to the loss, the loss's first."""
        chain = []
        while came_from[value] != value:
            value = came_from[value]
            if value in self._recording.stops:
                chain.append(self._recording.stops[value])
        return tuple(dict.fromkeys(reversed(chain)))


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found
