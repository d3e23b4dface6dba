"""From a file of each format to a trained model and its evaluation, and what a user does next with both."""

import json
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from jepa_cli.app import app
from jepa_world_model.evaluation.evaluation import held_out_source, loaded_subject
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, resume_training, run_training
from jepa_world_model.training.observer import Observer
from tests.data.readers.conftest import Walk, walk
from tests.data.readers.layouts import WITH_POSITION, WRITERS, Writer, minari
from tests.training.runs import SignalAt

pytestmark = [pytest.mark.usefixtures("quick_pictures"), pytest.mark.filterwarnings("ignore")]
EPISODES, FRAMES = 8, 11


@pytest.fixture
def walks() -> list[Walk]:
    return [walk(number, FRAMES + number % 2) for number in range(EPISODES)]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_it_is_trained_on_stopped_resumed_and_evaluated(
    tmp_path: Path, walks: list[Walk], writer: Writer, small_config: Callable[..., Config]
) -> None:
    path, run = writer(tmp_path, walks), tmp_path / "run"
    config = small_config(f"data.source={path}", "data.validation_fraction=0.5", "train.checkpoint_every_steps=1")
    stopped = run_training(config, run, SignalAt(2, SIGTERM))
    assert stopped.signal is SIGTERM
    assert resume_training(run, Observer()).steps == config.train.steps

    evaluated = invoke("eval", run, "--format", "json")
    assert evaluated.exit_code == 0, evaluated.output
    found = json.loads(evaluated.stdout)
    assert found["protocol"]["frames"] == FRAMES, "which all episodes have"
    assert found["figures"]["reconstruction_error"]["value"] > 0
    place = found["figures"]["position_in_z"]
    if writer in WITH_POSITION:
        assert place["value"] is not None
    else:
        assert place["missing"] == "the data has no position"
    of_actions = "action_readout" if writer is minari else "action_estimate"
    assert found["figures"][of_actions]["value"] is not None

    refused = invoke("plan", run, "--out", tmp_path / "walk.gif")
    assert refused.exit_code == 2
    assert "there is no environment to reach goals in" in " ".join(refused.output.split())


def test_other_data_is_read_as_the_run_s_own(
    tmp_path: Path, walks: list[Walk], small_config: Callable[..., Config]
) -> None:
    for name in ("own", "other"):
        two_cameras(tmp_path / f"{name}.hdf5", walks)
    settings = ('data.cameras=["wrist", "front"]', "data.fit=crop", "data.validation_fraction=0.5", "train.steps=1")
    run_training(small_config(f"data.source={tmp_path / 'own.hdf5'}", *settings), tmp_path / "run", Observer())
    config, _, spec = loaded_subject(tmp_path / "run")
    source, indices = held_out_source(config, str(tmp_path / "other.hdf5"), 60, 0)
    assert list(indices) == list(range(EPISODES))
    assert np.array_equal(source[3].frames, open_config_source(config)[3].frames)
    assert spec.channels == 4
    evaluated = invoke("eval", tmp_path / "run", "--data", tmp_path / "other.hdf5", "--format", "json")
    assert evaluated.exit_code == 0, evaluated.output
    assert json.loads(evaluated.stdout)["protocol"]["episodes"] == EPISODES


def two_cameras(path: Path, walks: list[Walk]) -> None:
    """One of them is not square."""
    with h5py.File(path, "w") as file:
        for number, each in enumerate(walks):
            file[f"demo_{number}/obs/front"] = np.concatenate([each.frames, 255 - each.frames], axis=2)
            file[f"demo_{number}/obs/wrist"] = each.frames[..., :1]
            file[f"demo_{number}/actions"] = each.actions
