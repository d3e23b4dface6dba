"""A world as a stage: an embedded world is recorded like any other environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jepa_world_model.data.gym_actions import ActionEncoding
from jepa_world_model.data.recording import Seen
from jepa_world_model.errors import UserError, shown
from jepa_world_model.worlds.world import World


class Choices:
    """The numbers of some actions, to draw from."""

    def __init__(self, count: int) -> None:
        self._count = count

    def seed(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 0])

    def sample(self) -> int:
        return int(self._rng.integers(self._count))


class WorldStage:
    """Actions are numbers. An episode has no end of its own. Implements `Stage`."""

    def __init__(self, world: World) -> None:
        self._world, self._state = world, None
        self.encoding = ActionEncoding(
            world.spec.action_kind, world.spec.action_names, lambda number: world.actions[int(number)]
        )
        self.space = Choices(len(world.actions))
        self.choices = list(range(len(world.actions)))
        self.facts = {"env_id": world.name, "env_kwargs": {}}

    def begin(self, seed: int) -> Seen:
        self._state = self._world.reset(np.random.default_rng([seed, 2]))
        return self._seen()

    def step(self, action: Any) -> tuple[Seen, bool]:
        whole = isinstance(action, int | np.integer) and not isinstance(action, bool)
        if not whole or action not in self.choices:
            raise UserError(f"expected an action from 0 to {len(self.choices) - 1}, found {shown(action)}")
        self._state = self._world.step(self._state, int(action))
        return self._seen(), False

    def truth(self) -> Mapping[str, np.ndarray]:
        return self._world.truth(self._state)

    def close(self) -> None:
        """There is nothing to close."""

    def _seen(self) -> Seen:
        frame = self._world.render(self._state)
        return Seen(frame, frame)
