"""What a reader gives: episodes as they lie in files, before frames are made uint8 squares of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_world_model.data.spec import ActionKind


@dataclass(frozen=True, eq=False)
class Camera:
    """The pictures of one camera in one episode."""

    length: int
    shape: tuple[int, int, int]
    """[H, W, C] of the first picture."""
    blocks: Callable[[], Iterator[np.ndarray]]
    """Pictures in order, [n, H, W, C] of any real type. Raises UserError that names the file."""


@dataclass(frozen=True, eq=False)
class RawEpisode:
    """One trajectory of T frames. Actions and truth are read when they are asked for."""

    where: str
    """File, and the place in it."""
    length: int
    cameras: Mapping[str, Camera]
    actions: Callable[[], np.ndarray]
    """float32 [T, A]; action t leads from frame t to frame t + 1."""
    truth: Mapping[str, Callable[[], np.ndarray]]
    """Each [T, ...]: positions of joints, rewards, whatever else there is."""


@dataclass(frozen=True, eq=False)
class RawSet:
    """All episodes of a data set. They have the same cameras and the same columns of actions."""

    format: str
    path: Path
    files: tuple[Path, ...]
    """Whatever a change of would change the data."""
    episodes: Sequence[RawEpisode]
    action_names: tuple[str, ...] = ()
    action_kind: ActionKind | None = None
    notes: tuple[str, ...] = ()
    """What was chosen, and what was left out."""

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """Those of the first episode."""
        return self.episodes[0].cameras

    @property
    def frames(self) -> int:
        return sum(episode.length for episode in self.episodes)
