"""Recording episodes of a random policy in any Gymnasium environment that renders images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.gym_actions import ActionEncoding, action_encoding
from jepa_world_model.data.gym_make import make_env, package_versions, render
from jepa_world_model.data.gym_truth import agent_position
from jepa_world_model.data.square_image import to_square
from jepa_world_model.errors import UserError
from jepa_world_model.memory import check_disk, check_memory

CHANNELS = 3


def collect(
    env_id: str,
    episodes: int,
    out: str | Path,
    *,
    size: int = 64,
    max_steps: int = 200,
    seed: int = 0,
    sticky: float = 0.0,
    env_kwargs: Mapping[str, Any] | None = None,
    on_episode: Callable[[int, int], None] | None = None,
) -> EpisodeFolder:
    """Record ``episodes`` episodes of at most ``max_steps`` steps into the new folder ``out``, in the open format.

    Actions are random; with probability ``sticky`` the last one is repeated. Episode i is seeded with seed + i.
    ``on_episode`` gets the index and the number of frames of each episode written. Raises UserError for an
    environment that cannot be made, has another kind of action space or renders nothing, and for an ``out`` in use.
    """
    _check_amounts(episodes=episodes, size=size, max_steps=max_steps, sticky=sticky)
    frame = size**2 * CHANNELS
    check_memory("a frame", frame, "lower --size")
    check_disk(f"{episodes} episodes", 2 * frame * episodes, Path(out), "collect fewer, or lower --size")
    env_kwargs = dict(env_kwargs or {})
    env = make_env(env_id, env_kwargs)
    try:
        encoding = action_encoding(env)
        origin = {
            "env_id": env_id,
            "env_kwargs": env_kwargs,
            "policy": {"name": "random", "sticky": sticky},
            "max_steps": max_steps,
            "seeds": [seed + index for index in range(episodes)],
            "packages": package_versions(),
        }
        with EpisodeWriter(out, action_kind=encoding.kind, action_names=encoding.names, origin=origin) as writer:
            for index in range(episodes):
                episode = _record(env, encoding, seed=seed + index, size=size, max_steps=max_steps, sticky=sticky)
                writer.add(episode)
                if on_episode:
                    on_episode(index, len(episode))
    finally:
        env.close()
    return EpisodeFolder(out)


def _record(env: Any, encoding: ActionEncoding, *, seed: int, size: int, max_steps: int, sticky: float) -> Episode:
    """Play one episode. T is the number of steps plus one."""
    chance = np.random.default_rng([seed, 1])  # apart from the stream of the action space
    env.action_space.seed(seed)
    env.reset(seed=seed)
    frames, rows, positions = [to_square(render(env), size)], [], [agent_position(env)]
    action, over = None, False
    while not over and len(rows) < max_steps:
        if action is None or chance.random() >= sticky:
            action = env.action_space.sample()
        _, _, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
        rows.append(encoding.encode(action))
        frames.append(to_square(render(env), size))
        positions.append(agent_position(env))
    actions = np.stack([*rows, np.zeros(len(encoding.names))]).astype(np.float32)
    truth = {} if None in positions else {"position": np.array(positions)}
    return Episode(np.stack(frames), actions, truth)


def _check_amounts(*, episodes: int, size: int, max_steps: int, sticky: float) -> None:
    for name, value in (("episodes", episodes), ("size", size), ("max_steps", max_steps)):
        if value < 1:
            raise UserError(f"{name}: expected at least 1, found {value}")
    if not 0 <= sticky <= 1:
        raise UserError(f"sticky: expected a probability in [0, 1], found {sticky}")
