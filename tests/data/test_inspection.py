"""What is wrong with data is said before the first step, and what is right is not doubted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data import EpisodeFolder, EpisodeList, generate
from jepa_world_model.data.action_shift import easier_shift
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.inspection import inspect_data
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError

COUNT, LENGTH, SIZE = 6, 40, 16


def moving_dots(seed: int = 0) -> list[Episode]:
    """A dot that goes where the actions say."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(COUNT):
        actions = chance.integers(-1, 2, size=(LENGTH, 2)).astype(np.float32)
        places = (8 + np.cumsum(np.concatenate([np.zeros((1, 2)), actions[:-1]]), axis=0)).astype(int) % SIZE
        frames = np.zeros((LENGTH, SIZE, SIZE, 3), dtype=np.uint8)
        for time, (row, column) in enumerate(places):
            frames[time, row, column] = 255
        made.append(Episode(frames, actions))
    return made


def remarks(episodes: list[Episode], held_out: int = 1, *, normalised: bool = True) -> list[str]:
    spec = DataSpec(SIZE, 3, 2, ActionKind.REAL, ("row", "column"))
    source = EpisodeList("dots", spec, episodes)
    split = np.arange(held_out, len(episodes)), np.arange(held_out)
    return inspect_data(source, *split, normalised=normalised)


def changed(episodes: list[Episode], change: Callable[[np.ndarray], np.ndarray]) -> list[Episode]:
    return [Episode(each.frames, change(each.actions)) for each in episodes]


def test_nothing_is_said_of_good_data() -> None:
    assert remarks(moving_dots()) == []


@pytest.mark.parametrize("name", ["grid-rooms", "grid-loops"])
@pytest.mark.parametrize("shift", [0, 1, -1])
def test_actions_that_are_off_by_one(name: str, shift: int) -> None:
    source = generate(name, 16, 48, 0, 32)
    episodes = changed([source[index] for index in range(16)], lambda actions: np.roll(actions, shift, axis=0))
    assert easier_shift(episodes) == shift


def test_actions_that_nothing_tells_are_not_doubted() -> None:
    chance = np.random.default_rng(0)
    noise = changed(moving_dots(), lambda actions: chance.normal(size=actions.shape).astype(np.float32))
    assert easier_shift(noise) == 0


@pytest.mark.parametrize("normalised", [False, True])
def test_a_constant_column(normalised: bool) -> None:
    (constant,) = remarks(changed(moving_dots(), lambda actions: actions * [1, 0]), normalised=normalised)
    assert "column 1 (column)" in constant
    assert "always 0" in constant


def test_the_unit_of_a_column_matters_where_actions_are_not_normalised() -> None:
    large = changed(moving_dots(), lambda actions: actions * [5000, 1] + [1e6, 0])
    assert remarks(large) == []
    (unscaled,) = remarks(large, normalised=False)
    assert "column 0 (row)" in unscaled
    assert "995000 to 1.005e+06" in unscaled
    assert "data.normalise_actions = true" in unscaled
    (apart,) = remarks(changed(moving_dots(), lambda actions: actions * [2, 1e-3]), normalised=False)
    assert "column 0 (row)" in apart


def test_a_value_far_from_all_others_is_named_with_its_episode() -> None:
    episodes = moving_dots()
    episodes[2].actions[5, 1] = -1e4
    (far,) = remarks(episodes)
    assert "column 1 (column)" in far
    assert "-10000 to 1 (dots, episode 2)" in far


def test_what_is_rarely_done_is_no_outlier() -> None:
    episodes = changed(moving_dots(), lambda actions: actions * [1, 0])
    episodes[2].actions[5, 1] = 1
    assert remarks(episodes) == []


def test_frames_that_never_change_are_named_by_episode() -> None:
    episodes = moving_dots()
    episodes[3] = Episode(np.repeat(episodes[3].frames[:1], LENGTH, axis=0), episodes[3].actions)
    (still,) = remarks(episodes)
    assert "never change in dots, episode 3;" in still


def test_an_episode_that_moves_once_does_change() -> None:
    episodes = moving_dots()
    frames = np.repeat(episodes[3].frames[:1], LENGTH, axis=0)
    frames[-2] = 9
    episodes[3] = Episode(frames, episodes[3].actions)
    assert not any("never change" in said for said in remarks(episodes))


def test_a_held_out_episode_that_is_trained_on_too() -> None:
    episodes = moving_dots()
    (twice,) = remarks([episodes[2], *episodes])
    assert "dots, episode 0, the same as dots, episode 3" in twice


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_actions_that_are_no_finite_numbers_name_file_row_and_column(tmp_path: Path, value: float) -> None:
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        for episode in moving_dots():
            writer.add(episode)
    path = tmp_path / "set/episode_000004/actions.npy"
    actions = np.load(path)
    actions[7, 1] = value
    np.save(path, actions)
    with pytest.raises(UserError) as error:
        inspect_data(EpisodeFolder(tmp_path / "set"), np.arange(5), np.arange(5, 6))
    for words in (str(path), "row 7", "column 1", str(value)):
        assert words in str(error.value)
