"""Which backward calls are in the gradient of each parameter: what was added since it was cleared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from audits.step.events import BackwardCall, Cleared


@dataclass(eq=False)
class _Entry:
    parameter: Tensor
    handle: Any
    of: list[BackwardCall] = field(default_factory=list)
    by_hand: bool = False
    seen: tuple[int, int] = (0, 0)
    """Address and version of the gradient when it was last looked at."""
    was_some: bool = False
    """Whether it was not zero then."""


class Gradients:
    """Follows `.grad` of parameters by hooks that run when gradient is added."""

    def __init__(self, current: Callable[[], BackwardCall | None]) -> None:
        """`current` gives the backward call that is running."""
        self._current = current
        self._entries: dict[int, _Entry] = {}
        self.cleared: list[Cleared] = []

    def watch(self, parameter: Tensor) -> None:
        """Follow a parameter from now on. What it has of gradient already is by hand."""
        if id(parameter) in self._entries or not (parameter.is_leaf and parameter.requires_grad):
            return
        handle = parameter.register_post_accumulate_grad_hook(self._added)
        entry = self._entries[id(parameter)] = _Entry(parameter, handle)
        self._look(entry)

    def refresh(self) -> None:
        """Notice what was cleared or put there by hand. To be called before gradient is added or taken."""
        for entry in self._entries.values():
            self._look(entry)

    def forget_zeros(self) -> None:
        """Before more gradient is added: a backward call that gave nothing but zeros is in no later gradient. Whether
        somebody has cleared them cannot be seen."""
        for entry in self._entries.values():
            if not entry.was_some:
                entry.of = []

    def was_cleared(self, parameters: Iterable[Tensor]) -> None:
        """Somebody called `zero_grad`."""
        for parameter in parameters:
            if entry := self._entries.get(id(parameter)):
                self._clear(entry)
                self._note(entry)

    def of(self, parameter: Tensor) -> tuple[tuple[BackwardCall, ...], bool]:
        """The backward calls that are in its gradient now, and whether something else is."""
        entry = self._entries.get(id(parameter))
        return (tuple(entry.of), entry.by_hand) if entry else ((), False)

    def close(self) -> None:
        """Leave no hook behind."""
        for entry in self._entries.values():
            entry.handle.remove()
        self._entries.clear()

    def _added(self, parameter: Tensor) -> None:
        with torch._C.DisableTorchFunction():
            self._note_added(parameter)

    def _note_added(self, parameter: Tensor) -> None:
        entry, backward = self._entries[id(parameter)], self._current()
        if parameter.grad is None:  # a hook before this one has stepped by it, and cleared it
            pass
        elif backward is None:
            entry.by_hand = True
        elif backward not in entry.of:
            entry.of.append(backward)
        if backward is not None:
            backward.reached.add(id(parameter))
        self._note(entry)

    def _look(self, entry: _Entry) -> None:
        gradient = entry.parameter.grad
        if gradient is None:
            self._clear(entry)
        elif (_address(gradient), gradient._version) != entry.seen:
            some = is_some(gradient)
            if not some and (entry.was_some or not entry.of):
                self._clear(entry)
            elif some and not entry.of and (backward := self._current()):  # a hook steps before this one is told
                entry.of = [backward]
                backward.reached.add(id(entry.parameter))
            elif some and not entry.of:
                entry.by_hand = True
        else:
            return
        self._note(entry)

    def _clear(self, entry: _Entry) -> None:
        self.cleared += [Cleared(id(entry.parameter), by) for by in entry.of]
        entry.of, entry.by_hand = [], False

    def _note(self, entry: _Entry) -> None:
        gradient = entry.parameter.grad
        entry.seen = (_address(gradient), gradient._version) if gradient is not None else (0, 0)
        entry.was_some = gradient is not None and is_some(gradient)


def is_some(value: Tensor) -> bool:
    """Whether some entry is not zero; NaN is not."""
    value = value.detach()
    return bool((value._values() if value.is_sparse else value).any())


def _address(gradient: Tensor) -> int:
    return gradient.data_ptr() if not gradient.is_sparse else id(gradient)
