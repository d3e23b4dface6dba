"""How strong a contract is: break the routing on purpose, one place at a time, and see whether it would notice.

Each stop is taken out, and a stop is put at each state and after each module. A mutant that changes no gradient is
equivalent; any other that presence, routes and stops all miss is a hole in the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from audits.dataflow.states import changed, properties_and_methods
from audits.fingerprint import Fingerprint, fingerprint
from audits.forward import forward
from audits.gradients import measure
from audits.recording.recorder import Recorder
from audits.recording.source_lines import Sources
from audits.result import Setting
from audits.target import Target

EQUAL = 1e-9
"""Largest difference, as part of the largest entry, between gradients that are called equal."""

Change = Callable[[], AbstractContextManager[None]]


class Layer(StrEnum):
    """A part of the contract."""

    PRESENCE = "presence"
    ROUTES = "routes"
    STOPS = "stops"


@dataclass(frozen=True)
class Mutant:
    """One broken routing at one setting, and what noticed it."""

    setting: str
    what: str
    """``without jepa_world_model.losses.embedding.jepa: sg_z``, ``stop at States.z``"""
    noticed: tuple[Layer, ...]
    equivalent: bool
    """Every gradient of every loss is as before."""
    raised: str = ""
    """What the trainer raised on it: nobody needs a contract to notice that."""

    @property
    def is_hole(self) -> bool:
        return not self.noticed and not self.equivalent and not self.raised


def mutation_test(
    target: Target, settings: Sequence[Setting], on_progress: Callable[[int, int], None] | None = None
) -> list[Mutant]:
    """All mutants at all settings. `on_progress` is told how many settings are done, of how many."""
    mutants: list[Mutant] = []
    for done, setting in enumerate(settings, start=1):
        mutants += _at(target, setting)
        if on_progress:
            on_progress(done, len(settings))
    return mutants


def _at(target: Target, setting: Setting) -> Iterator[Mutant]:
    with _calls_noted() as called:
        original = fingerprint(target, setting)
    gradients: dict[str, Tensor] = {}
    for what, without, change in _mutations(target, original.called, called):
        try:
            with change():
                noticed = layers_that_differ(original, fingerprint(target, setting, without=without))
                mutated = {} if noticed else _gradients(target, setting, without)
        except Exception as error:  # code that counts on the stop, such as .numpy() of what it detached
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            yield Mutant(setting.label, what, (), equivalent=False, raised=reason)
            continue
        gradients = gradients or ({} if noticed else _gradients(target, setting))
        yield Mutant(setting.label, what, noticed, equivalent=not noticed and _equal(gradients, mutated))


def layers_that_differ(one: Fingerprint, other: Fingerprint) -> tuple[Layer, ...]:
    """The parts of a contract that tell two routings apart."""
    seen = {
        Layer.PRESENCE: one.present != other.present,
        Layer.ROUTES: one.routes != other.routes,
        Layer.STOPS: one.stops != other.stops,
    }
    return tuple(layer for layer, different in seen.items() if different)


def _mutations(
    target: Target, stops: Collection[str], called: Collection[nn.Module]
) -> Iterator[tuple[str, str, Change]]:
    """What is changed, the key of the stop that is taken out or "", and the change of the code."""
    for key in sorted(stops):
        yield f"without {key}", key, nullcontext
    for owner in target.states:
        for name in properties_and_methods(owner):
            yield f"stop at {owner.__name__}.{name}", "", lambda owner=owner, name=name: changed(owner, name, _detached)
    for column, root in target.named_modules.items():
        if isinstance(root, nn.Module):
            for name, module in _called_parts(column, root, called):
                yield f"stop after {name}", "", lambda module=module: _stopped_module(module)


def _called_parts(name: str, module: nn.Module, called: Collection[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    """A module that is called; of one that never is, such as a list of modules, the outermost parts that are."""
    if module in called:
        yield name, module
        return
    for part, child in module.named_children():
        yield from _called_parts(f"{name}.{part}", child, called)


@contextmanager
def _calls_noted() -> Iterator[set[nn.Module]]:
    """Every module that is called inside."""
    called: set[nn.Module] = set()
    hook = nn.modules.module.register_module_forward_pre_hook(lambda module, _: called.add(module))
    try:
        yield called
    finally:
        hook.remove()


def _gradients(target: Target, setting: Setting, without: str = "") -> dict[str, Tensor]:
    """By loss: all gradients in one vector."""
    parts: dict[str, dict[int, Tensor]] = {}
    recorder = Recorder(Sources(target.helpers, target.locate), without=[without] if without else [])
    with forward(target, setting, recorder=recorder) as run:

        def keep(loss: str, number: int, gradient: Tensor) -> None:
            parts[loss][number] = gradient.to_dense().flatten()

        parts.update({name: {} for name, loss in run.losses.items() if loss.requires_grad})
        failed = measure(run.losses, run.columns, run.graph, take=keep).failed
    return {
        loss: torch.cat([found[number] for number in sorted(found)]) if found else torch.zeros(0)
        for loss, found in parts.items()
        if loss not in failed
    }


def _equal(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> bool:
    return before.keys() == after.keys() and all(
        a.shape == after[loss].shape and torch.allclose(a, after[loss], rtol=EQUAL, atol=EQUAL * float(a.abs().max()))
        if a.numel()
        else not after[loss].numel()
        for loss, a in before.items()
    )


@contextmanager
def _stopped_module(module: nn.Module) -> Iterator[None]:
    hook = module.register_forward_hook(lambda _module, _inputs, output: _detached(output))
    try:
        yield
    finally:
        hook.remove()


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if type(value) in (tuple, list):
        return type(value)(map(_detached, value))
    if type(value) is dict:
        return {key: _detached(item) for key, item in value.items()}
    return value
