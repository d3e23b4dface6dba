"""How the state of a Gymnasium environment is kept and restored."""

from __future__ import annotations

import pickle
from collections.abc import Hashable
from typing import Any, Protocol

from jepa_world_model.data.gym_make import render


class StateKeeper(Protocol):
    """Of one environment."""

    def keep(self) -> Any:
        """All of its state, as it is now."""
        ...

    def restore(self, kept: Any) -> None:
        """Put it into a state that was kept."""
        ...

    def key(self) -> Hashable:
        """What tells states apart, now."""
        ...


def state_keeper(env: Any) -> StateKeeper:
    """Of an environment that was reset."""
    inner = env.unwrapped
    if hasattr(inner, "clone_state") and hasattr(inner, "restore_state"):
        return CloneKeeper(env)
    return MiniGridKeeper(env) if hasattr(inner, "grid") and hasattr(inner, "agent_pos") else PickleKeeper(env)


class CloneKeeper:
    """By the environment's own ``clone_state()`` and ``restore_state(state)``, as Atari has them. States that look
    alike are one."""

    def __init__(self, env: Any) -> None:
        self._env = env

    def keep(self) -> Any:
        return self._env.unwrapped.clone_state()

    def restore(self, kept: Any) -> None:
        self._env.unwrapped.restore_state(kept)

    def key(self) -> Hashable:
        return render(self._env).tobytes()


class PickleKeeper(CloneKeeper):
    """By all attributes of the environment that can be pickled; a window to draw in cannot, and need not."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        render(env)  # it makes its window now, if it has one
        self._left = {name for name, value in env.unwrapped.__dict__.items() if not _is_picklable(value)}

    def keep(self) -> Any:
        attributes = self._env.unwrapped.__dict__
        return pickle.dumps({name: value for name, value in attributes.items() if name not in self._left})

    def restore(self, kept: Any) -> None:
        attributes = self._env.unwrapped.__dict__
        for name in attributes.keys() - self._left:
            del attributes[name]
        attributes.update(pickle.loads(kept))


class MiniGridKeeper(PickleKeeper):
    """Of a world like those of MiniGrid. States with the same grid, agent and luggage are one, whatever the time."""

    def key(self) -> Hashable:
        inner = self._env.unwrapped
        place = tuple(int(each) for each in inner.agent_pos)
        return place, getattr(inner, "agent_dir", None), pickle.dumps((inner.grid, getattr(inner, "carrying", None)))


def _is_picklable(value: Any) -> bool:
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:  # whatever the classes of an environment raise
        return False
    return True
