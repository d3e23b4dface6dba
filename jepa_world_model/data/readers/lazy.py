"""Arrays that are read when they are needed, and only the rows that are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

BLOCK = 1 << 24
"""Bytes that are read at once."""


class Stored(Protocol):
    """An array in a file, or in memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows `start` to `stop` of an array, or of one `entry` of it."""

    stored: Stored
    start: int
    stop: int
    entry: int | None = None

    @staticmethod
    def of(stored: Stored) -> Rows:
        return Rows(stored, 0, stored.shape[0])

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def dtype(self) -> np.dtype:
        return self.stored.dtype

    @property
    def rest(self) -> tuple[int, ...]:
        """The shape of a row."""
        return tuple(self.stored.shape[1 if self.entry is None else 2 :])

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        rows = slice(self.start + start, self.stop if stop is None else min(self.start + stop, self.stop))
        return np.asarray(self.stored[rows] if self.entry is None else self.stored[self.entry, rows])

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows, some at a time."""
        size = max(1, BLOCK // max(1, prod(self.rest) * self.dtype.itemsize))
        for start in range(0, len(self), size):
            yield self.read(start, start + size)
