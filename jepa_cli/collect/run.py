"""Carries out a recording that was asked for on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits.errors import UserError
from jepa_cli.collect.policies import policy_of
from jepa_cli.terminal.progress import counted
from jepa_cli.terminal.safe_text import safe
from jepa_world_model.data import EMBEDDED
from jepa_world_model.data.gym_collect import GymStage
from jepa_world_model.data.recording import check_amounts, check_room, record
from jepa_world_model.toml_values import parse_value
from jepa_world_model.worlds.grid import GridWorld
from jepa_world_model.worlds.stage import WorldStage


@dataclass(frozen=True)
class CollectRequest:
    """The options, as typed."""

    env: str
    policy: str
    out: Path
    episodes: int
    size: int
    max_steps: int
    sticky: float
    seed: int
    env_arguments: Sequence[str]


def run_collect(request: CollectRequest) -> None:
    """Record, and say what was recorded. Raises UserError for what cannot be recorded."""
    check_amounts(size=request.size, episodes=request.episodes, max_steps=request.max_steps, sticky=request.sticky)
    known = request.max_steps + 1 if request.env in EMBEDDED else 2  # another environment may end at once
    check_room(request.size, request.episodes, request.out, known)
    stage = _stage(request)
    try:
        policy = policy_of(request.policy, stage, request.size, request.sticky)
        with counted("collecting", request.episodes, "trajectories") as progress:
            folder = record(
                stage,
                policy,
                request.episodes,
                request.out,
                max_steps=request.max_steps,
                seed=request.seed,
                on_episode=lambda index, length: progress(index + 1),
            )
    finally:
        stage.close()
    spec = folder.spec
    frames = f"{sum(folder.lengths)} frames of {request.size}x{request.size}"
    print(safe(f"{len(folder)} trajectories, {frames}, in {request.out}"))
    names = f": {', '.join(spec.action_names)}" if spec.action_names else ""
    print(f"{spec.action_width} actions ({spec.action_kind}){names}")
    print(safe(f"next: jepa train --data {request.out}"))


def _stage(request: CollectRequest) -> GymStage | WorldStage:
    arguments = _arguments(request.env_arguments)
    if request.env not in EMBEDDED:
        return GymStage(request.env, arguments, request.size)
    if arguments:
        raise UserError(f"--env-arg: {request.env} takes no arguments, found {', '.join(arguments)}")
    return WorldStage(GridWorld(request.env, request.size))


def _arguments(given: Sequence[str]) -> dict[str, Any]:
    arguments = {}
    for argument in given:
        name, equals, value = argument.partition("=")
        if not (name and equals):
            raise UserError(f"--env-arg {argument}: expected NAME=VALUE")
        arguments[name] = parse_value(value)
    return arguments
