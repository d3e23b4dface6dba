"""The one interface of an environment that evaluation and planning step."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from jepa_world_model.data.spec import DataSpec

State = Any
"""Opaque except to its world, and hashable; equal states look and behave alike."""


class World(Protocol):
    """An environment with a finite set of actions, stepped from a state that it is given."""

    name: str
    spec: DataSpec
    actions: np.ndarray
    """[N, A] float32: each action as a model reads it."""
    action_names: tuple[str, ...]
    """[N] words, such as ``up``."""
    cells: int
    """Rows and columns of its map; 0 where it has none."""
    goals: str
    """Where `goal` puts the goals, in words."""
    trained_goals: bool
    """Whether recorded trajectories lead to such places."""

    def reset(self, rng: np.random.Generator) -> State:
        """The state in which an episode begins."""
        ...

    def goal(self, start: State, rng: np.random.Generator) -> State:
        """A state to plan to."""
        ...

    def step(self, state: State, action: int) -> State:
        """The state that follows when action number `action` is taken."""
        ...

    def render(self, state: State) -> np.ndarray:
        """What a camera sees: [H, W, C] uint8."""
        ...

    def truth(self, state: State) -> Mapping[str, np.ndarray]:
        """What is really there, for evaluation only: ``position`` [2] (row, column), ``inventory`` [] and the like."""
        ...

    def placed(self, truth: Mapping[str, np.ndarray]) -> State:
        """The state that one row of truth describes. Raises UserError for a world that cannot be put into it."""
        ...
