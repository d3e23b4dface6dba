"""`jepa collect`, and training on what it collected."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jepa_cli.app import app

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
