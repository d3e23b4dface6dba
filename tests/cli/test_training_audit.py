"""`jepa train --audit-every`: the contract is proved while a model is trained."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_cli.train.audit import AuditWhileTraining
from jepa_world_model import run as run_module
from jepa_world_model.losses.declaration import Read
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.observer import Observer, Observers, StopTraining
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import digests, in_processes

pytestmark = pytest.mark.slow

BuildConfig = Callable[..., Config]
SETTINGS = ("train.steps=6", "losses.sigreg=0.1", "train.batch_size=4", "train.checkpoint_every_steps=3")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "draw_pictures", lambda trainer, run: [])


class LosesItsStops(Observer):
    """After a step, no `sg_` of a loss stops anything any more."""

    def __init__(self, step: int, patch: pytest.MonkeyPatch) -> None:
        self.step, self.patch = step, patch

    def on_step(self, trainer: Trainer) -> None:
        if trainer.done == self.step:
            self.patch.setattr(Read, "stopped", False)


def test_audits_pass_and_change_no_byte(small_config: BuildConfig, tmp_path: Path) -> None:
    told: list[str] = []
    run_training(small_config(*SETTINGS), tmp_path / "plain", Observer())
    run_training(small_config(*SETTINGS), tmp_path / "audited", AuditWhileTraining(2, told.append))
    assert digests(tmp_path / "audited") == digests(tmp_path / "plain")
    assert [line.partition(":")[0] for line in told] == ["step 0", "step 2", "step 4", "step 6"]
    assert all("15 losses as documented" in line for line in told)


@pytest.mark.parametrize(
    "gate", ["train.detach_z_from_h_and_p=false", "train.detach_decoder=true", "model.pose_delta_detach_h=false"]
)
def test_the_gates_of_the_config_are_those_that_are_audited(
    gate: str, small_config: BuildConfig, tmp_path: Path
) -> None:
    told: list[str] = []
    run_training(small_config(*SETTINGS, gate), tmp_path / "run", AuditWhileTraining(6, told.append))
    assert len(told) == 2


def test_a_stop_that_is_lost_in_mid_run_ends_it_saved(
    small_config: BuildConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(*SETTINGS)
    run_training(config, tmp_path / "plain", Observer())
    with monkeypatch.context() as patch:
        observer = Observers(LosesItsStops(4, patch), AuditWhileTraining(2, print))
        with pytest.raises(StopTraining, match=r"after step 4 found \d+ drifts") as caught:
            run_training(config, tmp_path / "run", observer)
    assert "jepa: stop gone" in str(caught.value)
    assert max(RunFolder(tmp_path / "run").checkpoints.steps()) == 4
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")


@pytest.mark.forks
def test_drift_stops_all_processes(small_config: BuildConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train() -> None:
        observer = Observers(LosesItsStops(2, monkeypatch), AuditWhileTraining(2, print))
        with pytest.raises(StopTraining, match="after step 2 found"):
            run_training(small_config(*SETTINGS), tmp_path / "run", observer)

    assert in_processes(2, train) == [0, 0]
