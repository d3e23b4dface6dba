import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data import episode_files
from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError

MakeEpisode = Callable[..., Episode]


def assert_same(read: Episode, written: Episode) -> None:
    assert np.array_equal(read.frames, written.frames)
    assert np.array_equal(read.actions, written.actions)
    assert set(read.truth) == set(written.truth)
    assert all(np.array_equal(read.truth[name], written.truth[name]) for name in written.truth)


def break_saving(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The disk is full as soon as the array ``name`` is written; half of it gets there."""
    save = np.save

    def full(path: Path, values: np.ndarray) -> None:
        if path.name == name:
            save(path, values[: len(values) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, values)

    monkeypatch.setattr(episode_files.np, "save", full)


def test_what_is_read_is_what_was_written(tmp_path: Path, make_episode: MakeEpisode) -> None:
    episodes = [make_episode(index, length) for index, length in enumerate((3, 7, 5))]
    origin = {"env_id": "somewhere", "seeds": [1, 2, 3]}
    with EpisodeWriter(tmp_path / "a/b", action_kind=ActionKind.REAL, action_names=("x", "y"), origin=origin) as writer:
        for episode in episodes:
            writer.add(episode)
    source = EpisodeFolder(tmp_path / "a/b")
    assert source.lengths.tolist() == [3, 7, 5]
    assert source.spec == writer.spec
    assert source.info.origin == origin
    for index, episode in enumerate(episodes):
        assert_same(source[index], episode)


@pytest.mark.parametrize("name", ["frames.npy", "actions.npy", "truth_position.npy"])
def test_a_full_disk_leaves_whole_episodes(
    tmp_path: Path, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        writer.add(make_episode(0, 4))
        break_saving(monkeypatch, name)
        with pytest.raises(UserError, match=r"set: cannot be written \(No space left on device\); the 1 episodes"):
            writer.add(make_episode(1, 6))
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["dataset.json", "episode_000000"]
    assert_same(EpisodeFolder(tmp_path / "set")[0], make_episode(0, 4))


def test_an_episode_that_cannot_be_finished_is_never_visible(
    tmp_path: Path, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a process that is killed, and cannot clean up, leaves a set that opens."""
    monkeypatch.setattr("jepa_world_model.data.episode_writer.shutil.rmtree", lambda *_, **__: None)
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        writer.add(make_episode(0, 4))
        break_saving(monkeypatch, "actions.npy")
        with pytest.raises(UserError):
            writer.add(make_episode(1, 6))
    assert EpisodeFolder(tmp_path / "set").lengths.tolist() == [4]


def test_an_interrupt_leaves_whole_episodes(tmp_path: Path, make_episode: MakeEpisode) -> None:
    def record() -> None:
        with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
            writer.add(make_episode(0, 4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record()
    assert len(EpisodeFolder(tmp_path / "set")) == 1


@pytest.mark.parametrize("broken", ["numpy.save", "os.replace", "os.rename"])
def test_a_failed_first_episode_leaves_nothing_in_the_way(
    tmp_path: Path, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        patch.setattr(broken, full)
        with pytest.raises(UserError, match="No space left"):
            writer.add(make_episode(0, 4))
    assert not (tmp_path / "set").exists()
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        writer.add(make_episode(0, 4))
    assert len(EpisodeFolder(tmp_path / "set")) == 1


def test_a_folder_in_use_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(UserError, match="new or empty folder"),
        EpisodeWriter(tmp_path, action_kind=ActionKind.REAL),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="file/set: cannot be written"),
        EpisodeWriter(tmp_path / "file/set", action_kind=ActionKind.REAL),
    ):
        pass


def test_an_episode_unlike_the_first_is_refused(tmp_path: Path, make_episode: MakeEpisode) -> None:
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        writer.add(make_episode(0, 4))
        with pytest.raises(UserError, match="episode 1: expected the same shapes"):
            writer.add(make_episode(1, 4, size=8))
    assert len(EpisodeFolder(tmp_path / "set")) == 1


def test_dataset_json_is_there_before_the_first_episode(tmp_path: Path, make_episode: MakeEpisode) -> None:
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.MULTI_HOT, origin={"what": Path("x")}) as writer:
        writer.add(make_episode(0, 4))
        content = json.loads((tmp_path / "set/dataset.json").read_text())
    assert content["format"] == "jepa-episodes"
    assert content["action_kind"] == "multi-hot"


def test_two_writers_never_fill_one_folder(tmp_path: Path, make_episode: MakeEpisode) -> None:
    """Both may find it empty, since a first episode takes its time."""
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as first:
        with (
            pytest.raises(UserError, match="another process writes episodes into it"),
            EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL),
        ):
            pass
        first.add(make_episode(0, 4))
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["dataset.json", "episode_000000"]
    with (
        pytest.raises(UserError, match="found files in it"),
        EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL),
    ):
        pass
