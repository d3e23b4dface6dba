"""An ablation: a config is trained anew at a small budget, without a loss or with a gate flipped, and evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from jepa_world_model.config_file import to_toml
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.ablation import Variant, planned
from jepa_world_model.evaluation.ablation_results import Cost, Result, Results, changes
from jepa_world_model.evaluation.environment import environment_of
from jepa_world_model.evaluation.evaluation import LENGTH, held_out_source, subject_of
from jepa_world_model.evaluation.figure import measure_figures
from jepa_world_model.evaluation.figures import FIGURES
from jepa_world_model.evaluation.held_out import HeldOut, held_out
from jepa_world_model.evaluation.planning.attempt import Task
from jepa_world_model.evaluation.planning.outcome import outcome
from jepa_world_model.evaluation.planning.planners import Arena, check_planners, chosen_planners, has_place_pose
from jepa_world_model.evaluation.retraining import Retraining
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.model_memory import check_training_memory
from jepa_world_model.run import open_config_source
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.worlds.world import World

PLANNERS = ("search-z", "search-q", "search-p")
"""Tried where none is named and the model allows it."""


@dataclass(frozen=True)
class Budget:
    """What every training of an ablation gets, and what it is judged by."""

    steps: int
    seeds: int
    episodes: int
    seed: int
    """Of the held-out episodes and of the goals."""
    tasks: int
    planners: tuple[str, ...] | None


@dataclass(frozen=True)
class Ablation:
    """What was found."""

    run: str
    budget: Budget
    impossible: Mapping[str, str]
    changes: Mapping[str, str]
    """By variant: in words."""
    results: tuple[Result, ...]
    no_planning: str

    @property
    def costs(self) -> dict[str, list[Cost]]:
        """By variant."""
        return changes(self.results)

    def plain(self) -> dict[str, Any]:
        """Everything as JSON has it; what is not a number is null."""
        return {
            "run": self.run,
            "budget": vars(self.budget),
            "no_planning": self.no_planning or None,
            "impossible": dict(self.impossible),
            "problems": {f"{one.variant}, seed {one.seed}": one.problem for one in self.results if one.problem},
            "costs": {
                name: {"change": self.changes[name], "figures": [_plain(cost) for cost in costs]}
                for name, costs in self.costs.items()
            },
        }


class AblationObserver:
    """Override the methods for what you want to hear of."""

    def on_plan(self, trainings: int, missing: int) -> None:
        """How many trainings there are, and how many of them were not kept from an earlier time."""

    def on_training(self, name: str, seed: int, done: int, of: int) -> None:
        """Steps of one training."""

    def on_result(self, done: int, of: int) -> None:
        """One more training is evaluated, of those that are needed."""


def ablate(path: Path, names: Sequence[str], budget: Budget, observer: AblationObserver) -> Ablation:
    """Train the config of a run without what is named, and evaluate that next to the unchanged config.

    Every training is kept in the run folder once it is evaluated, and is not made again. Raises UserError for what is
    no run, for names that cannot be left out, and for data that cannot be evaluated; before anything is trained.
    """
    _, config = RunFolder.open(path)
    plan = planned(config, names, budget.steps)
    kept = Results(RunFiles(path).ablation)
    facts = _facts(config, budget)
    jury = _Jury(config, budget)
    work = [(variant, seed) for seed in range(budget.seeds) for variant in plan.variants]
    found = {(variant.name, seed): kept.find(facts, variant.name, seed) for variant, seed in work}
    missing = [(variant, seed) for variant, seed in work if found[variant.name, seed] is None]
    if missing:
        kept.save()  # where nothing can be kept, nothing is trained
        for variant, _ in missing:
            check_training_memory(variant.config)
    observer.on_plan(len(work), len(missing))
    for result in _trained(config, missing, jury, observer) if missing else ():
        kept.add(facts, result)
        found[result.variant, result.seed] = result
    results = tuple(found[variant.name, seed] for variant, seed in work)
    words = {variant.name: variant.change for variant in plan.variants}
    return Ablation(str(path), budget, plan.impossible, words, tuple(filter(None, results)), jury.no_planning)


def _trained(
    config: Config, work: Sequence[tuple[Variant, int]], jury: _Jury, observer: AblationObserver
) -> Iterator[Result]:
    source = open_config_source(config)
    with TemporaryDirectory(prefix="jepa-ablation-") as folder:
        told = {"name": "", "seed": 0}
        training = Retraining(
            source, Path(folder), lambda done, of: observer.on_training(told["name"], told["seed"], done, of)
        )
        for done, (variant, seed) in enumerate(work, start=1):
            told.update(name=variant.change, seed=seed)
            try:
                model = training.model(variant.config, config.train.seed + seed)
                result = Result(variant.name, seed, jury.values(variant.config, model))
            except Diverged as reason:
                result = Result(variant.name, seed, {}, str(reason))
            observer.on_result(done, len(work))
            yield result


class _Jury:
    """Evaluates every model on the same episodes and goals."""

    def __init__(self, config: Config, budget: Budget) -> None:
        """Raises UserError for data that cannot be evaluated, and for planners that are none."""
        self._budget = budget
        self._source, self._indices = held_out_source(config, None, budget.episodes, budget.seed)
        self._world: World | None = None
        self.no_planning = ""
        """Why nothing is planned."""
        self._tasks: Sequence[Task] | None = None
        try:
            self._world = environment_of(self._source)
        except UserError as reason:
            if budget.planners:
                raise
            self.no_planning = str(reason)
        untrained = subject_of(config, WorldModel(config.model, self._source.spec))
        check_planners(budget.planners or (), held_out(untrained, self._source, self._indices, length=LENGTH))

    def values(self, config: Config, model: WorldModel) -> dict[str, float]:
        """Figures by name, and the share of goals that each planner reached; without what cannot be measured."""
        data = held_out(subject_of(config, model), self._source, self._indices, length=LENGTH)
        measured = measure_figures(data, FIGURES.values())
        found = {one.figure.name: one.estimate.value for one in measured if one.estimate}
        if self._world is not None:
            found |= self._planned(data, self._world)
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}

    def _planned(self, data: HeldOut, world: World) -> dict[str, float]:
        arena = Arena(data, world, self._budget.tasks, self._budget.seed, self._tasks)
        self._tasks = arena.tasks
        names = self._budget.planners or PLANNERS
        able = [name for name in names if name != "search-q" or has_place_pose(data)]
        return {p.name: outcome(world, p, tasks).success.value for p, tasks in chosen_planners(arena, able)}


def _facts(config: Config, budget: Budget) -> dict[str, Any]:
    """What the result of a training depends on, besides its variant and its seed, as JSON gives it back."""
    facts = {name: value for name, value in vars(budget).items() if name != "seeds"}
    planners = None if budget.planners is None else list(budget.planners)
    return {**facts, "planners": planners, "config": sha256(to_toml(config).encode()).hexdigest()[:16]}


def _plain(cost: Cost) -> dict[str, Any]:
    return {
        name: value if not isinstance(value, float) or np.isfinite(value) else None
        for name, value in vars(cost).items()
    }
