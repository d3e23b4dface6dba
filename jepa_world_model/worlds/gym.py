"""A Gymnasium environment as a world: put into any state in which it was."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jepa_world_model.data.gym_actions import action_encoding
from jepa_world_model.data.gym_make import make_env, render
from jepa_world_model.data.gym_truth import agent_position
from jepa_world_model.data.spec import DataSpec
from jepa_world_model.data.square_image import to_square
from jepa_world_model.errors import UserError
from jepa_world_model.worlds.gym_state import state_keeper

LAYOUTS, FIRST_SEED = 4, 1_000_003
"""So many fresh seeds are tried: what was explored of one serves all of its tasks."""
FARTHEST = 16
"""Starts and goals are so many moves away at most."""
TRIAL = 4
"""Steps that must be the same again when a state is restored."""


@dataclass(frozen=True)
class GymState:
    """Equal if `key` is: what the environment looks like, or what decides how it goes on."""

    key: Hashable
    kept: Any = field(compare=False, repr=False)
    position: tuple[int, int] | None = field(compare=False)


class GymWorld:
    """Any environment with discrete actions whose state can be kept and restored. Implements `World`.

    It can where its unwrapped environment has ``clone_state()`` and ``restore_state(state)``, or can be pickled. It
    tells a position where it has ``agent_pos`` (column, row).
    """

    trained_goals = False

    def __init__(self, env_id: str, env_kwargs: Mapping[str, Any], image_size: int) -> None:
        """Raises UserError for an environment that cannot be made, draws nothing, has other actions than discrete ones
        or cannot be put into a state."""
        self._env = make_env(env_id, env_kwargs)
        self.name = env_id
        space = self._env.action_space
        if not hasattr(space, "n") or np.ndim(space.n):
            raise UserError(f"{env_id}: planning needs a finite set of actions, this environment has {space}")
        encoding = action_encoding(self._env)
        self._first, count = int(getattr(space, "start", 0)), int(space.n)
        self.actions = np.stack([encoding.encode(self._first + number) for number in range(count)]).astype(np.float32)
        self.action_names = tuple(self._word(row, encoding.names) for row in self.actions)
        self.spec = DataSpec(image_size, 3, len(encoding.names), encoding.kind, encoding.names)
        self.goals = f"up to {FARTHEST} moves from a start in one of {LAYOUTS} fresh layouts"
        self.cells = int(getattr(self._env.unwrapped, "width", 0))
        self._env.reset(seed=FIRST_SEED)
        self._keeper = state_keeper(self._env)
        self._known: dict[Hashable, GymState] = {}
        self._followed: dict[tuple[GymState, int], GymState] = {}
        self._near: dict[GymState, list[list[GymState]]] = {}
        self._check()

    def reset(self, rng: np.random.Generator) -> GymState:
        """Some moves from where an episode of one of a few seeds begins."""
        self._env.reset(seed=FIRST_SEED + int(rng.integers(LAYOUTS)))
        return self._some(self._now(), rng)

    def goal(self, start: GymState, rng: np.random.Generator) -> GymState:
        """Where some moves lead, few or many alike."""
        return self._some(start, rng)

    def step(self, state: GymState, action: int) -> GymState:
        """What follows is remembered: it is computed once. Whether an episode would end does not matter."""
        if not 0 <= action < len(self.actions):
            raise ValueError(f"action: expected 0 to {len(self.actions) - 1}, found {action}")
        if (state, action) not in self._followed:
            self._keeper.restore(state.kept)
            self._env.unwrapped.step(self._first + action)
            self._followed[state, action] = self._now()
        return self._followed[state, action]

    def render(self, state: GymState) -> np.ndarray:
        """[H, W, 3] uint8"""
        self._keeper.restore(state.kept)
        return to_square(render(self._env), self.spec.image_size)

    def truth(self, state: GymState) -> Mapping[str, np.ndarray]:
        """position [2], where the environment has it."""
        return {} if state.position is None else {"position": np.array(state.position)}

    def placed(self, truth: Mapping[str, np.ndarray]) -> GymState:
        """Raises UserError: what a recording tells of an environment is no state of it."""
        raise UserError(f"{self.name}: a recorded frame does not tell the state of the environment; give another goal")

    def _now(self) -> GymState:
        key = self._keeper.key()
        if key not in self._known:
            self._known[key] = GymState(key, self._keeper.keep(), agent_position(self._env))
        return self._known[key]

    def _some(self, start: GymState, rng: np.random.Generator) -> GymState:
        levels = self._levels(start)
        level = levels[int(rng.integers(len(levels)))]
        return level[int(rng.integers(len(level)))]

    def _levels(self, start: GymState) -> list[list[GymState]]:
        """The states that are 0, 1, ... moves away."""
        if start not in self._near:
            seen, levels = {start}, [[start]]
            while levels[-1] and len(levels) <= FARTHEST:
                following = [self.step(state, action) for state in levels[-1] for action in range(len(self.actions))]
                levels.append([state for state in dict.fromkeys(following) if state not in seen])
                seen.update(levels[-1])
            self._near[start] = [level for level in levels if level]
        return self._near[start]

    def _check(self) -> None:
        """Raises UserError where the same actions from a restored state are not seen to do the same."""
        rng, start = np.random.default_rng(0), self._now()
        actions = rng.integers(len(self.actions), size=TRIAL)
        if not np.array_equal(self._seen(start, actions), self._seen(start, actions)):
            raise UserError(
                f"{self.name} cannot be put into a state: restored, it went on in another way. It needs attributes "
                "that can be pickled, or the methods clone_state() and restore_state(state)"
            )

    def _seen(self, state: GymState, actions: np.ndarray) -> np.ndarray:
        self._keeper.restore(state.kept)
        frames = []
        for action in actions:
            self._env.unwrapped.step(self._first + int(action))
            frames.append(to_square(render(self._env), self.spec.image_size))
        return np.stack(frames)

    @staticmethod
    def _word(row: np.ndarray, names: tuple[str, ...]) -> str:
        return names[int(row.argmax())] if row.any() else "noop"
