"""Gradients in short: all entries of each, added up with random signs into a few numbers.

A sketch is linear, so that sums, differences and scalar products of gradients can be told from those of their sketches,
and no gradient has to be kept. Up to `WIDTH` entries it is the gradient itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import hypot, isfinite

import torch
from torch import Tensor

WIDTH = 64
GROUP = 2**22
"""Entries that are in memory in float64 at one time, unless one gradient has more."""
SMALL, LARGE = 1e-140, 1e140
"""Beyond these the square of a norm leaves float64."""


@dataclass(frozen=True)
class Sketch:
    """Of the gradients of some parameters: a row for each."""

    rows: Tensor
    """[parameters, WIDTH], float64, on the CPU."""
    norms: tuple[float, ...]
    """Of the gradients themselves."""

    @property
    def norm(self) -> float:
        """Of all gradients together."""
        return hypot(*self.norms)

    def at(self, numbers: Sequence[int]) -> Sketch:
        """Some of the rows."""
        return Sketch(self.rows[list(numbers)], tuple(self.norms[number] for number in numbers))

    @property
    def spread(self) -> float:
        """On how many numbers the sketch stands, large ones counting more: between one and all of them."""
        values = _scaled(self.rows)
        squares = values.square()
        total = float(squares.square().sum())
        return float(squares.sum()) ** 2 / total if total else 0.0


def sketched(gradients: Mapping[int, Tensor]) -> dict[int, tuple[Tensor, float]]:
    """By number of a gradient, dense and real: its row and its norm. A device is asked once for each group."""
    found = {}
    for numbers in _groups(gradients):
        rows, norms = _group([gradients[number].flatten() for number in numbers])
        found |= {number: (rows[at], norms[at]) for at, number in enumerate(numbers)}
    return found


def pattern(like: Tensor, number: Tensor) -> Tensor:
    """The direction along which a gradient's slope is the scalar product of its sketch with `number` [WIDTH]."""
    entries = like.numel() * (2 if like.is_complex() else 1)
    count = -(-entries // WIDTH)
    flat = (_signs(count)[:, None] * number).flatten()[:entries].to(like.device)
    if like.is_complex():
        return torch.view_as_complex(flat.view(*like.shape, 2)).to(like.dtype)
    return flat.view(like.shape).to(like.dtype)


def apart(one: Tensor, other: Tensor) -> float:
    """Length of the difference of two sketches, as part of the longer one."""
    size = max(float(one.abs().max()), float(other.abs().max())) if one.numel() else 0.0
    if not size or not isfinite(size):
        return float("inf")
    a, b = one / size, other / size
    return float((a - b).norm()) / max(float(a.norm()), float(b.norm()))


def coherence(rows: Sequence[Tensor]) -> float:
    """Length of the mean of some sketches over their mean length: 1 where all are alike, about 0 where none is."""
    stacked = _scaled(torch.stack(list(rows)).flatten(1))
    lengths = float(stacked.norm(dim=1).mean())
    return float(stacked.mean(0).norm()) / lengths if lengths else 0.0


def _groups(gradients: Mapping[int, Tensor]) -> Iterator[list[int]]:
    """Numbers of gradients on one device, together not too large."""
    by_device: dict[torch.device, list[int]] = {}
    for number, gradient in gradients.items():
        by_device.setdefault(gradient.device, []).append(number)
    for numbers in by_device.values():
        group, entries = list[int](), 0
        for number in numbers:
            if group and entries + gradients[number].numel() > GROUP:
                yield group
                group, entries = [], 0
            group.append(number)
            entries += gradients[number].numel()
        yield group


def _group(gradients: Sequence[Tensor]) -> tuple[Tensor, list[float]]:
    counts = [-(-len(gradient) // WIDTH) for gradient in gradients]
    first = gradients[0]
    empty = first.new_zeros(WIDTH, dtype=torch.float64)
    parts = [part for gradient in gradients for part in (gradient.double(), empty[: -len(gradient) % WIDTH])]
    lines = torch.cat(parts).view(-1, WIDTH)
    owner = torch.repeat_interleave(torch.tensor(counts, device=first.device))
    signs = torch.cat([_signs(count) for count in counts]).to(first.device)
    rows = empty.new_zeros(len(gradients), WIDTH).index_add_(0, owner, lines * signs[:, None])
    norms = empty.new_zeros(len(gradients)).index_add_(0, owner, lines.square().sum(1)).sqrt()
    told = torch.cat([rows, norms[:, None]], dim=1).cpu()
    sizes = told[:, -1].tolist()
    safe = [size if SMALL < size < LARGE else _norm(g) for size, g in zip(sizes, gradients, strict=True)]
    return told[:, :-1], safe


def _norm(gradient: Tensor) -> float:
    """Of a gradient whose squares may leave float64."""
    size = float(gradient.abs().max()) if gradient.numel() else 0.0
    return size * float((gradient.double() / size).norm()) if size and isfinite(size) else size


@cache
def _many_signs(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 2, (count,), generator=generator).double() * 2 - 1


def _signs(count: int) -> Tensor:
    """The first of one endless series of signs."""
    return _many_signs(1 << max(10, (count - 1).bit_length()))[:count]


def _scaled(rows: Tensor) -> Tensor:
    """With one as the largest number, so that squares stay in float64."""
    size = float(rows.abs().max()) if rows.numel() else 0.0
    return rows / size if size and isfinite(size) else rows
