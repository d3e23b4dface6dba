"""The policy that `--policy` names."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audits.errors import UserError
from jepa_cli.targets.foreign_code import explained
from jepa_cli.targets.foreign_function import foreign_function
from jepa_world_model.data.gym_collect import GymStage
from jepa_world_model.data.recording import Policy, RandomPolicy, Seen
from jepa_world_model.runs.record import is_run
from jepa_world_model.worlds.stage import WorldStage

RANDOM = "random"
EPISODES, LENGTH = 20, 64
"""Of the held-out episodes whose frames are goals."""


class FunctionPolicy:
    """A user's function of the observation. Implements `Policy`."""

    def __init__(self, reference: str) -> None:
        """Raises AuditError for a reference to nothing, and for a function that does not take one observation."""
        self._said = f"--policy {reference}"
        self._function = foreign_function("--policy", reference, "my_agent:act")
        _check_takes_one(self._said, self._function)
        self.facts = {"name": "function", "function": reference}

    def begin(self, seed: int) -> None:
        """Generators that a function may draw from are seeded."""
        random.seed(seed)
        np.random.seed(seed)

    def act(self, seen: Seen) -> Any:
        """Raises AuditError for whatever the function raises."""
        with explained(self._said):
            return self._function(seen.observation)


def policy_of(text: str, stage: GymStage | WorldStage, size: int, sticky: float) -> Policy:
    """``random``, a run folder, or ``package.module:function``. Raises UserError for anything else."""
    if text == RANDOM:
        return RandomPolicy(stage.space, sticky)
    if is_run(Path(text)):
        return _walking(Path(text), stage, size)
    if ":" in text:
        return FunctionPolicy(text)
    raise UserError(f"--policy {text}: is no run folder; expected random, a run folder, or package.module:function")


def _walking(run: Path, stage: GymStage | WorldStage, size: int) -> Policy:
    from jepa_world_model.evaluation.evaluation import held_out_source, loaded_subject
    from jepa_world_model.evaluation.held_out import held_out
    from jepa_world_model.evaluation.walking_policy import WalkingPolicy

    config, subject, spec = loaded_subject(run)
    actions = np.stack([stage.encoding.encode(choice) for choice in stage.choices]).astype(np.float32)
    if (spec.image_size, spec.action_width) != (size, actions.shape[1]):
        raise UserError(
            f"--policy {run}: expected frames of {spec.image_size} x {spec.image_size} and actions of "
            f"{spec.action_width} columns, as the run was trained on, found {size} x {size} and {actions.shape[1]}; "
            f"use --size {spec.image_size} and the environment of the run"
        )
    if spec.proprioception_width:
        raise UserError(
            f"--policy {run}: the model sees proprioception beside each frame (data.proprioception), and an "
            "environment shows it frames only"
        )
    source, indices = held_out_source(config, None, EPISODES, 0)
    return WalkingPolicy(held_out(subject, source, indices, length=LENGTH), actions, stage.choices, str(run))


def _check_takes_one(said: str, function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function):
        raise UserError(f"{said}: expected a function that returns an action, found one to be awaited")
    try:
        inspect.signature(function).bind(None)
    except ValueError:  # a few builtins have no signature
        return
    except TypeError as error:
        raise UserError(f"{said}: expected a function of one argument, the observation: {error}") from error
