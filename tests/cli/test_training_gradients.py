"""`jepa train --gradients-every`: gradients are measured while a model is trained, and training does not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_cli.train.gradients import GradientsWhileTraining
from jepa_world_model import run as run_module
from jepa_world_model.losses.declaration import Read
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.loggers.logger import Logger
from jepa_world_model.training.observer import Observer, Observers
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import digests

pytestmark = pytest.mark.slow

BuildConfig = Callable[..., Config]
SETTINGS = ("train.steps=4", "train.batch_size=4", "train.checkpoint_every_steps=2")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "draw_pictures", lambda trainer, run: [])


class Broken(Logger):
    """A service that is full."""

    name = "broken"

    def numbers(self, step: int, values: object) -> None:
        raise OSError("full")


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "gradients.jsonl").read_text(encoding="utf-8").splitlines()]


def test_training_does_not_notice_and_a_resumed_run_has_each_step_once(
    small_config: BuildConfig, tmp_path: Path
) -> None:
    run_training(small_config(*SETTINGS), tmp_path / "plain", Observer())
    run_training(small_config(*SETTINGS), tmp_path / "measured", GradientsWhileTraining(1, print))
    measured = digests(tmp_path / "measured")
    assert measured.pop("gradients.jsonl")
    assert measured == digests(tmp_path / "plain")
    assert steps(tmp_path / "measured") == [1, 2, 3, 4]
    first = json.loads((tmp_path / "measured" / "gradients.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["gradients"].keys() == set(small_config(*SETTINGS).losses.enabled)
    assert first["gradients"]["jepa"]["predictor"]["norm"] > 0
    for file in (tmp_path / "measured" / "checkpoints").glob("*4*"):
        file.unlink()
    resume_training(tmp_path / "measured", GradientsWhileTraining(1, print))
    assert steps(tmp_path / "measured") == [1, 2, 3, 4]


def test_routing_that_changes_is_told_and_a_broken_service_left_out(
    small_config: BuildConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    warned: list[str] = []

    class LosesItsStops(Observer):
        def on_step(self, trainer: Trainer) -> None:
            if trainer.done == 2:
                monkeypatch.setattr(Read, "stopped", False)

    service = Broken(warned.append)
    service.serving = True
    gradients = GradientsWhileTraining(1, told.append, [service])
    run_training(small_config(*SETTINGS), tmp_path / "run", Observers(LosesItsStops(), gradients))
    assert told
    assert all(" has a path to " in line and "at step 2, and had none at step 1" in line for line in told)
    assert len(warned) == 1
