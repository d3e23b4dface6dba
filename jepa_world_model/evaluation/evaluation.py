"""The evaluation of a run: figures of z, h and p, curves against depth, and goals reached in the real environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data import EMBEDDED, EpisodeSource, generate, split_episodes
from jepa_world_model.data.spec import DataSpec, parse_action_kind
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.dynamics import CURVES, curve
from jepa_world_model.evaluation.environment import environment_of
from jepa_world_model.evaluation.estimate import Estimate
from jepa_world_model.evaluation.figure import MeasuredFigure, measure_figures
from jepa_world_model.evaluation.figures import FIGURES
from jepa_world_model.evaluation.held_out import HeldOut, held_out
from jepa_world_model.evaluation.planning.attempt import FACTOR, SLACK
from jepa_world_model.evaluation.planning.outcome import PlanningOutcome, outcome
from jepa_world_model.evaluation.planning.planners import Arena, check_planners, chosen_planners
from jepa_world_model.evaluation.planning.tasks import BINS
from jepa_world_model.evaluation.rollouts import DEPTH, WARM_UP
from jepa_world_model.evaluation.subject import ModelSubject
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, with_chosen_proprioception
from jepa_world_model.runs.record import run_record
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.worlds.grid import GridWorld
from jepa_world_model.worlds.world import World

FRESH_SEEDS = 1_000_003
"""Added to a run's data seed: episodes of an embedded world that no training has seen."""
LENGTH = 64
ON_STAGE = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Protocol:
    """Everything that a figure depends on, besides the weights."""

    run: str
    trained: str
    """How far, such as ``finished, 1000/1000 steps``."""
    data: str
    episodes: int
    frames: int
    seed: int
    tasks_per_distance: int
    distances: tuple[tuple[int, int], ...] = BINS
    budget: str = f"{FACTOR} x shortest path + {SLACK} moves"
    success: str = "the agent stands at the goal's position"
    goals: str = ""
    """Where they lie."""
    pose_of_goals: str = ""
    """How planning with p alone knows the displacement to a goal."""
    warm_up: int = WARM_UP
    """Frames that are seen before the model imagines."""
    probes: str = "fitted on the first half of the episodes, judged on the second"
    intervals: str = "95 %: bootstrap over episodes; Wilson for planning"


@dataclass(frozen=True)
class Evaluation:
    """What was measured."""

    protocol: Protocol
    data: HeldOut
    world: World | None
    figures: tuple[MeasuredFigure, ...]
    curves: Mapping[str, Sequence[Estimate]]
    """By name: at each depth from 1 on."""
    planning: tuple[PlanningOutcome, ...]
    no_planning: str = ""
    """Why there is none."""

    def plain(self) -> dict[str, Any]:
        """Everything as JSON has it; what is not a number is null."""
        return {
            "protocol": asdict(self.protocol),
            "figures": {one.figure.name: _plain_figure(one) for one in self.figures},
            "curves": {name: [_plain(one) for one in points] for name, points in self.curves.items()},
            "planning": {one.planner: _plain_planning(one) for one in self.planning},
            "no_planning": self.no_planning or None,
        }


def evaluate(
    path: Path,
    *,
    data: str | None = None,
    episodes: int = 60,
    seed: int = 0,
    tasks: int = 20,
    planners: Sequence[str] | None = None,
    on_stage: ON_STAGE,
) -> Evaluation:
    """Evaluate the run that a folder holds.

    `data` names other data than the run's own held-out split; `tasks` is the number of goals for each range of
    distances; `planners` names those to try (`planning/planner_names.py`); `on_stage` is told what is done, how much of
    it, of how much. Raises UserError for what is no run, has no weights, or has too little data, and for planners that
    the model or the data does not allow.
    """
    config, subject, spec = loaded_subject(path)
    source, indices = held_out_source(config, data, episodes, seed)
    _check_same_kind(spec, source)
    chosen = held_out(subject, source, indices, length=LENGTH)
    check_planners(planners or (), chosen)
    world, reason = None, ""
    try:
        world = environment_of(source)
    except UserError as error:
        if planners:
            raise
        reason = str(error)
    protocol = Protocol(str(path), _trained(path), source.name, chosen.episodes, chosen.length, seed, tasks)
    return evaluation_of(chosen, world, protocol, on_stage, planners=planners, no_planning=reason)


def loaded_subject(path: Path) -> tuple[Config, ModelSubject, DataSpec]:
    """A run's config, its model with the weights it left, and what that model knows of its data.

    Raises UserError for what is no run, has no weights, or whose data is gone.
    """
    run, config = RunFolder.open(path)
    if not run.weights.exists() and run.checkpoints.steps():
        raise UserError(f"{path} has checkpoints but no weights: it was killed. Go on with jepa train --resume {path}")
    spec = _spec(config)
    model = WorldModel(config.model, spec)
    run.load_weights(model)
    return config, subject_of(config, model), spec


