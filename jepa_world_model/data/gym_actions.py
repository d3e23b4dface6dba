"""How the action spaces of Gymnasium become rows of an action array."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError


@dataclass(frozen=True)
class ActionEncoding:
    """The kind and the names of the columns, and the function from an environment's action to a row [A]."""

    kind: ActionKind
    names: tuple[str, ...]
    encode: Callable[[Any], np.ndarray]


def action_encoding(env: Any) -> ActionEncoding:
    """Choose the encoding for the action space of ``env``. Raises UserError for a space that has none."""
    from gymnasium import spaces

    space = env.action_space
    if isinstance(space, spaces.Discrete):
        return _one_hot(int(space.start), _discrete_names(env, int(space.n)))
    if isinstance(space, spaces.MultiBinary):
        return ActionEncoding(ActionKind.MULTI_HOT, _numbered("button", space.shape), _flat)
    return _encoding(space, "action")


def _encoding(space: Any, name: str) -> ActionEncoding:
    """Of a space that may hold others, whose columns are laid side by side and named after it."""
    from gymnasium import spaces

    if isinstance(space, spaces.Box):
        return ActionEncoding(ActionKind.REAL, _numbered(name, space.shape), _flat)
    if isinstance(space, spaces.MultiBinary):
        return ActionEncoding(ActionKind.MULTI_HOT, _numbered(name, space.shape), _flat)
    if isinstance(space, spaces.Discrete):
        return _one_hot(int(space.start), [f"{name}_{choice}" for choice in range(int(space.n))])
    if isinstance(space, spaces.MultiDiscrete):
        return _joined({place: _encoding(each, f"{name}_{place}") for place, each in enumerate(_choices(space))})
    if isinstance(space, spaces.Dict):
        return _joined({key: _encoding(each, str(key)) for key, each in space.items()})
    if isinstance(space, spaces.Tuple):
        return _joined({place: _encoding(each, f"{name}_{place}") for place, each in enumerate(space.spaces)})
    raise UserError(
        f"action space {space} is not supported; expected Discrete, MultiDiscrete, MultiBinary, Box, or a Dict or "
        "Tuple of these. Wrap the environment so that its action space is one of these"
    )


def _choices(space: Any) -> list[Any]:
    from gymnasium import spaces

    starts = np.broadcast_to(getattr(space, "start", 0), space.nvec.shape).ravel()
    return [spaces.Discrete(int(n), start=int(start)) for n, start in zip(space.nvec.ravel(), starts, strict=True)]


def _joined(parts: Mapping[Any, ActionEncoding]) -> ActionEncoding:
    """Of actions that are mappings or sequences with these keys."""
    names = tuple(name for part in parts.values() for name in part.names)
    is_real = any(part.kind is ActionKind.REAL for part in parts.values())

    def encode(action: Any) -> np.ndarray:
        whole = action if isinstance(action, Mapping | tuple) else np.asarray(action).ravel()
        return np.concatenate([part.encode(whole[key]) for key, part in parts.items()])

    return ActionEncoding(ActionKind.REAL if is_real else ActionKind.MULTI_HOT, names, encode)


def _one_hot(start: int, meanings: list[str]) -> ActionEncoding:
    """One column a choice, without a column for NOOP, whose row is all zeros."""
    names = tuple(name for name in meanings if name != "NOOP")
    columns = [names.index(name) if name in names else -1 for name in meanings]
    rows = np.zeros((len(meanings), len(names)), dtype=np.float32)
    for choice, column in enumerate(columns):
        if column >= 0:
            rows[choice, column] = 1
    return ActionEncoding(ActionKind.ONE_HOT, names, lambda action: rows[int(action) - start])


def _discrete_names(env: Any, count: int) -> list[str]:
    """Return the environment's own words for its actions (Atari, MiniGrid), or numbers."""
    unwrapped = env.unwrapped
    if hasattr(unwrapped, "get_action_meanings"):
        names = [str(name) for name in unwrapped.get_action_meanings()]
    else:
        names = [str(getattr(action, "name", action)) for action in getattr(unwrapped, "actions", ())]
    return names if len(set(names)) == len(names) == count else [f"action_{index}" for index in range(count)]


def _numbered(word: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{word}_{index}" for index in range(int(np.prod(shape))))


def _flat(action: Any) -> np.ndarray:
    return np.asarray(action, dtype=np.float32).ravel()
