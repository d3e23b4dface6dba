"""Stops that give in every pass what they gave in the first: the loss then changes by the live ways alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from audits.isolation.in_place import writes_in_place
from audits.recording.recorder import DATA, DETACHING, SET_GRAD


class HeldStops(TorchFunctionMode):
    """Entered for a first pass and for each pass that is to hold what was stopped in that one.

    What is computed under `no_grad`, and what `detach` and `.data` give, are held. What is computed inside of a custom
    Function is not, and what is written to in place is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Tensor] | None = None
        self._given = 0
        self._is_first = self._is_off = False

    def __enter__(self) -> HeldStops:
        self._is_first, self._is_off, self._given = self._held is None, False, 0
        self._held = self._held or []
        return super().__enter__()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is SET_GRAD:
            self._is_off = not args[0]
        if not isinstance(out, Tensor) or not out.is_floating_point() or not self._stops(func, args):
            return out
        return self._kept(out)

    def _stops(self, func: Callable, args: tuple) -> bool:
        if func is DATA and isinstance(args[0], nn.Parameter):
            return False  # it is there to be written to
        if writes_in_place(func):
            return False
        by_block = self._is_off and not torch.is_grad_enabled()
        return func in DETACHING or by_block or torch.is_inference_mode_enabled()

    def _kept(self, out: Tensor) -> Tensor:
        """What the first pass had. Raises ValueError where this one goes another way."""
        assert self._held is not None
        if self._is_first:
            self._held.append(out.detach().clone())
            return out
        if self._given == len(self._held) or self._held[self._given].shape != out.shape:
            raise ValueError("this pass has other stops than the one before")
        self._given += 1
        return self._held[self._given - 1].clone()
