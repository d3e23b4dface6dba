"""A model as a policy, on models with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data.grid_world import generate
from jepa_world_model.data.recording import RandomPolicy, record
from jepa_world_model.evaluation.held_out import held_out
from jepa_world_model.evaluation.walking_policy import PATIENCE, WalkingPolicy
from jepa_world_model.worlds.grid import GridWorld
from jepa_world_model.worlds.stage import WorldStage
from tests.evaluation.oracle import BlindSubject, OracleSubject, UnposedSubject

STEPS = 120


def walking(world: GridWorld, subject: OracleSubject) -> WalkingPolicy:
    data = held_out(subject, generate(world.name, 6, 40, seed=5), range(6), length=40)
    return WalkingPolicy(data, world.actions, range(len(world.actions)), "an oracle")


def visited(stage: WorldStage, policy: WalkingPolicy | RandomPolicy, out: Path) -> int:
    episode = record(stage, policy, 1, out, max_steps=STEPS)[0]
    return len(np.unique(episode.truth["position"], axis=0))


@pytest.mark.parametrize("subject", [OracleSubject, UnposedSubject])
def test_an_oracle_reaches_one_goal_after_the_other_and_sees_more_than_chance(subject: type, tmp_path: Path) -> None:
    world = GridWorld("grid-loops")
    stage, policy = WorldStage(world), walking(world, subject(world))
    places = visited(stage, policy, tmp_path / "walk")
    assert policy.reached > STEPS / 20
    assert places > visited(stage, RandomPolicy(stage.space, 0.5), tmp_path / "chance")


def test_goals_that_are_not_reached_are_given_up(tmp_path: Path) -> None:
    world = GridWorld("grid-loops")
    policy = walking(world, BlindSubject(world))
    goals = []
    turn = policy._turn_to_another_goal
    policy._turn_to_another_goal = lambda frame: (goals.append(1), turn(frame))  # pyright: ignore
    record(WorldStage(world), policy, 1, tmp_path / "walk", max_steps=PATIENCE + 1)
    assert len(goals) >= 2
