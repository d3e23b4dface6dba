"""Disks that are full, folders that may only be read, data that vanishes: the last good state survives all of it."""

import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audits.files import CannotWrite
from jepa_world_model.data import ActionKind, generate
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.observer import Observer, StopTraining
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer
from tests.conftest import sketched_pictures
from tests.training.runs import SignalAt, digests, in_child

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_pictures")]
BuildConfig = Callable[..., Config]
NOBODY = 65534
STEPS = 8


class Doing(Observer):
    """Does something after a step."""

    def __init__(self, step: int, deed: Callable[[], object]) -> None:
        self.step, self.deed = step, deed

    def on_step(self, trainer: Trainer) -> None:
        if trainer.done == self.step:
            self.deed()


@pytest.fixture(scope="module")
def config(small_config: BuildConfig) -> Config:
    return small_config(f"train.steps={STEPS}", "train.checkpoint_every_steps=2", "train.log_every=1")


@pytest.fixture(scope="module")
def whole(config: Config, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    run = tmp_path_factory.mktemp("whole") / "run"
    with sketched_pictures():
        run_training(config, run, Observer())
    return digests(run)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, as pytest's may not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def succeeded(work: Callable[[], object]) -> bool:
    """Whether something passes in a process of its own."""

    def checked() -> None:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)

    return in_child(checked) == 0


def without_privileges() -> None:
    if os.geteuid() == 0:
        os.setuid(NOBODY)


def allow_files_of(size: int) -> None:
    """Writing beyond fails as on a full disk, in the middle of a write."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("size", [0, 100, 3000, 20_000], ids=["status", "metrics", "weights", "checkpoint"])
def test_a_full_disk_ends_in_one_message_and_the_run_goes_on_later(
    size: int, config: Config, whole: dict[str, str], tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def train() -> None:
        with pytest.raises(CannotWrite, match=r"cannot be written.*safe up to step \d; .* --resume"):
            run_training(config, run, Doing(5, lambda: allow_files_of(size)))

    assert succeeded(train)
    good = max(RunFolder(run).checkpoints.steps())
    assert good >= 4
    assert resume_training(run, SignalAt(good + 1)).steps == good + 1
    resume_training(run, Observer())
    assert digests(run) == whole


def test_a_disk_that_is_full_from_the_start_leaves_no_half_run(config: Config, tmp_path: Path) -> None:
    def train() -> None:
        allow_files_of(10)
        with pytest.raises(CannotWrite, match=r"config\.toml: File too large"):
            run_training(config, tmp_path / "run", Observer())

    assert succeeded(train)
    assert list((tmp_path / "run").iterdir()) == []
    run_training(config, tmp_path / "run", Observer())


def test_a_folder_that_may_only_be_read_is_named(config: Config, open_folder: Path) -> None:
    def train() -> None:
        without_privileges()
        with pytest.raises(CannotWrite, match=r"cannot be written: Permission denied"):
            run_training(config, open_folder / "run", Observer())

    assert succeeded(train)
    assert list(open_folder.iterdir()) == []


def test_a_run_in_a_folder_that_may_only_be_read_is_not_touched(config: Config, open_folder: Path) -> None:
    run_training(config, open_folder / "run", SignalAt(5))
    before = digests(open_folder / "run")

    def train() -> None:
        without_privileges()
        with pytest.raises(CannotWrite, match="Permission denied"):
            resume_training(open_folder / "run", Observer())

    assert succeeded(train)
    assert digests(open_folder / "run") == before


def test_data_that_vanishes_in_mid_run_is_named_and_the_run_goes_on_once_it_is_back(
    small_config: BuildConfig, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with EpisodeWriter(data, action_kind=ActionKind.ONE_HOT) as writer:
        for episode in generate("grid-rooms", 300, 12, 0, 16):
            writer.add(episode)
    config = small_config(f"data.source={data}", f"train.steps={STEPS}", "train.checkpoint_every_steps=4")
    run_training(config, tmp_path / "whole", Observer())

    with pytest.raises(UserError, match=r"data.*: changed or removed since the data set was opened"):
        run_training(config, tmp_path / "run", Doing(3, lambda: data.rename(tmp_path / "elsewhere")))
    (tmp_path / "elsewhere").rename(data)
    saved = max(RunFolder(tmp_path / "run").checkpoints.steps())
    assert saved > 3, "what was trained before is saved, though no checkpoint was due"
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


def test_an_observer_that_stops_the_run_leaves_it_saved(config: Config, whole: dict[str, str], tmp_path: Path) -> None:
    def stop() -> None:
        raise StopTraining("enough")

    with pytest.raises(StopTraining, match="enough"):
        run_training(config, tmp_path / "run", Doing(3, stop))
    assert max(RunFolder(tmp_path / "run").checkpoints.steps()) == 3
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == whole


def test_a_bug_in_mid_step_saves_nothing_that_is_half_done(
    config: Config, whole: dict[str, str], tmp_path: Path
) -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_training(config, tmp_path / "run", Doing(5, break_down))
    assert max(RunFolder(tmp_path / "run").checkpoints.steps()) == 4
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == whole


def test_only_what_a_run_left_half_written_is_removed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.checkpoint_folder.mkdir()
    (tmp_path / "notes").mkdir()
    ours = [folder / ".jepa-0123.part" for folder in (tmp_path, run.checkpoint_folder)]
    others = [tmp_path / "a.part", run.checkpoint_folder / "b.part", tmp_path / "notes" / ".jepa-0123.part"]
    for file in (*ours, *others):
        file.write_text("")
    run.clear_left_overs()
    assert not any(file.exists() for file in ours)
    assert all(file.exists() for file in others)
