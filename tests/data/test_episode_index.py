"""A folder of very many episodes is opened by its index, which is believed only while it fits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data import EpisodeFolder, episode_folder, episode_index, episode_writer
from jepa_world_model.data.episode_index import INDEX
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError

LENGTHS = [5, 3, 4, 6]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_episode: Callable[..., Episode]) -> Path:
    for module in (episode_index, episode_writer):
        monkeypatch.setattr(module, "MANY", len(LENGTHS))
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        for number, length in enumerate(LENGTHS):
            writer.add(make_episode(number, length))
    return tmp_path / "set"


def looked_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many episodes are looked into while a folder is opened."""
    seen: list[Path] = []
    real = episode_folder.inspect_episode
    monkeypatch.setattr(episode_folder, "inspect_episode", lambda path: seen.append(path) or real(path))
    assert EpisodeFolder(folder).lengths.tolist() == LENGTHS[: len(list(folder.glob("episode_*")))]
    return len(seen)


def test_only_the_first_episode_is_looked_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_into(folder, monkeypatch) == 1
    (folder / INDEX).unlink()
    assert looked_into(folder, monkeypatch) >= len(LENGTHS)


def test_episodes_are_the_same_with_and_without(folder: Path) -> None:
    indexed = EpisodeFolder(folder)
    (folder / INDEX).unlink()
    plain = EpisodeFolder(folder)
    for one, other in zip(indexed, plain, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.actions, other.actions)
        assert list(one.truth) == list(other.truth)


def test_an_index_of_other_episodes_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "episode_000003").rename(folder.parent / "elsewhere")
    assert looked_into(folder, monkeypatch) == len(LENGTHS) - 1


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_an_index_that_is_damaged_is_not_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (folder / INDEX).write_bytes(content)
    assert looked_into(folder, monkeypatch) == len(LENGTHS)


def test_an_episode_that_is_not_as_the_index_says_is_named(folder: Path) -> None:
    np.save(folder / "episode_000002/frames.npy", np.zeros((3, 4, 4, 3), np.uint8))
    np.save(folder / "episode_000002/actions.npy", np.zeros((3, 2), np.float32))
    (folder / "episode_000002/truth_position.npy").unlink()
    with pytest.raises(UserError, match=r"episode_000002.*index\.npz"):
        EpisodeFolder(folder)[2]
