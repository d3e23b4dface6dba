"""What does not fit in memory is said before memory is gone: what it would need, and what there is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_world_model import memory
from jepa_world_model.config_file import load_config
from jepa_world_model.data.recording import MANY
from jepa_world_model.memory import control_group_limits
from jepa_world_model.model_memory import check_training_memory, weights
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.drive import complaints

THERE = 2 << 30
WIDE = ("h_dim=10000000", "hidden_width=10000000", "encoder_widths=[4, 10000000]", "decoder_widths=[9000000, 9]")
HUGE = (
    *(f"model.{width}" for width in WIDE),
    "model.image_size=65536",
    "train.batch_size=1000000000",
    "train.sequence_length=100000000",
    "train.perception_batch_size=1000000000",
    "data.episodes=1000000000",
    "data.episode_length=1000000000",
)
PHASES = ("train.perception_share=0.4", "train.perception_sequence_length=2", "losses.recon_hard=1")
OF_A_RUN = (
    ["train", "--resume", "big"],
    ["train", "--init", "big", "--out", "new"],
    ["eval", "big"],
    ["plan", "big"],
    ["collect", "--env", "grid-rooms", "--size", "16", "--policy", "big", "--out", "new"],
    ["audit-grads", "--checkpoint", "big"],
    ["render-flow", "--checkpoint", "big", "--out", "new.txt"],
    ["check-weights", "--checkpoint", "big"],
)
RECORDINGS = (
    ["--episodes", "1000000000"],
    ["--max-steps", "1000000000"],
    ["--size", "640000"],
    ["--size", "640000", "--max-steps", "1", "--episodes", "1"],
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jepa_world_model.run.draw_pictures", lambda trainer, run: [])
        made = tmp_path_factory.mktemp("memory") / "run"
        run_training(load_config(None, [*SMALL, "train.steps=1"]), made, Observer())
        patched.setattr(memory, "available", lambda: THERE)
        yield made


@pytest.fixture
def place(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, with 2 GB of memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "available", lambda: THERE)
    shutil.copytree(run, "run")


@pytest.mark.usefixtures("place")
def test_no_conversion_begins_that_does_not_fit() -> None:
    record = ["collect", "--env", "grid-rooms", "--episodes", "2", "--max-steps", "5", "--size", "16", "--out", "data"]
    assert complaints(record, ["data"], expected=0) == []
    assert asks(refused("data", "convert", "data", "new", "--size", "1000000"))


def refused(*line: str) -> str:
    """What a command answers, whose exit code is 2 and which writes nothing."""
    assert complaints(line, expected=2) == []
    return CliRunner().invoke(app, list(line)).stderr


def asks(told: str) -> bool:
    """Whether a message says what would be needed, and what there is."""
    return " would need " in told and (" 2 GB are available" in told or " are free" in told)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("setting", HUGE)
def test_no_training_begins_that_does_not_fit(setting: str) -> None:
    settings = (part for key in (*SMALL, *PHASES, setting) for part in ("--set", key))
    assert asks(refused("train", "--out", "new", *settings))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("line", OF_A_RUN, ids=[line[0] + line[1] for line in OF_A_RUN])
@pytest.mark.parametrize("setting", ["h_dim = 10000000", "image_size = 65536"])
def test_a_run_whose_config_asks_for_too_much_is_refused(setting: str, line: list[str]) -> None:
    name, _, _ = setting.partition(" ")
    shutil.copytree("run", "big")
    lines = Path("big/config.toml").read_text().splitlines()
    Path("big/config.toml").write_text("\n".join(setting if row.startswith(f"{name} = ") else row for row in lines))
    assert asks(refused(*line))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("options", RECORDINGS)
def test_no_recording_begins_that_does_not_fit(options: list[str]) -> None:
    assert asks(refused("collect", "--env", "grid-rooms", "--out", "new", *options))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("episodes", ["1000000000", "2000000"])
def test_no_evaluation_begins_that_does_not_fit(episodes: str) -> None:
    assert asks(refused("eval", "run", "--episodes", episodes))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("setting", ["train.batch_size=1000000000", "data.episodes=1000000000"])
def test_no_check_begins_that_does_not_fit(setting: str) -> None:
    assert asks(refused("check-weights", "--checkpoint", "run", "--set", setting))


@pytest.mark.usefixtures("place")
def test_an_episode_that_grows_without_end_is_stopped_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = 16 * 16 * 3
    monkeypatch.setattr("jepa_cli.collect.run.EMBEDDED", ())
    monkeypatch.setattr("jepa_cli.collect.run.GymStage", lambda name, _, size: endless(name, size))
    monkeypatch.setattr(memory, "available", lambda: 2 * MANY * frame - 1)
    told = refused("collect", "--env", "grid-rooms", "--size", "16", "--max-steps", "1000000000", "--out", "new")
    assert f"an episode of {2 * MANY} frames would need " in told
    assert not Path("new").exists()


def endless(name: str, size: int) -> object:
    from jepa_world_model.worlds.grid import GridWorld
    from jepa_world_model.worlds.stage import WorldStage

    return WorldStage(GridWorld(name, size))


@pytest.mark.parametrize("preset", ["recommended", "reference"])
def test_the_default_trainings_fit(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1 << 30)
    check_training_memory(load_config(None, [f"preset={preset}"]))


@pytest.mark.parametrize("preset", ["recommended", "reference"])
def test_a_model_has_more_weights_than_are_estimated(preset: str) -> None:
    from jepa_world_model.data.spec import ActionKind, DataSpec
    from jepa_world_model.model import WorldModel

    config = load_config(None, [f"preset={preset}"]).model
    model = WorldModel(config, DataSpec(config.image_size, 3, 4, ActionKind.ONE_HOT, ("a", "b", "c", "d")))
    there = sum(parameter.numel() for parameter in model.parameters())
    assert 0.5 * there < weights(config) < there


def group(folder: Path, limit: str, taken: int, read_only: int, *, unified: bool) -> None:
    names = memory.UNIFIED if unified else memory.SEPARATE
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip((*names[:2], "memory.stat"), (limit, taken, f"{names[2]} {read_only}"), strict=True):
        (folder / name).write_text(f"{content}\n")


@pytest.mark.parametrize("unified", [True, False])
def test_the_limits_of_control_groups_are_known(unified: bool, tmp_path: Path) -> None:
    mounted = tmp_path if unified else tmp_path / "memory"
    (tmp_path / "cgroup").write_text("0::/jobs/12\n" if unified else "9:cpu:/\n4:cpu,memory:/jobs/12\nodd\n")
    group(mounted / "jobs" / "12", "8000", 5000, 1500, unified=unified)
    group(mounted / "jobs", "6000", 7000, 0, unified=unified)
    group(mounted, "max", 0, 0, unified=unified)
    assert list(control_group_limits(tmp_path / "cgroup", tmp_path)) == [4500, 0]
    assert list(control_group_limits(tmp_path / "none", tmp_path)) == []


def test_memory_that_is_there_is_known() -> None:
    there = memory.available()
    assert there is None or np.log2(there) > 20
