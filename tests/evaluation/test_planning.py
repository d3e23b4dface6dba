"""Planners in the real world, on models with known answers."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from jepa_world_model.data.grid_world import generate
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.held_out import HeldOut, held_out
from jepa_world_model.evaluation.planning.attempt import Task, attempt, walk
from jepa_world_model.evaluation.planning.cross_entropy import CrossEntropy, PathIntegral
from jepa_world_model.evaluation.planning.experience import UNKNOWN, Experience
from jepa_world_model.evaluation.planning.imagined_search import ImaginedSearch, alike_distance
from jepa_world_model.evaluation.planning.outcome import PlanningOutcome, outcome
from jepa_world_model.evaluation.planning.places import Places
from jepa_world_model.evaluation.planning.planner_names import DEFAULT, NAMES, WALKERS
from jepa_world_model.evaluation.planning.planners import MAKERS, Arena, best_walker, check_planners, chosen_planners
from jepa_world_model.evaluation.planning.pose_steps import PoseSteps
from jepa_world_model.evaluation.planning.references import Oracle, RandomWalk
from jepa_world_model.evaluation.planning.tasks import BINS, distance, draw_tasks, tasks_of_trajectories
from jepa_world_model.evaluation.pose import mean_increments
from jepa_world_model.evaluation.subject import EvaluatedModel
from jepa_world_model.worlds.grid import GridState, GridWorld
from tests.evaluation.oracle import (
    WIDTH,
    DeafSubject,
    NowhereSubject,
    OracleSubject,
    StillSubject,
    UnposedSubject,
)

pytestmark = pytest.mark.slow

PER_BIN = 8


@pytest.fixture(scope="module", params=["grid-rooms", "grid-loops"])
def world(request: pytest.FixtureRequest) -> GridWorld:
    return GridWorld(request.param)


@pytest.fixture(scope="module")
def tasks(world: GridWorld) -> list[Task]:
    return draw_tasks(world, PER_BIN, seed=0)


def data_of(world: GridWorld, subject: EvaluatedModel) -> HeldOut:
    return held_out(subject, generate(world.name, 16, 64, seed=5), range(16), length=64)


def search(world: GridWorld, subject: EvaluatedModel) -> ImaginedSearch:
    return ImaginedSearch(subject, world.actions, alike=alike_distance(data_of(world, subject).traces.z))


def steps(world: GridWorld, data: HeldOut) -> PoseSteps:
    return PoseSteps(data.subject, world.actions, mean_increments(data, world.actions))


def test_states_are_those_of_the_data(world: GridWorld) -> None:
    episode = generate(world.name, 1, 40, seed=2)[0]
    for step in range(39):
        row = {name: values[step] for name, values in episode.truth.items()}
        state = world.placed(row)
        assert (world.render(state) == episode.frames[step]).all()
        action = int(episode.actions[step].argmax()) if episode.actions[step].any() else len(world.actions) - 1
        assert (world.render(world.step(state, action)) == episode.frames[step + 1]).all()
        found = world.truth(state)
        assert all((found[name] == row[name]).all() for name in found)


def test_tasks_are_of_every_distance_and_the_same_each_time(world: GridWorld, tasks: list[Task]) -> None:
    assert [sum(low <= task.shortest <= high for task in tasks) for low, high in BINS] == [PER_BIN] * len(BINS)
    assert all(distance(world, task.start, task.goal) == task.shortest for task in tasks)
    assert tasks == draw_tasks(world, PER_BIN, seed=0)
    assert tasks != draw_tasks(world, PER_BIN, seed=1)


def test_an_oracle_walks_shortest_paths(world: GridWorld, tasks: list[Task]) -> None:
    found = outcome(world, Oracle(world, tasks), tasks)
    assert found.success.value == 1
    assert found.path_length == 1


def test_search_in_a_perfect_imagination_reaches_every_goal(world: GridWorld, tasks: list[Task]) -> None:
    found = outcome(world, search(world, OracleSubject(world)), tasks)
    assert found.success.value == 1, [one.task for one in found.attempts if not one.reached]
    assert found.path_length < 1.1  # it may walk round a key, so that the goal's picture has one
    assert found.seconds_a_plan > 0


def test_who_imagines_without_actions_reaches_hardly_more_than_chance(world: GridWorld, tasks: list[Task]) -> None:
    chance = outcome(world, RandomWalk(len(world.actions), seed=0), tasks).success.value
    deaf = outcome(world, search(world, DeafSubject(world)), tasks).success.value
    assert chance < 0.5
    assert deaf < 0.5


def test_steps_of_a_perfect_pose_reach_goals_of_their_trajectory() -> None:
    world = GridWorld("grid-rooms")
    subject = OracleSubject(world)
    data = data_of(world, subject)
    tasks = tasks_of_trajectories(world, data, PER_BIN, seed=0)
    assert len(tasks) == PER_BIN * len(BINS)
    found = outcome(world, steps(world, data), tasks)
    assert found.success.value > 0.85
    assert found.by_distance[BINS[0]].value == 1


def test_a_pose_that_never_moves_plans_nothing() -> None:
    world = GridWorld("grid-rooms")
    data = data_of(world, StillSubject(world))
    tasks = tasks_of_trajectories(world, data, PER_BIN, seed=0)
    assert outcome(world, steps(world, data), tasks).success.value < 0.2


def test_the_budget_ends_an_attempt() -> None:
    world = GridWorld("grid-loops")
    task = Task(GridState(0), GridState(8), 8)

    class Waits(RandomWalk):
        def act(self) -> int:
            return len(world.actions) - 1

    found = attempt(world, Waits(5, seed=0), task)
    assert not found.reached
    assert found.moves == task.budget == 20


def test_places_that_cannot_be_told_are_refused() -> None:
    with pytest.raises(UserError, match="the truth has no key"):
        GridWorld("grid-rooms").placed({"position": np.zeros(2), "inventory": np.array(0)})
    with pytest.raises(UserError, match="unknown embedded world 'grid-room'"):
        GridWorld("grid-room")
    with pytest.raises(ValueError, match="expected 0 to 4, found 5"):
        GridWorld("grid-loops").step(GridState(0), 5)


def arena_of(world: GridWorld, subject: EvaluatedModel, per_bin: int = PER_BIN) -> Arena:
    return Arena(data_of(world, subject), world, per_bin, seed=0)


def reached(arena: Arena, name: str) -> PlanningOutcome:
    ((planner, tasks),) = chosen_planners(arena, [name])
    return outcome(arena.world, planner, tasks)


def test_goals_of_the_ring_lie_where_no_recorded_walk_ever_was() -> None:
    world = GridWorld("grid-loops")
    walked = generate("grid-loops", 40, 64, seed=1)
    seen = {tuple(place) for episode in walked for place in episode.truth["position"]}
    goals = {tuple(world.truth(task.goal)["position"]) for task in draw_tasks(world, 20, seed=0)}
    assert len(seen) == 32
    assert len(goals) > 20
    assert not goals & seen


def test_search_in_a_perfect_pose_of_places_walks_shortest_paths(world: GridWorld) -> None:
    found = reached(arena_of(world, OracleSubject(world)), "search-q")
    assert found.success.value == 1
    assert found.path_length == 1
    assert found.by_distance == dict.fromkeys(BINS, found.by_distance[BINS[0]])
    assert found.seconds_a_plan > 0


@pytest.mark.parametrize("broken", [DeafSubject, NowhereSubject])
def test_search_in_a_pose_that_knows_no_actions_or_no_places_fails(broken: type, world: GridWorld) -> None:
    assert reached(arena_of(world, broken(world), per_bin=3), "search-q").success.value <= 1 / 3  # by chance


class GhostSubject(OracleSubject):
    """Knows of no walls."""

    def predict(self, z: np.ndarray, h: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        following = z.copy()
        for row, action in zip(following, actions, strict=True):
            cell = int(row[:81].argmax())
            at = np.array(divmod(cell, 9)) + [(-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)][self.number(action)]
            row[:81] = 0
            row[int(at.clip(0, 8) @ (9, 1))] = 3
        return following, np.concatenate([following, h[:, WIDTH:]], axis=1)

    def move(self, p: np.ndarray, h: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.array([[(-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)][self.number(one)] for one in actions], np.float32)


@pytest.mark.parametrize("planner", ["search-z", "search-q", "search-p"])
def test_a_wall_that_imagination_overlooks_is_run_into_once(planner: str) -> None:
    world = GridWorld("grid-rooms")
    arena = arena_of(world, GhostSubject(world), per_bin=3)
    for task in arena.posed_tasks[1]:
        path = attempt(world, MAKERS[planner](arena), task).path
        bumps = Counter(before.cell for before, after in pairwise(path) if before == after)
        assert all(count <= 4 for count in bumps.values()), bumps


def test_what_an_action_led_to_is_known_afterwards_and_a_surprise_is_told() -> None:
    world = GridWorld("grid-rooms")
    subject = GhostSubject(world)
    known, corner = Experience(subject, world.actions, alike=1.0), GridState(0, 70)
    known.begin(world.render(corner))
    up, right = 0, 3
    beside = world.step(corner, right)
    assert known.see(right, world.render(beside))
    assert known.see(2, world.render(corner))  # back to where it began
    assert known.place == 0
    assert known.see(right, world.render(beside))
    assert not known.see(right, world.render(beside)), "it imagined to get on"
    assert known.see(right, world.render(beside)), "by now it knows"
    z, _, places = known.after(known.z[None], known.h[None], [known.place], [right])
    assert places == [known.place]
    assert (z[0] == known.z).all()
    assert known.after(known.z[None], known.h[None], [UNKNOWN], [1]).place == [UNKNOWN]
    assert known.least_tried() == up
    known.see(up, world.render(beside))
    assert known.least_tried() == 1


@pytest.mark.parametrize("planner", ["search-q", "search-p"])
def test_a_goal_whose_pose_is_a_little_off_is_found_by_looking_around(planner: str) -> None:
    """The planner is told of a place beside the one where it is to arrive; it must not swing between two places."""
    world = GridWorld("grid-rooms")
    arena = arena_of(world, OracleSubject(world), per_bin=4)
    for task in arena.posed_tasks[1]:
        told = next(state for n in range(4) if (state := world.step(task.goal, n)).cell != task.goal.cell)
        offset = world.truth(told)["position"] - world.truth(task.start)["position"]
        steps = walk(world, MAKERS[planner](arena), task.start, world.render(told), offset.astype(np.float32))
        cells = [task.start.cell, *(step.state.cell for step in islice(steps, task.budget + 6))]
        assert task.goal.cell in cells, (task, cells)


def test_the_planner_that_reached_most_goals_is_the_best_one() -> None:
    world = GridWorld("grid-loops")
    posed, unposed = data_of(world, OracleSubject(world)), data_of(world, UnposedSubject(world))
    assert best_walker(posed, {}) == WALKERS[0]
    assert best_walker(unposed, {}) == "search-z"
    measured = {"search in q": 0.9, "A* on p": 0.8, "search in imagined z": 0.85, "random walk": 1.0}
    assert best_walker(posed, measured) == "search-q"
    assert best_walker(unposed, measured) == "search-z"


@pytest.mark.parametrize(
    ("subject", "name", "told"),
    [
        (OracleSubject, "grid-rooms", "q(goal) - q(start)"),
        (OracleSubject, "grid-loops", "q(goal) - q(start)"),
        (UnposedSubject, "grid-rooms", "odometry along the recorded way to the goal"),
        (UnposedSubject, "grid-loops", "odometry along a shortest way that is shown first"),
    ],
)
def test_planning_with_p_alone_says_how_it_knows_where_the_goal_is(subject: type, name: str, told: str) -> None:
    arena = arena_of(GridWorld(name), subject(GridWorld(name)))
    assert arena.posed_tasks[0] == told
    assert reached(arena, "a-star-p").success.value > 0.9
    assert reached(arena, "search-p").success.value > 0.9


@pytest.mark.parametrize("planner", [CrossEntropy, PathIntegral])
def test_drawing_sequences_in_a_perfect_imagination_finds_near_goals_and_a_deaf_one_none(planner: type) -> None:
    world = GridWorld("grid-loops")
    near = draw_tasks(world, 3, seed=0)[:3]
    found = outcome(world, planner(OracleSubject(world), world.actions, seed=0), near)
    assert found.success.value == 1
    deaf = outcome(world, planner(DeafSubject(world), world.actions, seed=0), near)
    assert deaf.success.value < 0.5


def test_planners_are_chosen_by_name_and_by_what_the_model_has() -> None:
    world = GridWorld("grid-loops")
    assert tuple(MAKERS) == NAMES
    posed, unposed = arena_of(world, OracleSubject(world), 1), arena_of(world, UnposedSubject(world), 1)
    assert len(list(chosen_planners(posed, None))) == len(DEFAULT)
    assert "search in q" not in [planner.name for planner, _ in chosen_planners(unposed, None)]
    check_planners(NAMES, posed.data)
    with pytest.raises(UserError, match="has no pose of a place"):
        check_planners(["search-q"], unposed.data)
    with pytest.raises(UserError, match="--planners serch-z: did you mean 'search-z'"):
        check_planners(["serch-z"], posed.data)


def test_places_a_step_apart_are_two_in_whatever_direction_the_step_goes() -> None:
    for direction in np.random.default_rng(0).normal(size=(50, 16)):
        step = direction / np.linalg.norm(direction)
        places = Places(0.5)
        assert [places.added(point) for point in (0 * step, step, 0.4 * step, -0.7 * step)] == [True, True, False, True]
        assert places.find(1.3 * step) == 1
