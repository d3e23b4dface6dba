"""Trajectories, and how whole trajectories are divided into training and validation."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from jepa_world_model.data.spec import DataSpec
from jepa_world_model.errors import UserError


@dataclass(frozen=True, eq=False)
class Episode:
    """One trajectory of T frames. Action a_t is taken at x_t and leads to x_{t+1}; the last one is unused."""

    frames: np.ndarray  # [T, H, W, C] uint8, may be a memory map
    actions: np.ndarray  # [T, A] float32
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)  # each [T, ...]; for evaluation, never for the model
    proprioception: np.ndarray | None = None  # [T, P] float32, what of the truth the model does see

    def __len__(self) -> int:
        return len(self.frames)


class EpisodeSource(Protocol):
    """A sequence of episodes that share one DataSpec. ``lengths`` [N] counts frames and reads none of them."""

    name: str
    spec: DataSpec
    lengths: np.ndarray

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Episode: ...


class EpisodeList:
    """Episodes held in memory."""

    def __init__(self, name: str, spec: DataSpec, episodes: Sequence[Episode]) -> None:
        self.name = name
        self.spec = spec
        self.lengths = np.array([len(episode) for episode in episodes], dtype=np.int64)
        self._episodes = list(episodes)

    def __len__(self) -> int:
        return len(self._episodes)

    def __getitem__(self, index: int, /) -> Episode:
        return self._episodes[index]


def split_episodes(source: Sized, validation_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (train, validation): sorted indices of whole episodes, none in both, at least one on each side.

    A fraction of 0 leaves validation empty. Raises UserError for a fraction outside [0, 1), or when there are too few
    episodes to split.
    """
    if not 0 <= validation_fraction < 1:
        raise UserError(f"data.validation_fraction: expected a number in [0, 1), found {validation_fraction}")
    count = len(source)
    if validation_fraction == 0:
        return np.arange(count), np.arange(0)
    if count < 2:
        raise UserError(
            f"a split into training and validation needs 2 trajectories, found {count}; "
            "add trajectories, or train on all of them with --set data.validation_fraction=0"
        )
    held_out = min(max(round(count * validation_fraction), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])
