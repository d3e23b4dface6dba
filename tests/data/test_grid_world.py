import time

import numpy as np
import pytest

from jepa_world_model.data.episodes import Episode, EpisodeList
from jepa_world_model.data.grid_map import CELLS, LOOP_MAP, MOVES, ROOMS_MAP, grid_map
from jepa_world_model.data.grid_paint import CELL_PIXELS
from jepa_world_model.data.grid_world import EMBEDDED, generate
from jepa_world_model.errors import UserError

FLOORS = {"grid-rooms": grid_map(ROOMS_MAP).floor, "grid-loops": grid_map(LOOP_MAP).floor}
worlds = pytest.mark.parametrize("name", EMBEDDED)


@pytest.fixture(scope="module")
def sets() -> dict[str, EpisodeList]:
    return {name: generate(name, episodes=12, episode_length=128, seed=0) for name in EMBEDDED}


def same(first: Episode, second: Episode) -> bool:
    return np.array_equal(first.frames, second.frames) and np.array_equal(first.actions, second.actions)


@worlds
def test_shapes_follow_the_spec(name: str, sets: dict[str, EpisodeList]) -> None:
    spec, episode = sets[name].spec, sets[name][0]
    assert episode.frames.shape == (128, spec.image_size, spec.image_size, spec.channels)
    assert episode.frames.dtype == np.uint8
    assert episode.actions.shape == (128, spec.action_width)
    assert episode.actions.dtype == np.float32
    assert spec.action_names == ("up", "down", "left", "right")
    assert all(len(values) == 128 for values in episode.truth.values())


@worlds
def test_more_episodes_extend_the_set(name: str, sets: dict[str, EpisodeList]) -> None:
    fewer = generate(name, episodes=2, episode_length=128, seed=0)
    assert all(same(fewer[index], sets[name][index]) for index in range(2))
    assert not same(fewer[0], fewer[1])


@worlds
def test_another_seed_gives_other_episodes(name: str, sets: dict[str, EpisodeList]) -> None:
    assert not same(generate(name, 1, 128, seed=1)[0], sets[name][0])


@worlds
def test_moves_do_what_they_say_and_walls_block(name: str, sets: dict[str, EpisodeList]) -> None:
    """Replays every action against the map, written without the tables of the generator."""
    floor = np.pad(FLOORS[name], 1)
    moves = np.array(list(MOVES.values()))
    blocked = 0
    for index in range(len(sets[name])):
        episode = sets[name][index]
        positions = episode.truth["position"]
        for here, action, there in zip(positions[:-1], episode.actions[:-1], positions[1:], strict=True):
            wished = here + action.astype(int) @ moves
            free = floor[tuple(wished + 1)]
            blocked += not free
            assert np.array_equal(there, wished if free else here)
            assert floor[tuple(there + 1)]
    assert blocked > 0, "no move ran into a wall, so this test saw no blocked move"


@worlds
def test_actions_are_one_hot_with_some_pauses_and_an_unused_last(name: str, sets: dict[str, EpisodeList]) -> None:
    actions = np.stack([sets[name][index].actions for index in range(len(sets[name]))])
    pressed = actions[:, :-1].sum(axis=2)
    assert set(np.unique(pressed)) == {0, 1}
    assert 0.01 < (pressed == 0).mean() < 0.1
    assert (actions[:, -1] == 0).all()


@worlds
def test_the_agent_is_drawn_where_truth_says(name: str, sets: dict[str, EpisodeList]) -> None:
    for frame, (row, column) in zip(sets[name][0].frames, sets[name][0].truth["position"], strict=True):
        agent = np.argwhere((frame == (255, 248, 235)).all(axis=-1)) // CELL_PIXELS
        assert {tuple(cell) for cell in agent} == {(row, column)}


def test_rooms_takes_the_key_and_then_it_is_gone(sets: dict[str, EpisodeList]) -> None:
    for index in range(len(sets["grid-rooms"])):
        episode = sets["grid-rooms"][index]
        inventory = episode.truth["inventory"]
        shows_key = (episode.frames == (255, 214, 64)).all(axis=-1).any(axis=(1, 2))
        assert inventory[0] == 0
        assert (np.diff(inventory) >= 0).all()
        assert inventory[-1] == 1
        assert np.array_equal(shows_key, inventory == 0)


def test_rooms_visits_every_room_and_doors(sets: dict[str, EpisodeList]) -> None:
    for index in range(len(sets["grid-rooms"])):
        assert set(sets["grid-rooms"][index].truth["room"]) == {-1, 0, 1, 2, 3}


def test_rooms_differ_in_colour(sets: dict[str, EpisodeList]) -> None:
    frame = sets["grid-rooms"][0].frames[0]
    quarters = [np.median(frame[y : y + 28, x : x + 28], axis=(0, 1)) for y in (0, 36) for x in (0, 36)]
    assert all(np.abs(a - b).max() > 15 for i, a in enumerate(quarters) for b in quarters[:i])


def test_loops_stays_on_the_perimeter_and_closes_the_loop(sets: dict[str, EpisodeList]) -> None:
    for index in range(len(sets["grid-loops"])):
        positions = sets["grid-loops"][index].truth["position"]
        assert np.isin(positions, (0, CELLS - 1)).any(axis=1).all()
    visited = np.concatenate([sets["grid-loops"][index].truth["position"] for index in range(12)])
    assert len(np.unique(visited, axis=0)) == 4 * (CELLS - 1)


@pytest.mark.parametrize("size", [16, 32, 128])
def test_other_sizes_show_the_same_world(size: int, sets: dict[str, EpisodeList]) -> None:
    scaled = generate("grid-rooms", 1, 128, seed=0, image_size=size)
    assert scaled.spec.image_size == size
    assert scaled[0].frames.shape == (128, size, size, 3)
    assert np.array_equal(scaled[0].actions, sets["grid-rooms"][0].actions)
    difference = scaled[0].frames.mean(axis=(1, 2)) - sets["grid-rooms"][0].frames.mean(axis=(1, 2))
    assert np.abs(difference).max() < 1


@pytest.mark.parametrize("size", [0, 8, 48, 100])
def test_sizes_that_do_not_scale_evenly_are_refused(size: int) -> None:
    with pytest.raises(UserError, match=r"grid-rooms.*64x64.*model\.image_size=64"):
        generate("grid-rooms", 1, 8, seed=0, image_size=size)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'grid-rooms'"):
        generate("grid-room", 1, 8, seed=0)


@pytest.mark.parametrize(("episodes", "length"), [(0, 8), (1, 1)])
def test_empty_sets_are_refused(episodes: int, length: int) -> None:
    with pytest.raises(UserError, match="at least 1 episode of at least 2 frames"):
        generate("grid-loops", episodes, length, seed=0)


@worlds
def test_a_training_set_is_drawn_in_seconds(name: str) -> None:
    """The promise is 5000 frames a second; a tenth of it is asked for here, so that a busy machine does not fail."""
    start = time.perf_counter()
    generate(name, episodes=10, episode_length=100, seed=0)
    assert 1000 / (time.perf_counter() - start) > 500
