"""Recording episodes in any Gymnasium environment that renders images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.gym_actions import action_encoding
from jepa_world_model.data.gym_make import make_env, package_versions, render
from jepa_world_model.data.gym_truth import agent_position
from jepa_world_model.data.recording import RandomPolicy, Seen, check_amounts, check_room, record
from jepa_world_model.data.square_image import to_square
from jepa_world_model.errors import UserError, shown


class GymStage:
    """A Gymnasium environment. Implements `Stage`."""

    def __init__(self, env_id: str, env_kwargs: Mapping[str, Any], size: int) -> None:
        """Frames are resized to `size`. Raises UserError for an environment that cannot be made, has another kind of
        action space or renders nothing."""
        check_amounts(size=size)
        self._env, self._size = make_env(env_id, env_kwargs), size
        self.encoding = action_encoding(self._env)
        self.space = self._env.action_space
        self.facts = {"env_id": env_id, "env_kwargs": dict(env_kwargs), "packages": package_versions()}

    @property
    def choices(self) -> list[Any]:
        """Its actions, one by one. Raises UserError where there is no end of them."""
        if not hasattr(self.space, "n") or np.ndim(self.space.n):
            raise UserError(f"{self.facts['env_id']}: expected a finite set of actions, found {self.space}")
        first = int(getattr(self.space, "start", 0))
        return list(range(first, first + int(self.space.n)))

    def begin(self, seed: int) -> Seen:
        observation, _ = self._env.reset(seed=seed)
        return self._seen(observation)

    def step(self, action: Any) -> tuple[Seen, bool]:
        if not self.space.contains(action):
            raise UserError(f"expected an action of {self.space}, found {shown(action)}")
        observation, _, terminated, truncated, _ = self._env.step(action)
        return self._seen(observation), terminated or truncated

    def truth(self) -> Mapping[str, np.ndarray]:
        place = agent_position(self._env)
        return {} if place is None else {"position": np.array(place)}

    def close(self) -> None:
        self._env.close()

    def _seen(self, observation: Any) -> Seen:
        return Seen(observation, to_square(render(self._env), self._size))


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
    """Record episodes of a random policy, which repeats its last action with probability `sticky` (`record`).

    Raises UserError for an environment that cannot be made, has another kind of action space or renders nothing, and
    for an `out` in use.
    """
    check_amounts(size=size, episodes=episodes, max_steps=max_steps, sticky=sticky)
    check_room(size, episodes, out)
    stage = GymStage(env_id, env_kwargs or {}, size)
    try:
        policy = RandomPolicy(stage.space, sticky)
        return record(stage, policy, episodes, out, max_steps=max_steps, seed=seed, on_episode=on_episode)
    finally:
        stage.close()
