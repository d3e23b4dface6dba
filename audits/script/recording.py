"""A recording of a whole script: its modules have no names yet, and its losses are sums that will be taken apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from audits.dataflow.naming import leaves
from audits.recording.recorder import _is_weight, takes_gradient
from audits.recording.source_lines import Sources, caller
from audits.routing.recorder import Call, RouteRecorder
from audits.script.sums import Sums
from audits.script.variables import names_of

UNNAMED = ""


class ScriptRecorder(RouteRecorder):
    """Records all that a script computes, calls of any module included.

    A weight is where data begins, whatever it was made of: initialisation, an optimizer or a moving average.
    """

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self.sums = Sums(sources, self.is_fed)
        self.modules: list[nn.Module] = []
        """By number of a call: the module that was called."""
        self.inputs: dict[int, str] = {}
        """By value that a module of the script is called with, and that is no other module's: its variable."""
        self.lost: list[str] = []
        """Operations that could not be recorded."""
        self._asleep = 0

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Nothing inside is recorded."""
        self.sleep()
        try:
            yield
        finally:
            self.wake()

    def sleep(self) -> None:
        self._asleep += 1

    def wake(self) -> None:
        self._asleep -= 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Calls of modules are told; a process that is forked off records nothing."""
        os.register_at_fork(after_in_child=self.sleep)
        call, recorder = nn.Module.__call__, self

        def told(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if recorder._asleep:
                return call(module, *args, **kwargs)
            number = recorder._called(module, args, kwargs)
            try:
                output = call(module, *args, **kwargs)
                recorder._returned(number, output)
                return output
            finally:
                recorder._running.pop()

        nn.Module.__call__ = told
        try:
            with self:
                yield
        finally:
            nn.Module.__call__ = call
            self.sleep()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if self._asleep:
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def value_of(self, tensor: Tensor) -> int:
        """The number of the value that a tensor has now."""
        return self._number(tensor)

    def joined(self, values: Sequence[int]) -> int:
        """A value that stands for several at once."""
        if len(values) == 1:
            return values[0]
        value = self._add_value(tuple(sorted(set(values))))
        self.routed.gradient_to[value] = tuple(source for source in values if self.routed.live.get(source))
        return value

    def is_fed(self, value: int) -> bool:
        """Whether some parameter is behind a value, whatever was stopped on the way."""
        return self._fed[value]

    def weights_read(self) -> set[int]:
        """Ids of the parameters from which a module computed anything."""
        read = {source for value in self.routed.made_in for source in self.recording.inputs[value]}
        return {key for key, versions in self.recording.versions.items() if not read.isdisjoint(versions)}

    def finish(self, losses: Iterable[Tensor] = ()) -> Any:
        self.sleep()
        return super().finish(losses)

    def _add_value(self, inputs: tuple[int, ...]) -> int:
        from audits.routing.operations import Operation

        value = len(self.recording.inputs)
        self.recording.inputs.append(inputs)
        self.recording.carries.append(any(self.recording.carries[source] for source in inputs))
        self._fed.append(any(self._fed[source] for source in inputs))
        self.routed.live[value] = self.recording.carries[value]
        self.routed.operations[value] = Operation.SUM
        return value

    def _constructed(self, kind: type, args: tuple, kwargs: dict, out: Any) -> None:
        if not self._asleep:
            super()._constructed(kind, args, kwargs, out)

    def _record(self, func: Callable, args: tuple, kwargs: dict | None, outs: Sequence[Tensor]) -> None:
        """A script goes on, whatever its operations do that no recording has met before; the audit says so."""
        try:
            self._record_it(func, args, kwargs, outs)
        except Exception as error:
            self.lost.append(f"{getattr(func, '__name__', func)} ({type(error).__name__}: {error})".splitlines()[0])

    def _record_it(self, func: Callable, args: tuple, kwargs: dict | None, outs: Sequence[Tensor]) -> None:
        noted = self.sums.before(func, args, kwargs, outs, self._number) if len(outs) == 1 else None
        super()._record(func, args, kwargs, outs)
        if noted is not None:
            self.sums.after(noted, self._newest[id(outs[0])], outs[0], caller(3))

    def _add(self, tensor: Tensor, inputs: tuple[int, ...], carries: bool) -> int:
        if inputs and _is_weight(tensor):
            inputs, carries = (), takes_gradient(tensor)
        return super()._add(tensor, inputs, carries)

    def _called(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> int:
        number, running = len(self.routed.calls), self._running[-1] if self._running else None
        call = Call(UNNAMED, UNNAMED, running, self._sources.spot(caller(3)))
        for position, argument in enumerate(args):
            self._take(call, str(position), argument)
        if running is None:
            self._name_inputs_of(args)
        self.routed.calls.append(call)
        self.modules.append(module)
        self._running.append(number)
        if kwargs:
            self._take_keywords(module, kwargs)
        return number

    def _name_inputs_of(self, args: tuple) -> None:
        frame = self._sources.frame(caller(3))
        for argument in args:
            if isinstance(argument, Tensor) and not self.is_fed(value := self._number(argument)):
                names = names_of(argument, frame, self._sources)
                self.inputs.setdefault(value, next((name for name in names if name[0] != "["), "data"))

    def _returned(self, number: int, output: Any) -> None:
        outputs = self.routed.calls[number].outputs
        for path, tensor in leaves(output, "output"):
            outputs.setdefault(self._number(tensor), path.removeprefix("output"))

    def name_calls(self, names: dict[int, tuple[str, str]]) -> None:
        """Give calls the names of their modules, by id; those of no column count as made in what called them."""
        kept: dict[int, int | None] = {}
        calls: list[Call] = []
        for number, call in enumerate(self.routed.calls):
            parent = kept[call.parent] if call.parent is not None else None
            if named := names.get(id(self.modules[number])):
                call.name, call.column = named
                call.parent = parent
                kept[number] = len(calls)
                calls.append(call)
            else:
                kept[number] = parent
        made_in = {value: kept[number] for value, number in self.routed.made_in.items()}
        self.routed.calls = calls
        self.routed.made_in = {value: number for value, number in made_in.items() if number is not None}
        for value in self.routed.made_in:
            self.routed.spots.pop(value, None)

    def _note(self, value: int, func: Callable, args: tuple, kwargs: dict | None, out: Tensor) -> None:
        super()._note(value, func, args, kwargs, out)
        if value not in self.routed.spots and (spot := self._sources.spot(caller(4))):
            self.routed.spots[value] = spot
