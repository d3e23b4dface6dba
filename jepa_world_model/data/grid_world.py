"""The embedded data sets: small seeded grid worlds, drawn in memory, with nothing to download."""

from collections.abc import Callable

import numpy as np

from jepa_world_model.data.episodes import Episode, EpisodeList
from jepa_world_model.data.grid_map import CELLS, LOOP_MAP, MOVES, NOOP, ROOMS_MAP, grid_map
from jepa_world_model.data.grid_paint import (
    AGENT,
    IMAGE_SIZE,
    KEY,
    paint_loop,
    paint_rooms,
    paste,
    rescale,
    room_numbers,
)
from jepa_world_model.data.grid_walk import walk_round, walk_to_goals
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError, nearest
from jepa_world_model.memory import check_memory

ACTION_VECTORS = np.eye(NOOP + 1, NOOP, dtype=np.float32)  # row NOOP is all zeros


def grid_rooms_episode(rng: np.random.Generator, length: int) -> Episode:
    """Four rooms joined by doors, and a key that is taken by stepping on it.

    truth: ``position`` [T, 2] (row, column), ``inventory`` [T] (1 once the key is taken), ``room`` [T] (-1 in a door),
    ``key`` [T, 2], where the key lies or lay.
    """
    grid = grid_map(ROOMS_MAP)
    rooms = room_numbers(grid.floor)
    start, key = (int(cell) for cell in rng.choice(np.flatnonzero(rooms >= 0), size=2, replace=False))
    cells, actions = walk_to_goals(grid, rng, length, start, key)
    taken = np.logical_or.accumulate(cells == key)

    frames = np.repeat(paint_rooms(grid.floor)[None], length, axis=0)
    key_times = np.flatnonzero(~taken)
    paste(frames, KEY, key_times, np.full(len(key_times), key))
    paste(frames, AGENT, np.arange(length), cells)
    truth = {"position": _positions(cells), "inventory": taken.astype(np.int64), "room": rooms.ravel()[cells]}
    truth["key"] = _positions(np.full(length, key))
    return Episode(frames, ACTION_VECTORS[actions], truth)


def grid_loops_episode(rng: np.random.Generator, length: int) -> Episode:
    """The edge of a field walked round and round, so that places come back; the field itself is never entered.

    truth: ``position`` [T, 2] (row, column).
    """
    grid = grid_map(LOOP_MAP)
    cells, actions = walk_round(grid, rng, length, start=int(rng.choice(grid.floor_cells)))
    frames = np.repeat(paint_loop(grid.floor)[None], length, axis=0)
    paste(frames, AGENT, np.arange(length), cells)
    return Episode(frames, ACTION_VECTORS[actions], {"position": _positions(cells)})


WORLDS: dict[str, Callable[[np.random.Generator, int], Episode]] = {
    "grid-rooms": grid_rooms_episode,
    "grid-loops": grid_loops_episode,
}
EMBEDDED = tuple(WORLDS)


def generate(name: str, episodes: int, episode_length: int, seed: int, image_size: int = IMAGE_SIZE) -> EpisodeList:
    """Make ``episodes`` episodes of ``episode_length`` frames of the world ``name``.

    Episode i depends on (seed, i) only, so asking for more extends the set. Raises UserError for an unknown name, a
    count below 1, or an image size that is neither a divisor (from 16) nor a multiple of 64.
    """
    if name not in WORLDS:
        raise UserError(f"unknown embedded data {name!r}: {nearest(name, EMBEDDED)}")
    _check_sizes(name, episodes, episode_length, image_size)
    _check_memory(name, episodes, episode_length, image_size)
    made = [_make(name, np.random.default_rng([seed, index]), episode_length, image_size) for index in range(episodes)]
    spec = DataSpec(image_size, 3, len(MOVES), ActionKind.ONE_HOT, tuple(MOVES))
    return EpisodeList(name, spec, made)


def _make(name: str, rng: np.random.Generator, length: int, image_size: int) -> Episode:
    episode = WORLDS[name](rng, length)
    if image_size == IMAGE_SIZE:
        return episode
    return Episode(rescale(episode.frames, image_size), episode.actions, episode.truth)


def _positions(cells: np.ndarray) -> np.ndarray:
    return np.stack([cells // CELLS, cells % CELLS], axis=1)


def _check_memory(name: str, episodes: int, episode_length: int, image_size: int) -> None:
    frames = episodes * episode_length
    remedy = "ask for fewer or shorter episodes, or smaller frames"
    check_memory(f"{name}: {episodes} episodes of {episode_length} frames", frames * image_size**2 * 3, remedy)


def _check_sizes(name: str, episodes: int, episode_length: int, image_size: int) -> None:
    if episodes < 1 or episode_length < 2:
        raise UserError(
            f"{name}: expected at least 1 episode of at least 2 frames, found {episodes} of {episode_length}"
        )
    check_image_size(name, image_size)


def check_image_size(name: str, image_size: int) -> None:
    """Raises UserError for a size to which a world cannot be scaled."""
    if image_size < 16 or (IMAGE_SIZE % image_size and image_size % IMAGE_SIZE):
        raise UserError(
            f"{name} is drawn at {IMAGE_SIZE}x{IMAGE_SIZE} and scaled to 16, 32 or a multiple of {IMAGE_SIZE}, "
            f"found image size {image_size}; use --set model.image_size={IMAGE_SIZE} (or --size {IMAGE_SIZE})"
        )
