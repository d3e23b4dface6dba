"""Gradients in short: all entries of each, added up with random signs into a few numbers.

A sketch is linear, so that sums, differences and scalar products of gradients can be told from those of their sketches,
and no gradient has to be kept. Up to `WIDTH` entries it is the gradient itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import hypot, isfinite

import torch
from torch import Tensor

from audits.isolation.freed_memory import FREED

WIDTH = 64
GROUP = 2**18
"""Entries that are in memory in float64 at one time."""
LONG = 2**15
"""A gradient of so many entries is not worth waiting for others, where no device must be asked."""
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


class Sketches:
    """Takes gradients one by one, and keeps the sketch of each. Small ones wait for others: a group costs less."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[Tensor, float]] = {}
        self._nonfinite: dict[int, int] = {}
        self._waiting: dict[torch.device, dict[int, Tensor]] = {}
        self._entries: Counter[torch.device] = Counter()

    def take(self, number: int, gradient: Tensor) -> None:
        """One more, dense and real, under a number of its own."""
        if gradient.numel() >= (LONG if gradient.is_cpu else GROUP):
            self._sketch({number: gradient})
            return
        self._waiting.setdefault(gradient.device, {})[number] = gradient
        self._entries[gradient.device] += gradient.numel()
        if self._entries[gradient.device] >= GROUP:
            self._entries[gradient.device] = 0
            self._sketch(self._waiting.pop(gradient.device))

    def finish(self) -> None:
        """Sketch those that wait."""
        while self._waiting:
            self._sketch(self._waiting.popitem()[1])

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    def of(self, numbers: Sequence[int]) -> Sketch:
        """Of the gradients with some numbers together."""
        return Sketch(torch.stack([self._rows[n][0] for n in numbers]), tuple(self._rows[n][1] for n in numbers))

    def nonfinite(self, numbers: Sequence[int]) -> int:
        """How many of their entries are no finite numbers."""
        return sum(self._nonfinite.get(number, 0) for number in numbers)

    def _sketch(self, gradients: Mapping[int, Tensor]) -> None:
        """A device is asked once for each group."""
        FREED.give_back()
        flat = [gradient.flatten() for gradient in gradients.values()]
        rows, norms = _group(flat) if len(flat) > 1 else _alone(flat[0])
        for at, number in enumerate(gradients):
            self._rows[number] = rows[at].clone(), norms[at]
            if not isfinite(norms[at]):
                self._nonfinite[number] = int((~torch.isfinite(flat[at])).sum())


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


def _group(gradients: Sequence[Tensor]) -> tuple[Tensor, list[float]]:
    counts = [-(-len(gradient) // WIDTH) for gradient in gradients]
    first = gradients[0]
    empty = first.new_zeros(WIDTH, dtype=torch.float64)
    parts = [part for gradient in gradients for part in (gradient.double(), empty[: -len(gradient) % WIDTH])]
    lines = torch.cat(parts).view(-1, WIDTH)
    owner = torch.repeat_interleave(torch.tensor(counts, device=first.device))
    signs = torch.cat([_signs(count) for count in counts]).to(lines)
    rows = empty.new_zeros(len(gradients), WIDTH).index_add_(0, owner, lines * signs[:, None])
    norms = empty.new_zeros(len(gradients)).index_add_(0, owner, lines.square().sum(1)).sqrt()
    return _told(rows, norms, gradients)


def _alone(gradient: Tensor) -> tuple[Tensor, list[float]]:
    """Part by part."""
    row = gradient.new_zeros(WIDTH, dtype=torch.float64)
    square = row.new_zeros(())
    signs = _signs(-(-len(gradient) // WIDTH))
    for start in range(0, len(gradient), GROUP):
        part = gradient[start : start + GROUP].double()
        if rest := -len(part) % WIDTH:
            part = torch.cat([part, part.new_zeros(rest)])
        lines = part.view(-1, WIDTH)
        first = start // WIDTH
        row += signs[first : first + len(lines)].to(part) @ lines
        square += part.dot(part)
    return _told(row[None], square.sqrt()[None], [gradient])


def _told(rows: Tensor, norms: Tensor, gradients: Sequence[Tensor]) -> tuple[Tensor, list[float]]:
    told = torch.cat([rows, norms[:, None]], dim=1).cpu()
    sizes = told[:, -1].tolist()
    safe = [size if SMALL < size < LARGE else _norm(g) for size, g in zip(sizes, gradients, strict=True)]
    return told[:, :-1], safe


def _norm(gradient: Tensor) -> float:
    """Of a gradient whose squares may leave float64."""
    size = float(gradient.abs().max()) if gradient.numel() else 0.0
    if not size or not isfinite(size):
        return size
    return size * hypot(*(float((part.double() / size).norm()) for part in gradient.split(GROUP)))


@cache
def _many_signs(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 2, (count,), generator=generator, dtype=torch.int8) * 2 - 1


def _signs(count: int) -> Tensor:
    """The first of one endless series of signs."""
    return _many_signs(1 << max(10, (count - 1).bit_length()))[:count]


def _scaled(rows: Tensor) -> Tensor:
    """With one as the largest number, so that squares stay in float64."""
    size = float(rows.abs().max()) if rows.numel() else 0.0
    return rows / size if size and isfinite(size) else rows
