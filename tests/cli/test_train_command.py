"""`jepa train` as a user meets it: output, exit codes, and what is left on disk."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jepa_cli.app import app
from jepa_world_model.config_file import load_config
from tests.warm import start_python

FINISHED, DIVERGED, BAD_INPUT = 0, 1, 2


def jepa(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def complaint(*arguments: str | Path) -> str:
    """What the user reads after a mistake: one message, no traceback."""
    result = jepa(*arguments)
    assert result.exit_code == BAD_INPUT, result.output
    assert "Traceback" not in result.output
    return result.stderr


@pytest.mark.slow
def test_a_first_run_says_what_it_does_and_where_things_are(tmp_path: Path, small_settings: list[str]) -> None:
    result = jepa("train", *small_settings, "--out", tmp_path / "run")
    assert result.exit_code == FINISHED, result.output
    for part in ("run folder", "grid-rooms: 6 trajectories", "14 losses", "summary.md", "pictures"):
        assert part in result.stdout
    assert (tmp_path / "run" / "weights.safetensors").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_without_out_runs_are_numbered(
    tmp_path: Path, small_settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert jepa("train", *small_settings).exit_code == FINISHED
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["grid-rooms-001", "grid-rooms-002"]


def test_print_config_is_toml_that_reproduces_itself(tmp_path: Path, small_settings: list[str]) -> None:
    printed = jepa("train", *small_settings, "--seed", "7", "--data", "grid-loops", "--print-config").stdout
    (tmp_path / "my.toml").write_text(printed, encoding="utf-8")
    again = jepa("train", "--config", tmp_path / "my.toml", "--print-config").stdout
    assert again == printed
    config = load_config(tmp_path / "my.toml")
    assert (config.train.seed, config.data.source, config.train.device) == (7, "grid-loops", "cpu")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_a_run_in_the_way_is_refused_and_untouched(tmp_path: Path, small_settings: list[str]) -> None:
    jepa("train", *small_settings, "--out", tmp_path / "run")
    before = (tmp_path / "run" / "weights.safetensors").read_bytes()
    assert "already holds a run" in complaint("train", *small_settings, "--seed", "3", "--out", tmp_path / "run")
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "losses.jpea=1"], "did you mean 'losses.jepa'?"),
        (["--set", "losses.jepa=-1"], "losses.jepa"),
        (["--set", "losses.jepa=nan"], "finite"),
        (["--set", "model.image_size=50"], "use 48 or 64"),
        (["--set", "train.sequence_length=2", "--set", "train.rollout_horizon=1"], "loss 'rollout_kstep_p' needs"),
        (["--data", "grid-room"], "did you mean 'grid-rooms'?"),
        (["--data", "123"], "123"),
        (["--config", "no-such.toml"], "no-such.toml does not exist"),
        (["--set", "nonsense"], "expected table.key=value"),
        (["--device", "abacus"], "'abacus'"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(
    arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in complaint("train", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_without_episodes_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no episodes found" in complaint("train", "--data", tmp_path / "empty", "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_windows_longer_than_every_episode_are_refused_before_anything_is_written(
    tmp_path: Path, small_settings: list[str]
) -> None:
    text = complaint("train", *small_settings, "--set", "train.sequence_length=40", "--out", tmp_path / "run")
    assert "train.sequence_length" in text
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, small_settings: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in complaint("train", *small_settings, "--out", tmp_path / "file" / "run")


@pytest.mark.usefixtures("quick_pictures")
def test_divergence_ends_with_the_name_of_the_loss(tmp_path: Path, small_settings: list[str]) -> None:
    result = jepa(
        "train",
        *small_settings,
        "--set",
        "losses.recon=3e38",
        "--set",
        "train.learning_rate=1e30",
        "--out",
        tmp_path / "run",
    )
    assert result.exit_code == DIVERGED
    assert "became NaN or infinite" in result.stderr
    assert (tmp_path / "run" / "weights.safetensors").exists()


def test_a_bug_is_not_hidden_as_a_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("jepa_cli.train.run.load_config", broken)
    assert isinstance(jepa("train").exception, RuntimeError)


@pytest.mark.slow
def test_tensorboard_events_on_request(tmp_path: Path, small_settings: list[str]) -> None:
    pytest.importorskip("tensorboard")
    assert jepa("train", *small_settings, "--log", "tensorboard", "--out", tmp_path / "run").exit_code == FINISHED
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_the_module_runs_as_a_program() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "jepa_cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "train" in shown
    assert "collect" in shown


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_with_its_code_and_the_way_on(
    number: signal.Signals, code: int, tmp_path: Path, small_settings: list[str]
) -> None:
    run = tmp_path / "run"
    program = start_python(tmp_path, "-m", "jepa_cli", "train", *small_settings, "--steps", "100000", "--out", str(run))
    deadline = time.monotonic() + 60
    while not (run / "weights.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(program.pid, number)
    ended = program.end()
    assert ended.returncode == code, ended.stderr
    assert f"jepa train --resume {run}" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert json.loads((run / "status.json").read_text())["state"] == "interrupted"


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_a_resumed_run_says_where_it_goes_on_and_is_left_alone_once_it_ended(
    tmp_path: Path, small_settings: list[str]
) -> None:
    run = tmp_path / "run"
    jepa("train", *small_settings, "--set", "train.checkpoint_every_steps=2", "--out", run)
    (run / "checkpoints" / "step-00000004.safetensors").write_bytes(b"junk")
    result = jepa("train", "--resume", run)
    assert result.exit_code == FINISHED, result.output
    assert "is damaged" in result.stdout
    assert "resumed     after step 2 of 4" in result.stdout
    assert "resumed     it had ended after step 4: nothing is left" in jepa("train", "--resume", run).stdout


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_mistakes_with_resume(tmp_path: Path, small_settings: list[str]) -> None:
    assert "is not a run folder" in complaint("train", "--resume", tmp_path)
    jepa("train", *small_settings, "--out", tmp_path / "run")
    text = complaint("train", "--resume", tmp_path / "run", "--steps", "9")
    assert "begin a new one: jepa train --config" in text
    assert "--out" in complaint("train", "--resume", tmp_path / "run", "--out", tmp_path / "other")


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.slow
def test_torchrun_trains_and_speaks_once(tmp_path: Path, small_settings: list[str]) -> None:
    settings = [*small_settings, "--set", "train.batch_size=4"]
    run = subprocess.run(
        [*TORCHRUN, "-m", "jepa_cli", "train", *settings, "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
    )
    assert run.returncode == FINISHED, run.stderr
    assert run.stdout.count("run folder") == 1
    assert run.stdout.count("finished 4 steps") == 1
    assert "Warning" not in run.stderr.replace("warnings.warn", "")


AS_TORCHRUN = """
import os, runpy, sys
os.environ |= {environment}
sys.argv = {command}
runpy.run_module("jepa_cli", run_name="__main__", alter_sys=True)
"""


def in_two_processes(folder: Path, *command: str) -> str:
    """What both print to standard error, started as by torchrun, from a process that has loaded what they need."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    programs = [
        start_python(
            folder,
            "-c",
            AS_TORCHRUN.format(environment=together | {"RANK": rank, "LOCAL_RANK": rank}, command=["jepa", *command]),
        )
        for rank in "01"
    ]
    ended = [program.end() for program in programs]
    assert [each.returncode for each in ended] == [BAD_INPUT, BAD_INPUT], ended
    return "".join(each.stderr for each in ended)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch_size", "out", "said"),
    [(3, "new", "train.batch_size 3 cannot be shared by 2 processes"), (4, "full", "is not empty")],
)
def test_a_mistake_that_all_processes_see_is_one_message(
    batch_size: int, out: str, said: str, tmp_path: Path, small_settings: list[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    batch = ["--set", f"train.batch_size={batch_size}"]
    errors = in_two_processes(tmp_path, "train", *small_settings, *batch, "--out", out)
    assert errors.count("Error: ") == errors.count(said) == 1, errors
    assert "is safe up to" not in errors
    assert not (tmp_path / "new").exists()
