"""A recording that also knows the calls of modules: what went into each, what came out, what was done in between."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from audits.dataflow.naming import leaves, modules_of
from audits.recording.module_calls import calls_told
from audits.recording.recorder import Recorder, is_live
from audits.recording.source_lines import Sources, Spot, caller
from audits.routing.operations import Operation, is_plain, name_of, operation, picked_by_number, shares_memory
from audits.routing.selection import EVERYTHING, Geometry, Selection, selection
from audits.target import Target

unseen = torch._C.DisableTorchFunction
"""In this context nothing is recorded: what is asked of a tensor is for the recorder itself."""


@dataclass
class Call:
    """One call of a module of a column, or of a part of it."""

    name: str
    """``encoder``, or ``heads.0`` of a column that is a list."""
    column: str
    parent: int | None
    """The call that it was made in."""
    spot: Spot | None
    """Where in the source it was made."""
    slots: dict[int, list[str]] = field(default_factory=dict)
    """By value: the arguments that it was, by position."""
    outputs: dict[int, str] = field(default_factory=dict)
    """By value: where it stands in what the call gave."""


@dataclass
class Routed:
    """What is known of each value beside what it was computed from."""

    calls: list[Call] = field(default_factory=list)
    made_in: dict[int, int] = field(default_factory=dict)
    """By value: the innermost call in which it was computed."""
    gradient_to: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """By value: those of its inputs that took gradient when it was computed."""
    live: dict[int, bool] = field(default_factory=dict)
    """By value: whether it took gradient when it was last seen."""
    operations: dict[int, Operation] = field(default_factory=dict)
    parts: dict[int, tuple[Selection, ...]] = field(default_factory=dict)
    """By value: the part of its source that it is; several where it joins several parts."""
    roots: dict[int, int] = field(default_factory=dict)
    """By value that is a view: the value whose part it is."""
    spots: dict[int, Spot] = field(default_factory=dict)
    """By value that was computed in no call: where."""
    inputs: dict[int, str] = field(default_factory=dict)
    """By value: where it stands in the batch."""
    buffers: dict[int, tuple[str, str]] = field(default_factory=dict)
    """By value: the name of a buffer and its column, if it is of one."""
    copied: set[int] = field(default_factory=set)
    """Values that replaced what was there before."""
    unknown: set[int] = field(default_factory=set)
    """Values that were there before the pass, or that torch made unseen."""


class RouteRecorder(Recorder):
    """``with recorder.watching(target) as watched: ...``, and inside of it the recorded pass of `watched`."""

    def __init__(self, sources: Sources, **options: Any) -> None:
        super().__init__(sources, **options)
        self.routed = Routed()
        self._running: list[int | None] = []
        self._wholes: dict[int, Geometry] = {}  # by view: all of what it is a part of

    @contextmanager
    def watching(self, target: Target) -> Iterator[Target]:
        """The same target, telling this recorder its batch and its modules' calls."""
        names = _names(target)

        def losses(*given: Any, **gates: Any) -> Any:
            with unseen():
                self._name_inputs(given, target)
            return target.losses(*given, **gates)

        def enter(module: nn.Module, args: tuple, keywords: Mapping[str, Any]) -> None:
            with unseen():
                self._enter(names.get(id(module)), args)
                self._take_keywords(module, keywords)

        def leave(module: nn.Module, output: Any) -> None:
            call = self._running.pop()
            if id(module) in names and call is not None:
                with unseen():
                    for path, tensor in leaves(output, "output"):
                        self.routed.calls[call].outputs.setdefault(self._number(tensor), path.removeprefix("output"))

        def take(module: nn.Module, _: tuple, keywords: dict[str, Any]) -> None:
            if keywords:
                with unseen():
                    self._take_keywords(module, keywords)  # no bound method: a deep copy would copy the recorder

        modules = modules_of(target)
        with ExitStack() as stack:
            for module in modules:
                if not isinstance(module, torch.jit.ScriptModule):
                    stack.callback(module.register_forward_pre_hook(take, with_kwargs=True).remove)
            stack.enter_context(calls_told(modules, enter, leave))
            yield replace(target, losses=losses)

    def _name_inputs(self, given: tuple, target: Target) -> None:
        for name, tensor in leaves(given[0], "") if given else ():
            self.routed.inputs.setdefault(self._number(tensor), name)
        for column, module in target.named_modules.items():
            if isinstance(module, nn.Module):
                for name, buffer in module.named_buffers(prefix=column):
                    self.routed.buffers.setdefault(self._number(buffer), (name, column))
        for root in target.root_modules:
            for name, buffer in root.named_buffers():
                self.routed.buffers.setdefault(self._number(buffer), (name, ""))

    def _enter(self, named: tuple[str, str] | None, args: tuple) -> None:
        running = self._running[-1] if self._running else None
        if named is not None:
            spot = self._sources.spot(caller(3))
            call = Call(*named, parent=running, spot=spot)
            for position, argument in enumerate(args):
                self._take(call, str(position), argument)
            running = len(self.routed.calls)
            self.routed.calls.append(call)
        self._running.append(running)

    def _take_keywords(self, module: nn.Module, keywords: Mapping[str, Any]) -> None:
        if keywords and self._running and self._running[-1] is not None:
            positions = _positions(type(module))
            for name, argument in keywords.items():
                self._take(self.routed.calls[self._running[-1]], positions.get(name, name), argument)

    def _take(self, call: Call, slot: str, argument: Any) -> None:
        for path, tensor in leaves(argument, slot):
            call.slots.setdefault(self._number(tensor), []).append(path)

    def _note(self, value: int, func: Callable, args: tuple, kwargs: dict | None, out: Tensor) -> None:
        routed, kind = self.routed, operation(func, args, kwargs)
        source = args[0] if args and isinstance(args[0], Tensor) else None
        if kind is Operation.VIEW:
            kind = self._note_view(value, func, args, source, out)
        elif kind is Operation.PICK:
            routed.parts[value] = (_order(func, args, kwargs),)
        elif name_of(func) == "diff" and source is not None:
            routed.parts[value] = _neighbours(source, args, kwargs)
        if name_of(func) == "copy":
            routed.copied.add(value)
        routed.operations[value] = kind
        if value not in routed.made_in and (spot := self._sources.spot(caller(4))):
            routed.spots[value] = spot

    def _note_view(self, value: int, func: Callable, args: tuple, source: Tensor | None, out: Tensor) -> Operation:
        """A view is a part of what it shows; a copy that an index made is picked; any other copy is as its source."""
        if source is None or not is_plain(source) or not is_plain(out) or not shares_memory(source, out):
            if name_of(func) != "getitem":
                return Operation.SUM
            text = f"{args[1]}" if picked_by_number(args) else "picked"
            self.routed.parts[value] = (((0, text),),)
            return Operation.PICK
        shown = self._newest[id(source)]
        here = self.routed.made_in.get(shown) == self.routed.made_in.get(value)
        whole = self._wholes.get(shown, Geometry.of(source)) if here else Geometry.of(source)
        view = Geometry.of(out)
        self.routed.roots[value] = self.routed.roots.get(shown, shown) if here else shown
        self.routed.parts[value] = (selection(whole, view),)
        self._wholes[value] = view if view.reshapes(whole) else whole  # parts are told by the newest dimensions
        return Operation.VIEW

    def _number(self, tensor: Tensor) -> int:
        known = id(tensor) in self._newest
        value = super()._number(tensor)
        if not known:
            self.routed.unknown.add(value)
        self.routed.live[value] = is_live(tensor)
        return value

    def _add(self, tensor: Tensor, inputs: tuple[int, ...], carries: bool) -> int:
        value, routed, live = super()._add(tensor, inputs, carries), self.routed, is_live(tensor)
        if inputs:
            routed.gradient_to[value] = tuple(each for each in inputs if routed.live.get(each)) if live else ()
        if self._running and (call := self._running[-1]) is not None:
            routed.made_in[value] = call
        routed.live[value] = live
        return value


