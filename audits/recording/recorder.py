"""Records which tensor was computed from which, while a forward pass runs.

A stopped gradient leaves no trace in the autograd graph. It does here: an operation takes a value that carries
gradient and gives one that does not. What is recorded are numbers, so that no tensor lives longer than without.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import (  # pyright: ignore[reportMissingImports]
    get_unwrapped,
    is_functorch_wrapped_tensor,
)
from torch.overrides import TorchFunctionMode

from audits.isolation.in_place import writes_in_place
from audits.places import Place, Stop, StopKind
from audits.recording.chance import decides, only_checks
from audits.recording.constructors import constructors_told
from audits.recording.functions import Functions
from audits.recording.grad_mode import GradMode, by_torch, inference_told
from audits.recording.operands import copies, operands, results, tensors
from audits.recording.source_lines import Sources, caller, inside_torch

SET_GRAD = torch._C._set_grad_enabled
DATA, SET_DATA = Tensor.data.__get__, Tensor.data.__set__  # pyright: ignore[reportAttributeAccessIssue]
DETACHING = frozenset({Tensor.detach, torch.detach, Tensor.detach_, torch.detach_, DATA})
LEAVING = frozenset(
    {Tensor.item, Tensor.tolist, Tensor.numpy, Tensor.__array__}
    | {Tensor.__float__, Tensor.__int__, Tensor.__complex__, Tensor.__index__}
)
FLAGS = frozenset({Tensor.requires_grad_, Tensor.retain_grad, Tensor.share_memory_})


@dataclass
class Recording:
    """A value is a number, in order of creation. `inputs[v]` are the values that v was computed from."""

    inputs: list[tuple[int, ...]] = field(default_factory=list)
    stops: dict[int, Stop] = field(default_factory=dict)
    """By value: where the operation that made it stopped the gradient of its inputs."""
    carries: list[bool] = field(default_factory=list)
    """Whether gradient could flow from the value back to some parameter, frozen ones included."""
    number_of: dict[int, int] = field(default_factory=dict)
    """By id of a tensor that outlives the pass, such as a loss: its value."""
    versions: dict[int, list[int]] = field(default_factory=dict)
    """By id of a parameter: its values, more than one where it was written to or switched."""
    frozen: set[int] = field(default_factory=set)
    """Values of parameters that had requires_grad False when they were used."""
    left: dict[int, Place] = field(default_factory=dict)
    """By value: where it left PyTorch for a Python number."""
    numbers: dict[int, float] = field(default_factory=dict)
    """By value that became one Python number: that number."""
    called: set[str] = field(default_factory=set)
    """Keys of all places that stop gradient, whether or not there was any to stop; not those of torch itself."""
    hooks: dict[Any, Place] = field(default_factory=dict)
    """By node of the autograd graph: where a hook on its gradient was registered."""
    places: dict[Any, Place] = field(default_factory=dict)
    """By node of the autograd graph: where it was made. Only when traced."""


class _Watch(weakref.ref[Tensor]):
    """Says when a tensor is gone."""

    __slots__ = ("key",)
    key: int
    """The tensor's id."""


