"""Small data sets that say, in their pixels, which episode and which time a frame belongs to."""

from collections.abc import Callable

import numpy as np
import pytest

from jepa_world_model.data.episodes import Episode, EpisodeList
from jepa_world_model.data.spec import ActionKind, DataSpec

MakeEpisode = Callable[..., Episode]


@pytest.fixture
def make_episode() -> MakeEpisode:
    """Frames hold (episode, time, 0) in every pixel; actions hold (episode, time)."""

    def make(index: int, length: int, size: int = 4) -> Episode:
        frames = np.zeros((length, size, size, 3), dtype=np.uint8)
        times = np.arange(length)
        frames[..., 0] = index
        frames[..., 1] = times[:, None, None]
        actions = np.stack([np.full(length, index), times], axis=1).astype(np.float32)
        return Episode(frames, actions, {"position": np.stack([times, -times], axis=1)})

    return make


@pytest.fixture
def marked(make_episode: MakeEpisode) -> Callable[[list[int]], EpisodeList]:
    """A source of marked episodes with the given lengths."""

    def make(lengths: list[int]) -> EpisodeList:
        episodes = [make_episode(index, length) for index, length in enumerate(lengths)]
        return EpisodeList("marked", DataSpec(4, 3, 2, ActionKind.REAL), episodes)

    return make
