"""A recording that also knows names: which module computed a value, which state or input of the batch it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from audits.dataflow.states import changed, properties
from audits.places import Stop
from audits.recording.module_calls import calls_told
from audits.recording.recorder import Recorder, Recording, is_live, physical
from audits.recording.source_lines import Sources
from audits.target import Target

GATHERING = frozenset({torch.stack, torch.cat, torch.concat, torch.concatenate})
"""Operations that make a state out of its parts: what is read of a part is read of the state."""


@dataclass
class Named:
    """What is known of each value of a recording, beside what it was computed from."""

    recording: Recording
    states: dict[int, list[str]] = field(default_factory=dict)
    """By value: the properties that gave it, those that gave it among others last; ``rollout.z`` for a named part."""
    inputs: dict[int, str] = field(default_factory=dict)
    """By value: where it stands in the batch."""
    calls: list[str] = field(default_factory=list)
    """The module of each call, in the order in which they began."""
    made_in: dict[int, int] = field(default_factory=dict)
    """By value: the number of the call in which it was computed."""
    gradient_to: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """By value: those of its inputs that took gradient when it was computed."""
    takes_gradient: dict[int, bool] = field(default_factory=dict)
    """By value: whether it took gradient when it was last seen."""
    gathered: set[int] = field(default_factory=set)
    """Values that are made of others side by side."""


class NamingRecorder(Recorder):
    """``with recorder.watching(target) as watched: ...``, and inside of it the recorded pass of `watched`."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self.named = Named(self.recording)
        self._running: list[int | None] = []

    @contextmanager
    def watching(self, target: Target) -> Iterator[Target]:
        """The same target, telling this recorder its batch, its states and its modules' calls."""
        column_of, modules = _columns(target), modules_of(target)

        def enter(module: nn.Module, *_: Any) -> None:
            self._enter(column_of.get(id(module)))

        def leave(*_: Any) -> None:
            self._running.pop()

        def losses(*given: Any, **gates: Any) -> Any:
            for name, tensor in leaves(given[0], "") if given else ():
                self.named.inputs.setdefault(self._number(tensor), name)
            return target.losses(*given, **gates)

        with ExitStack() as stack:
            for owner in target.states:
                for name in properties(owner):
                    stack.enter_context(changed(owner, name, lambda value, name=name: self._note_state(name, value)))
            stack.enter_context(calls_told(modules, enter, leave))
            yield replace(target, losses=losses)

    def finish(self, losses: Iterable[Tensor]) -> Recording:
        """Let go of the graph; what torch computed unseen takes gradient to all that it was computed from."""
        beside = self._beside
        unseen = list(self._unexplained)
        recording = super().finish(losses)
        for value in unseen:
            graph_knows = set(recording.inputs[value]) - beside.get(value, frozenset())
            self.named.gradient_to[value] = tuple(sorted(graph_knows))
        return recording

    def _enter(self, column: str | None) -> None:
        """A call that a column makes of its own parts is part of its call."""
        running = self._running[-1] if self._running else None
        if column is not None and (running is None or self.named.calls[running] != column):
            running = len(self.named.calls)
            self.named.calls.append(column)
        self._running.append(running)

    def _note_state(self, name: str, value: Any) -> Any:
        for path, tensor in leaves(value, name):
            names = self.named.states.setdefault(self._number(tensor), [])
            names.insert(0, name) if value is tensor else names.append(path.partition("[")[0])
        return value

    def _note(self, value: int, func: Callable, *_: Any) -> None:
        if func in GATHERING:
            self.named.gathered.add(value)

    def _number(self, tensor: Tensor) -> int:
        is_new = id(tensor) not in self._newest
        value = super()._number(tensor)
        if is_new:  # another tensor for a known value: nothing was computed
            self.named.made_in.pop(value, None)
        self.named.takes_gradient[value] = is_live(physical(tensor))
        return value

    def _add(self, tensor: Tensor, inputs: tuple[int, ...], carries: bool) -> int:
        value = super()._add(tensor, inputs, carries)
        if inputs:
            taking = self.named.takes_gradient
            takes = is_live(physical(tensor))
            self.named.gradient_to[value] = tuple(i for i in inputs if taking[i]) if takes else ()
            if self._running and (call := self._running[-1]) is not None:
                self.named.made_in[value] = call
        self.named.takes_gradient[value] = is_live(physical(tensor))
        return value

    def _add_stopped(self, inputs: tuple[int, ...], stop: Stop) -> int:
        value = super()._add_stopped(inputs, stop)
        self.named.gradient_to[value], self.named.takes_gradient[value] = (), False
        return value


def leaves(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a nest of containers, with the name by which a reader knows it: a key, a field, a position."""
    if isinstance(value, Tensor):
        yield name or "batch", value
    else:
        for key, item in _items(value, name):
            yield from leaves(item, key)


def _items(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named: Mapping[Any, Any] = value._asdict()  # pyright: ignore[reportAttributeAccessIssue]
    elif isinstance(value, Mapping):
        named = value
    elif is_dataclass(value) and not isinstance(value, type):
        named = {each.name: getattr(value, each.name) for each in fields(value)}
    elif isinstance(value, list | tuple):
        yield from ((f"{name or 'batch'}[{number}]", item) for number, item in enumerate(value))
        return
    else:
        return
    yield from ((f"{name}.{key}" if name else str(key), item) for key, item in named.items())


def _columns(target: Target) -> dict[int, str]:
    """By id of a module: the column that it belongs to, the smallest where there are several."""
    found: dict[int, str] = {}
    named = {name: module for name, module in target.named_modules.items() if isinstance(module, nn.Module)}
    for name, module in sorted(named.items(), key=lambda item: sum(1 for _ in item[1].modules())):
        for part in module.modules():
            found.setdefault(id(part), name)
    return found


def modules_of(target: Target) -> list[nn.Module]:
    """Every module of a column, and every part of one, once."""
    columns = (module for module in target.named_modules.values() if isinstance(module, nn.Module))
    return list(dict.fromkeys(part for module in columns for part in module.modules()))
