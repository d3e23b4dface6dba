"""How far tensors moved since they were last looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from audits.step.events import TensorChange

FEWEST = 8
"""Elements from which an average can be told from chance."""
CANDIDATES = 64
CLOSE = 0.05
"""The part of a move that may be left when it is taken for one towards another tensor."""


@dataclass(eq=False)
class _Known:
    tensor: Tensor
    before: Tensor


class Movement:
    """Tensors with copies of what they were."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def watch(self, tensors: Iterable[Tensor]) -> None:
        """Follow tensors from now on."""
        for tensor in tensors:
            if id(tensor) not in self._known and not tensor.is_meta and tensor.layout is torch.strided:
                self._known[id(tensor)] = _Known(tensor, tensor.detach().clone())

    def tensor(self, number: int) -> Tensor | None:
        """The tensor with this id, if it is followed."""
        known = self._known.get(number)
        return known.tensor if known else None

    @torch.no_grad()
    def changes(self, *, averages: bool = False) -> dict[int, TensorChange]:
        """By id, what moved since the last call. `averages`: also whether it moved towards another tensor."""
        moved = {
            number: known
            for number, known in self._known.items()
            if known.tensor.shape != known.before.shape or not _equal(known.tensor, known.before)
        }
        found = {number: _change(known) for number, known in moved.items()}
        if averages:
            for number, known in moved.items():
                found[number].average_of = self._average(known)
        for known in moved.values():
            known.before = known.tensor.detach().clone()
        return found

    def _average(self, known: _Known) -> tuple[int, float] | None:
        """The tensor of the same shape towards which this one moved."""
        before, now = known.before, known.tensor.detach()
        if before.numel() < FEWEST or before.shape != now.shape or not before.is_floating_point():
            return None
        way = now - before
        alike = [each for each in self._known.values() if each is not known and _alike(each.tensor, now)]
        for other in alike[:CANDIDATES]:
            distance = other.tensor.detach() - before
            total = float(distance.square().sum())
            part = float((way * distance).sum()) / total if total else 0.0
            if 0 < part <= 1 + CLOSE and float((way - part * distance).norm()) <= CLOSE * float(way.norm()):
                return id(other.tensor), part
        return None


def _equal(tensor: Tensor, before: Tensor) -> bool:
    return torch.equal(tensor.detach(), before) or bool(
        ((tensor == before) | ((tensor != tensor) & (before != before))).all()
    )


def _change(known: _Known) -> TensorChange:
    now, before = known.tensor.detach(), known.before
    if now.shape != before.shape:
        return TensorChange(float("inf"), 0.0)
    kind = torch.complex64 if now.is_complex() else torch.float32 if now.dtype != torch.float64 else torch.float64
    was = before.to(kind)
    return TensorChange(float((now.to(kind) - was).norm()), float(was.norm()))


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.device == other.device
