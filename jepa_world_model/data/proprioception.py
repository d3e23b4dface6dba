"""What an agent knows of its own body, as a vector beside each frame: chosen arrays that come with the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from jepa_world_model.data.episodes import Episode, EpisodeSource
from jepa_world_model.errors import UserError, nearest

MAX_KEPT = 128
"""Episodes whose vectors stay in memory, those used last."""


class WithProprioception:
    """Episodes of another source, each with the arrays `names` of its truth side by side as its proprioception.

    Raises UserError for a name that the data does not have; a vector that is no row of finite numbers is refused when
    its episode is read.
    """

    def __init__(self, source: EpisodeSource, names: Sequence[str]) -> None:
        self.source, self.name, self.lengths = source, source.name, source.lengths
        self._names = tuple(names)
        self._read = lru_cache(maxsize=MAX_KEPT)(self._vectors)
        self.spec = replace(source.spec, proprioception_width=self._read(0).shape[1])

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int, /) -> Episode:
        return replace(self.source[index], proprioception=self._read(range(len(self))[index]))

    def __getattr__(self, name: str) -> Any:
        """What some sources tell besides, such as `notes` and `place`."""
        return getattr(self.source, name)

    def _vectors(self, index: int) -> np.ndarray:
        """[T, P] float32"""
        episode = self.source[index]
        parts = [_rows(episode, name, self._place(index)) for name in self._names]
        vectors = np.concatenate(parts, axis=1).astype(np.float32)
        if index and vectors.shape[1] != self.spec.proprioception_width:
            raise UserError(
                f"{self._place(index)}: expected a proprioception of {self.spec.proprioception_width} numbers, as in "
                f"{self._place(0)}, found {vectors.shape[1]}"
            )
        return vectors

    def _place(self, index: int) -> str:
        from jepa_world_model.data.inspection import place

        return place(self.source, index)


def _rows(episode: Episode, name: str, where: str) -> np.ndarray:
    """An array of the truth as rows [T, N]. A row that only the last frame lacks is that of the frame before."""
    if name not in episode.truth:
        known = sorted(episode.truth)
        there = f"it has {', '.join(known)}" if known else "it has none"
        hint = nearest(name, known, otherwise="") if known else ""
        raise UserError(
            f"{where}: data.proprioception names {name!r}, which the data does not have; {there}. {hint}".rstrip(". ")
        )
    values = np.asarray(episode.truth[name])
    if values.dtype.kind not in "biuf" or len(values) != len(episode):
        raise UserError(
            f"{where}: expected numbers, a row for each of the {len(episode)} frames, as {name} of "
            f"data.proprioception, found {values.dtype} of shape {values.shape}"
        )
    rows = values.reshape(len(values), -1).astype(np.float64)
    finite = np.asarray(np.isfinite(rows).all(axis=1))
    if len(rows) > 1 and not finite[-1] and finite[:-1].all():
        rows[-1] = rows[-2]
    elif not finite.all():
        raise UserError(
            f"{where}, row {int(np.argmin(finite))}: found {name} of data.proprioception that is no finite number; "
            "correct it, or leave this episode out"
        )
    return rows
