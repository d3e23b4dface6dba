"""Watches a running trainer: its backward calls, its optimizer steps, and what moves between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import wraps
from types import FrameType
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from audits.places import Place
from audits.step.ages import leaves, older_parts, sequence_now
from audits.step.events import BackwardCall, OptimizerStep, Outside
from audits.step.gradients import Gradients
from audits.step.holding import held_by
from audits.step.movement import Movement
from audits.step.patches import replaced
from audits.step.sources import (
    Caller,
    callers,
    frame_of_caller,
    optimizer_of_caller,
    place_of_caller,
    site_of_caller,
    subject,
)
from audits.step.terms import factors

Watching = TypeVar("Watching", bound=Callable[..., Any])


def quiet(watching: Watching) -> Watching:
    """What a watcher computes is not for whoever records what the trainer computes, and, where it `forgives`, no
    reason to end the training."""

    @wraps(watching)
    def call(watcher: Watcher, *args: Any, **kwargs: Any) -> Any:
        if watcher.failed is not None:
            return None
        try:
            with torch._C.DisableTorchFunction():
                return watching(watcher, *args, **kwargs)
        except Exception as error:
            if not watcher.forgives:
                raise
            watcher.failed = error
            return None

    return call  # pyright: ignore[reportReturnType]


NamesOfRoot = Callable[[Tensor, FrameType | None], Mapping[str, float | None]]
OVERFLOW = "the gradient scaler found infinite gradient and skipped the step"


class Watcher:
    """Follows whatever modules run and whatever optimizers step while it is entered."""

    def __init__(self, roots: Iterable[nn.Module | Tensor] = (), *, names_of_root: NamesOfRoot | None = None) -> None:
        """`roots` are followed from the start. `names_of_root` tells the losses in what goes backward."""
        self._roots, self._names_of_root = list(roots), names_of_root
        self.forgives = False
        """Whether an error of its own ends the watch, and not the trainer."""
        self.failed: Exception | None = None
        self.backwards: list[BackwardCall] = []
        self.steps: list[OptimizerStep] = []
        self.outside: list[Outside] = []
        self.modules: dict[int, nn.Module] = {}
        self.called: dict[int, list[Caller]] = {}
        """By id of each module whose forward ran: who called it first."""
        self.movement = Movement()
        self._gradients = Gradients(lambda: self._running)
        self._parameters: dict[int, Tensor] = {}
        self._running: BackwardCall | None = None
        self._stepping: list[OptimizerStep] = []
        self._scales: dict[Any, Any] = {}
        self._scaled: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        stack = self._stack
        for root in self._roots:
            self._follow(root)
        for context in self._contexts():
            stack.enter_context(context)
        for handle in (
            nn.modules.module.register_module_forward_pre_hook(self._called),
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        ):
            stack.callback(handle.remove)
        stack.callback(self._gradients.close)
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.look()
        finally:
            self._stack.close()
            self._stepping.clear()
            self._running = None

    def follow(self, roots: Iterable[nn.Module | Tensor]) -> None:
        """Follow more modules from now on, such as those that never run."""
        for root in roots:
            self._follow(root)

    @quiet
    def look(self) -> None:
        """Notice what moved since the last step."""
        self._gradients.refresh()
        if moved := self.movement.changes(averages=True):
            self.outside.append(Outside(moved, len(self.steps)))

    def _contexts(self) -> Iterable[AbstractContextManager[None]]:
        yield replaced(torch.autograd, "backward", self._backward)
        yield replaced(Optimizer, "zero_grad", self._zero_grad_of_optimizer)
        yield replaced(nn.Module, "zero_grad", self._zero_grad_of_module)
        yield replaced(GradScaler, "scale", self._scale)
        yield replaced(GradScaler, "step", self._scaler_step)

    @quiet
    def _follow(self, root: nn.Module | Tensor) -> None:
        if isinstance(root, Tensor):
            self.movement.watch([root])
            self._follow_gradient(root)
            return
        for module in root.modules():
            self.modules.setdefault(id(module), module)
        parameters = list(root.parameters())
        self.movement.watch([*parameters, *root.buffers()])
        for parameter in parameters:
            self._follow_gradient(parameter)

    def _follow_gradient(self, parameter: Tensor) -> None:
        self._parameters[id(parameter)] = parameter
        self._gradients.watch(parameter)

    @quiet
    def _called(self, module: nn.Module, _: Any) -> None:
        if id(module) not in self.called:
            self.called[id(module)] = callers()
            if id(module) not in self.modules:
                self._follow(module)

    def _backward(self, original: Callable[..., Any], tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if self._running is not None:  # a checkpoint goes backward inside
            return original(tensors, *args, **kwargs)
        roots = [tensors] if isinstance(tensors, Tensor) else [each for each in tensors if isinstance(each, Tensor)]
        running = self._running = self._begin(roots)
        if running is None:
            return original(tensors, *args, **kwargs)
        with ExitStack() as stack:
            found = [stack.enter_context(factors(root)) for root in roots]
            try:
                return original(tensors, *args, **kwargs)
            except Exception as error:
                running.error = error
                raise
            finally:
                self._running = None
                running.weights = {node: weight for each in found for node, weight in each.items()}

    @quiet
    def _begin(self, roots: list[Tensor]) -> BackwardCall | None:
        for parameter in (*self._parameters.values(), *(leaf for root in roots for leaf in leaves(root))):
            self._follow_gradient(parameter)  # what was frozen before, or is in no module
        self._gradients.refresh()
        self._gradients.forget_zeros()
        place = place_of_caller()
        given = not place.text.endswith(".backward()")
        begun = BackwardCall(len(self.backwards) + 1, place, subject(place.text, given=given), site_of_caller())
        since = {id(step.optimizer): step.sequence for step in self.steps if step.sequence}
        for root in roots:
            begun.older |= older_parts(root, since)
            begun.root = root.grad_fn
            begun.scale = self._scales.get(root.grad_fn)
            if self._names_of_root:
                begun.names |= self._names_of_root(root, frame_of_caller())
        self.backwards.append(begun)
        return begun

    @quiet
    def _before(self, optimizer: Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self.movement.watch([parameter])
                self._follow_gradient(parameter)
        self.look()
        place = place_of_caller()
        outer = self._stepping[-1].optimizer if self._stepping else None
        step = OptimizerStep(
            number=len(self.steps) + 1,
            optimizer=optimizer,
            place=place,
            text=optimizer_of_caller(optimizer, place, given=self._scaled is optimizer),
            held=held_by(optimizer, self._gradients),
            within=outer,
        )
        step.last_backward = len(self.backwards)
        self._stepping.append(step)
        self.steps.append(step)

    @quiet
    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        if not self._stepping or self._stepping[-1].optimizer is not optimizer:
            return
        step = self._stepping.pop()
        if len(self.backwards) > step.last_backward:  # a closure went backward
            self._gradients.refresh()
            now = held_by(optimizer, self._gradients)
            for number, held in step.held.items():
                if number in now:
                    held.of, held.gradient, held.by_hand = now[number].of, now[number].gradient, now[number].by_hand
        found_inf = getattr(optimizer, "found_inf", None)
        step.skipped = OVERFLOW if isinstance(found_inf, Tensor) and bool(found_inf) else ""
        self._end(step)

    def _end(self, step: OptimizerStep) -> None:
        step.moved = self.movement.changes()
        step.sequence = sequence_now()
        step.last_backward = len(self.backwards)
        step.cleared, self._gradients.cleared = tuple(self._gradients.cleared), []

    def _zero_grad_of_optimizer(
        self, original: Callable[..., Any], optimizer: Optimizer, *args: Any, **kwargs: Any
    ) -> Any:
        self._refresh()
        result = original(optimizer, *args, **kwargs)
        self._was_cleared([p for group in optimizer.param_groups for p in group["params"]])
        return result

    def _zero_grad_of_module(self, original: Callable[..., Any], module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        self._refresh()
        result = original(module, *args, **kwargs)
        self._was_cleared(list(module.parameters()))
        return result

    @quiet
    def _refresh(self) -> None:
        self._gradients.refresh()

    @quiet
    def _was_cleared(self, parameters: list[Tensor]) -> None:
        self._gradients.was_cleared(parameters)

    def _scale(self, original: Callable[..., Any], scaler: GradScaler, outputs: Any) -> Any:
        result = original(scaler, outputs)
        if isinstance(result, Tensor) and result.grad_fn is not None and scaler.is_enabled():
            self._scales[result.grad_fn] = scaler.get_scale()
        return result

    def _scaler_step(
        self, original: Callable[..., Any], scaler: GradScaler, optimizer: Optimizer, *args: Any, **kwargs: Any
    ) -> Any:
        before, self._scaled = len(self.steps), optimizer
        place = place_of_caller()
        try:
            result = original(scaler, optimizer, *args, **kwargs)
        finally:
            self._scaled = None
        if len(self.steps) == before:
            self._skipped(optimizer, place)
        return result

    @quiet
    def _skipped(self, optimizer: Optimizer, place: Place) -> None:
        """A step that the scaler left out."""
        self._gradients.refresh()
        held = held_by(optimizer, self._gradients)
        text = optimizer_of_caller(optimizer, place, given=True)
        step = OptimizerStep(len(self.steps) + 1, optimizer, place, text, held)
        step.skipped = OVERFLOW
        self.steps.append(step)
        self._end(step)
