"""Which part of a tensor a view shows, however it was sliced: ``x[:, 1:]`` and ``x.narrow(1, 1, 5)`` are one part."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from torch import Tensor

PARTS = 4
"""A batch of several views in one is cut into at most so many."""

PLANE = 2
"""From this dimension on, every other entry is a way to pool, and no other part."""

Selection = tuple[tuple[int, str], ...]
"""By dimension: what is taken of it, where that is not all."""

EVERYTHING: Selection = ()
SOME: Selection = ((0, "..."),)


@dataclass(frozen=True)
class Geometry:
    """Where the entries of a tensor lie in its memory."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @staticmethod
    def of(tensor: Tensor) -> Geometry:
        return Geometry(tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()))

    def reshapes(self, other: Geometry) -> bool:
        """Whether all of another tensor is seen row by row as before, with other sizes than 1."""
        mine, theirs = ([size for size in each.shape if size > 1] for each in (self, other))
        return mine != theirs and self.offset == other.offset and self._is_whole and prod(mine) == prod(theirs)

    @property
    def _is_whole(self) -> bool:
        """Whether the entries lie row by row without gaps."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size > 1 and stride != expected:
                return False
            expected *= size
        return True


def selection(whole: Geometry, view: Geometry) -> Selection:
    """The part of `whole` that `view` shows; sizes of what is left out are counted from the nearer end."""
    kept = [(stride, size) for stride, size in zip(view.stride, view.shape, strict=True) if stride and size > 1]
    taken, full = prod(size for _, size in kept), prod(whole.shape)
    if view.offset == whole.offset and taken == full:
        return EVERYTHING
    left = view.offset - whole.offset
    found: dict[int, str] = {}
    order = sorted((d for d, size in enumerate(whole.shape) if size > 1), key=lambda d: -whole.stride[d])
    for place, dimension in enumerate(order):
        stride, size = whole.stride[dimension], whole.shape[dimension]
        if not stride:
            continue
        above = whole.stride[order[place - 1]] if place else None
        start, left = divmod(left, stride)
        mine = [(s, n) for s, n in kept if s >= stride and s % stride == 0 and (above is None or s < above)]
        if any((s // stride) * (n - 1) + start >= size for s, n in mine):
            return SOME if view.offset != whole.offset or taken != full else EVERYTHING
        kept = [pair for pair in kept if pair not in mine]
        text = _part(dimension, start, mine, stride, size, is_last=dimension == len(whole.shape) - 1)
        if text:
            found[dimension] = text
    return tuple(sorted(found.items())) if not left else SOME


def _part(dimension: int, start: int, mine: list[tuple[int, int]], stride: int, size: int, *, is_last: bool) -> str:
    if not mine:
        return _number(start, size)
    step, count = min(mine)[0] // stride, 1
    for _, n in mine:
        count *= n
    end = size - start - (count - 1) * step - 1
    if (start, end, step) == (0, 0, 1) or (step > 1 and dimension >= PLANE):
        return ""
    low, high = (_from(dimension, distance, size, is_last=is_last) for distance in (start, end))
    return f"{low}:{f'-{high}' if high else ''}{f':{step}' if step > 1 else ''}"


def _number(index: int, size: int) -> str:
    """An index, from the nearer end."""
    return str(index) if index < size - index else f"-{size - index}"


def _from(dimension: int, distance: int, size: int, *, is_last: bool) -> str:
    """A distance from an end. A width may be of any size, so that a large distance is a part of it.

    So may a batch, and a part of it is rounded: a quarter of 20 rows is 5, and of 10 rows 2. So a large distance there
    is some number.
    """
    if distance > 1 and dimension == 0:
        return "n"
    if distance > 1 and is_last:
        part = Fraction(distance, size)
        return str(part) if part.denominator <= PARTS else str(distance)
    return str(distance) if distance else ""


def composed(first: Selection, second: Selection) -> tuple[Selection, ...]:
    """One selection after another, as one where both only leave out ends; else each."""
    if not first or not second:
        return tuple(each for each in (first, second) if each)
    ends = [_ends(text) for _, text in (*first, *second)]
    if None in ends:
        return first, second
    found: dict[int, tuple[int, int]] = {}
    for (dimension, _), pair in zip((*first, *second), ends, strict=True):
        low, high = found.get(dimension, (0, 0))
        found[dimension] = low + pair[0], high + pair[1]  # pyright: ignore[reportOptionalSubscript]
    return (tuple((d, f"{low or ''}:{f'-{high}' if high else ''}") for d, (low, high) in sorted(found.items())),)


def _ends(text: str) -> tuple[int, int] | None:
    """How many are left out at both ends, if that is all that a part does."""
    low, colon, high = text.partition(":")
    if not colon or not (low or "0").isdigit() or not (high.removeprefix("-") or "0").isdigit():
        return None
    return int(low or 0), int(high.removeprefix("-") or 0)


def shown(part: Selection) -> str:
    """``[:, 1:]``"""
    by_dimension = dict(part)
    return f"[{', '.join(by_dimension.get(d, ':') for d in range(max(by_dimension) + 1))}]" if part else ""
