"""Whether a script sends backward what it computes as its loss: a term left out, added twice, or weighed anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from audits.places import Place
from audits.remark import Remark
from audits.remarks import listed
from audits.script.losses import Losses, Summand
from audits.script.recording import ScriptRecorder

ALIKE = 0.01
LEFT_OUT = "loss left out"
LOSS = "loss"
"""What a variable is called in whose name a loss is looked for."""
NamesOf = Callable[[Summand], tuple[str, ...]]
"""The rows of the table that a loss is, or else its own name."""


@dataclass(frozen=True)
class SentRoot:
    """A value that goes backward, as it was taken apart."""

    value: int
    summands: Sequence[Summand]
    call: int = 0
    """The number of the backward call."""


@dataclass
class Differentiated:
    """All that was differentiated, beside all that was computed under the name of a loss."""

    recorder: ScriptRecorder
    losses: Losses
    roots: list[SentRoot] = field(default_factory=list)
    others: set[int] = field(default_factory=set)
    """Values that were differentiated otherwise, such as for a penalty or by an inner loop."""

    def remarks(self, names_of: NamesOf) -> Iterator[Remark]:
        """What is wrong, each under the names of the table. The recording has to be finished."""
        yield from self._twice(names_of)
        told: set[tuple[int, int]] = set()
        used = self._behind(chain(self.others, *((root.value, *_values(root.summands)) for root in self.roots)))
        for value in self._unused(used):
            found = self.losses.of(value, 1, self.losses.named(value))
            summands = [each for each in found if each.live and each.weight]
            left = [each for each in summands if self._is_left_out(each, used)]
            if left:
                yield from self._left_out(value, [each for each in left if _key(each) not in told])
                told |= set(map(_key, left))
            else:
                yield from self._weighed(value, summands, names_of)

    def _twice(self, names_of: NamesOf) -> Iterator[Remark]:
        for root in self.roots:
            added = Counter(_key(each) for each in root.summands if self._counts(each))
            for each in _first_of_each(root.summands):
                if (times := added[_key(each)]) > 1:
                    text = f"{each.named.name} is added {_often(times)} to what goes backward"
                    yield Remark("other weight", text, names_of(each), place=each.named.place)

    def again(self, calls: Sequence[int], name: str, place: Place, names_of: NamesOf) -> Iterator[Remark]:
        """Losses that go backward by several calls, of which a step of the optimizer of this name takes the sum."""
        roots = [root for root in self.roots if root.call in calls]
        times = Counter(key for root in roots for key in {_key(each) for each in root.summands if self._counts(each)})
        for each in _first_of_each(each for root in roots for each in root.summands):
            if times[_key(each)] > 1:
                text = f"{each.named.name} goes backward {_often(times[_key(each)])} before the step of {name}"
                yield Remark("other weight", text, names_of(each), place=place)

    def _counts(self, summand: Summand) -> bool:
        return bool(summand.live and summand.weight) and not self.losses.is_weight(summand.value)

    def _unused(self, used: set[int]) -> Iterator[int]:
        """Scalars that take gradient, are called a loss, and are behind nothing that was differentiated."""
        sites = {frames[0][:2] for value in used if (frames := self.recorder.sums.frames.get(value))}
        for value, frames in list(self.recorder.sums.frames.items()):
            edge = self.recorder.sums.edges.get(value)
            if value in used or not frames or frames[0][:2] in sites or not (edge and edge.node is not None):
                continue
            if edge.like.numel() == 1 and not self.losses.is_weight(value) and self.losses.is_called(value, LOSS):
                yield value

    def _is_left_out(self, summand: Summand, used: set[int]) -> bool:
        """Whether it is trained by nothing, although it is computed from the same pass as what is. A loss that is
        computed again, and then trained, is not."""
        behind = self._behind([summand.value])
        trained = {root.value for root in self.roots} | {each.value for root in self.roots for each in root.summands}
        live = self.recorder.routed.live
        shared = any(live.get(value) and self.recorder.recording.inputs[value] for value in behind & used)
        is_again = summand.named.name in {each.named.name for root in self.roots for each in root.summands}
        return summand.value not in used and shared and behind.isdisjoint(trained) and not is_again

    def _left_out(self, value: int, left: Sequence[Summand]) -> Iterator[Remark]:
        for each in _first_of_each(left):
            name, total = each.named.name, self.losses.named(value)
            part = f" as a part of {total.name}" if total and total.name != name else ""
            text = f"{name} is computed{part}, but it is in nothing that goes backward"
            yield Remark(LEFT_OUT, text, (name,), place=each.defined or each.named.place)

    def _weighed(self, value: int, summands: Sequence[Summand], names_of: NamesOf) -> Iterator[Remark]:
        """A sum of the same losses as one that goes backward, with other weights."""
        stated, total = _weights(summands), self.losses.named(value)
        for root in self.roots:
            real = _weights(each for each in root.summands if self._counts(each))
            if len(stated) < 2 or real.keys() != stated.keys() or total is None:
                continue
            ratios = {key: weight / stated[key] for key, weight in real.items()}
            usual = min(ratios.values(), key=lambda ratio: abs(ratio - 1))
            wrong = [each for each in _first_of_each(summands) if abs(ratios[_key(each)] / usual - 1) > ALIKE]
            if wrong:
                each, rest = wrong[0], [other for other in _first_of_each(summands) if other not in wrong]
                text = f"{each.named.name} has {ratios[_key(each)] / usual:.3g} times the weight in what goes backward"
                text += f" that it has in {total.name}, beside {listed(other.named.name for other in rest)}"
                names = tuple(name for other in wrong for name in names_of(other))
                yield Remark("other weight", text, names, place=total.place)

    def _behind(self, values: Iterable[int]) -> set[int]:
        """Some values, and all that they were computed from."""
        inputs, waiting = self.recorder.recording.inputs, list(values)
        found = set(waiting)
        while waiting:
            more = set(inputs[waiting.pop()]) - found
            found |= more
            waiting += more
        return found


def _values(summands: Iterable[Summand]) -> Iterator[int]:
    return (each.value for each in summands)


def _first_of_each(summands: Iterable[Summand]) -> Iterable[Summand]:
    return {_key(each): each for each in reversed(list(summands))}.values()


def _often(times: int) -> str:
    return "twice" if times == 2 else f"{times} times"


def _key(summand: Summand) -> tuple[int, int]:
    return summand.value, summand.index


def _weights(summands: Iterable[Summand]) -> Mapping[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for each in summands:
        found[_key(each)] = found.get(_key(each), 0.0) + each.weight
    return found
