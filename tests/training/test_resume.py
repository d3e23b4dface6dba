"""A run that was stopped, in whatever way, ends with the same bytes as one that was not."""

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from audits import files
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.random_states import random_states, restore_random_states
from jepa_world_model.training.run_folder import RunFolder
from tests.conftest import sketched_pictures
from tests.training.runs import TIMES, SignalAt, contents, copied_at_each_touch, digests, in_child, killed_at

pytestmark = pytest.mark.usefixtures("quick_pictures")
BuildConfig = Callable[..., Config]
STEPS = 7
SETTINGS = (
    f"train.steps={STEPS}",
    "train.validate_every=3",
    "train.checkpoint_every_steps=2",
    "losses.sigreg=0.1",
    "losses.recon=0.5",
)


class Listener(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def on_warning(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture(scope="module")
def config(small_config: BuildConfig) -> Config:
    return small_config(*SETTINGS)


@pytest.fixture(scope="module")
def whole(config: Config, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a run in one go."""
    run = tmp_path_factory.mktemp("whole") / "run"
    with sketched_pictures():
        run_training(config, run, Observer())
    return digests(run)


def carry_to_the_end(config: Config, run: Path, observer: Observer | None = None) -> None:
    """As a scheduler would: again and again, whatever is there."""
    if RunFolder(run).config.exists():
        resume_training(run, observer or Observer())
    else:
        run_training(config, run, observer or Observer())


def test_a_whole_run_leaves_its_last_checkpoints_and_its_best(whole: dict[str, str]) -> None:
    assert [name for name in whole if name.startswith("checkpoints/")] == [
        "checkpoints/step-00000006.safetensors",
        "checkpoints/step-00000007.safetensors",
    ]
    assert {"best.safetensors", "weights.safetensors", "metrics.jsonl", "summary.md"} < whole.keys()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
@pytest.mark.parametrize("step", [1, 2, 5, 6, STEPS])
def test_a_signal_after_any_step_changes_no_byte(
    step: int, number: signal.Signals, config: Config, whole: dict[str, str], tmp_path: Path
) -> None:
    outcome = run_training(config, tmp_path / "run", SignalAt(step, number))
    assert (outcome.steps, outcome.signal) == (step, number if step < STEPS else None)
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == whole


@pytest.mark.slow
def test_a_run_that_is_stopped_after_each_step_ends_the_same(
    config: Config, whole: dict[str, str], tmp_path: Path
) -> None:
    run_training(config, tmp_path / "run", SignalAt(1))
    for step in range(2, STEPS + 1):
        assert resume_training(tmp_path / "run", SignalAt(step)).steps == step
    assert digests(tmp_path / "run") == whole


@pytest.mark.slow
def test_a_kill_at_any_touch_of_a_file_changes_no_byte(small_config: BuildConfig, tmp_path: Path) -> None:
    """What a kill right before a touch leaves is what is there at that moment; from some of it a run goes on alike."""
    config = small_config("train.steps=4", "train.checkpoint_every_steps=2", "train.keep_checkpoints=1")
    run, copies = tmp_path / "run", tmp_path / "copies"

    def train() -> None:
        copied_at_each_touch(run, copies)
        run_training(config, run, Observer())

    assert in_child(train) == 0
    whole, left = digests(run), {}
    for moment in sorted(copies.iterdir(), key=lambda copy: int(copy.name)):
        left.setdefault(frozenset(contents(moment)), moment)
    assert len([*copies.iterdir()]) > 50, "the run touches its files more often than that"
    assert len(left) > 20, "the run changes its files more often than that"
    for moment in left.values():
        carry_to_the_end(config, moment)
        assert digests(moment) == whole, f"killed at touch {moment.name}"


@pytest.mark.slow
def test_a_process_that_is_killed_at_a_touch_of_a_file_leaves_what_was_there(config: Config, tmp_path: Path) -> None:
    """The copies of the test above are what a kill leaves."""
    copied, killed, copies = tmp_path / "copied", tmp_path / "killed", tmp_path / "copies"

    def train(folder: Path, watch: Callable[[], object]) -> None:
        watch()
        run_training(config, folder, Observer())

    assert in_child(lambda: train(copied, lambda: copied_at_each_touch(copied, copies))) == 0
    event = len([*copies.iterdir()]) // 2
    assert in_child(lambda: train(killed, lambda: killed_at(event, killed))) == -signal.SIGKILL
    found, expected = (
        sorted(file for file in contents(folder) if file[0] not in TIMES) for folder in (killed, copies / str(event))
    )
    assert len(found) > 3
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("occasion", range(1, 12))
def test_a_kill_in_the_middle_of_a_file_changes_no_byte(
    occasion: int, config: Config, whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes = 0

    def half_written(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        if flushes == occasion:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(files, "flush", half_written)
        assert in_child(lambda: run_training(config, tmp_path / "run", Observer())) == -signal.SIGKILL
    listener = Listener()
    carry_to_the_end(config, tmp_path / "run", listener)
    assert listener.warnings == []
    assert digests(tmp_path / "run") == whole


def test_a_half_written_row_of_metrics_is_written_anew(config: Config, whole: dict[str, str], tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", SignalAt(5))
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"split": "train", "ste')
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == whole


def test_metrics_that_were_cut_short_are_told_and_cost_only_their_rows(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", SignalAt(5))
    metrics = tmp_path / "run" / "metrics.jsonl"
    os.truncate(metrics, metrics.stat().st_size - 10)
    listener = Listener()
    outcome = resume_training(tmp_path / "run", listener)
    assert outcome.steps == STEPS
    assert any("shorter than at the checkpoint" in warning for warning in listener.warnings)
    rows = RunFolder(tmp_path / "run").read_metrics()
    assert [row["step"] for row in rows if row["split"] == "train"] == [1, 2, 3, 4, 6, 7]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "header", "key"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    damage: str, config: Config, whole: dict[str, str], tmp_path: Path
) -> None:
    run_training(config, tmp_path / "run", SignalAt(4))
    newest = tmp_path / "run" / "checkpoints" / "step-00000004.safetensors"
    content = bytearray(newest.read_bytes())
    match damage:
        case "cut":
            content = content[:-1]
        case "flip":
            content[len(content) // 2] ^= 1
        case "header":
            content[40] ^= 1
        case "key":
            content[content.index(b'"jepa"') + 1] ^= 1  # the facts and the checksum are no longer found
        case "empty":
            content = bytearray()
    newest.write_bytes(content)
    listener = Listener()
    resume_training(tmp_path / "run", listener)
    assert len(listener.warnings) == 1
    assert "step-00000004.safetensors is damaged" in listener.warnings[0]
    after = digests(tmp_path / "run")
    assert after.pop("checkpoints/step-00000004.safetensors.damaged")
    assert after == whole


def test_without_a_whole_checkpoint_nothing_is_thrown_away(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", SignalAt(4))
    for file in (tmp_path / "run" / "checkpoints").iterdir():
        file.write_bytes(b"junk")
    metrics = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    listener = Listener()
    for _ in range(2):
        with pytest.raises(UserError, match="holds no whole checkpoint"):
            resume_training(tmp_path / "run", listener)
    assert len(listener.warnings) == 2
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == metrics


def test_a_run_of_a_version_without_checkpoints_is_left_alone(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", SignalAt(4))
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    stored = tmp_path / "run" / "config.toml"
    stored.write_text("".join(line for line in stored.open() if "checkpoint" not in line))
    before = digests(tmp_path / "run")
    with pytest.raises(UserError, match="a version that kept no checkpoints"):
        resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == before


def test_a_finished_run_is_left_as_it_is(config: Config, whole: dict[str, str], tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", Observer())
    assert resume_training(tmp_path / "run", Observer()).steps == STEPS
    assert digests(tmp_path / "run") == whole


def test_a_run_that_trains_cannot_be_resumed_beside(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", SignalAt(2))
    with RunFolder(tmp_path / "run").held(), pytest.raises(UserError, match="trained by another process"):
        resume_training(tmp_path / "run", Observer())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("steps = 7", "steps = 9"), "train.steps: expected 7, found 9"),
        (("sigreg = 0.1", "sigreg = 0.2"), "losses.sigreg: expected 0.1, found 0.2"),
        (("episodes = 6", "episodes = 7"), "trajectories: expected 6, found 7"),
        (("h_dim = 12", "h_dim = 14"), "model.h_dim: expected 12, found 14"),
    ],
)
def test_a_checkpoint_of_other_circumstances_names_each_difference(
    edit: tuple[str, str], told: str, config: Config, tmp_path: Path
) -> None:
    run_training(config, tmp_path / "run", SignalAt(4))
    before = digests(tmp_path / "run" / "checkpoints")
    stored = tmp_path / "run" / "config.toml"
    stored.write_text(stored.read_text().replace(*edit))
    with pytest.raises(UserError, match="step 4 was saved under other circumstances") as caught:
        resume_training(tmp_path / "run", Observer())
    assert told in str(caught.value)
    assert digests(tmp_path / "run" / "checkpoints") == before


@pytest.mark.slow
def test_another_number_of_threads_goes_on_with_a_warning(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", SignalAt(STEPS - 1))
    stored = tmp_path / "run" / "config.toml"
    stored.write_text(stored.read_text().replace("threads = 1", "threads = 2"))
    listener = Listener()
    assert resume_training(tmp_path / "run", listener).steps == STEPS
    assert "train.threads: expected 1, found 2" in listener.warnings[0]


def test_every_random_generator_is_put_back() -> None:
    def draw() -> list[object]:
        return [
            torch.rand(3).tolist(),
            random.random(),
            random.gauss(0, 1),
            np.random.rand(),
            np.random.standard_normal(),
        ]

    random.gauss(0, 1)  # leaves half of a pair behind
    np.random.standard_normal()
    states = random_states(torch.device("cpu"))
    first = draw()
    assert draw() != first
    restore_random_states(states, torch.device("cpu"))
    assert draw() == first
