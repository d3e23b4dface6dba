"""How strong a contract is: break the routing on purpose, one place at a time, and see whether it would notice.

Each stop is taken out, and a stop is put at each state and after each module. A mutant that changes no gradient is
equivalent; any other that presence, path counts and stops all miss is a hole in the contract.
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
from audits.gradients import Gradients, measure
from audits.recording.recorder import Recorder
from audits.recording.sources import Sources
from audits.result import Setting
from audits.target import Target

EQUAL = 1e-9
"""Largest difference, as part of the largest entry, between gradients that are called equal."""

Change = Callable[[], AbstractContextManager[None]]


class Layer(StrEnum):
    """A part of the contract."""

    PRESENCE = "presence"
    PATHS = "paths"
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

    @property
    def is_hole(self) -> bool:
        return not self.noticed and not self.equivalent


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
    original = fingerprint(target, setting)
    gradients: dict[str, Tensor] = {}
    for what, without, change in _mutations(target, original.called):
        with change():
            noticed = layers_that_differ(original, fingerprint(target, setting, without=without))
            if noticed:
                yield Mutant(setting.label, what, noticed, equivalent=False)
                continue
            mutated = _gradients(target, setting, without)
        gradients = gradients or _gradients(target, setting)
        yield Mutant(setting.label, what, (), equivalent=_equal(gradients, mutated))


def layers_that_differ(one: Fingerprint, other: Fingerprint) -> tuple[Layer, ...]:
    """The parts of a contract that tell two routings apart."""
    counts = [(count, other.paths[pair]) for pair, count in one.paths.items()]
    seen = {
        Layer.PRESENCE: any(bool(a) != bool(b) for a, b in counts),
        Layer.PATHS: any(a != b for a, b in counts),
        Layer.STOPS: one.stops != other.stops,
    }
    return tuple(layer for layer, different in seen.items() if different)


def _mutations(target: Target, called: Collection[str]) -> Iterator[tuple[str, str, Change]]:
    """What is changed, the key of the stop that is taken out or "", and the change of the code."""
    for key in sorted(called):
        yield f"without {key}", key, nullcontext
    for owner in target.states:
        for name in properties_and_methods(owner):
            yield f"stop at {owner.__name__}.{name}", "", lambda owner=owner, name=name: changed(owner, name, _detached)
    for name, module in target.named_modules.items():
        if isinstance(module, nn.Module):
            yield f"stop after {name}", "", lambda module=module: _stopped_module(module)


def _gradients(target: Target, setting: Setting, without: str = "") -> dict[str, Tensor]:
    """By loss: all gradients in one vector."""
    found: dict[str, Tensor] = {}
    recorder = Recorder(Sources(target.helpers, target.locate), without=[without] if without else [])
    with forward(target, setting, recorder=recorder) as run:

        def keep(loss: str, gradients: Gradients) -> None:
            parts = [gradient.to_dense().flatten() for gradient in gradients if gradient is not None]
            found[loss] = torch.cat(parts) if parts else torch.zeros(0)

        measure(run.losses, run.columns, run.graph, visit=keep)
    return found


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