def _names(target: Target) -> dict[int, tuple[str, str]]:
    """By id of a module: its dotted name and its column, the smallest where it belongs to several."""
    found: dict[int, tuple[str, str]] = {}
    named = {name: module for name, module in target.named_modules.items() if isinstance(module, nn.Module)}
    for column, module in sorted(named.items(), key=lambda item: sum(1 for _ in item[1].modules())):
        for path, part in module.named_modules(prefix=column):
            found.setdefault(id(part), (path, column))
    return found


@cache
def _positions(kind: type[nn.Module]) -> dict[str, str]:
    """By name of an argument of `forward`: its position."""
    try:
        parameters = list(inspect.signature(kind.forward).parameters)[1:]
    except (TypeError, ValueError):
        return {}
    return {name: str(position) for position, name in enumerate(parameters)}


def _order(func: Callable, args: tuple, kwargs: dict | None) -> Selection:
    """Entries in another order, or some of them: by numbers that are told, or by an index."""
    told = [part for part in (*args[1:], *(kwargs or {}).values()) if not isinstance(part, Tensor)]
    by_number = len(told) == len(args) - 1 + len(kwargs or {})
    return ((0, f"{name_of(func)} {', '.join(map(str, told))}"),) if by_number else ((0, "picked"),)


def _neighbours(source: Tensor, args: tuple, kwargs: dict | None) -> tuple[Selection, ...]:
    """The two parts that `torch.diff` subtracts."""
    given = dict(zip(("input", "n", "dim"), args, strict=False)) | (kwargs or {})
    dimension = given.get("dim", -1) % source.dim()
    return (((dimension, "1:"),), ((dimension, ":-1"),)) if given.get("n", 1) == 1 else (EVERYTHING,)
