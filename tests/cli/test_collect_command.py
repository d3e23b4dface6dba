"""`jepa collect`, and training on what it collected."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from jepa_cli.app import app
from jepa_world_model.data.episode_folder import EpisodeFolder
from tests.evaluation.untrained import untrained_run

pytest.importorskip("gymnasium")


def jepa(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def collect(out: Path, *more: str, env: str = "MiniGrid-Empty-5x5-v0") -> Result:
    return jepa("collect", "--env", env, "--out", out, "--episodes", "3", "--max-steps", "12", "--size", "16", *more)


def test_what_is_collected_can_be_trained_on(tmp_path: Path, small_settings: list[str]) -> None:
    pytest.importorskip("minigrid")
    result = collect(tmp_path / "data")
    assert result.exit_code == 0, result.output
    assert "3 trajectories" in result.stdout
    assert f"jepa train --data {tmp_path / 'data'}" in result.stdout
    trained = jepa("train", *small_settings, "--data", tmp_path / "data", "--out", tmp_path / "run")
    assert trained.exit_code == 0, trained.output


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        ([], "MiniGrid-Empty-5x5-v00", "MiniGrid-Empty-5x5-v0"),
        (["--env-arg", "nonsense"], "MiniGrid-Empty-5x5-v0", "expected NAME=VALUE"),
        (["--env-arg", "wings=2"], "MiniGrid-Empty-5x5-v0", "wings"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(
    arguments: list[str], env: str, expected: str, tmp_path: Path
) -> None:
    pytest.importorskip("minigrid")
    result = collect(tmp_path / "data", *arguments, env=env)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "data").exists()


@pytest.fixture
def agents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of policies."""
    (folder / "agents.py").write_text(
        "def rightwards(frame):\n    assert frame.shape == (16, 16, 3)\n    return 3\n\n"
        "def undecided(frame):\n    return 9\n\n"
        "def broken(frame):\n    raise ValueError('no idea')\n\n"
        "def absent_minded():\n    return 0\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return folder


def in_rooms(policy: str, *more: str) -> Result:
    sizes = ["--episodes", "2", "--max-steps", "12", "--size", "16"]
    return jepa("collect", "--env", "grid-rooms", "--policy", policy, "--out", "data", *sizes, *more)


def test_a_function_chooses_the_actions_in_an_embedded_world(agents: Path) -> None:
    result = in_rooms("agents:rightwards")
    assert result.exit_code == 0, result.output
    recorded = EpisodeFolder(agents / "data")
    assert recorded.info.origin["policy"] == {"name": "function", "function": "agents:rightwards"}
    for episode in (recorded[0], recorded[1]):
        assert (episode.actions[:-1] == (0, 0, 0, 1)).all()
        columns = episode.truth["position"][:, 1]
        assert (np.diff(columns) >= 0).all()
        assert columns[0] < columns[-1] or columns[0] in (3, 8)
        assert set(episode.truth) == {"position", "inventory", "key"}
    assert not np.array_equal(recorded[0].frames[0], recorded[1].frames[0])


def test_a_function_gets_the_observation_of_its_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("minigrid")
    (folder / "turners.py").write_text("def turn(seen):\n    return 0 if seen['direction'] % 2 else 1\n")
    monkeypatch.syspath_prepend(str(folder))
    assert collect(folder / "data", "--policy", "turners:turn").exit_code == 0
    assert set(EpisodeFolder(folder / "data")[0].actions[:-1].argmax(axis=1)) == {0, 1}


def test_random_walks_in_an_embedded_world_are_those_of_their_seeds(folder: Path) -> None:
    walks = []
    for name in ("one", "two"):
        assert in_rooms("random").exit_code == 0
        walks.append(EpisodeFolder(folder / "data")[1].actions)
        (folder / "data").rename(folder / name)
    assert np.array_equal(*walks)
    assert len(np.unique(walks[0], axis=0)) > 1


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("nowhere", "--policy nowhere: is no run folder; expected random, a run folder, or package.module:function"),
        ("agents:rightward", "has no function 'rightward': did you mean 'rightwards'?"),
        ("agent:rightwards", "--policy agent:rightwards: there is no module 'agent'"),
        ("agents:undecided", "expected an action from 0 to 4, found 9"),
        ("agents:broken", "--policy agents:broken raised ValueError at agents.py:9: no idea"),
        ("agents:absent_minded", "expected a function of one argument, the observation"),
        ("agents:", "--policy agents:: expected package.module:function, such as my_agent:act"),
    ],
)
def test_policies_that_are_none_are_one_message_and_write_nothing(policy: str, told: str, agents: Path) -> None:
    result = in_rooms(policy)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert "Traceback" not in result.output
    assert not (agents / "data").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [(["--env-arg", "a=1"], "grid-rooms takes no arguments, found a"), (["--size", "24"], "scaled to 16, 32")],
)
def test_an_embedded_world_has_no_arguments_and_few_sizes(more: list[str], told: str, folder: Path) -> None:
    result = in_rooms("random", *more)
    assert result.exit_code == 2, result.output
    assert told in result.stderr


def test_a_run_walks_in_its_environment_and_in_no_other(folder: Path) -> None:
    untrained_run(folder / "run")
    result = in_rooms("run")
    assert result.exit_code == 0, result.output
    assert EpisodeFolder(folder / "data").info.origin["policy"]["run"] == "run"
    refused = jepa("collect", "--env", "grid-rooms", "--policy", "run", "--out", "other")
    assert refused.exit_code == 2
    assert "expected frames of 16 x 16 and actions of 4 columns" in refused.stderr
    assert "use --size 16" in refused.stderr
