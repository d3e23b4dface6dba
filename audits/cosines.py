"""Which losses pull a module the same way, and which pull it apart.

All gradients of all losses would take the memory of the model once for each loss. So many are kept at a time as an
optimizer would keep numbers: first those far from the losses, while all gradients are measured; then the others, by
further backward passes, which end near the losses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import torch
from torch import Tensor

from audits.forward import Forward
from audits.gradients import Measured, backward_of, dense, differentiable, measure, positions
from audits.result import Pair
from audits.sketch import GROUP

KEPT = 2
"""For each weight so many numbers may be kept, as Adam does."""
LEAST = 2**25
"""Or so many bytes."""

Angles = dict[str, dict[Pair, float]]
"""By module, by pair of losses that both reach it: the cosine of their gradients."""


def measured_with_cosines(run: Forward) -> tuple[Measured, Angles]:
    """The gradients of each loss alone, and the cosines of those of each pair of losses, module by module."""
    rounds = list(_rounds(run))
    first = _Kept(rounds[0] if rounds else [])
    measured = measure(run.losses, run.columns, run.graph, take=first.take)
    grams = _Grams(measured, positions(run.columns), list(run.losses))
    grams.add(first)
    del first
    for pieces in rounds[1:]:
        grams.add(_again(run, pieces, measured))
    return measured, grams.cosines()


@dataclass(frozen=True)
class _Piece:
    """Some entries of a parameter's gradient, as real numbers."""

    number: int
    start: int
    stop: int


class _Kept:
    """Some pieces of the gradients of all losses."""

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        self.pieces = pieces
        self._of: dict[int, list[_Piece]] = {}
        for piece in pieces:
            self._of.setdefault(piece.number, []).append(piece)
        self.rows: dict[_Piece, dict[str, Tensor]] = {piece: {} for piece in pieces}

    @property
    def numbers(self) -> set[int]:
        return set(self._of)

    def take(self, loss: str, number: int, gradient: Tensor) -> None:
        if number not in self._of:
            return
        flat = dense(gradient.to_dense()).flatten()
        for piece in self._of[number]:
            part = flat[piece.start : piece.stop]
            self.rows[piece][loss] = part if len(part) == len(flat) else part.clone()


def _rounds(run: Forward) -> Iterator[list[_Piece]]:
    """All gradients that two losses or more have, furthest from the losses first, as many as may be kept at once."""
    tensors = differentiable(run.columns)
    own = {id(tensor): tensor.nbytes for column in run.columns for tensor in column.parameters}
    may = max(LEAST, KEPT * sum(own.values()))
    depths, left, pieces = run.graph.depths(), may, list[_Piece]()
    sharing = {number: sum(count > 0 for count in run.graph.reached([t])) for number, t in enumerate(tensors)}
    for number in sorted(sharing, key=lambda number: -depths.get(id(tensors[number]), 0)):
        tensor, losses = tensors[number], sharing[number]
        entries = tensor.numel() * (2 if tensor.is_complex() else 1)
        if losses < 2 or not entries:
            continue
        size, start = losses * tensor.nbytes // entries, 0
        while start < entries:
            stop = min(entries, start + max(1, left // size))
            pieces.append(_Piece(number, start, stop))
            left -= (stop - start) * size
            start = stop
            if left < size:
                yield pieces
                left, pieces = may, []
    if pieces:
        yield pieces


def _again(run: Forward, pieces: Sequence[_Piece], measured: Measured) -> _Kept:
    """The same pieces of every loss, by backward passes that go no further than they need."""
    kept = _Kept(pieces)
    tensors = differentiable(run.columns)
    wanted = {number: run.graph.reached([tensors[number]]) for number in kept.numbers}
    with backward_of(run.columns, run.graph) as backward:
        for at, (name, loss) in enumerate(run.losses.items()):
            numbers = [number for number, counts in wanted.items() if counts[at]]
            if numbers and name not in measured.failed:
                backward.go(name, loss.sum(), lambda n, gradient, name=name: kept.take(name, n, gradient), numbers)
    return kept


class _Grams:
    """Scalar products of the gradients of all losses, module by module, each gradient divided by its length."""

    def __init__(self, measured: Measured, members: Mapping[str, Sequence[int]], losses: Sequence[str]) -> None:
        self._modules: dict[int, list[str]] = {}
        for module, numbers in members.items():
            for number in set(numbers):
                self._modules.setdefault(number, []).append(module)
        self._norms = {
            module: {loss: norm for loss in losses if (norm := measured.norms.get((loss, module))) is not None}
            for module in members
        }
        self._grams = {
            module: torch.zeros(len(norms), len(norms), dtype=torch.float64) for module, norms in self._norms.items()
        }

    def add(self, kept: _Kept) -> None:
        """What some pieces add. They are let go."""
        for piece in kept.pieces:
            rows = kept.rows.pop(piece)
            for module in self._modules[piece.number]:
                norms = self._norms[module]
                self._add(module, {loss: row for loss, row in rows.items() if _is_length(norms.get(loss))})

    def _add(self, module: str, rows: Mapping[str, Tensor]) -> None:
        if len(rows) < 2:
            return
        norms = self._norms[module]
        lengths = torch.tensor([[norms[loss]] for loss in rows], dtype=torch.float64)
        at = torch.tensor([list(norms).index(loss) for loss in rows])
        gram = torch.zeros(len(rows), len(rows), dtype=torch.float64)
        for parts in zip(*(row.split(max(1, GROUP // len(rows))) for row in rows.values()), strict=True):
            block = torch.stack(parts).double() / lengths.to(parts[0].device)
            gram += (block @ block.T).cpu()
        self._grams[module][at[:, None], at] += gram

    def cosines(self) -> Angles:
        """Of what was added; NaN where a gradient is zero or not finite."""
        found: Angles = {}
        for module, norms in self._norms.items():
            angles = self._grams[module].clamp(-1.0, 1.0).tolist()
            found[module] = {
                (a, b): angles[i][j] if _is_length(norms[a]) and _is_length(norms[b]) else nan
                for i, a in enumerate(norms)
                for j, b in enumerate(norms)
                if i < j
            }
        return found


def _is_length(norm: float | None) -> bool:
    return bool(norm) and isfinite(norm)