def subject_of(config: Config, model: WorldModel) -> ModelSubject:
    """A model that a config trained."""
    trained = {module for loss in config.enabled for module in loss.updates}
    return ModelSubject(model, gives_places_a_pose="z_to_p" in trained)


def evaluation_of(
    data: HeldOut,
    world: World | None,
    protocol: Protocol,
    on_stage: ON_STAGE,
    *,
    planners: Sequence[str] | None = None,
    no_planning: str = "",
) -> Evaluation:
    """Evaluate whatever subject the data has; without a world nothing is planned, for a reason."""
    figures = []
    for done, one in enumerate(measure_figures(data), start=1):
        figures.append(one)
        on_stage("figures", done, len(FIGURES))
    curves = {name: curve(data, name) for name in CURVES} if data.length > DEPTH + WARM_UP else {}
    if world is None:
        return Evaluation(protocol, data, None, tuple(figures), curves, (), no_planning)
    arena = Arena(data, world, protocol.tasks_per_distance, protocol.seed)
    protocol = replace(protocol, goals=world.goals, pose_of_goals=arena.posed_tasks[0])
    planning = tuple(_planned(arena, planners, on_stage))
    return Evaluation(protocol, data, world, tuple(figures), curves, planning)


def held_out_source(config: Config, data: str | None, episodes: int, seed: int) -> tuple[EpisodeSource, Sequence[int]]:
    """Data that training never saw, and which episodes of it: of an embedded world fresh ones, of a folder those that
    the run held out; of other data all."""
    if episodes < 1:
        raise UserError(f"--episodes: expected at least 1, found {episodes}")
    name = data or config.data.source
    if name in EMBEDDED:
        made = generate(name, episodes, LENGTH, config.data.seed + FRESH_SEEDS + seed, config.model.image_size)
        return with_chosen_proprioception(made, config), range(episodes)
    if data:
        source = open_config_source(replace(config, data=replace(config.data, source=data)))
        return source, range(min(len(source), episodes))
    source = open_config_source(config)
    _, validation = split_episodes(source, config.data.validation_fraction, config.data.seed)
    return source, [int(index) for index in validation[:episodes]]


def _spec(config: Config) -> DataSpec:
    """Of the data that a run was trained on; an embedded world need not be made for that."""
    name, kind = config.data.source, config.data.action_kind
    if name not in EMBEDDED or config.data.proprioception:
        return open_config_source(config).spec
    spec = GridWorld(name, config.model.image_size).spec
    return spec if kind == "auto" else replace(spec, action_kind=parse_action_kind(kind))


def _check_same_kind(spec: DataSpec, source: EpisodeSource) -> None:
    """Raises UserError for data that the model cannot read."""
    found = source.spec
    if (found.channels, found.action_width) != (spec.channels, spec.action_width):
        raise UserError(
            f"{source.name}: expected frames of {spec.channels} channels and actions of {spec.action_width} columns, "
            f"as the run was trained on, found {found.channels} and {found.action_width}"
        )
    if spec.action_names and found.action_names and spec.action_names != found.action_names:
        raise UserError(
            f"{source.name}: expected the actions {', '.join(spec.action_names)}, as the run was trained on, found "
            f"{', '.join(found.action_names)}: it is of another environment"
        )


def _trained(path: Path) -> str:
    record = run_record(path)
    return f"{record.state}, {'?' if record.step is None else record.step}/{record.steps or '?'} steps"


def _planned(arena: Arena, chosen: Sequence[str] | None, on_stage: ON_STAGE) -> Iterator[PlanningOutcome]:
    for planner, tasks in chosen_planners(arena, chosen):
        yield outcome(arena.world, planner, tasks, lambda done, of, name=planner.name: on_stage(name, done, of))


def _plain_figure(one: MeasuredFigure) -> dict[str, Any]:
    figure = one.figure
    return {
        "of": figure.of,
        "meaning": figure.meaning,
        **(_plain(one.estimate) if one.estimate else {"value": None, "missing": one.missing}),
        "target": figure.target,
        "at_most": figure.at_most if figure.target is not None else None,
        "met": figure.met(one.estimate) if one.estimate else None,
    }


def _plain_planning(found: PlanningOutcome) -> dict[str, Any]:
    return {
        "success": _plain(found.success),
        "by_distance": {f"{low}-{high}": _plain(one) for (low, high), one in found.by_distance.items()},
        "path_length": _number(found.path_length),
        "seconds_a_plan": _number(found.seconds_a_plan),
    }


def _plain(estimate: Estimate) -> dict[str, Any]:
    value, low, high, count = estimate
    return {"value": _number(value), "low": _number(low), "high": _number(high), "count": count}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