class Recorder(TorchFunctionMode):
    """``with Recorder(sources) as recorder: losses = run()``, then ``recorder.finish(...)``."""

    def __init__(self, sources: Sources, *, without: Collection[str] = (), trace: bool = False) -> None:
        """`without`: keys of places whose stops are taken out for this pass. `trace`: also record where each node of
        the autograd graph was made."""
        super().__init__()
        self.recording = Recording()
        self.decided = False
        """Whether numbers in tensors decided what the pass did, as far as Python saw it."""
        self._sources, self._without, self._trace = sources, frozenset(without), trace
        self._newest = self.recording.number_of
        self._watched: dict[int, _Watch] = {}
        self._made: dict[Any, int] = {}  # by node of the autograd graph: the value that it made
        self._unexplained: dict[int, Any] = {}  # values that torch made unseen, and their nodes
        self._beside: dict[int, frozenset[int]] = {}  # what they were computed from that the graph does not know
        self._fed: list[bool] = []  # by value: whether some parameter is behind it, whatever was stopped on the way
        self._functions = Functions(sources)
        self._mode = GradMode(sources)
        self._told = ExitStack()

    def __enter__(self) -> Recorder:
        self._told.enter_context(constructors_told(self._constructed))
        self._told.enter_context(inference_told(self._infers, self._mode.inference_left))
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._told.close()
        super().__exit__(*raised)

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        """A module that is copied in the pass takes its hooks along: they go on reporting here."""
        return self

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is SET_GRAD:
            return self._switch_gradient(args[0])
        if func in DETACHING and self._is_taken_out(self._sources.place(caller()), inside_torch(caller())):
            return args[0]
        if func is Tensor.register_hook and node_of(args[0]) is not None:
            self.recording.hooks[node_of(args[0])] = self._sources.place(caller())
        out = func(*args, **kwargs) if kwargs else func(*args)
        if func in FLAGS:
            return out
        if func in LEAVING:
            self._leave(args[0], out)
        elif func == SET_DATA:
            self._exchange(*args)
        elif found := results(func, args, out):
            self._record(func, args, kwargs, found)
        self.decided = self.decided or (decides(func, args, out) and not only_checks(caller()))
        return out

    def finish(self, losses: Iterable[Tensor]) -> Recording:
        """Let go of the graph. Where torch itself computed (a custom Function), that graph says from what."""
        for loss in losses:
            self._number(loss)
        for value, node in self._unexplained.items():
            beside = self._beside.get(value, frozenset())
            self.recording.inputs[value] = tuple(sorted((self._nearest(node) | beside) - {value}))
        self._watched.clear()
        self._made.clear()
        self._unexplained.clear()
        self._functions.clear()
        return self.recording

    def _record(self, func: Callable, args: tuple, kwargs: dict | None, outs: Sequence[Tensor]) -> None:
        given = tensors((args, kwargs)) if kwargs else tensors(args)
        numbers = tuple(map(self._number, given))
        carries, frame = self.recording.carries, caller(3)
        used = None
        fed = [physical(tensor) for tensor, value in zip(given, numbers, strict=True) if self._fed[value]]
        if func not in DETACHING and not all(_follow(physical(out), fed) for out in outs):
            used = operands(func, args, kwargs, len(outs))
        writes, gives_out = writes_in_place(func), kwargs and kwargs.get("out")
        for place, out in enumerate(outs):
            inputs, read = numbers, given
            if used is not None:
                inputs = tuple([numbers[position] for position in used[place]])
                read = [given[position] for position in used[place]]
            old = self._newest.get(id(out))
            if old is not None and old in numbers and not (writes or gives_out is out):
                continue  # the same tensor: nothing was computed
            kept = old is not None and old in inputs and carries[old] and self._keeps_its_gradient(func)
            if old is not None and kept:
                inputs = self._apart(old, inputs, func, frame)
            carried = any(carries[value] for value in inputs)
            passes = carried and (kept or self._passes(func, out, read))
            value = self._add(out, inputs, passes or takes_gradient(out))
            self._note(value, func, args, kwargs, out)
            if self._mode.in_function:
                self._functions.add(value, inputs, read, frame)
            if carried and not passes:
                self.recording.stops[value] = self._stop(func, frame)
            if old is not None and (base := out._base) is not None and id(base) in self._newest:
                self._add(base, (self._newest[id(base)], value), base.requires_grad or carries[value])
            if self._trace and node_of(out) is not None and node_of(out) not in self.recording.places:
                self.recording.places[node_of(out)] = self._sources.expression(self._sources.frame(frame))

    def _note(self, value: int, func: Callable, args: tuple, kwargs: dict | None, out: Tensor) -> None:
        """For a recorder that knows more: a value was made by an operation."""

    def _number(self, tensor: Tensor) -> int:
        value = self._newest.get(id(tensor))
        if value is None:
            inner = physical(tensor)
            known = self._newest.get(id(inner), self._made.get(node_of(inner)))
            if known is None and inner is not tensor and _is_weight(inner):
                known = self._number(inner)
            carries = takes_gradient(tensor) if known is None else self.recording.carries[known]
            value = self._add(tensor, () if known is None else (known,), carries)
            if known is None and node_of(inner) is not None:
                self._unexplained[value] = node_of(inner)
        elif value in self._functions and not self._mode.in_function:
            self._came_out(value, tensor)
        elif _is_weight(tensor) and tensor.requires_grad is (value in self.recording.frozen):
            value = self._switched(value, tensor)
        return value

    def _came_out(self, value: int, tensor: Tensor) -> None:
        """Inside of a Function nothing has gradient; of what comes out it is known."""
        recording, inner = self.recording, self._functions.pop(value)
        recording.stops.pop(value, None)
        if node_of(tensor) is not None:
            recording.carries[value] = True
            self._unexplained[value], self._beside[value] = node_of(tensor), inner.frozen
            self._made[node_of(tensor)] = value
            return
        recording.inputs[value] = tuple(sorted(inner.sources))
        carried = any(recording.carries[source] for source in inner.sources)
        recording.carries[value] = carried and not inner.expects_gradient and _is_continuous(tensor)
        if carried and not recording.carries[value]:
            recording.stops[value] = Stop(inner.place, StopKind.FUNCTION)

    def _switched(self, value: int, parameter: Tensor) -> int:
        """A parameter whose requires_grad has changed since it was last seen: the same, and another version."""
        again = self._add(parameter, self.recording.inputs[value], True)
        if value in self.recording.stops:
            self.recording.stops[again] = self.recording.stops[value]
        return again

    def _keeps_its_gradient(self, func: Callable) -> bool:
        """Whether what is written to in place still leads to where it came from, although gradient is off."""
        return not torch.is_grad_enabled() and not self._mode.in_function and func not in DETACHING

    def _apart(self, old: int, inputs: tuple[int, ...], func: Callable, frame: FrameType | None) -> tuple[int, ...]:
        """The inputs of a value that is written to without gradient: its own goes on, that of the others ends."""
        others = tuple(value for value in inputs if value != old)
        if not any(self.recording.carries[value] for value in others):
            return inputs
        return old, self._add_stopped(others, self._stop(func, frame))

    def _exchange(self, tensor: Tensor, data: Tensor) -> None:
        """``tensor.data = data``"""
        self._number(tensor)
        value = self._number(data)
        if self.recording.carries[value]:
            value = self._add_stopped((value,), Stop(self._sources.place(caller(3)), StopKind.DETACH))
        self._add(tensor, (value,), takes_gradient(tensor))

    def _constructed(self, kind: type, args: tuple, kwargs: dict, out: Any) -> None:
        """``nn.Parameter(x)``"""
        if isinstance(out, Tensor) and tensors((args, kwargs)):
            self._record(kind, args, kwargs, (out,))

    def _add_stopped(self, inputs: tuple[int, ...], stop: Stop) -> int:
        """A value that no tensor has: what is left of others behind a stop."""
        value = len(self.recording.inputs)
        self.recording.inputs.append(inputs)
        self.recording.carries.append(False)
        self._fed.append(True)
        self.recording.stops[value] = stop
        return value

    def _add(self, tensor: Tensor, inputs: tuple[int, ...], carries: bool) -> int:
        recording, value = self.recording, len(self.recording.inputs)
        self._watch(tensor)
        self._newest[id(tensor)] = value
        if _is_weight(tensor):
            recording.versions.setdefault(id(tensor), []).append(value)
            if not tensor.requires_grad:
                recording.frozen.add(value)
        if (inner := physical(tensor)) is not tensor and id(inner) not in self._watched:
            self._watch(inner)
            self._newest[id(inner)] = value
        if (node := node_of(inner)) is not None and not self._mode.in_function:
            self._made[node] = value
        recording.inputs.append(inputs)
        recording.carries.append(carries)
        self._fed.append(carries or any(self._fed[source] for source in inputs))
        return value

    def _watch(self, tensor: Tensor) -> None:
        key = id(tensor)
        if key not in self._watched:
            self._watched[key] = watch = _Watch(tensor, self._forget)
            watch.key = key

    def _forget(self, watch: _Watch) -> None:
        """A tensor is gone, and its id may be used again."""
        if self._watched.get(watch.key) is watch:
            del self._watched[watch.key]
            self._newest.pop(watch.key, None)

    def _nearest(self, node: Any) -> set[int]:
        """The nearest recorded values below a node of the autograd graph."""
        found, seen, stack = set(), {node}, [node]
        while stack:
            for follower, _ in stack.pop().next_functions:
                if follower is None or follower in seen:
                    continue
                seen.add(follower)
                leaf = self._newest.get(id(getattr(follower, "variable", None)))
                if follower in self._made:
                    found.add(self._made[follower])
                elif leaf is not None:
                    found.add(leaf)
                else:
                    stack.append(follower)
        return found

    def _passes(self, func: Callable, out: Tensor, used: Sequence[Tensor]) -> bool:
        """Whether gradient goes on from an output to what it was computed from, or would if nothing were frozen."""
        if func in DETACHING or copies(func):
            return False
        if node_of(physical(out)) is not None:
            return True
        if self._mode.in_function:
            return _is_continuous(out)
        return torch.is_grad_enabled() and _is_continuous(out) and not any(physical(t).requires_grad for t in used)

    def _stop(self, func: Callable, frame: FrameType | None) -> Stop:
        place = self._sources.place(frame)
        if func in DETACHING:
            return Stop(place, StopKind.NOT_DIFFERENTIABLE if inside_torch(frame) else StopKind.DETACH)
        if copies(func):
            return Stop(place, StopKind.PYTHON)
        if torch.is_grad_enabled():
            return Stop(place, StopKind.NOT_DIFFERENTIABLE)
        if self._mode.off is None:
            return Stop(place, StopKind.NO_GRAD)
        kind = StopKind.NOT_DIFFERENTIABLE if self._mode.off.by_torch else StopKind.NO_GRAD
        return Stop(self._mode.off.place, kind)

    def _switch_gradient(self, on: bool) -> None:
        """`torch.no_grad` and its relatives: remember where gradient was switched off."""
        frame = caller(3)
        if on:
            self._mode.switched_on(frame)
        elif torch.is_grad_enabled():
            if self._is_taken_out(self._mode.place(frame), by_torch(frame)):
                return
            self._mode.switched_off(frame)
        SET_GRAD(on)

    def _infers(self, frame: FrameType | None, on: bool) -> bool:
        if on and torch.is_grad_enabled() and self._is_taken_out(self._mode.place(frame), by_torch(frame)):
            return False
        self._mode.inference_entered(frame, on)
        return True

    def _is_taken_out(self, place: Place, is_torch: bool) -> bool:
        if is_torch:
            return False
        self.recording.called.add(place.key)
        return place.key in self._without

    def _leave(self, tensor: Tensor, out: Any) -> None:
        value = self._number(tensor)
        self.recording.left.setdefault(value, self._sources.place(caller(3)))
        if isinstance(out, int | float):
            self.recording.numbers.setdefault(value, out)


