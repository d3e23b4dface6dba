"""A run whose checkpoints were deleted keeps what it has."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.observer import Observer
from tests.training.runs import SignalAt, digests

pytestmark = pytest.mark.usefixtures("quick_pictures")


@pytest.mark.parametrize(
    ("stopped", "forgotten"),
    [(None, "status.json"), (None, "metrics.jsonl"), (1, "summary.md"), (3, "status.json")],
)
def test_it_is_not_begun_again(
    stopped: int | None, forgotten: str, small_config: Callable[..., Config], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    config = small_config("train.steps=4", "train.checkpoint_every_steps=2")
    run_training(config, run, SignalAt(stopped, signal.SIGTERM) if stopped else Observer())
    shutil.rmtree(run / "checkpoints")
    (run / forgotten).unlink(missing_ok=True)
    before = digests(run)
    with pytest.raises(UserError, match=r"has no checkpoints any more.*nothing was changed.*--out ELSEWHERE"):
        resume_training(run, Observer())
    assert digests(run) == before
