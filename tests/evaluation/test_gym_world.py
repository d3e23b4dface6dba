"""A Gymnasium environment as a world to plan in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.gym_collect import collect
from jepa_world_model.errors import UserError

gymnasium = pytest.importorskip("gymnasium")

from jepa_world_model.evaluation.environment import environment_of  # noqa: E402
from jepa_world_model.evaluation.planning.outcome import outcome  # noqa: E402
from jepa_world_model.evaluation.planning.references import Oracle, RandomWalk  # noqa: E402
from jepa_world_model.evaluation.planning.tasks import BINS, draw_tasks, with_shown_ways  # noqa: E402
from jepa_world_model.worlds.grid import GridWorld  # noqa: E402
from jepa_world_model.worlds.gym import GymWorld  # noqa: E402
from tests.evaluation.gym_grid import TOYS  # noqa: E402


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    for name, maker in TOYS.items():
        gymnasium.register(name, entry_point=maker, disable_env_checker=True)
    yield
    for name in TOYS:
        del gymnasium.registry[name]


def recorded(folder: Path, env_id: str) -> EpisodeFolder:
    return collect(env_id, 2, folder / env_id, size=24, max_steps=12)


def test_it_goes_on_from_any_state_as_it_did(toys: None) -> None:
    world = GymWorld("Field-v0", {}, 24)
    rng = np.random.default_rng(0)
    start = world.reset(rng)
    states, actions = [start], rng.integers(4, size=30)
    for action in actions:
        states.append(world.step(states[-1], int(action)))
    frames = [world.render(state) for state in states]
    fresh = GymWorld("Field-v0", {}, 24)  # that remembers nothing
    for before, action, frame in zip(states, actions, frames[1:], strict=False):
        assert (fresh.render(fresh.step(before, int(action))) == frame).all()
    assert world.actions.tolist() == np.eye(4).tolist()
    assert world.action_names == ("up", "down", "left", "right")
    for state, frame in zip(states, frames, strict=True):
        row, column = world.truth(state)["position"]
        assert frame[4 * row, 4 * column].tolist() == [250, 200, 0]


def test_states_are_equal_where_they_look_alike_whatever_the_time() -> None:
    world = GymWorld("Field-v0", {}, 24)
    start = world.reset(np.random.default_rng(3))
    there = {world.step(world.step(start, action), back) for action, back in ((0, 1), (1, 0), (2, 3), (3, 2))}
    assert start in there
    assert len(there) <= 3


def test_goals_lie_in_the_layout_of_the_start_and_an_oracle_reaches_them() -> None:
    world = GymWorld("Field-v0", {}, 24)
    tasks = draw_tasks(world, 4, seed=0)
    assert [sum(low <= task.shortest <= high for task in tasks) for low, high in BINS[:2]] == [4, 4]
    for task in tasks:
        walls = [(world.render(state) == 120).all(axis=-1) for state in (task.start, task.goal)]
        assert (walls[0] == walls[1]).mean() > 0.95
    found = outcome(world, Oracle(world, tasks), tasks)
    assert (found.success.value, found.path_length) == (1, 1)
    assert outcome(world, RandomWalk(4, seed=0), tasks).success.value < 0.6


def test_odometry_along_a_shown_way_is_what_a_perfect_pose_says() -> None:
    world = GymWorld("Field-v0", {}, 24)

    class Counts:
        """p is the sum of the moves, walls or none."""

        def embed(self, frames: np.ndarray) -> np.ndarray:
            return np.zeros((len(frames), 1), np.float32)

        begin = staticmethod(lambda z: z)
        predict = staticmethod(lambda z, h, actions: (z, h))
        move = staticmethod(lambda p, h, actions: actions @ np.array([[-1, 0], [1, 0], [0, -1], [0, 1]]))
        origin = staticmethod(lambda count: np.zeros((count, 2)))

    for task in with_shown_ways(world, Counts(), draw_tasks(world, 3, seed=1)):
        moved = world.truth(task.goal)["position"] - world.truth(task.start)["position"]
        assert task.displacement.tolist() == moved.tolist()


def test_data_names_the_environment_that_it_was_recorded_in(tmp_path: Path) -> None:
    world = environment_of(recorded(tmp_path, "Field-v0"))
    assert world.name == "Field-v0"
    assert world.spec.image_size == 24
    with pytest.raises(UserError, match="does not tell the state"):
        world.placed({"position": np.zeros(2)})
    (tmp_path / "Field-v0" / "dataset.json").unlink()
    with pytest.raises(UserError, match="Field-v0 is recorded data: there is no environment"):
        environment_of(EpisodeFolder(tmp_path / "Field-v0"))


def test_a_folder_with_the_name_of_an_embedded_world_is_none(tmp_path: Path) -> None:
    folder = collect("Field-v0", 1, tmp_path / "grid-rooms", size=24, max_steps=4)
    assert folder.name == "grid-rooms"
    assert not isinstance(environment_of(folder), GridWorld)


@pytest.mark.parametrize(
    ("env_id", "told"),
    [
        ("Placeless-v0", r"tells no position of its agent \(agent_pos\)"),
        ("Secretive-v0", "cannot be put into a state: restored, it went on in another way"),
    ],
)
def test_environments_that_cannot_be_planned_in_say_why(env_id: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        environment_of(recorded(tmp_path, env_id))


def test_continuous_actions_are_refused() -> None:
    pytest.importorskip("pygame")
    with pytest.raises(UserError, match="planning needs a finite set of actions"):
        GymWorld("Pendulum-v1", {}, 16)


def test_minigrid_turns_and_walks() -> None:
    pytest.importorskip("minigrid")
    world = GymWorld("MiniGrid-Empty-5x5-v0", {}, 20)
    (task,) = draw_tasks(world, 1, seed=0)[:1]
    assert outcome(world, Oracle(world, [task]), [task]).success.value == 1
    assert world.step(world.step(task.start, 0), 1) == task.start
