"""Records which tensor was computed from which, while a forward pass runs.

A stopped gradient leaves no trace in the autograd graph. It does here: an operation takes a value that carries
gradient and gives one that does not. What is recorded are numbers, so that no tensor lives longer than without.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from audits.isolation.in_place import writes_in_place
from audits.places import Place, Stop, StopKind
from audits.recording.sources import Sources, caller, inside_torch

SET_GRAD = torch._C._set_grad_enabled
DATA = Tensor.data.__get__  # pyright: ignore[reportAttributeAccessIssue]
DETACHING = frozenset({Tensor.detach, torch.detach, Tensor.detach_, torch.detach_, DATA})
LEAVING = frozenset({Tensor.item, Tensor.tolist, Tensor.numpy, Tensor.__float__, Tensor.__int__, Tensor.__array__})
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
    """By id of a parameter: its values, more than one where it was written to in place."""
    left: dict[int, Place] = field(default_factory=dict)
    """By value: where it left PyTorch for a Python number."""
    called: set[str] = field(default_factory=set)
    """Keys of all places that stop gradient, whether or not there was any to stop; not those of torch itself."""
    places: dict[Any, Place] = field(default_factory=dict)
    """By node of the autograd graph: where it was made. Only when traced."""


class _Watch(weakref.ref):
    """Says when a tensor is gone."""

    __slots__ = ("key",)

    def __new__(cls, tensor: Tensor, callback: Callable[[_Watch], None], key: int) -> _Watch:
        watch = super().__new__(cls, tensor, callback)
        watch.key = key
        return watch

    def __init__(self, tensor: Tensor, callback: Callable[[_Watch], None], key: int) -> None:
        super().__init__(tensor, callback)  # pyright: ignore[reportCallIssue]


class Recorder(TorchFunctionMode):
    """``with Recorder(sources) as recorder: losses = run()``, then ``recorder.finish(...)``."""

    def __init__(self, sources: Sources, *, without: Collection[str] = (), trace: bool = False) -> None:
        """`without`: keys of places whose stops are taken out for this pass. `trace`: also record where each node of
        the autograd graph was made."""
        super().__init__()
        self.recording = Recording()
        self._sources, self._without, self._trace = sources, frozenset(without), trace
        self._newest = self.recording.number_of
        self._watched: dict[int, _Watch] = {}
        self._made: dict[Any, int] = {}  # by node of the autograd graph: the value that it made
        self._unexplained: dict[int, Any] = {}  # values that torch made unseen, and their nodes
        self._no_grad: tuple[Place | None, bool] | None = None

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is SET_GRAD:
            return self._switch_gradient(args[0])
        if func in DETACHING and self._is_taken_out(caller()):
            return args[0]
        out = func(*args, **kwargs) if kwargs else func(*args)
        if func in FLAGS:
            return out
        if func in LEAVING:
            self._leave(args[0])
        elif isinstance(out, Tensor):
            self._record(func, args, kwargs, (out,))
        elif func is Tensor.__setitem__:
            self._record(func, args, kwargs, (args[0],))
        elif isinstance(out, tuple | list) and (tensors := list(_tensors(out))):
            self._record(func, args, kwargs, tensors)
        return out

    def finish(self, losses: Iterable[Tensor]) -> Recording:
        """Let go of the graph. Where torch itself computed (a custom Function), that graph says from what."""
        for loss in losses:
            self._number(loss)
        for value, node in self._unexplained.items():
            self.recording.inputs[value] = tuple(self._nearest(node) - {value})
        self._watched.clear()
        self._made.clear()
        self._unexplained.clear()
        return self.recording

    def _record(self, func: Callable, args: tuple, kwargs: dict | None, outs: Iterable[Tensor]) -> None:
        given = [] if _is_factory(func) else [*_tensors(args), *_tensors(kwargs.values() if kwargs else ())]
        inputs = tuple(map(self._number, given))
        recording, carries = self.recording, self.recording.carries
        carried = any(carries[value] for value in inputs)
        for out in outs:
            old = self._newest.get(id(out))
            if old is not None and old in inputs and not writes_in_place(func):
                continue  # the same tensor: nothing was computed
            value = self._add(out, inputs, out.requires_grad or (carried and _would_carry(func, out, given)))
            self._note(value, func)
            if carried and not carries[value]:
                recording.stops[value] = self._stop(func, caller(3))
            if old is not None and (base := out._base) is not None and id(base) in self._newest:
                self._add(base, (self._newest[id(base)], value), base.requires_grad or carries[value])
            if self._trace and out.grad_fn is not None and out.grad_fn not in recording.places:
                recording.places[out.grad_fn] = self._sources.expression(self._sources.frame(caller(3)))

    def _note(self, value: int, func: Callable) -> None:
        """For a recorder that knows more: a value was made by an operation."""

    def _number(self, tensor: Tensor) -> int:
        value = self._newest.get(id(tensor))
        if value is None:
            value = self._add(tensor, (), tensor.requires_grad or isinstance(tensor, torch.nn.Parameter))
            if tensor.grad_fn is not None:
                self._unexplained[value] = tensor.grad_fn
        elif value in self.recording.stops and tensor.grad_fn is not None:  # inside of a Function it had no gradient
            del self.recording.stops[value]
            self.recording.carries[value] = True
            self._unexplained[value] = tensor.grad_fn
            self._made[tensor.grad_fn] = value
        return value

    def _add(self, tensor: Tensor, inputs: tuple[int, ...], carries: bool) -> int:
        recording = self.recording
        key, value = id(tensor), len(recording.inputs)
        if key not in self._watched:
            self._watched[key] = _Watch(tensor, self._forget, key)
        self._newest[key] = value
        if isinstance(tensor, torch.nn.Parameter):
            recording.versions.setdefault(key, []).append(value)
        if tensor.grad_fn is not None:
            self._made[tensor.grad_fn] = value
        recording.inputs.append(inputs)
        recording.carries.append(carries)
        return value

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

    def _stop(self, func: Callable, frame: FrameType | None) -> Stop:
        if func in DETACHING:
            innermost = inside_torch(frame)
            kind = StopKind.NOT_DIFFERENTIABLE if innermost else StopKind.DETACH
            return Stop(self._sources.place(frame), kind)
        if not torch.is_grad_enabled():
            place, by_torch = self._no_grad or (None, False)
            kind = StopKind.NOT_DIFFERENTIABLE if by_torch else StopKind.NO_GRAD
            return Stop(place or self._sources.place(frame), kind)
        return Stop(self._sources.place(frame), StopKind.NOT_DIFFERENTIABLE)

    def _switch_gradient(self, on: bool) -> None:
        """`torch.no_grad` and its relatives: remember where gradient was switched off."""
        if on:
            self._no_grad = None
        elif torch.is_grad_enabled():
            frame = caller(3)
            if self._is_taken_out(frame):
                return
            self._no_grad = self._sources.place(frame), inside_torch(frame)
        SET_GRAD(on)

    def _is_taken_out(self, frame: FrameType | None) -> bool:
        if inside_torch(frame):
            return False
        key = self._sources.place(frame).key
        self.recording.called.add(key)
        return key in self._without

    def _leave(self, tensor: Tensor) -> None:
        self.recording.left.setdefault(self._number(tensor), self._sources.place(caller(3)))


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(value.values())


def _would_carry(func: Callable, out: Tensor, inputs: Iterable[Tensor]) -> bool:
    """Of an output without gradient: whether only frozen parameters are the reason."""
    if func in DETACHING or not torch.is_grad_enabled() or not (out.is_floating_point() or out.is_complex()):
        return False
    return not any(tensor.requires_grad for tensor in inputs)


def _is_factory(func: Callable) -> bool:
    """Takes a tensor for its shape alone."""
    name = getattr(func, "__name__", "")
    return name.endswith("_like") or (name.startswith("new_") and name != "new_tensor")
