"""A script while it runs: what it sends backward is measured before it goes, and its optimizers are counted."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from audits.dataflow.links import DataFlow
from audits.graph import LEAF
from audits.places import Place
from audits.recording.source_lines import Sources, Spot
from audits.script.living import LivingNames, script_frame, stack_of
from audits.script.losses import Losses, LossName, Summand
from audits.script.measuring import LossGradients, Start, gradients
from audits.script.objective import Differentiated, SentRoot
from audits.script.recording import ScriptRecorder
from audits.script.variables import holders
from audits.script.variation import varied

PATIENCE = 10
"""Steps of one optimizer, after which no other one is waited for."""
WITHOUT_STEP = 256
"""Backward calls at one place, after which no first step is waited for."""


@dataclass(frozen=True)
class Sent:
    """One loss of one backward call, perhaps of several summands."""

    loss: Summand
    values: tuple[int, ...]
    gradients: LossGradients
    number: int
    """Of the backward call."""
    root: str
    """What went backward, as it is called."""
    site: tuple[Spot, ...]
    """The expressions that were running then, the innermost first."""


@dataclass
class ScriptRun:
    """All that was seen of a script."""

    finish: Callable[[], None]
    """Called when its optimizers have gone round, from inside of the script, and again at each step after."""
    steps: int = 1
    variation: str = ""
    on_dataflow: Callable[[DataFlow], None] | None = None
    """Told what the script computes from what, where a picture is wanted."""
    sources: Sources = field(default_factory=Sources)
    names: LivingNames = field(default_factory=LivingNames)
    sent: list[Sent] = field(default_factory=list)
    left_out: dict[int, set[int]] = field(default_factory=dict)
    """By number of a backward call that names its inputs: ids of those."""

    def __post_init__(self) -> None:
        self.recorder = ScriptRecorder(self.sources)
        self.optimizers: dict[int, weakref.ref[Optimizer]] = {}
        self.stepped: dict[int, int] = {}
        self.covered: set[int] = set()
        self._losses = Losses(self.recorder.sums, self.sources)
        self.objective = Differentiated(self.recorder, self._losses)
        self._sites: dict[tuple[Any, int], int] = {}
        self.calls_at: list[Place] = []
        """By number of a backward call: where it is."""
        self.calls = 0
        self.looks: set[int] = set()
        """Numbers of backward calls that count only where there are no others."""
        self._scales: dict[int, float] = {}
        self._is_done = False
        self._is_going_back = False

    @contextmanager
    def watching(self) -> Iterator[ScriptRun]:
        """While a script runs."""
        with ExitStack() as stack:
            stack.enter_context(self._backwards())
            stack.enter_context(self._optimizers())
            stack.enter_context(_eager())
            stack.enter_context(self.recorder.listening())
            stack.enter_context(varied(self.variation, self.recorder))
            yield self

    # -------------------------------------------------------------------------------------------------- what is told

    @contextmanager
    def _backwards(self) -> Iterator[None]:
        autograd = torch.autograd
        backward, grad = autograd.backward, autograd.grad

        def told_backward(tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> Any:
            if self._is_going_back:  # a reentrant checkpoint, inside of a backward pass
                return backward(tensors, grad_tensors, *args, **kwargs)
            inputs = kwargs.get("inputs", args[3] if len(args) > 3 else None)
            self._see(tensors, grad_tensors, inputs, sys._getframe(1))
            with self.recorder.asleep(), self._going_back():
                return backward(tensors, grad_tensors, *args, **kwargs)

        def told_grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            again = kwargs.get("create_graph", args[2] if len(args) > 2 else False)
            if not again and not self._is_going_back and self._are_weights(inputs):
                given = kwargs.get("grad_outputs", args[0] if args else None)
                retained = bool(kwargs.get("retain_graph", args[1] if len(args) > 1 else False))
                self._see(outputs, given, inputs, sys._getframe(1), looks=retained)
            elif not self._is_going_back:
                self._differentiated(outputs)
            return grad(outputs, inputs, *args, **kwargs)

        autograd.backward, autograd.grad = told_backward, told_grad
        try:
            yield
        finally:
            autograd.backward, autograd.grad = backward, grad

    @contextmanager
    def _going_back(self) -> Iterator[None]:
        self._is_going_back = True
        try:
            yield
        finally:
            self._is_going_back = False

    @contextmanager
    def _optimizers(self) -> Iterator[None]:
        begin, scale = Optimizer.__init__, torch.amp.GradScaler.scale

        def told_begin(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            begin(optimizer, *args, **kwargs)
            self.optimizers[id(optimizer)] = weakref.ref(optimizer)

        def told_scale(scaler: Any, outputs: Any) -> Any:
            scaled = scale(scaler, outputs)
            if isinstance(outputs, Tensor) and scaled is not outputs:
                value, frame = self.recorder.value_of(scaled), self.sources.frame(sys._getframe(1))
                self.recorder.sums.passed_on(value, scaled, self.recorder.value_of(outputs), outputs, frame)
                self._scales[value] = scaler.get_scale()
            return scaled

        def before(_: Optimizer, args: tuple, kwargs: dict[str, Any]) -> None:
            if not _closure(args, kwargs):
                self.recorder.sleep()

        def after(optimizer: Optimizer, args: tuple, kwargs: dict[str, Any]) -> None:
            if not _closure(args, kwargs):
                self.recorder.wake()
            self._stepped(optimizer)

        kinds: Any = Optimizer, torch.amp.GradScaler
        kinds[0].__init__, kinds[1].scale = told_begin, told_scale
        handles = register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)
        try:
            yield
        finally:
            kinds[0].__init__, kinds[1].scale = begin, scale
            for handle in handles:
                handle.remove()

    # ------------------------------------------------------------------------------------------------ what is noted

    def _see(self, roots: Any, given: Any, inputs: Any, frame: Any, *, looks: bool = False) -> None:
        """A backward call, before it goes. `looks`: it may only look at a gradient, such as to weigh a loss by it."""
        if self._is_done:
            self.finish()
            return
        roots = [roots] if isinstance(roots, Tensor) else list(roots)
        given = list(given) if isinstance(given, list | tuple) else [given] * len(roots)
        own = script_frame(frame, self.sources)
        spot = Spot(own.f_code, own.f_lasti, own.f_lineno, own.f_globals) if own else None
        self._end_without_step(spot)
        site = tuple(stack_of(frame, self.sources))
        with self.recorder.asleep(), self._going_back(), torch.enable_grad():
            self.names.look(frame, self.sources)
            for number, (root, gradient) in enumerate(zip(roots, given, strict=False)):
                if isinstance(root, Tensor) and root.requires_grad:
                    held = holders(root, frame, self.sources)
                    value = self.recorder.value_of(root)
                    self._take(value, root, gradient, self._losses.written(value, held, spot, number), site)
        if inputs is not None:
            wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
            self.left_out[self.calls] = {id(tensor) for tensor in wanted}
        if looks:
            self.looks.add(self.calls)
        self.calls_at.append(self.sources.expression(spot))
        self.calls += 1

    def _differentiated(self, outputs: Any) -> None:
        """A gradient is asked for that trains nothing by itself."""
        if not self._is_done:
            given = [outputs] if isinstance(outputs, Tensor) else list(outputs)
            self.objective.others |= {self.recorder.value_of(each) for each in given if isinstance(each, Tensor)}

    def _take(self, value: int, root: Tensor, gradient: Any, written: LossName | None, site: tuple[Spot, ...]) -> None:
        self.recorder.sums.hold(value, root)
        size = root.numel() if value in self.recorder.sums.of else 1
        scale = self._scale(value)
        groups: dict[Any, list[Summand]] = {}
        summands = [loss for loss in self._losses.of(value, size, written) if not self._is_start(loss)]
        self.objective.roots.append(SentRoot(value, summands, self.calls))
        for loss in summands:
            alone = loss.value if self._losses.is_weight(loss.value) else None
            groups.setdefault((loss.named, loss.live, alone), []).append(loss)
        for losses in groups.values():
            first = losses[0]
            whole = gradient if first.value == value and root.numel() > 1 else None
            edges = self.recorder.sums.edges
            usual = next((loss.weight for loss in losses if loss.weight), 0.0)
            starts = [  # a loss that somebody gave the weight zero has a gradient of its own
                Start(edges[loss.value], loss.index, loss.weight / usual if usual else 1.0, whole) for loss in losses
            ]
            found = gradients(starts, scale, self.weights().values()) if first.live else LossGradients()
            name = written.name if written else ""
            self.sent.append(Sent(first, tuple(loss.value for loss in losses), found, self.calls, name, site))

    def _is_start(self, loss: Summand) -> bool:
        """Whether a summand is only what a sum began with: ``torch.zeros(1, requires_grad=True)``."""
        node = self.recorder.sums.edges[loss.value].node
        if type(node).__name__ != LEAF or not self.optimizers:
            return False
        return not isinstance(node.variable, nn.Parameter) and id(node.variable) not in self.weights()

    def _scale(self, value: int) -> float:
        """What a gradient scaler has multiplied a value by."""
        return self._scales.get(value, 1.0)

    def _stepped(self, optimizer: Optimizer) -> None:
        self.stepped[id(optimizer)] = self.stepped.get(id(optimizer), 0) + 1
        self.covered |= {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        if self._is_done:
            self.finish()
        elif self.sent and self._is_round():
            self.end(sys._getframe(1))

    def _is_round(self) -> bool:
        """Whether every optimizer has made its steps, or those that have not train nothing of their own."""
        if max(self.stepped.values()) >= PATIENCE * self.steps:
            return True
        for key, reference in self.optimizers.items():
            optimizer = reference()
            if optimizer is None or self.stepped.get(key, 0) >= self.steps:
                continue
            own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
            if own - self.covered or not self.stepped:
                return False
        return max(self.stepped.values()) >= self.steps

    def _end_without_step(self, spot: Spot | None) -> None:
        """A script that moves its weights by hand has gone round when it goes backward a second time at one place. One
        whose optimizers never step would go on to the end of its training."""
        if self.stepped or spot is None:
            return
        key = spot.f_code, spot.f_lasti
        self._sites[key] = self._sites.get(key, 0) + 1
        most = WITHOUT_STEP if self.optimizers else self.steps
        if self._sites[key] > most and self.sent:
            self.end(sys._getframe(2))

    def end(self, frame: Any) -> None:
        """Enough was seen."""
        self.names.look(frame, self.sources)
        self._is_done = True
        self.finish()

    def waiting(self) -> list[str]:
        """Optimizers that made no step."""
        found = []
        for key, reference in self.optimizers.items():
            optimizer = reference()
            if optimizer is not None and not self.stepped.get(key):
                own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
                if own - self.covered:
                    found.append(type(optimizer).__name__)
        return found

    def weights(self) -> dict[int, Tensor]:
        """By id: all parameters of optimizers."""
        living = (reference() for reference in self.optimizers.values())
        tensors = (
            parameter
            for optimizer in living
            if optimizer is not None
            for group in optimizer.param_groups
            for parameter in group["params"]
        )
        return {id(tensor): tensor for tensor in tensors}

    def _are_weights(self, inputs: Any) -> bool:
        """Whether a gradient is asked for what is trained, not for the input of a penalty."""
        given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        return bool(given) and all(isinstance(each, nn.Parameter) or id(each) in self.weights() for each in given)


def _closure(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an optimizer calls to compute the loss again, in its step."""
    given: Collection[Any] = (*args, *kwargs.values())
    return next((each for each in given if callable(each) and not isinstance(each, Optimizer)), None)


@contextmanager
def _eager() -> Iterator[None]:
    """Nothing is compiled: a compiled region claims more reach than it has, and takes longer than a step."""
    compile = torch.compile

    def as_it_is(model: Any = None, **_: Any) -> Any:
        if isinstance(model, nn.Module):
            vars(model)["_orig_mod"] = model
        return model if model is not None else lambda function: function

    torch.compile = as_it_is
    try:
        yield
    finally:
        torch.compile = compile