def _follow(out: Tensor, tensors: Sequence[Tensor]) -> bool:
    """Whether the graph has an edge from an output to each of some tensors, which then are known to count."""
    if not tensors:
        return True
    if (made_by := node_of(out)) is None:
        return False
    followers: list[Any] = [node for node, _ in made_by.next_functions]
    for tensor in tensors:
        if (node := node_of(tensor)) is None:
            if not any(getattr(follower, "variable", None) is tensor for follower in followers):
                return False
        elif node not in followers:
            return False
    return True


def physical(tensor: Tensor) -> Tensor:
    """The tensor inside of the wrappers of vmap and grad, which has the graph; of any other, itself."""
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor


def node_of(tensor: Tensor) -> Any:
    """The node of the graph that made a tensor. None for one that is in no graph, such as a view that was made without
    gradient of what was written to since: torch refuses to tell."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def takes_gradient(tensor: Tensor) -> bool:
    """Whether it is in the graph, or a parameter."""
    return is_live(physical(tensor)) or _is_parameter(tensor)


def is_live(tensor: Tensor) -> bool:
    """Whether gradient arrives at a tensor. Of a view that was made where gradient is off, `requires_grad` says what it
    says of the base, and yet nothing arrives."""
    return tensor.requires_grad and (node_of(tensor) is not None or not _is_view_without_gradient(tensor))


def _is_view_without_gradient(leaf: Tensor) -> bool:
    if _is_parameter(leaf) or is_functorch_wrapped_tensor(leaf) or not leaf._is_view():
        return False
    with torch._C.DisableTorchFunction(), torch.enable_grad():
        try:
            return leaf.view_as(leaf).grad_fn.next_functions[0][0] is None  # pyright: ignore[reportOptionalMemberAccess]
        except RuntimeError:  # its base was written to since
            return True


def _is_parameter(tensor: Tensor) -> bool:
    """The same as `isinstance`, which takes a call of Python for each tensor that is none."""
    return type(tensor) is not Tensor and isinstance(tensor, nn.Parameter)


def _is_weight(tensor: Tensor) -> bool:
    """A parameter, or a leaf of the graph like one."""
    return _is_parameter(tensor) or (
        tensor.requires_grad and node_of(tensor) is None and not _is_view_without_gradient(tensor)
    )


def _is_continuous(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()
