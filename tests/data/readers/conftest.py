"""Trajectories that say, in their pixels, which episode and which time a frame belongs to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from jepa_world_model.data import EpisodeSource, open_source
from jepa_world_model.errors import UserError

SIZE = 16


class Walk(NamedTuple):
    """One trajectory."""

    frames: np.ndarray  # [T, SIZE, SIZE, 3] uint8
    actions: np.ndarray  # [T, 2] float32
    state: np.ndarray  # [T, 3] float32


def walk(index: int, length: int) -> Walk:
    times = np.arange(length)
    frames = np.zeros((length, SIZE, SIZE, 3), dtype=np.uint8)
    frames[..., 0] = 10 * index
    frames[..., 1] = times[:, None, None]
    frames[:, :8, :, 2] = 200  # the upper half is blue
    actions = np.stack([times + 1, np.full(length, 0.5 + index)], axis=1).astype(np.float32)
    return Walk(frames, actions, np.stack([times, -times, times * 0], axis=1).astype(np.float32))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/jepa"


@pytest.fixture
def walks() -> list[Walk]:
    return [walk(0, 5), walk(1, 7), walk(2, 4)]


def opened(path: Path, **changes: Any) -> Any:
    settings: dict[str, Any] = {"image_size": SIZE, "episodes": 1, "episode_length": 2, "seed": 0} | changes
    return open_source(str(path), **settings)


def assert_holds(source: EpisodeSource, walks: list[Walk], *, last_action: bool = True) -> None:
    """Frames and actions are those of the walks; `last_action`: that of the last frame, which no frame follows, too."""
    assert source.lengths.tolist() == [len(each.frames) for each in walks]
    for number, each in enumerate(walks):
        episode = source[number]
        assert np.array_equal(episode.frames, each.frames)
        stop = None if last_action else -1
        assert np.array_equal(episode.actions[:stop], each.actions[:stop])


def refused(path: Path, *words: str, **changes: Any) -> str:
    """The message with which a path is refused; nothing stays in the cache."""
    with pytest.raises(UserError) as error:
        opened(path, **changes)
    message = str(error.value)
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} not in: {message}"
    return message


@pytest.fixture
def nothing_left(own_cache: Path) -> Callable[[], None]:
    def check() -> None:
        assert not own_cache.exists() or list(own_cache.iterdir()) == []

    return check
